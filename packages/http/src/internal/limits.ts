import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as RateLimiter from "reprise/RateLimiter"
import type { Reason } from "reprise/Retry"
import type { HttpGuard } from "../HttpGuard.js"
import * as attempts from "./attempts.js"
import { type Guard, perKey, reject } from "./guard.js"
import type { Attempt } from "./reader.js"

/** What was not made says so, and the loop ends: to try again at once is what the limit is there to prevent. */
const rejecting = <E, R>(
  request: HttpClientRequest.HttpClientRequest,
  limited: Attempt<E | attempts.FailedAttempt, R>,
  reason: Reason
): Attempt<attempts.FailedAttempt, R> =>
  Effect.catchAll(
    limited,
    (error) => error instanceof attempts.FailedAttempt ? Effect.fail(error) : reject(request, error, reason)
  )

/** @internal */
export const bulkhead = (options: HttpGuard.BulkheadOptions): Guard => {
  const { capacity, idleTimeToLive, key, priority, ...own } = options
  const use = perKey(
    { capacity, idleTimeToLive, key },
    (key) => Bulkhead.make({ ...own, key }),
    "The bulkheads"
  )
  const guard: Guard = (request, attempt) =>
    use(request, (bulkhead) => {
      const call = priority && { priority: priority(request) }
      return rejecting(request, Bulkhead.protect(attempt, bulkhead, call), "bulkheadFull")
    })
  return Object.assign(guard, { isQueue: (own.maxQueued ?? 0) > 0 })
}

/** @internal */
export const adaptiveLimiter = <S>(options: HttpGuard.AdaptiveLimiterOptions<S>): Guard => {
  const { capacity, idleTimeToLive, key, partition, ...own } = options
  const use = perKey(
    { capacity, idleTimeToLive, key },
    (key) => AdaptiveLimiter.make({ ...own, key, outcome }),
    "The adaptive limiters"
  )
  const guard: Guard = (request, attempt) =>
    use(request, (limiter) => {
      const call = partition && { partition: partition(request) }
      return rejecting(request, AdaptiveLimiter.protect(attempt, limiter, call), "limitExceeded")
    })
  return Object.assign(guard, { isQueue: (own.maxQueued ?? 0) > 0 })
}

/** Attempts that timed out and answers that say that there is too much to do are drops; other failures say nothing of load. */
const outcome = (exit: Exit.Exit<unknown, unknown>): AdaptiveLimiter.AdaptiveLimiter.Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  const failed = Option.getOrUndefined(Cause.failureOption(exit.cause))
  const failure = failed instanceof attempts.FailedAttempt ? Option.getOrUndefined(failed.failure) : undefined
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
export const rateLimiter = (limit: HttpGuard.RateLimit<unknown>): Guard => {
  const consume: HttpGuard.Consume<unknown> = typeof limit === "function" ? limit : consumePerKey(limit)
  const guard: Guard = (request, attempt) =>
    Effect.matchEffect(consume(request), {
      onSuccess: () => attempt,
      onFailure: (error) => reject(request, error, "rateLimited")
    })
  return Object.assign(guard, { isQueue: typeof limit === "function" || limit.onExceeded === "delay" })
}

const consumePerKey = (options: HttpGuard.RateLimiterOptions) => {
  const { capacity, idleTimeToLive, key, ...own } = options
  const use = perKey(
    { capacity, idleTimeToLive, key },
    (key) => RateLimiter.make({ ...own, key }),
    "The rate limiters"
  )
  return (request: HttpClientRequest.HttpClientRequest) => use(request, RateLimiter.consume)
}
