import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Reason } from "reprise/Retry"
import * as HttpClassifier from "../HttpClassifier.js"
import type * as HttpFailure from "../HttpFailure.js"
import * as clock from "./clock.js"
import * as reader from "./reader.js"
import * as timeLimits from "./timeLimits.js"

/**
 * A failed attempt: what it was (nothing, for an error that has nothing to do with HTTP), and how to give back to the
 * caller exactly what the client below gave.
 *
 * @internal
 */
export class FailedAttempt {
  constructor(
    readonly request: HttpClientRequest.HttpClientRequest,
    readonly failure: Option.Option<HttpFailure.HttpFailure>,
    readonly origin:
      | { readonly _tag: "Response"; readonly response: HttpClientResponse.HttpClientResponse }
      | { readonly _tag: "Cause"; readonly cause: Cause.Cause<unknown> },
    /** Why another attempt is not worth it, whatever the failure: it would be rejected, as this one was perhaps. */
    readonly refusal?: Reason,
    /** The deadline of the caller came before the time that an attempt is given: it says nothing of the server. */
    readonly isCutShort = false
  ) {}

  refusing(reason: Reason): FailedAttempt {
    return new FailedAttempt(this.request, this.failure, this.origin, reason, this.isCutShort)
  }
}

/** @internal */
export type Facts = Omit<HttpClassifier.ClassifyOptions, "request" | "nowMillis">

/**
 * One attempt of the client: whatever is wrong, response or error, fails with a `FailedAttempt`. Interruptions and defects
 * that no transport causes pass through.
 *
 * @internal
 */
export const run = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  facts: Facts,
  limits: timeLimits.Limits,
  deadlineMillis: number
): reader.Attempt<FailedAttempt, R> => {
  // What the stages below make of the request decides whether it may be sent again.
  let sent = request
  const attempt = reader.execute(client, request, (prepared) => {
    sent = prepared
  })
  return Effect.matchCauseEffect(timeLimits.limit(attempt, request, limits.attemptMillis, deadlineMillis), {
    onSuccess: (response) => response.status < 400 ? Exit.succeed(response) : ofResponse(sent, response, facts),
    onFailure: (cause) => ofCause(sent, cause, facts, limits)
  })
}

const ofResponse = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse,
  facts: Facts
) =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const failure = HttpClassifier.fromResponse(response, { ...facts, nowMillis })
    return Effect.fail(new FailedAttempt(request, failure, { _tag: "Response", response }))
  })

const ofCause = (
  request: HttpClientRequest.HttpClientRequest,
  cause: Cause.Cause<unknown>,
  facts: Facts,
  { attemptMillis }: timeLimits.Limits
) =>
  classify(cause, request, facts, (failure) => {
    // Only interruptions and foreign defects: there is no error in it.
    if (Option.isNone(failure) && !Cause.isFailure(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const isCutShort = Option.exists(failure, (failure) =>
      failure._tag === "AttemptTimeout" && attemptMillis < Infinity &&
      Duration.toMillis(failure.duration ?? Infinity) < attemptMillis)
    return Effect.fail(new FailedAttempt(request, failure, { _tag: "Cause", cause }, undefined, isCutShort))
  })

/** @internal */
export const classify = <A, E, R>(
  cause: Cause.Cause<unknown>,
  request: HttpClientRequest.HttpClientRequest,
  facts: Facts,
  f: (failure: Option.Option<HttpFailure.HttpFailure>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    clock.currentWallMillis,
    (nowMillis) => f(HttpClassifier.classifyCause(cause, { ...facts, request, nowMillis }))
  )
