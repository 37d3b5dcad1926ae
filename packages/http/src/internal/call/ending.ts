import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Retry from "reprise/Retry"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { Responses } from "../attempt/responses.js"
import * as clientError from "../classify/clientError.js"
import * as HttpFailure from "../classify/failure.js"
import * as ledgers from "./ledgers.js"
import * as rejections from "./rejections.js"
import * as timeLimits from "./timeLimits.js"

/**
 * The result of a loop.
 *
 * @internal
 */
export type Ended = readonly [
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, FailedAttempt>,
  ledger: Retry.Ledger<HttpFailure.HttpFailure>
]

/**
 * The result of the call: the last response, or the error of the client below.
 *
 * @internal
 */
export const finish = <E>(
  [exit, ledger]: Ended,
  responses: Responses,
  hasDeadline: boolean,
  deadlineMillis: number
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> => {
  if (Exit.isSuccess(exit)) {
    responses.handOver(exit.value)
    ledgers.set(exit.value, ledger)
    return Exit.succeed(exit.value)
  }
  const failed = Cause.failureOption(exit.cause)
  // A defect or an interruption: there is no error in it.
  if (Option.isNone(failed)) return Effect.failCause(exit.cause as Cause.Cause<never>)
  const { failure, origin, response } = failed.value
  if (response !== undefined) responses.handOver(response)
  if (origin._tag === "Response") {
    ledgers.set(origin.response, ledger)
    return Exit.succeed(origin.response)
  }
  // The error of the client below is returned unchanged, so its type is the client's own.
  const cause = origin.cause as Cause.Cause<E>
  if (Option.isNone(failure)) {
    // If a guard rejects a retry, the caller must see that earlier attempts may have been processed.
    const error = Option.getOrUndefined(Cause.failureOption(cause))
    if (rejections.has(error)) ledgers.setOfError(error, ledger)
    return Effect.failCause(cause)
  }
  const told = HttpFailure.withAttempts(failure.value, ledger)
  const failCause = Effect.failCause(Cause.map(cause, (error) => withFailure(error, told)))
  return hasDeadline
    // A client with a deadline of its own has this error in its type.
    ? timeLimits.orExceeded(failCause, told, deadlineMillis) as Effect.Effect<never, E>
    : failCause
}

/** The same error, with the typed failure and its ledger as the cause. */
const withFailure = <E>(error: E, failure: HttpFailure.HttpFailure): E => {
  if (HttpFailure.isHttpFailure(error)) return failure as E & HttpFailure.HttpFailure
  return HttpClientError.isHttpClientError(error) ? clientError.withCause(error, failure) as E : error
}
