import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type { HttpClientRequest } from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { presets } from "../transportErrors.js"
import { Exchange, type Server } from "./server.js"

/**
 * A client of the server. It calls `onAttempt` before it sends each request.
 *
 * @internal
 */
export const make = (
  server: Server,
  onAttempt: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => void
): HttpClient.HttpClient => {
  // Any number of callers can share responses without a body.
  const ok = new Response(null, { status: 200 })
  const full = new Response(null, { status: 503 })
  const refused = presets.connectionRefused()

  const send = (request: HttpClientRequest): Effect.Effect<HttpClientResponse.HttpClientResponse> => {
    let exchange: Exchange | undefined
    const exchanged = Effect.async<HttpClientResponse.HttpClientResponse>((resume) => {
      const answer = (response: Response) => resume(Effect.succeed(HttpClientResponse.fromWeb(request, response)))
      const offered = new Exchange(() => answer(ok))
      if (server.accept(offered)) exchange = offered
      else answer(full)
    })
    return Effect.onInterrupt(exchanged, () =>
      Effect.sync(() => {
        if (exchange !== undefined) server.abandon(exchange)
      }))
  }

  const execute = (request: HttpClientRequest) =>
    Effect.withFiberRuntime<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>((fiber) => {
      onAttempt(fiber)
      return server.isRefusing
        ? Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: refused }))
        : send(request)
    })

  // Not `HttpClient.make`: its work for real sockets would be most of the cost.
  return HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    (request) => Effect.flatMap(request, execute),
    Effect.succeed
  )
}
