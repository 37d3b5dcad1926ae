import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Array from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Deadline from "reprise/Deadline"
import * as attempts from "./attempt/attempts.js"
import * as reader from "./attempt/reader.js"
import * as ledgers from "./call/ledgers.js"
import * as rejections from "./call/rejections.js"
import * as timeLimits from "./call/timeLimits.js"
import * as HttpClassifier from "./classify/classifier.js"
import * as clientError from "./classify/clientError.js"
import * as HttpFailure from "./classify/failure.js"
import * as makeFailure from "./classify/makeFailure.js"
import * as clock from "./clock.js"
import type { Rejection, Typed } from "./model.js"

/** @internal */
export const typed = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): HttpClient.HttpClient.With<Typed<E>, R> =>
  // `transform` adds the new error to the old one, but errors that the new one leaves out cannot occur.
  HttpClient.transform(client, (effect, request) => {
    const own = reader.of(request)
    if (own !== undefined) own.present = identity
    return Effect.flatMap(
      Effect.catchAllCause(effect, (cause) => failCause(cause, request)),
      (response) => {
        if (isSuccess(response)) return Effect.succeed(response)
        const failed = failResponse(response)
        if (!isRedirect(response)) return failed
        if (own !== undefined) own.unfollowed = { response, failed }
        return Effect.succeed(response)
      }
    )
  }) as HttpClient.HttpClient.With<Typed<E>, R>

/** The program may have decided that a 2xx is a failure. */
const isSuccess = (response: HttpClientResponse.HttpClientResponse): boolean =>
  response.status >= 200 && response.status < 300 && Option.isNone(lastFailure(response))

const lastFailure = (response: HttpClientResponse.HttpClientResponse) =>
  Option.flatMap(Array.last(ledgers.get(response)), (attempt) => attempt.failure)

/** Whether `HttpClient.followRedirects` follows the response. It sees only values, so a redirect must be a value. */
const isRedirect = ({ headers, status }: HttpClientResponse.HttpClientResponse): boolean =>
  status >= 300 && status < 400 && Boolean(headers["location"])

const failResponse = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis): Effect.Effect<typeof response, Typed<never>> => {
    const ledger = ledgers.get(response)
    const failure = Option.orElse(
      lastFailure(response),
      () => HttpClassifier.fromResponse(response, { nowMillis })
    )
    if (Option.isNone(failure)) return Effect.succeed(response)
    const last = HttpFailure.withAttempts(failure.value, ledger)
    return Effect.fail(timeLimits.ranOut(last) ? timeLimits.exceeded(last) : last)
  })

const failCause = <E>(cause: Cause.Cause<E>, request: HttpClientRequest.HttpClientRequest) =>
  attempts.classify(
    cause,
    request,
    "follow",
    (failure): Effect.Effect<never, E | HttpFailure.HttpFailure | Deadline.DeadlineExceeded | Rejection> => {
      if (Option.isSome(failure)) return Effect.fail(failure.value)
      const error = Option.getOrUndefined(Cause.failureOption(cause))
      if (!HttpClientError.isHttpClientError(error)) return Effect.failCause(cause)
      // A stage below gave up: a drop-in client without time left, or one with an error of its own.
      return Effect.fail(
        isOfReprise(error.cause) ? error.cause : makeFailure.gaveUp(request, error.cause)
      )
    }
  )

/** Whether the error of a stage is about the call and not about the request. */
const isOfReprise = (error: unknown): error is Deadline.DeadlineExceeded | Rejection =>
  // A program's own breaker may be in any place. The check uses its tag: the class would include the code of all
  // breakers.
  error instanceof Deadline.DeadlineExceeded || Predicate.isTagged(error, "CircuitOpen") || rejections.has(error)

/**
 * The client with the types and the meaning that programs already use. Every failure of the stages below is a
 * `RequestError`, with the typed failure as its cause.
 *
 * @internal
 */
export const dropIn = <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<
  HttpClientError.HttpClientError,
  R
> =>
  HttpClient.transform(
    client,
    (effect, request) => {
      const own = reader.of(request)
      if (own !== undefined) own.present = (error) => requestError(request, error)
      return Effect.catchAllCause(effect, (cause) => plain(cause, request))
    }
  ) as HttpClient.HttpClient.With<
    HttpClientError.HttpClientError,
    R
  >

const plain = (cause: Cause.Cause<unknown>, request: HttpClientRequest.HttpClientRequest) => {
  const error = Option.getOrUndefined(Cause.failureOption(cause))
  if (HttpClientError.isHttpClientError(error)) {
    return Effect.failCause(cause as Cause.Cause<HttpClientError.HttpClientError>)
  }
  if (isOfReprise(error)) return Effect.fail(requestError(request, error))
  return attempts.classify(cause, request, "follow", (failure) =>
    Option.isSome(failure)
      ? Effect.fail(requestError(request, failure.value))
      // An interruption or a defect that no transport causes.
      : Effect.failCause(cause as Cause.Cause<never>))
}

const requestError = (request: HttpClientRequest.HttpClientRequest, cause: Error & { readonly _tag: string }) =>
  // Other code retries "Transport". A request that cannot be sent must have another reason.
  clientError.requestError(cause._tag === "InvalidRequest" ? "Encode" : "Transport", {
    request,
    description: cause.message,
    cause
  })
