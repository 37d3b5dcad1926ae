import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Stream from "effect/Stream"
import { cloneWith } from "./cloneWith.js"
import { isMarkedReplayable } from "./requestMarks.js"

const tracker: unique symbol = Symbol.for("@reprise/http/Idempotency/tracker")

interface Tracked {
  readonly [tracker]?: { pulled: boolean }
}

/**
 * Gives an unmarked `Stream` body a memory of whether it was ever started. Until then the request may be sent again: the
 * attempt failed before anything was read from the stream. Any other request is returned as it is.
 *
 * A transport starts the stream before it has a connection (fetch and undici make a web stream of it, which reads
 * ahead), so "started" is the only safe moment: what was read ahead is lost for the next attempt.
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
 * The stream is tracked and nothing was read from it.
 *
 * @internal
 */
export const isUntouched = (body: HttpBody.Stream & Tracked): boolean => body[tracker]?.pulled === false
