import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as timeLimits from "../call/timeLimits.js"
import * as HttpClassifier from "../classify/classifier.js"
import type * as HttpFailure from "../classify/failure.js"
import * as clock from "../clock.js"
import type { Classify } from "../model.js"
import { FailedAttempt, statusErrorResponse } from "./failedAttempt.js"
import * as judging from "./judging.js"
import * as reader from "./reader.js"
import type { Responses } from "./responses.js"

/**
 * How attempts are judged.
 *
 * @internal
 */
export interface Facts {
  readonly redirect: "follow" | "manual"
  readonly classify: Classify | undefined
}

/** @internal */
export const plain: Facts = { redirect: "follow", classify: undefined }

/**
 * One attempt of the client: whatever is wrong, response or error, fails with a `FailedAttempt`. Interruptions and defects
 * that no transport causes pass through. The call owns every response from when it arrives.
 *
 * @internal
 */
export const run = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  facts: Facts,
  limits: timeLimits.Limits,
  deadlineMillis: number,
  responses: Responses,
  tell?: timeLimits.Tell
): reader.Attempt<FailedAttempt, R> => {
  const { classify } = facts
  // What the stages below make of the request decides whether it may be sent again.
  let sent = request
  const attempt = reader.execute(client, request, {
    onPrepared: (prepared) => {
      sent = prepared
    },
    onResponse: (response) => responses.hold(response),
    judge: classify && judging.make(classify, responses)
  })
  const judged: reader.Attempt<E | FailedAttempt, R> = classify === undefined
    ? attempt
    : Effect.catchAllCause(attempt, (cause) => ofCause(sent, cause, facts, limits, classify))
  return Effect.matchCauseEffect(timeLimits.limit(judged, request, limits.attemptMillis, deadlineMillis, tell), {
    onSuccess: (response) => response.status < 400 ? Exit.succeed(response) : ofResponse(sent, response),
    onFailure: (cause) => {
      const response = statusErrorResponse(cause)
      if (response !== undefined) responses.hold(response)
      return ofCause(sent, cause, facts, limits)
    }
  })
}

const ofResponse = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse
) =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const failure = HttpClassifier.fromResponse(response, { nowMillis })
    return Effect.fail(new FailedAttempt(request, failure, { _tag: "Response", response }))
  })

const ofCause = (
  request: HttpClientRequest.HttpClientRequest,
  cause: Cause.Cause<unknown>,
  { redirect }: Facts,
  { attemptMillis }: timeLimits.Limits,
  decide?: Classify
): Effect.Effect<never, FailedAttempt> =>
  classify(cause, request, redirect, (found) => {
    const judged = Option.getOrUndefined(Cause.failureOption(cause))
    if (judged instanceof FailedAttempt) return Effect.fail(judged)
    // Only interruptions and foreign defects: there is no error in it.
    if (Option.isNone(found) && !Cause.isFailure(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const isCutShort = Option.exists(found, (failure) =>
      failure._tag === "AttemptTimeout" && attemptMillis < Infinity &&
      Duration.toMillis(failure.duration ?? Infinity) < attemptMillis)
    const failed = (failure: Option.Option<HttpFailure.HttpFailure>) =>
      Effect.fail(new FailedAttempt(request, failure, { _tag: "Cause", cause }, undefined, isCutShort))
    if (decide === undefined) return failed(found)
    const outcome = {
      request,
      response: statusErrorResponse(cause),
      error: judged,
      failure: Option.getOrUndefined(found)
    }
    return Effect.flatMap(
      judging.decide(decide, outcome),
      (own) => failed(own === undefined ? found : Option.some(own))
    )
  })

/** @internal */
export const classify = <A, E, R>(
  cause: Cause.Cause<unknown>,
  request: HttpClientRequest.HttpClientRequest,
  redirect: Facts["redirect"],
  f: (failure: Option.Option<HttpFailure.HttpFailure>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    clock.currentWallMillis,
    (nowMillis) => f(HttpClassifier.classifyCause(cause, { redirect, request, nowMillis }))
  )
