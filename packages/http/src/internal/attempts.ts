import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as HttpClassifier from "../HttpClassifier.js"
import type * as HttpFailure from "../HttpFailure.js"
import * as reader from "./reader.js"

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
      | { readonly _tag: "Cause"; readonly cause: Cause.Cause<unknown> }
  ) {}
}

/** @internal */
export type Facts = Omit<HttpClassifier.ClassifyOptions, "request" | "nowMillis">

/**
 * The client seen attempt by attempt: whatever is wrong, response or error, fails with a `FailedAttempt`. Interruptions
 * and defects that no transport causes pass through.
 *
 * @internal
 */
export const make = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  facts: Facts
): HttpClient.HttpClient.With<FailedAttempt, R> =>
  // `transform` adds the new error to the old one; none of the old ones is left.
  HttpClient.transform(client, (effect, request) =>
    Effect.matchCauseEffect(reader.inside(request, effect), {
      onSuccess: (response) => response.status < 400 ? Effect.succeed(response) : ofResponse(request, response, facts),
      onFailure: (cause) => ofCause(request, cause, facts)
    })) as HttpClient.HttpClient.With<FailedAttempt, R>

const ofResponse = (
  request: HttpClientRequest.HttpClientRequest,
  response: HttpClientResponse.HttpClientResponse,
  facts: Facts
) =>
  Clock.clockWith((clock) => {
    const failure = HttpClassifier.fromResponse(response, { ...facts, nowMillis: clock.unsafeCurrentTimeMillis() })
    return Effect.fail(new FailedAttempt(request, failure, { _tag: "Response", response }))
  })

const ofCause = (request: HttpClientRequest.HttpClientRequest, cause: Cause.Cause<unknown>, facts: Facts) =>
  Clock.clockWith((clock) => {
    const failure = HttpClassifier.classifyCause(cause, {
      ...facts,
      request,
      nowMillis: clock.unsafeCurrentTimeMillis()
    })
    return Option.isSome(failure) || Cause.isFailure(cause)
      ? Effect.fail(new FailedAttempt(request, failure, { _tag: "Cause", cause }))
      // Only interruptions and foreign defects: there is no error in it.
      : Effect.failCause(cause as Cause.Cause<never>)
  })
