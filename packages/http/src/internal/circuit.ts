import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import type { HttpFailure } from "../HttpFailure.js"
import type { HttpGuard } from "../HttpGuard.js"
import * as attempts from "./attempts.js"
import { type Facts, type Guard, origin, reject, within } from "./guard.js"
import type { Attempt } from "./reader.js"
import * as statusRules from "./statusRules.js"

interface Circuit {
  readonly breakers: CircuitBreakers.CircuitBreakers<string>
  readonly key: (request: HttpClientRequest.HttpClientRequest) => string
  readonly isWaiting: boolean
}

/**
 * Puts the attempt under the breaker of its key. Whatever it fails with says whether the circuit is open now: then another
 * attempt is not worth its wait.
 */
const guard = <R>(
  circuit: Circuit,
  request: HttpClientRequest.HttpClientRequest,
  attempt: Attempt<attempts.FailedAttempt, R>,
  deadlineMillis: number
): Attempt<attempts.FailedAttempt, R> =>
  Effect.flatMap(
    CircuitBreakers.get(circuit.breakers, circuit.key(request)),
    (breaker) =>
      Effect.catchAll(CircuitBreaker.protect(attempt, breaker), (error): Attempt<attempts.FailedAttempt, R> => {
        if (error instanceof attempts.FailedAttempt) {
          return Effect.flatMap(CircuitBreaker.state(breaker), (state) =>
            Effect.fail(state === "Open" && !circuit.isWaiting ? error.refusing("circuitOpen") : error))
        }
        const rejected = reject(request, error, "circuitOpen")
        const again = Effect.suspend(() =>
          guard(circuit, request, attempt, deadlineMillis)
        )
        return circuit.isWaiting ? afterWait(error, deadlineMillis, again, rejected) : rejected
      })
  )

/** Waits until the rejection says, spread by a tenth so that not all come at once, if the deadline allows it. */
const afterWait = <A, E, R>(
  { retryAfter }: CircuitBreaker.CircuitOpen,
  deadlineMillis: number,
  again: Effect.Effect<A, E, R>,
  rejected: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (nowMillis) =>
    Effect.flatMap(Random.nextRange(1, 1.1), (factor) => {
      const millis = Math.max(Duration.toMillis(retryAfter), 1) * factor
      return Number.isFinite(millis) && nowMillis + millis < deadlineMillis
        ? Effect.zipRight(Effect.sleep(Duration.millis(millis)), again)
        : rejected
    }))

/** @internal */
export const make = (options: HttpGuard.CircuitBreakerOptions, { attemptMillis }: Facts): Guard => {
  const { countRateLimited = false, key = origin, onOpen, ...rest } = options
  const { capacity, idleTimeToLive, ...own } = rest
  // A call that waits for the circuit to close waits for its probes too.
  const breaker = onOpen === "wait" ? { onFull: onOpen, ...own } : own
  const outcome = outcomeOf(countRateLimited, attemptMillis)
  const circuit: Circuit = {
    // No option requires anything, and what a registry is made of is synchronous.
    breakers: Effect.runSync(
      CircuitBreakers.make<string>({ breaker: { ...breaker, outcome }, capacity, idleTimeToLive })
    ),
    key,
    isWaiting: onOpen === "wait"
  }
  return breaker.onFull === "wait"
    ? (request, attempt, deadlineMillis) => within(guard(circuit, request, attempt, deadlineMillis), deadlineMillis)
    : (request, attempt, deadlineMillis) => guard(circuit, request, attempt, deadlineMillis)
}

const outcomeOf = (countRateLimited: boolean, attemptMillis: number) => (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "success"
  const failed = Option.getOrUndefined(Cause.failureOption(exit.cause))
  const failure = failed instanceof attempts.FailedAttempt ? Option.getOrUndefined(failed.failure) : undefined
  return failure === undefined ? "ignored" : judge(failure, countRateLimited, attemptMillis)
}

const judge = (
  failure: HttpFailure,
  countRateLimited: boolean,
  attemptMillis: number
): CircuitBreaker.CircuitBreaker.Outcome => {
  switch (failure._tag) {
    case "ConnectFailure":
    case "ConnectionLost":
    case "BodyFailure":
    case "UnknownNetwork":
      return "failure"
    case "AttemptTimeout": {
      // What the deadline of the caller has cut short was not given the time to answer.
      const given = failure.duration === undefined ? Infinity : Duration.toMillis(failure.duration)
      return attemptMillis < Infinity && given < attemptMillis ? "ignored" : "failure"
    }
    case "ServerError":
      return statusRules.isTransient(failure.status) ? "failure" : "success"
    case "RateLimited":
      return countRateLimited ? "failure" : "ignored"
    case "ClientError":
      return "success"
    default:
      return "ignored"
  }
}
