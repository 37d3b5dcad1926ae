import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Deadline from "reprise/Deadline"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as Timeout from "reprise/Timeout"
import * as reader from "../attempt/reader.js"
import * as HttpFailure from "../classify/failure.js"
import * as makeFailure from "../classify/makeFailure.js"
import * as clock from "../clock.js"
import * as stage from "./stage.js"

/**
 * Both in milliseconds, `Infinity` for no limit.
 *
 * @internal
 */
export interface Limits {
  readonly attemptMillis: number
  readonly callMillis: number
}

/** @internal */
export const none: Limits = { attemptMillis: Infinity, callMillis: Infinity }

/**
 * A limit of time, in milliseconds.
 *
 * @internal
 */
export interface Limited {
  readonly millis: number
  readonly onTimeout: () => HttpFailure.AttemptTimeout
}

/**
 * The time of an attempt that begins now, its reader included: `millis`, or the rest until the deadline.
 *
 * @internal
 */
export const limited = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  request: HttpClientRequest.HttpClientRequest,
  millis: number,
  deadlineMillis: number
): Limited | undefined => {
  const own = reader.of(request)
  if (own !== undefined && millis < Infinity) {
    own.attempt = { request, millis, untilMillis: clock.monotonicMillis(fiber) + millis }
  }
  const left = deadlineMillis === Infinity ? millis : Math.min(millis, leftMillis(fiber, deadlineMillis))
  if (left === Infinity) return undefined
  const duration = Math.min(Math.max(left, 0), maxDelayMillis)
  const onTimeout = () => makeFailure.attemptTimeout(request, Duration.millis(duration))
  return { millis: duration, onTimeout }
}

/**
 * The time until a deadline, never too much. Clocks count whole milliseconds, and with a rounded time an attempt would
 * end after the deadline of its call.
 */
const leftMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>, deadlineMillis: number): number =>
  Math.floor((deadlineMillis - clock.exactMillis(fiber)) * 1_000) / 1_000

/**
 * Ends an attempt after its time, which is known when it begins.
 *
 * @internal
 */
export const within = <E, R>(
  attempt: reader.Attempt<E, R>,
  limit: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => Limited | undefined
): reader.Attempt<E | HttpFailure.AttemptTimeout, R> =>
  Effect.withFiberRuntime((fiber) => {
    const limited = limit(fiber)
    if (limited === undefined) return attempt
    const { millis, onTimeout } = limited
    return millis > 0 ? Timeout.timeoutFail(attempt, { duration: millis, onTimeout }) : Effect.fail(onTimeout())
  })

/** @internal */
export const perAttempt = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  millis: number
): HttpClient.HttpClient.With<E | HttpFailure.AttemptTimeout, R> =>
  stage.make((request) =>
    Effect.flatMap(
      Deadline.current,
      (deadlineMillis) =>
        within(reader.execute(client, request), (fiber) => limited(fiber, request, millis, deadlineMillis))
    )
  )

type Exceeded = Deadline.DeadlineExceeded<HttpFailure.HttpFailure>

/**
 * Sets the deadline for all stages below, and turns the failure after which there was no time left into
 * `DeadlineExceeded`.
 *
 * @internal
 */
export const overall = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  millis: number
): HttpClient.HttpClient.With<E | Exceeded, R> =>
  stage.make((request) => {
    const named = Effect.flatMap(Deadline.current, (deadlineMillis) => {
      reader.boundCall(request, millis, deadlineMillis)
      return Effect.catchAll(client.execute(request), outOfTime)
    })
    // If the time ends from the outside, there is no last failure of any type.
    return Deadline.within(named, millis) as typeof named
  })

const outOfTime = <E>(error: E): Effect.Effect<never, E | Exceeded> =>
  Option.match(HttpFailure.fromError(error), {
    onNone: () => Effect.fail(error),
    onSome: (last) =>
      Effect.flatMap(Deadline.current, (deadlineMillis) => orExceeded(Effect.fail(error), last, deadlineMillis))
  })

/**
 * The failure of a call, or `DeadlineExceeded` if there was no time left after its last failure.
 *
 * @internal
 */
export const orExceeded = <E>(
  failed: Effect.Effect<never, E>,
  last: HttpFailure.HttpFailure,
  deadlineMillis: number
): Effect.Effect<never, E | Exceeded> =>
  Effect.flatMap(
    clock.currentMonotonicMillis,
    (nowMillis): Effect.Effect<never, E | Exceeded> =>
      ranOut(last) || nowMillis >= deadlineMillis ? Effect.fail(exceeded(last)) : failed
  )

/** @internal */
export const exceeded = (last: HttpFailure.HttpFailure): Exceeded =>
  new Deadline.DeadlineExceeded<HttpFailure.HttpFailure>({ last: Option.some(last) })

/**
 * The retry loop gave up because its next wait would have passed the deadline.
 *
 * @internal
 */
export const ranOut = (failure: HttpFailure.HttpFailure): boolean => failure.attempts.at(-1)?.reason === "deadline"
