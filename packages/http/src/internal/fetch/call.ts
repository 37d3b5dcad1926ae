import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import { cloneWith } from "../request/cloneWith.js"

/**
 * The arguments of one call of `fetch`, with the defaults that a `Request` gives.
 *
 * @internal
 */
export interface Call {
  readonly input: string | URL | Request
  /** The input, if it is a `Request`. */
  readonly given: Request | undefined
  readonly init: RequestInit
  readonly method: string
  /** Absolute, as text: a `URL` object would encode its query again. */
  readonly url: string
  readonly headers: Headers
  readonly body: BodyInit | undefined
  readonly signal: AbortSignal | undefined
}

/** The methods that `fetch` converts to capitals. */
const normalized = /^(DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i

/**
 * Throws the `TypeError` that `fetch` would reject with for a bad URL or header.
 *
 * @internal
 */
export const parse = (input: string | URL | Request, init: RequestInit = {}): Call => {
  const given = input instanceof Request ? input : undefined
  const method = init.method ?? given?.method ?? "GET"
  const signal = init.signal === undefined ? given?.signal : init.signal
  const url = new URL(given?.url ?? String(input), globalThis.location?.href)
  // It is not sent.
  url.hash = ""
  return {
    input,
    given,
    init,
    method: normalized.test(method) ? method.toUpperCase() : method,
    url: url.href,
    headers: new Headers(init.headers ?? given?.headers),
    body: init.body ?? undefined,
    signal: signal ?? undefined
  }
}

/**
 * Whether a `Request` may have a body. Firefox does not show it: there it is undefined.
 *
 * @internal
 */
export const mayHaveBody = ({ body, method }: Request): boolean =>
  body !== null && method !== "GET" && method !== "HEAD"

/**
 * The request for the stages of a client.
 *
 * @internal
 */
export const toRequest = (
  { headers, method, url }: Call,
  body: HttpBody.HttpBody | undefined
): HttpClientRequest.HttpClientRequest => {
  // `fetch` sends any method; platform's type has the usual ones.
  const request = HttpClientRequest.make(method as HttpMethod)(url) as HttpClientRequest.HttpClientRequest
  const whole = body === undefined ? request : HttpClientRequest.setBody(request, body)
  // After the body, whose content type they replace.
  return HttpClientRequest.setHeaders(whole, headers)
}

const key: unique symbol = Symbol.for("@reprise/http/fetch")

/**
 * The body of the attempts of a call, or its source.
 *
 * @internal
 */
export interface Sending {
  readonly call: Call
  readonly body: BodyInit | undefined | (() => Promise<BodyInit>)
}

interface Carrier {
  readonly [key]?: Sending
}

/**
 * Puts it on the body, as with readers: every modification of the request keeps it.
 *
 * @internal
 */
export const attach = (
  request: HttpClientRequest.HttpClientRequest,
  sending: Sending
): HttpClientRequest.HttpClientRequest =>
  cloneWith(request, { body: cloneWith<HttpBody.HttpBody & Carrier>(request.body, { [key]: sending }) })

/** @internal */
export const of = (request: HttpClientRequest.HttpClientRequest): Sending =>
  // All requests of these clients come from `attach`.
  (request.body as Carrier)[key]!
