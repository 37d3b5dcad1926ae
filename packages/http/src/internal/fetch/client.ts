import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as stage from "../call/stage.js"
import { requestError } from "../classify/clientError.js"
import * as idempotency from "../request/idempotency.js"
import { toWeb } from "./anyClient.js"
import * as calls from "./call.js"

type Request = HttpClientRequest.HttpClientRequest

/** @internal */
export interface Settings {
  /** Without it, each attempt uses the global one at its time. */
  readonly fetch: typeof globalThis.fetch | undefined
  /** Whether `fetch` follows no redirect. */
  readonly isManual: boolean
}

/** The original responses of `fetch`, for the caller. */
const answers = new WeakMap<HttpClientResponse.HttpClientResponse, Response>()

/**
 * A client that passes each call to `fetch` unchanged, with the headers of the stages above.
 *
 * It is not platform's client, which adds trace headers, and aborts a body when its own response object is collected.
 *
 * @internal
 */
export const make = (settings: Settings): HttpClient.HttpClient =>
  stage.make((request) =>
    Effect.suspend(() => {
      const { body, call } = calls.of(request)
      const controller = new AbortController()
      const send = (body: BodyInit | undefined) =>
        attempt(request, "Transport", () => {
          const init = initOf(request, call, body, controller.signal, settings)
          return (settings.fetch ?? globalThis.fetch)(call.input, init)
        })
      const sent = typeof body === "function" ? Effect.flatMap(attempt(request, "Encode", body), send) : send(body)
      const abort = Effect.sync(() => controller.abort(call.signal?.reason))
      return Effect.map(Effect.onInterrupt(sent, () => abort), (answer) => {
        const response = HttpClientResponse.fromWeb(request, answer)
        answers.set(response, answer)
        return response
      })
    })
  )

const attempt = <A>(request: Request, kind: "Transport" | "Encode", run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => requestError(kind, { request, cause })
  })

const initOf = (
  request: Request,
  { given, headers, init, method }: calls.Call,
  body: BodyInit | undefined,
  signal: AbortSignal,
  { isManual }: Settings
): RequestInit => ({
  // An init resets those of a `Request`.
  ...(given && { referrer: given.referrer, referrerPolicy: given.referrerPolicy }),
  ...init,
  ...(isManual && { redirect: (init.redirect ?? given?.redirect) === "error" ? "error" : "manual" }),
  method,
  headers: withChanges(headers, request),
  ...(body !== undefined && { body }),
  signal
})

/** The headers of the caller, with those that the stages have changed. */
const withChanges = (own: Headers, request: Request): Headers => {
  const all = new Headers(own)
  for (const [name, value] of Object.entries(request.headers)) {
    if (all.get(name) !== value) all.set(name, value)
  }
  // fetch counts these bytes itself. undici 7 below the fetch of Node 20 refuses a second length.
  if (idempotency.isReplayable(request)) all.delete("content-length")
  return all
}

/**
 * The request of a call for such a client.
 *
 * @internal
 */
export const toRequest = (call: calls.Call, maySendAgain: (request: Request) => boolean): Request => {
  const { body, given } = call
  const toSend = (body: HttpBody.HttpBody | undefined, sent: calls.Sending["body"]) =>
    calls.attach(calls.toRequest(call, body), { call, body: sent })
  if (body !== undefined) return toSend(HttpBody.raw(body), body)
  if (given === undefined || !calls.mayHaveBody(given)) return toSend(undefined, undefined)
  if (!maySendAgain(calls.toRequest(call, undefined))) return toSend(HttpBody.raw(given), undefined)
  let bytes: Promise<ArrayBuffer> | undefined
  // `fetch` reads a `Request` only once. Its bytes can be sent again, as text can.
  return toSend(HttpBody.raw(""), () => bytes ??= given.arrayBuffer())
}

/**
 * The original response of `fetch`. If the body was read within the attempt, it is a new response with its bytes.
 *
 * @internal
 */
export const answerOf = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Response> => {
  const answer = answers.get(response)
  return answer === undefined ? toWeb(response) : Effect.succeed(answer)
}
