import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import { InvalidOption } from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import type { HttpFailure } from "../HttpFailure.js"
import type { HttpGuard } from "../HttpGuard.js"
import * as attempts from "./attempts.js"
import * as clock from "./clock.js"
import { type Guard, origin, reject } from "./guard.js"
import type { Attempt } from "./reader.js"
import { sleep } from "./sleep.js"
import * as statusRules from "./statusRules.js"

interface Circuit {
  readonly breakers: CircuitBreakers.CircuitBreakers<string>
  readonly key: (request: HttpClientRequest.HttpClientRequest) => string
  readonly isWaiting: boolean
}

interface OfCircuit {
  <R>(
    circuit: Circuit,
    request: HttpClientRequest.HttpClientRequest,
    attempt: Attempt<attempts.FailedAttempt, R>,
    deadlineMillis: number
  ): Attempt<attempts.FailedAttempt, R>
}

/**
 * Puts the attempt under the breaker of its key. Whatever it fails with says whether the circuit is open now: then another
 * attempt is not worth its wait.
 */
const guard: OfCircuit = (circuit, request, attempt, deadlineMillis) =>
  Keyed.use(
    circuit.breakers,
    circuit.key(request),
    (breaker) =>
      Effect.catchAll(CircuitBreaker.protect(attempt, breaker), (error) => {
        if (error instanceof attempts.FailedAttempt) {
          return Effect.flatMap(
            CircuitBreaker.state(breaker),
            (state) => Effect.fail(state === "Open" && !circuit.isWaiting ? error.refusing("circuitOpen") : error)
          )
        }
        return rejected(circuit, request, error, deadlineMillis, () => guard(circuit, request, attempt, deadlineMillis))
      })
  )

/**
 * Turns away what an open circuit would, and takes no permit: what comes between is a queue, after which the circuit is asked
 * for one.
 */
const ahead: OfCircuit = (circuit, request, attempt, deadlineMillis) =>
  Keyed.use(
    circuit.breakers,
    circuit.key(request),
    (breaker) =>
      Effect.matchEffect(CircuitBreaker.failIfOpen(breaker), {
        onSuccess: () => attempt,
        onFailure: (error) =>
          rejected(circuit, request, error, deadlineMillis, () => ahead(circuit, request, attempt, deadlineMillis))
      })
  )

const rejected = <R>(
  { isWaiting }: Circuit,
  request: HttpClientRequest.HttpClientRequest,
  error: CircuitBreaker.CircuitOpen,
  deadlineMillis: number,
  again: () => Attempt<attempts.FailedAttempt, R>
): Attempt<attempts.FailedAttempt, R> => {
  const rejection = reject(request, error, "circuitOpen")
  return isWaiting ? afterWait(error, deadlineMillis, Effect.suspend(again), rejection) : rejection
}

/**
 * Waits for the time that the rejection names, plus up to a tenth so that not all calls come at once, if the deadline allows
 * the wait.
 */
const afterWait = <A, E, R>(
  { retryAfter }: CircuitBreaker.CircuitOpen,
  deadlineMillis: number,
  again: Effect.Effect<A, E, R>,
  rejected: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(clock.currentMonotonicMillis, (nowMillis) =>
    Effect.flatMap(Random.nextRange(1, 1.1), (factor) => {
      const millis = Math.max(Duration.toMillis(retryAfter), 1) * factor
      return Number.isFinite(millis) && nowMillis + millis < deadlineMillis
        ? Effect.zipRight(sleep(millis), again)
        : rejected
    }))

/** The registries made here: any other would judge attempts by rules that are not for them. */
const known = new WeakSet<object>()

/** @internal */
export const makeBreakers = (
  options: HttpGuard.CircuitBreakersOptions
): Effect.Effect<CircuitBreakers.CircuitBreakers<string>> => Effect.map(CircuitBreakers.make(keyedBy(options)), knowing)

/** @internal */
export const makeSharedBreakers = (
  { onStoreError, scope, ...options }: HttpGuard.SharedCircuitBreakersOptions
): Effect.Effect<CircuitBreakers.CircuitBreakers<string>, never, CircuitBreakerStore | Scope.Scope> =>
  Effect.map(SharedCircuitBreaker.makeKeyed({ ...keyedBy(options), onStoreError, scope }), knowing)

const keyedBy = (options: HttpGuard.CircuitBreakersOptions): CircuitBreakers.CircuitBreakers.Options<string> => {
  const { capacity, countRateLimited = false, idleTimeToLive, ...breaker } = options
  return { breaker: { ...breaker, outcome: outcomeOf(countRateLimited) }, capacity, idleTimeToLive }
}

const knowing = (breakers: CircuitBreakers.CircuitBreakers<string>): CircuitBreakers.CircuitBreakers<string> => {
  known.add(breakers)
  return breakers
}

const registryOf = (options: HttpGuard.CircuitBreakerOptions) => {
  if (!("breakers" in options)) {
    const { key: _, onOpen, ...rest } = options
    // A call that waits for the circuit to close waits for its probes too.
    const own = onOpen === "wait" ? { onFull: onOpen, ...rest } : rest
    // No option requires anything, and what a registry is made of is synchronous.
    return Effect.runSync(makeBreakers(own))
  }
  const { breakers } = options
  if (known.has(breakers)) return breakers
  throw new InvalidOption({ option: "breakers", value: breakers, expected: "what HttpGuard.circuitBreakers has made" })
}

/** @internal */
export const make = (options: HttpGuard.CircuitBreakerOptions): Guard => {
  const { key = origin, onOpen } = options
  const breakers = registryOf(options)
  const circuit: Circuit = { breakers, key, isWaiting: onOpen === "wait" }
  const protect: Guard = (request, attempt, deadlineMillis) => guard(circuit, request, attempt, deadlineMillis)
  const before: Guard = (request, attempt, deadlineMillis) => ahead(circuit, request, attempt, deadlineMillis)
  return Object.assign(protect, { ahead: before })
}

const outcomeOf = (countRateLimited: boolean) => (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "success"
  const failed = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (!(failed instanceof attempts.FailedAttempt) || failed.isCutShort || Option.isNone(failed.failure)) {
    return "ignored"
  }
  return judge(failed.failure.value, countRateLimited)
}

const judge = (failure: HttpFailure, countRateLimited: boolean): CircuitBreaker.CircuitBreaker.Outcome => {
  switch (failure._tag) {
    case "ConnectFailure":
    case "ConnectionLost":
    case "AttemptTimeout":
    case "BodyFailure":
    case "UnknownNetwork":
      return "failure"
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
