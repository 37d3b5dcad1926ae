import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"

/**
 * A client that answers each request with the result of `execute`. Later changes of its requests run once, before
 * `execute`, and not for each attempt.
 *
 * @internal
 */
export const make = <E, R>(
  execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>
): HttpClient.HttpClient.With<E, R> =>
  HttpClient.makeWith<never, never, E, R>((request) => Effect.flatMap(request, execute), Effect.succeed)
