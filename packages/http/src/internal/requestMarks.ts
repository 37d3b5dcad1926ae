import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { cloneWith } from "./cloneWith.js"

const idempotent: unique symbol = Symbol.for("@reprise/http/Idempotency/idempotent")
const replayable: unique symbol = Symbol.for("@reprise/http/Idempotency/replayable")

interface Marks {
  readonly [idempotent]?: true
  readonly [replayable]?: true
}

type Marked = HttpBody.HttpBody & Marks

/**
 * Platform rebuilds a request on every change and keeps only the fields it knows, so the mark has to be on one of them:
 * the body. The body is copied, because other requests may hold the same one (all that have none share `HttpBody.empty`).
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
