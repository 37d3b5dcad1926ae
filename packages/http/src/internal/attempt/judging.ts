import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as HttpClassifier from "../classify/classifier.js"
import * as HttpFailure from "../classify/failure.js"
import { copy } from "../classify/failureBase.js"
import * as RetryAfter from "../classify/retryAfter.js"
import * as clock from "../clock.js"
import type { Classify, Outcome } from "../model.js"
import * as checkedResponse from "./checkedResponse.js"
import { FailedAttempt, statusErrorResponse } from "./failedAttempt.js"
import type { Responses } from "./responses.js"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/**
 * Lets the program classify, while the timer of the attempt runs.
 *
 * @internal
 */
export const make = (classify: Classify, responses: Responses) => (request: Request, response: Response) =>
  // The program may read the body, and so may the caller after it.
  judge(classify, request, responses.replace(response, checkedResponse.share(response)))

const judge = (classify: Classify, request: Request, response: Response) =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const failure = Option.getOrUndefined(HttpClassifier.fromResponse(response, { nowMillis }))
    return Effect.flatMap(decide(classify, { request, response, error: undefined, failure }), (own) => {
      if (own === undefined) return Exit.succeed(response)
      const retryAfter = Option.orElse(own.retryAfter, () => RetryAfter.fromHeaders(response.headers, { nowMillis }))
      const failed = Option.some(copy(own, { retryAfter }))
      return Effect.fail(new FailedAttempt(request, failed, { _tag: "Response", response }))
    })
  })

/**
 * The same for an error of the client below.
 *
 * @internal
 */
export const cause = (
  classify: Classify,
  request: Request,
  cause: Cause.Cause<unknown>,
  found: Exit.Exit<never, FailedAttempt>
): Effect.Effect<never, FailedAttempt> => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  const failed = Exit.isFailure(found) ? Option.getOrUndefined(Cause.failureOption(found.cause)) : undefined
  if (failed === undefined || failed === error) return found
  const outcome = {
    request,
    response: statusErrorResponse(cause),
    error,
    failure: Option.getOrUndefined(failed.failure)
  }
  return Effect.flatMap(decide(classify, outcome), (own) => Effect.fail(own === undefined ? failed : failed.being(own)))
}

const decide = (classify: Classify, outcome: Outcome): Effect.Effect<HttpFailure.HttpFailure | undefined> =>
  Effect.suspend(() => {
    const own = classify(outcome)
    // A failure is an effect too.
    return HttpFailure.isHttpFailure(own) || own === undefined
      ? Exit.succeed(own)
      : Effect.catchAll(own, () => Exit.succeed(undefined))
  })
