import * as Cookies from "@effect/platform/Cookies"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as checkedResponse from "../attempt/checkedResponse.js"
import * as clientError from "../classify/clientError.js"
import * as HttpFailure from "../classify/failure.js"
import * as idempotency from "../request/idempotency.js"
import * as calls from "./call.js"
import * as responses from "./response.js"
import * as run from "./run.js"

type Answer = HttpClientResponse.HttpClientResponse

/**
 * Executes a call with any client, and makes a `Response` of its result.
 *
 * @internal
 */
export const execute = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  call: calls.Call
): Effect.Effect<Response, unknown, R> =>
  Effect.gen(function*() {
    const body = yield* Effect.tryPromise({ try: () => bodyOf(call), catch: identity })
    const request = calls.toRequest(call, body)
    const sent = Effect.catchAll(client.execute(request), (error) => {
      const answer = answerIn(error)
      return answer === undefined ? run.fail(error, request) : Effect.succeed(answer)
    })
    const outer = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
    const init = { ...Option.getOrUndefined(outer), ...initOf(call) }
    return yield* toWeb(yield* Effect.provideService(sent, FetchHttpClient.RequestInit, init))
  })

/** The body in a form that every transport can send, and can send again if `fetch` could. */
const bodyOf = async (call: calls.Call): Promise<HttpBody.HttpBody | undefined> => {
  const { body, given } = call
  if (body === undefined) return given && calls.mayHaveBody(given) ? bodyOfRequest(call, given) : undefined
  if (body instanceof FormData) return HttpBody.formData(body)
  if (body instanceof ReadableStream) return streamed(body)
  if (Predicate.hasProperty(body, Symbol.asyncIterator)) {
    // Node's fetch takes one, which the type of a body does not show.
    const chunks = body as unknown as AsyncIterable<Uint8Array>
    return HttpBody.stream(Stream.fromAsyncIterable(chunks, identity), "")
  }
  const encoded = new Response(body)
  return HttpBody.raw(new Uint8Array(await encoded.arrayBuffer()), {
    contentType: encoded.headers.get("content-type") ?? undefined
  })
}

const bodyOfRequest = async (call: calls.Call, given: Request): Promise<HttpBody.HttpBody> =>
  given.body && !idempotency.isIdempotent(calls.toRequest(call, undefined))
    ? streamed(given.body)
    : HttpBody.raw(new Uint8Array(await given.arrayBuffer()))

/** Without a content type: fetch adds none to a stream. */
const streamed = (body: ReadableStream<Uint8Array>): HttpBody.HttpBody =>
  HttpBody.stream(Stream.fromReadableStream(() => body, identity), "")

/** The options that only `fetch` uses. */
const initOf = ({ given, init: { headers: _, ...init } }: calls.Call): RequestInit => ({
  ...(given && {
    cache: given.cache,
    credentials: given.credentials,
    integrity: given.integrity,
    keepalive: given.keepalive,
    mode: given.mode,
    redirect: given.redirect,
    referrer: given.referrer,
    referrerPolicy: given.referrerPolicy
  }),
  ...init
})

/** A failed response is a value for `fetch`. */
const answerIn = (error: unknown): Answer | undefined => {
  if (HttpFailure.isHttpFailure(error)) return "response" in error ? error.response : undefined
  return HttpClientError.isHttpClientError(error) && clientError.kindOf(error) === "StatusCode"
    ? clientError.responseOf(error)
    : undefined
}

/**
 * A `Response` for the response of any client.
 *
 * @internal
 */
export const toWeb = (answer: Answer): Effect.Effect<Response> =>
  Effect.map(Effect.runtime<never>(), (runtime) => {
    const stream = Stream.catchAll(
      checkedResponse.make(answer).stream,
      (error) => Stream.fromEffect(run.fail(error, answer.request, "terminated"))
    )
    const open = () => Stream.toReadableStreamRuntime(stream, runtime, { strategy: { highWaterMark: 0 } })
    return responses.make(headOf(answer), hasBody(answer) ? responses.streamOf(open, undefined) : null)
  })

const hasBody = (answer: Answer): boolean =>
  answer.request.method !== "HEAD" && ![204, 205, 304].includes(answer.status) && sourceOf(answer)?.body !== null

const headOf = (answer: Answer): responses.Head => {
  const source = sourceOf(answer)
  if (source !== undefined) return source
  const headers = new Headers(answer.headers)
  headers.delete("set-cookie")
  for (const cookie of Cookies.toSetCookieHeaders(answer.cookies)) headers.append("set-cookie", cookie)
  const { status, request: { url } } = answer
  return { status, statusText: "", headers, url, redirected: false, type: "default" }
}

/** Platform's responses keep what fetch gave them in these fields, which their types do not show. */
const sourceOf = (answer: Answer): Response | undefined => {
  const original: unknown = Predicate.hasProperty(answer, "original") ? answer.original : answer
  return Predicate.hasProperty(original, "source") && original.source instanceof Response ? original.source : undefined
}
