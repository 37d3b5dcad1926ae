import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Hedge from "reprise/Hedge"
import * as RetryBudget from "reprise/RetryBudget"
import type { HttpGuard } from "../HttpGuard.js"
import * as Idempotency from "../Idempotency.js"
import * as attempts from "./attempts.js"
import * as drain from "./drain.js"
import { type Facts, type Guard, perKey } from "./guard.js"
import * as requestMarks from "./requestMarks.js"

/** What is hedged is sent twice at the same time: only what may be, with a body that can be read twice at the same time. */
const mayBeHedged = (request: HttpClientRequest.HttpClientRequest, header: string | undefined): boolean =>
  Idempotency.isIdempotent(request, { header }) &&
  (request.body._tag === "Stream"
    ? requestMarks.isMarkedReplayable(request.body)
    : Idempotency.isReplayable(request))

/**
 * Failures that another attempt may make good are those that may be retried; a response that is not the result is let go of
 * as a failed one is before its retry.
 *
 * @internal
 */
export const make = (options: HttpGuard.HedgeOptions): (facts: Facts) => Guard => {
  const { capacity, idleTimeToLive, key, ...own } = options
  const use = perKey(
    { capacity, idleTimeToLive, key },
    (key) => Hedge.make({ ...own, key, isFailure, isRejection, discard }),
    "The hedges"
  )
  return ({ budget, idempotencyHeader }) => {
    const over = (inner: Guard): Guard => (request, attempt, deadlineMillis) => {
      if (!mayBeHedged(request, idempotencyHeader)) return inner(request, attempt, deadlineMillis)
      let isSent = false
      const sent = Effect.suspend(() => {
        isSent = true
        return attempt
      })
      const paid = budget === undefined
        ? Effect.succeed(true)
        : Effect.flatMap(budget(request), RetryBudget.tryWithdraw)
      // What waits at a gate or in a queue is not slow, and another one would wait behind it.
      const withdraw = Effect.suspend(() => isSent ? paid : Effect.succeed(false))
      const guarded = inner(request, sent, deadlineMillis)
      return use(request, (hedge) => Hedge.protect(guarded, hedge, { withdraw }))
    }
    return Object.assign(over((_, attempt) => attempt), { over })
  }
}

const isFailure = (error: unknown): boolean =>
  error instanceof attempts.FailedAttempt && Option.exists(error.failure, ({ retryable }) => retryable)

/** What a guard turned away was not made: the attempt that runs goes on, and its failure is what the call fails with. */
const isRejection = (error: unknown): boolean =>
  error instanceof attempts.FailedAttempt && error.refusal !== undefined && Option.isNone(error.failure)

// What an attempt succeeds with is a response.
const discard = (response: unknown): Effect.Effect<void> =>
  drain.drain(response as HttpClientResponse.HttpClientResponse, drain.defaults, Infinity)
