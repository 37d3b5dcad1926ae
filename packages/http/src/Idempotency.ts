/**
 * Decides which requests may be sent twice: by method, by idempotency key, and by body.
 *
 * If the server may have processed a request, another attempt must meet two conditions. To send it twice must have the
 * effect of sending it once ({@link isIdempotent}). The second body must be equal to the first ({@link isReplayable}).
 *
 * @since 3.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import type { AutomaticKeysOptions, HeaderOptions } from "./internal/model.js"
import * as idempotency from "./internal/request/idempotency.js"
import * as idempotencyKey from "./internal/request/idempotencyKey.js"

export type { AutomaticKeysOptions, HeaderOptions } from "./internal/model.js"

/**
 * Whether the request may be sent again after the server may have processed it.
 *
 * These requests are idempotent:
 *
 * - GET, HEAD, OPTIONS, TRACE, PUT and DELETE (RFC 9110 section 9.2.2);
 * - QUERY (draft-ietf-httpbis-safe-method-w-body: safe and idempotent);
 * - a request with a key that is not empty;
 * - a request marked with {@link markIdempotent}.
 *
 * @example
 * ```ts
 * import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const payment = HttpClientRequest.post("https://api.example.com/payments")
 *
 * console.log(Idempotency.isIdempotent(payment)) // => false
 * console.log(Idempotency.isIdempotent(Idempotency.withKey(payment, "order-42"))) // => true
 * ```
 *
 * @since 3.1.0
 * @category predicates
 */
export const isIdempotent = (request: HttpClientRequest.HttpClientRequest, options?: HeaderOptions): boolean =>
  idempotency.isIdempotent(request, options?.header)

/**
 * Whether the body of the request can be sent a second time unchanged.
 *
 * It can for no body, text, JSON, bytes, `FormData`, and a raw string, typed array, `ArrayBuffer`, `Blob` or
 * `URLSearchParams`.
 *
 * A `Stream` and any other raw body (a web or Node stream, an iterator) may be readable only once. A transport would
 * send it empty the second time and report success. Such a body is replayable if it is marked with {@link
 * markReplayable}. A `Stream` inside a Reprise client is also replayable until an attempt has read from it.
 *
 * @example
 * ```ts
 * import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
 * import { Stream } from "effect"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const upload = HttpClientRequest.put("https://api.example.com/files/1").pipe(
 *   HttpClientRequest.bodyStream(Stream.make(new Uint8Array([1, 2, 3])))
 * )
 *
 * console.log(Idempotency.isReplayable(upload)) // => false
 * console.log(Idempotency.isReplayable(Idempotency.markReplayable(upload))) // => true
 * ```
 *
 * @since 3.1.0
 * @category predicates
 */
export const isReplayable: (request: HttpClientRequest.HttpClientRequest) => boolean = idempotency.isReplayable

/**
 * Declares that the request may be sent twice, with any method: `POST /search`, or a server that recognises repeats.
 *
 * Mark last: every later change of the request keeps the mark, except a change of its body.
 *
 * @example
 * ```ts
 * import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const search = HttpClientRequest.post("https://api.example.com/search").pipe(
 *   HttpClientRequest.bodyUnsafeJson({ term: "again" }),
 *   Idempotency.markIdempotent
 * )
 *
 * console.log(Idempotency.isIdempotent(search)) // => true
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const markIdempotent: (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest =
  idempotency.markIdempotent

/**
 * Declares that the body, a `Stream` or a raw value, has the same bytes every time it is read. An example is a file
 * that each read opens.
 *
 * It says nothing about the method. Mark last: every later change of the request keeps the mark, except a change of its
 * body. Do not mark a stream made of one iterator, `Readable` or `ReadableStream`: it is empty the second time, and the
 * server accepts that.
 *
 * @since 3.1.0
 * @category combinators
 */
export const markReplayable: (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest =
  idempotency.markReplayable

/**
 * Adds this idempotency key to the request, unless it has one. The key is sent as it is, without quotes.
 *
 * Derive the key from the operation (an order number), so that a restarted program does not do it twice. With a header
 * other than `Idempotency-Key` the function also marks the request ({@link markIdempotent}), so call it last.
 *
 * Throws `InvalidOption` if `header` is not a header name, or `key` is empty or not printable ASCII.
 *
 * @example
 * ```ts
 * import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const payment = HttpClientRequest.post("https://api.example.com/payments").pipe(Idempotency.withKey("order-42"))
 *
 * console.log(payment.headers["idempotency-key"]) // => order-42
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const withKey: {
  (
    key: string,
    options?: HeaderOptions
  ): (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest
  (
    request: HttpClientRequest.HttpClientRequest,
    key: string,
    options?: HeaderOptions
  ): HttpClientRequest.HttpClientRequest
} = dual(
  (args) => Predicate.hasProperty(args[0], "urlParams"),
  (
    request: HttpClientRequest.HttpClientRequest,
    key: string,
    options?: HeaderOptions
  ): HttpClientRequest.HttpClientRequest =>
    idempotencyKey.set(request, idempotencyKey.checkedHeader(options?.header), idempotencyKey.checkedKey(key))
)

/**
 * Adds a new idempotency key to the request, a UUID version 4, unless it has one.
 *
 * If the program provides Effect's `Random` (`Effect.withRandom`), the key comes from it, and is the same for the same
 * seed. Otherwise it comes from the platform's cryptographic source. The effect makes the key: run it once, and send
 * the resulting request on every attempt. {@link automaticKeys} does that for a whole client.
 *
 * Throws `InvalidOption` if `header` is not a header name.
 *
 * @example
 * ```ts
 * import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
 * import { Effect, Random } from "effect"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const program = HttpClientRequest.post("https://api.example.com/payments").pipe(
 *   Idempotency.withGeneratedKey,
 *   Effect.map((request) => request.headers["idempotency-key"]?.length),
 *   Effect.withRandom(Random.make("seed"))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => 36
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const withGeneratedKey = (
  request: HttpClientRequest.HttpClientRequest,
  options?: HeaderOptions
): Effect.Effect<HttpClientRequest.HttpClientRequest> => {
  return idempotencyKey.generated(request, idempotencyKey.checkedHeader(options?.header))
}

/**
 * Adds a new idempotency key to each POST and PATCH request of a client that has none, once per call.
 *
 * Put it outside of the retries (after them, in a `pipe`), so that all attempts of a call have the same key. Inside of
 * them each attempt would get a new key, and the server would treat each as a new call.
 *
 * It turns retries on for these requests, so use it only with servers that support the header. Other servers ignore it
 * and do the work twice. Throws `InvalidOption` if `header` is not a header name or `methods` is empty.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as Idempotency from "@reprise/http/Idempotency"
 *
 * const keys = new Set<string | undefined>()
 * const server = HttpClient.make((request) => {
 *   keys.add(request.headers["idempotency-key"])
 *   const response = new Response(null, { status: keys.size === 1 ? 503 : 200 })
 *   return Effect.succeed(HttpClientResponse.fromWeb(request, response))
 * })
 *
 * const client = server.pipe(
 *   HttpClient.filterStatusOk,
 *   HttpClient.retry({ times: 2 }),
 *   Idempotency.automaticKeys()
 * )
 *
 * const program = client.post("https://api.example.com/payments").pipe(Effect.ignore)
 *
 * Effect.runPromise(program).then(() => console.log(keys.size)) // => 1
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const automaticKeys: {
  (
    options?: AutomaticKeysOptions
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E, R>
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    options?: AutomaticKeysOptions
  ): HttpClient.HttpClient.With<E, R>
} = ((
  ...args: readonly [AutomaticKeysOptions?] | readonly [AnyClient, AutomaticKeysOptions?]
) => {
  // Not `dual`, because options must fail here, before there is a client.
  const [self, options] = isClient(args[0]) ? [args[0], args[1]] : [undefined, args[0]]
  const withKeys = addKeys(options)
  return self === undefined ? withKeys : withKeys(self)
  // One implementation for two overloads.
}) as typeof automaticKeys

type AnyClient = HttpClient.HttpClient.With<unknown, unknown>

const isClient = (u: unknown): u is AnyClient => Predicate.hasProperty(u, "execute")

const addKeys = (options: AutomaticKeysOptions | undefined) => {
  const add = idempotencyKey.automatic(options)
  // Not HttpClient.mapRequestInputEffect: its changes become part of `self`, whose retries would run them again.
  return <E, R>(self: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E, R> =>
    HttpClient.makeWith(
      (request: Effect.Effect<HttpClientRequest.HttpClientRequest>) => Effect.flatMap(request, self.execute),
      add
    )
}
