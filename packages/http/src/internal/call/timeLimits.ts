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
 * Both in milliseconds, `Infinity` where there is none.
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
 * Is told what the last failure of a call is if its deadline comes now.
 *
 * @internal
 */
export type Tell = (last: () => Option.Option<HttpFailure.HttpFailure>) => void

/**
 * When a call that begins now has to be over, on the clock of deadlines: after `callMillis`, or at the deadline of the fiber.
 *
 * @internal
 */
export const deadlineMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>, { callMillis }: Limits): number => {
  const outer = Deadline.unsafeCurrent(fiber)
  return callMillis === Infinity ? outer : Math.min(outer, clock.monotonicMillis(fiber) + callMillis)
}

/**
 * How long until a deadline, never too much: clocks count whole milliseconds, and by a rounded time an attempt would end after
 * the deadline of its call.
 */
const leftMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>, deadlineMillis: number): number =>
  Math.floor((deadlineMillis - clock.exactMillis(fiber)) * 1_000) / 1_000

/**
 * Runs a call, and ends it at its deadline, whatever it waits for then: a limiter, a schedule, a budget, a key.
 *
 * @internal
 */
export const call = <A, E, R>(
  limits: Limits,
  make: (deadlineMillis: number, tell: Tell) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) => {
    const deadline = deadlineMillis(fiber, limits)
    let last: () => Option.Option<HttpFailure.HttpFailure> = Option.none
    const made = make(deadline, (told) => {
      last = told
    })
    if (limits.callMillis === Infinity) return made
    const bounded = Timeout.timeoutFail(made, {
      duration: Math.max(leftMillis(fiber, deadline), 1),
      onTimeout: () => new Deadline.DeadlineExceeded({ last: last() }),
      deadlineMillis: deadline
    })
    // A client with a deadline of its own has this error in its type.
    return bounded as typeof made
  })

/**
 * Ends an attempt, its reader included, after `millis` or at the deadline, whichever comes first.
 *
 * @internal
 */
export const limit = <E, R>(
  attempt: reader.Attempt<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  millis: number,
  deadlineMillis: number,
  tell?: Tell
): reader.Attempt<E | HttpFailure.AttemptTimeout, R> => {
  const onTimeout = (millis: number) => makeFailure.attemptTimeout(request, Duration.millis(millis))
  const own = reader.of(request)
  if (deadlineMillis === Infinity && own === undefined) {
    return millis === Infinity
      ? attempt
      : Timeout.timeoutFail(attempt, { duration: millis, onTimeout: () => onTimeout(millis) })
  }
  return Effect.withFiberRuntime((fiber) => {
    const nowMillis = clock.monotonicMillis(fiber)
    if (own !== undefined && millis < Infinity) own.attempt = { request, millis, untilMillis: nowMillis + millis }
    const left = Math.min(millis, leftMillis(fiber, deadlineMillis))
    if (left === Infinity) return attempt
    const duration = Math.min(left, maxDelayMillis)
    // The call may end before this attempt has: to let go of a connection takes time too.
    tell?.(() => Option.some(onTimeout(duration)))
    return left > 0
      ? Timeout.timeoutFail(attempt, { duration, onTimeout: () => onTimeout(duration) })
      : Effect.fail(onTimeout(0))
  })
}

/** @internal */
export const perAttempt = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  millis: number
): HttpClient.HttpClient.With<E | HttpFailure.AttemptTimeout, R> =>
  stage.make((request) =>
    Effect.flatMap(
      Deadline.current,
      (deadlineMillis) => limit(reader.execute(client, request), request, millis, deadlineMillis)
    )
  )

type Exceeded = Deadline.DeadlineExceeded<HttpFailure.HttpFailure>

/**
 * Sets the deadline for everything below, and turns the failure after which there was no time left into
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
    // Where the time runs out from the outside, there is no last failure of any type.
    return Deadline.within(named, millis) as typeof named
  })

const outOfTime = <E>(error: E): Effect.Effect<never, E | Exceeded> =>
  Option.match(HttpFailure.fromError(error), {
    onNone: () => Effect.fail(error),
    onSome: (last) =>
      Effect.flatMap(Deadline.current, (deadlineMillis) => orExceeded(Effect.fail(error), last, deadlineMillis))
  })

/**
 * What a call failed with, or `DeadlineExceeded` where there was no time left after its last failure.
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
