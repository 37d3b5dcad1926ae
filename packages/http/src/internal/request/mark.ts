import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { cloneWith } from "./cloneWith.js"

type Request = HttpClientRequest.HttpClientRequest

const key: unique symbol = Symbol.for("@reprise/http/attempt")

/** Like the marks of `Idempotency`, it is on the body, which every modification of a request keeps. */
interface Carrier {
  readonly [key]?: true
}

/**
 * Marks the request of the attempt itself. An attempt may send others, for example to refresh a token.
 *
 * @internal
 */
export const mark = (request: Request): Request =>
  cloneWith(request, { body: cloneWith<Request["body"] & Carrier>(request.body, { [key]: true }) })

/** @internal */
export const isMarked = ({ body }: { readonly body: Request["body"] & Carrier }): boolean => key in body
