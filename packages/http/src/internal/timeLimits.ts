import * as HttpClient from "@effect/platform/HttpClient"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Deadline from "reprise/Deadline"
import * as Timeout from "reprise/Timeout"
import * as HttpFailure from "../HttpFailure.js"
import * as makeFailure from "./makeFailure.js"
import * as reader from "./reader.js"

/**
 * Ends each attempt, its reader included, after `millis` or at the deadline of the fiber, whichever comes first.
 *
 * @internal
 */
export const perAttempt = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  millis: number
): HttpClient.HttpClient.With<E | HttpFailure.AttemptTimeout, R> =>
  HttpClient.transform(client, (effect, request) => {
    const read = reader.inside(request, effect)
    return Effect.flatMap(Deadline.current, (deadlineMillis) => {
      if (deadlineMillis === Infinity) return limit(read, request, millis)
      return Clock.clockWith((clock) =>
        limit(read, request, Math.min(millis, deadlineMillis - clock.unsafeCurrentTimeMillis()))
      )
    })
  })

const limit = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  request: Parameters<typeof makeFailure.attemptTimeout>[0],
  millis: number
): Effect.Effect<A, E | HttpFailure.AttemptTimeout, R> => {
  if (millis === Infinity) return effect
  const onTimeout = () => makeFailure.attemptTimeout(request, Duration.millis(Math.max(millis, 0)))
  return millis > 0 ? Timeout.timeoutFail(effect, { duration: millis, onTimeout }) : Effect.fail(onTimeout())
}

/**
 * Sets the deadline for everything below, and turns the failure after which there was no time left into
 * `DeadlineExceeded`. `enforce` is off where `perAttempt` below watches the same deadline.
 *
 * @internal
 */
export const overall = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  millis: number,
  enforce: boolean
): HttpClient.HttpClient.With<E | Deadline.DeadlineExceeded<HttpFailure.HttpFailure>, R> =>
  HttpClient.makeWith<never, never, E | Deadline.DeadlineExceeded<HttpFailure.HttpFailure>, R>(
    (request) =>
      Effect.flatMap(request, (request) => {
        const named = Effect.catchAll(client.execute(request), outOfTime)
        return enforce
          // Where the time runs out from the outside, there is no last failure of any type.
          ? Deadline.within(named, millis) as typeof named
          : Clock.clockWith((clock) => Deadline.locally(named, clock.unsafeCurrentTimeMillis() + millis))
      }),
    Effect.succeed
  )

const outOfTime = <E>(error: E): Effect.Effect<never, E | Deadline.DeadlineExceeded<HttpFailure.HttpFailure>> =>
  Effect.flatMap(
    Deadline.remaining,
    (remaining): Effect.Effect<never, E | Deadline.DeadlineExceeded<HttpFailure.HttpFailure>> => {
      const last = HttpFailure.fromError(error)
      return Option.isSome(last) && (ranOut(last.value) || Duration.toMillis(remaining) === 0)
        ? Effect.fail(new Deadline.DeadlineExceeded<HttpFailure.HttpFailure>({ last }))
        : Effect.fail(error)
    }
  )

/**
 * The retry loop gave up because its next wait would have passed the deadline.
 *
 * @internal
 */
export const ranOut = (failure: HttpFailure.HttpFailure): boolean => failure.attempts.at(-1)?.reason === "deadline"
