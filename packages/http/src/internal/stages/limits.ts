import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import { DeadlineExceeded } from "reprise/Deadline"
import * as Keyed from "reprise/Keyed"
import * as Policy from "reprise/Policy"
import * as RateLimiter from "reprise/RateLimiter"
import { FailedAttempt } from "../attempt/failedAttempt.js"
import type { AdaptiveLimiterOptions, BulkheadOptions, Consume, RateLimiterOptions } from "../model.js"
import { origin, type Placed, registry } from "./guard.js"

/** @internal */
export const bulkhead = (options: BulkheadOptions): Placed => {
  const { capacity, idleTimeToLive, key = origin, priority, ...own } = options
  const bounds = { capacity, idleTimeToLive }
  const all = registry(bounds, (key) => Bulkhead.make({ ...own, key }), "The bulkheads")
  return { _tag: "Policy", policyOf: (request) => Keyed.policy(all, key(request)), priority }
}

/** @internal */
export const adaptiveLimiter = <S>(options: AdaptiveLimiterOptions<S>): Placed => {
  const { capacity, idleTimeToLive, key = origin, partition, ...own } = options
  const bounds = { capacity, idleTimeToLive }
  const all = registry(bounds, (key) => AdaptiveLimiter.make({ ...own, key, outcome }), "The adaptive limiters")
  return { _tag: "Policy", policyOf: (request) => Keyed.policy(all, key(request)), partition }
}

/** Timeouts and responses of an overloaded server are drops. Other failures say nothing about the load. */
const outcome = (exit: Exit.Exit<unknown, unknown>): AdaptiveLimiter.Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  const failed = Option.getOrUndefined(Cause.failureOption(exit.cause))
  const failure = failed instanceof FailedAttempt ? Option.getOrUndefined(failed.failure) : undefined
  switch (failure?._tag) {
    case "AttemptTimeout":
    case "RateLimited":
      return "dropped"
    case "ServerError":
      return failure.status === 503 || failure.status === 504 ? "dropped" : "ignored"
    case "ClientError":
      return "success"
    default:
      return "ignored"
  }
}

/** @internal */
export const rateLimiter = (limit: RateLimiterOptions | Consume<unknown>): Placed => {
  if (typeof limit === "function") return { _tag: "Policy", policyOf: (request) => consuming(limit, request) }
  const { capacity, idleTimeToLive, key = origin, ...own } = limit
  const bounds = { capacity, idleTimeToLive }
  const all = registry(bounds, (key) => RateLimiter.make({ ...own, key }), "The rate limiters")
  return { _tag: "Policy", policyOf: (request) => Keyed.policy(all, key(request)) }
}

/** A limiter of the program's own: the call waits until its effect has ended. */
const consuming = (
  consume: Consume<unknown>,
  request: HttpClientRequest.HttpClientRequest
): Policy.Policy<unknown> =>
  Policy.make<unknown>({
    kind: "resource",
    holds: false,
    decide: (): Policy.Wait<unknown> => ({
      _tag: "Wait",
      enter: () => new Consuming(consume, request),
      refuse: () => new DeadlineExceeded({ last: Option.none() })
    })
  })

class Consuming implements Policy.Turn<unknown> {
  onWake: (() => void) | undefined
  private exit: Exit.Exit<unknown, unknown> | undefined

  constructor(
    private readonly consume: Consume<unknown>,
    private readonly request: HttpClientRequest.HttpClientRequest
  ) {}

  readonly work = Effect.flatMap(Effect.exit(Effect.suspend(() => this.consume(this.request))), (exit) => {
    this.exit = exit
    return Effect.void
  })

  poll(): Policy.Ticket | Policy.Reject<unknown> {
    const { exit } = this
    if (exit === undefined || Exit.isSuccess(exit)) return {}
    return Either.match(Cause.failureOrCause(exit.cause), {
      onLeft: (error) => ({ _tag: "Reject", error }),
      onRight: (cause) => {
        throw Cause.squash(cause)
      }
    })
  }
}
