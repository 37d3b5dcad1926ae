import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"

/**
 * A client that answers with what `execute` makes of each request. What is added to its requests afterwards is done once,
 * before `execute`, and not again by each of its attempts.
 *
 * @internal
 */
export const make = <E, R>(
  execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>
): HttpClient.HttpClient.With<E, R> =>
  HttpClient.makeWith<never, never, E, R>((request) => Effect.flatMap(request, execute), Effect.succeed)
