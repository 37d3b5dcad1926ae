import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
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
import { copy } from "./failureBase.js"
import * as reader from "./reader.js"
import type { Responses } from "./responses.js"
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
    readonly isCutShort = false,
    /** How many hedges were sent beside it. */
    readonly hedges = 0
  ) {}

  /** The response that the caller is given with this failure, if it is the last one. */
  get response(): HttpClientResponse.HttpClientResponse | undefined {
    return this.origin._tag === "Response" ? this.origin.response : statusErrorResponse(this.origin.cause)
  }

  refusing(reason: Reason): FailedAttempt {
    return new FailedAttempt(this.request, this.failure, this.origin, reason, this.isCutShort, this.hedges)
  }

  /** The last failure of so many attempts beside each other, one of which may have been asked for a longer wait. */
  among(hedges: number, retryAfter: Option.Option<Duration.Duration>): FailedAttempt {
    const failure = Option.isNone(retryAfter)
      ? this.failure
      : Option.map(this.failure, (own) => copy(own, { retryAfter }))
    return new FailedAttempt(this.request, failure, this.origin, this.refusal, this.isCutShort, hedges)
  }
}

/** `filterStatusOk` below turns a response into an error that still holds the unread body. */
const statusErrorResponse = (cause: Cause.Cause<unknown>): HttpClientResponse.HttpClientResponse | undefined => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  return HttpClientError.isHttpClientError(error) && error._tag === "ResponseError" && error.reason === "StatusCode"
    ? error.response
    : undefined
}

/** @internal */
export type Facts = Omit<HttpClassifier.ClassifyOptions, "request" | "nowMillis">

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
  // What the stages below make of the request decides whether it may be sent again.
  let sent = request
  const attempt = reader.execute(client, request, {
    onPrepared: (prepared) => {
      sent = prepared
    },
    onResponse: (response) => responses.hold(response)
  })
  return Effect.matchCauseEffect(timeLimits.limit(attempt, request, limits.attemptMillis, deadlineMillis, tell), {
    onSuccess: (response) => response.status < 400 ? Exit.succeed(response) : ofResponse(sent, response, facts),
    onFailure: (cause) => {
      const response = statusErrorResponse(cause)
      if (response !== undefined) responses.hold(response)
      return ofCause(sent, cause, facts, limits)
    }
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
