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
  const get = perKey(
    { capacity, idleTimeToLive, key },
    (key) => Hedge.make({ ...own, key, isFailure, isRejection, discard })
  )
  return ({ budget, idempotencyHeader }) => (request, attempt) => {
    if (!mayBeHedged(request, idempotencyHeader)) return attempt
    const withdraw = budget && Effect.flatMap(budget(request), RetryBudget.tryWithdraw)
    return Effect.flatMap(get(request), (hedge) => Hedge.protect(attempt, hedge, { withdraw }))
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
