import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Stream from "effect/Stream"
import { cloneWith } from "./cloneWith.js"

const idempotent: unique symbol = Symbol.for("@reprise/http/Idempotency/idempotent")
const replayable: unique symbol = Symbol.for("@reprise/http/Idempotency/replayable")

interface Marks {
  readonly [idempotent]?: true
  readonly [replayable]?: true
}

type Marked = HttpBody.HttpBody & Marks

/**
 * Platform rebuilds a request on every change and keeps only its own fields, so the mark must be on one of them: the
 * body. The body is copied, because other requests may share it (all requests without a body share `HttpBody.empty`).
 */
const mark = (request: HttpClientRequest.HttpClientRequest, marks: Marks): HttpClientRequest.HttpClientRequest =>
  cloneWith(request, { body: cloneWith<Marked>(request.body, marks) })

/** @internal */
export const markIdempotent = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  mark(request, { [idempotent]: true })

/** @internal */
export const markReplayable = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  mark(request, { [replayable]: true })

/** @internal */
export const isMarkedIdempotent = (request: HttpClientRequest.HttpClientRequest): boolean => idempotent in request.body

/** @internal */
export const isMarkedReplayable = (body: HttpBody.HttpBody): boolean => replayable in body

const tracker: unique symbol = Symbol.for("@reprise/http/Idempotency/tracker")

interface Tracked {
  readonly [tracker]?: { pulled: boolean }
}

/**
 * Lets an unmarked `Stream` body remember whether a transport has started it. Until then the request may be sent again,
 * because the attempt failed before it read from the stream. Any other request is returned as it is.
 *
 * A transport starts the stream before it has a connection: fetch and undici make a web stream of it, which reads
 * ahead. So "started" is the only safe moment: the next attempt would miss the bytes that were read ahead.
 *
 * Internal all the same; without the tag so that its own tests see its type (`stripInternal`).
 */
export const trackBody = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
  const body: HttpBody.HttpBody & Tracked = request.body
  if (body._tag !== "Stream" || isMarkedReplayable(body) || body[tracker] !== undefined) return request
  const state = { pulled: false }
  const stream = Stream.suspend(() => {
    state.pulled = true
    return body.stream
  })
  return cloneWith(request, { body: cloneWith<HttpBody.Stream & Tracked>(body, { stream, [tracker]: state }) })
}

/**
 * The request for one attempt: a tracked stream does not start after the end of that attempt. A transport may keep the
 * stream and start it later, beside the next attempt.
 *
 * @internal
 */
export const forAttempt = (
  request: HttpClientRequest.HttpClientRequest,
  attempt: { readonly isOver: boolean }
): HttpClientRequest.HttpClientRequest => {
  const body: HttpBody.HttpBody & Tracked = request.body
  if (body._tag !== "Stream" || body[tracker] === undefined) return request
  const stream = Stream.suspend(() => attempt.isOver ? Stream.fail(new TypeError("The attempt is over")) : body.stream)
  return cloneWith(request, { body: cloneWith<HttpBody.Stream>(body, { stream }) })
}

/**
 * The stream is tracked and nothing was read from it.
 *
 * @internal
 */
export const isUntouched = (body: HttpBody.Stream & Tracked): boolean => body[tracker]?.pulled === false

/** @internal */
export const defaultHeader = "Idempotency-Key"

/** @internal */
export const has = (request: HttpClientRequest.HttpClientRequest, header: string): boolean =>
  (request.headers[header.toLowerCase()] ?? "").trim() !== ""

// TRACE and QUERY are not in platform's HttpMethod, but transports send them.
const idempotentMethods: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"])

/** @internal */
export const isIdempotent = (request: HttpClientRequest.HttpClientRequest, header?: string): boolean =>
  idempotentMethods.has(request.method) ||
  has(request, header ?? defaultHeader) ||
  isMarkedIdempotent(request)

// The classes that a transport can read more than once. The first attempt may consume any other.
const isRepeatable = (body: unknown): boolean =>
  body === undefined || body === null || typeof body === "string" || ArrayBuffer.isView(body) ||
  body instanceof ArrayBuffer || body instanceof Blob || body instanceof URLSearchParams || body instanceof FormData

/** @internal */
export const isReplayable = ({ body }: HttpClientRequest.HttpClientRequest): boolean => {
  if (body._tag === "Stream") return isMarkedReplayable(body) || isUntouched(body)
  return body._tag !== "Raw" || isRepeatable(body.body) || isMarkedReplayable(body)
}
