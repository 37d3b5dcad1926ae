import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { cloneWith } from "../request/cloneWith.js"
import * as requestMarks from "../request/idempotency.js"

type Request = HttpClientRequest.HttpClientRequest

/** The clients that refused the runtime's own `FormData`. */
const refusing = new WeakSet<object>()

/**
 * Sends a request, and encodes its form if the transport refuses it.
 *
 * undici's client accepts only the `FormData` of its own package. It refuses the global one of Node before it sends a
 * byte. This module remembers the refusal, so that only the first form of a client fails.
 *
 * The request keeps the form. Every attempt encodes it again, and holds only as much in memory as the connection
 * accepts.
 *
 * @internal
 */
export const send = <A, E, R>(
  client: object,
  request: Request,
  execute: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  const form = formOf(request.body)
  if (form === undefined) return execute(request)
  const encoded = Effect.suspend(() => execute(encode(request, form)))
  return refusing.has(client) ? encoded : Effect.catchAll(execute(request), (error) => {
    if (!isRefusal(error)) return Effect.fail(error)
    refusing.add(client)
    return encoded
  })
}

const formOf = (body: HttpBody.HttpBody): FormData | undefined =>
  body._tag === "FormData"
    ? body.formData
    : body._tag === "Raw" && body.body instanceof FormData
    ? body.body
    : undefined

/** Encodes the form with the runtime's own encoder, as `fetch` does. The data of the stages on the body stays. */
const encode = (request: Request, form: FormData): Request => {
  const { body, headers } = new Response(form)
  const encoded = HttpClientRequest.bodyStream(request, Stream.fromReadableStream(() => body!, identity), {
    contentType: headers.get("content-type")!
  })
  // The fields of the new body replace those of the old one, whatever kind that is.
  const marked = cloneWith(encoded.body, { ...request.body, ...encoded.body } as Request["body"])
  return requestMarks.markReplayable(cloneWith(encoded, { body: marked }))
}

/** undici's words for a form that is not of its own class: 7.10 and later, and 8. A bundler may have renamed the function. */
const isRefusal = (error: unknown): boolean =>
  Predicate.hasProperty(error, "cause") && error.cause instanceof Error &&
  /^([\w$]+ is not a function$|body must be a FormData created by )/.test(error.cause.message)
