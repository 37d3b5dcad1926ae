import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { cloneWith } from "./cloneWith.js"

type Request = HttpClientRequest.HttpClientRequest

const key: unique symbol = Symbol.for("@reprise/http/attempt")

/** Like the marks of `Idempotency`, it is on the body: every modification of a request hands that on. */
interface Carrier {
  readonly [key]?: true
}

/**
 * The request of an attempt itself. An attempt may send others: for a token that is refreshed, say.
 *
 * @internal
 */
export const mark = (request: Request): Request =>
  cloneWith(request, { body: cloneWith<Request["body"] & Carrier>(request.body, { [key]: true }) })

/** @internal */
export const isMarked = ({ body }: { readonly body: Request["body"] & Carrier }): boolean => key in body
