import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"

/** A client without a socket whose answers come a moment later; 200 unless `refuse` says 503. */
export const client = (
  refuse: (request: HttpClientRequest.HttpClientRequest) => boolean = () => false
): HttpClient.HttpClient => {
  const ok = new Response(null, { status: 200 })
  const unavailable = new Response(null, { status: 503 })
  return HttpClient.make((request) =>
    Effect.async((resume) => {
      const response = HttpClientResponse.fromWeb(request, refuse(request) ? unavailable : ok)
      queueMicrotask(() => resume(Effect.succeed(response)))
    })
  )
}

export const request = HttpClientRequest.get("http://127.0.0.1/")
