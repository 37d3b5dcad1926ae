import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import * as InvalidOption from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as Policy from "reprise/Policy"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import { FailedAttempt } from "../attempt/failedAttempt.js"
import type { HttpFailure } from "../classify/failure.js"
import * as statusRules from "../classify/statusRules.js"
import {
  type BreakersOptions,
  BreakersTypeId,
  type CircuitBreakerOptions,
  type HttpCircuitBreakers,
  type SharedBreakersOptions
} from "../model.js"
import { origin, type Placed } from "./guard.js"

const marked = (breakers: CircuitBreakers.CircuitBreakers<string>): HttpCircuitBreakers =>
  Object.assign(breakers, { [BreakersTypeId]: BreakersTypeId } as const)

/** @internal */
export const makeBreakers = (options: BreakersOptions): Effect.Effect<HttpCircuitBreakers> =>
  Effect.map(CircuitBreakers.make(keyedBy(options)), marked)

/** @internal */
export const makeSharedBreakers = (
  { onStoreError, scope, ...options }: SharedBreakersOptions
): Effect.Effect<HttpCircuitBreakers, never, CircuitBreakerStore | Scope.Scope> =>
  Effect.map(SharedCircuitBreaker.makeKeyed({ ...keyedBy(options), onStoreError, scope }), marked)

const keyedBy = (options: BreakersOptions): CircuitBreakers.Options<string> => {
  const { capacity, countRateLimited = false, idleTimeToLive, ...breaker } = options
  return { breaker: { ...breaker, outcome: outcomeOf(countRateLimited) }, capacity, idleTimeToLive }
}

const registryOf = (options: CircuitBreakerOptions): HttpCircuitBreakers => {
  if (!("breakers" in options)) {
    const { key: _, onOpen, ...rest } = options
    // A call that waits for the circuit to close waits for its probes too.
    const own = onOpen === "wait" ? { onFull: onOpen, ...rest } : rest
    // No option has requirements, and a registry is made synchronously.
    return Effect.runSync(makeBreakers(own))
  }
  const { breakers } = options
  // Any other registry would judge attempts by the wrong rules.
  if (Predicate.hasProperty(breakers, BreakersTypeId)) return breakers
  throw new InvalidOption.InvalidOption({
    option: "breakers",
    value: breakers,
    expected: "a value made by HttpCircuitBreakers"
  })
}

/** @internal */
export const make = (options: CircuitBreakerOptions): Placed => {
  const { key = origin } = options
  const onOpen = InvalidOption.oneOf("onOpen", options.onOpen ?? "reject", ["reject", "wait"])
  const breakers = registryOf(options)
  if (onOpen === "wait") {
    return { _tag: "Policy", policyOf: (request) => Keyed.policy(breakers, key(request), patient) }
  }
  return {
    _tag: "Policy",
    policyOf: (request) => Keyed.policy(breakers, key(request)),
    // Every failure of an attempt shows whether the circuit is open now.
    isShut: (request) =>
      Effect.flatMap(
        CircuitBreakers.get(breakers, key(request)),
        (breaker) => Effect.map(CircuitBreaker.state(breaker), (state) => state === "Open")
      )
  }
}

/** Makes a call wait instead of its rejection, for the time in the rejection, if that is finite. */
const patient = (breaker: CircuitBreaker.CircuitBreaker): Policy.Policy<CircuitBreaker.CircuitOpen> =>
  Policy.make({
    kind: breaker.kind,
    holds: breaker.holds,
    source: breaker.source,
    decide: (call) => {
      const decision = breaker.decide(call)
      if (decision._tag !== "Reject") return decision
      const { error } = decision
      if (Option.isNone(error.retryAfter)) return decision
      const leftMillis = Math.max(Duration.toMillis(error.retryAfter.value), 1)
      return call.nowMillis + leftMillis >= call.deadlineMillis
        ? decision
        : { _tag: "Wait", enter: (call) => new Patience(error, leftMillis, call), refuse: () => error }
    }
  })

/** The wait is up to a tenth longer at random, so that the calls do not start at once. */
class Patience implements Policy.Turn<CircuitBreaker.CircuitOpen> {
  onWake: (() => void) | undefined
  untilMillis: number
  readonly work: Effect.Effect<void>

  constructor(
    private readonly error: CircuitBreaker.CircuitOpen,
    leftMillis: number,
    private readonly call: Policy.Call
  ) {
    this.untilMillis = call.nowMillis + leftMillis
    this.work = Effect.map(Random.nextRange(0, 0.1), (share) => {
      this.untilMillis += leftMillis * share
    })
  }

  poll(nowMillis: number): "again" | Policy.Reject<CircuitBreaker.CircuitOpen> | undefined {
    if (this.untilMillis >= this.call.deadlineMillis) return { _tag: "Reject", error: this.error }
    return nowMillis < this.untilMillis ? undefined : "again"
  }
}

const outcomeOf = (countRateLimited: boolean) => (exit: Exit.Exit<unknown, unknown>) => {
  if (Exit.isSuccess(exit)) return "success"
  const failed = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (!(failed instanceof FailedAttempt) || failed.isCutShort || Option.isNone(failed.failure)) {
    return "ignored"
  }
  return judge(failed.failure.value, countRateLimited)
}

const judge = (failure: HttpFailure, countRateLimited: boolean): CircuitBreaker.Outcome => {
  switch (failure._tag) {
    case "ConnectFailure":
    case "ConnectionLost":
    case "AttemptTimeout":
    case "BodyFailure":
    case "UnknownNetwork":
      return "failure"
    case "ServerError":
      return failure.retryable || statusRules.isTransient(failure.status) ? "failure" : "success"
    case "RateLimited":
      return countRateLimited ? "failure" : "ignored"
    case "ClientError":
      return "success"
    default:
      return "ignored"
  }
}
