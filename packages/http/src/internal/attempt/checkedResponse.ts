import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type BodyError, decodeError } from "../classify/clientError.js"

type Response = HttpClientResponse.HttpClientResponse

/**
 * Fewer bytes arrived than `Content-Length` announced.
 *
 * undici and node return an empty success if the connection died before the body was read, so only the count shows it.
 *
 * @internal
 */
export class BodyTruncated extends Data.TaggedError("BodyTruncated")<{
  readonly expectedBytes: number
  readonly receivedBytes: number
}> {
  readonly code = "REPRISE_BODY_TRUNCATED"
  override get message() {
    return `The body ended after ${this.receivedBytes} of ${this.expectedBytes} bytes`
  }
}

/** A page and its workers: CORS hides headers from them, `Content-Encoding` among them. */
const isBrowser = "document" in globalThis || "WorkerGlobalScope" in globalThis

/**
 * Whether the body has the same bytes as the wire. `fetch` decodes them and may hide `Content-Encoding`.
 *
 * `fetch` needs no count, because it reports a cut body itself. undici and node decode nothing. A `Response` without a
 * URL comes from the program.
 */
const isAsSent = (response: Response): boolean => {
  // Platform's responses keep what the transport gave them in these fields, which their types do not show.
  const original: unknown = Predicate.hasProperty(response, "original") ? response.original : response
  const source: unknown = Predicate.hasProperty(original, "source") ? original.source : undefined
  return Predicate.hasProperty(source, "statusCode") ||
    (!isBrowser && source instanceof globalThis.Response && source.url === "")
}

/**
 * The expected number of bytes. `undefined` if it is unknown:
 *
 * - There is no length.
 * - The method or the status allows no body (RFC 9112 section 6.3).
 * - The length may count encoded bytes while the reader gets decoded ones.
 *
 * @internal
 */
export const expectedBytes = (response: Response): number | undefined => {
  const length = response.headers["content-length"]
  const encoding = response.headers["content-encoding"]
  if (length === undefined || !/^\d+$/.test(length) || (encoding !== undefined && encoding !== "identity")) return
  if (response.request.method === "HEAD" || response.status === 204 || response.status === 304) return
  return isAsSent(response) ? Number(length) : undefined
}

/**
 * The response, with readers that fail if the body is too short. The body is read once, and every reader but `stream`
 * shares its bytes, so that a program may read it twice.
 *
 * @internal
 */
export const make = (response: Response): Response => {
  const expected = expectedBytes(response)
  return expected === undefined || expected === 0 ? response : shared(response, expected)
}

/**
 * The response with a body that may be read more than once, except as a stream.
 *
 * @internal
 */
export const share = (response: Response): Response => {
  let isBuffered = false
  const arrayBuffer = Effect.suspend(() => {
    isBuffered = true
    return response.arrayBuffer
  }).pipe(Effect.cached, Effect.runSync)
  const stream = Stream.suspend(() => isBuffered ? streamOf(arrayBuffer) : response.stream)
  return reading(response, arrayBuffer, stream)
}

const streamOf = (arrayBuffer: Bytes): Response["stream"] =>
  Stream.fromEffect(Effect.map(arrayBuffer, (buffer) => new Uint8Array(buffer)))

const shared = (response: Response, expected: number): Response => {
  const check = (receivedBytes: number) =>
    receivedBytes < expected
      ? Effect.fail(decodeError(response)(new BodyTruncated({ expectedBytes: expected, receivedBytes })))
      : Effect.void
  let isStreamed = false
  let isBuffered = false
  const arrayBuffer = Effect.suspend(() => {
    // node never answers the second read.
    if (isStreamed) return Effect.fail(decodeError(response)(new TypeError("The body has already been read")))
    isBuffered = true
    return Effect.tap(response.arrayBuffer, (buffer) => check(buffer.byteLength))
  }).pipe(Effect.cached, Effect.runSync)
  const stream = Stream.suspend(() => {
    if (isBuffered) return streamOf(arrayBuffer)
    // The second read of a transport does not return the body.
    if (isStreamed) return response.stream
    isStreamed = true
    let receivedBytes = 0
    return response.stream.pipe(
      Stream.tap((chunk) => Effect.sync(() => receivedBytes += chunk.byteLength)),
      Stream.onEnd(Effect.suspend(() => check(receivedBytes)))
    )
  })
  return reading(response, arrayBuffer, stream)
}

type Bytes = Effect.Effect<ArrayBuffer, BodyError>

/**
 * The response with these bytes as its body. All other parts (status, headers, cookies) stay.
 *
 * @internal
 */
export const reading = (response: Response, arrayBuffer: Bytes, stream: Response["stream"]): Response => {
  const text = Effect.map(arrayBuffer, (buffer) => new TextDecoder().decode(buffer))
  const parse = <A>(f: (text: string) => A) =>
    Effect.flatMap(text, (text) => Effect.try({ try: () => f(text), catch: decodeError(response) }))
  return Object.create(response, {
    arrayBuffer: { value: arrayBuffer },
    text: { value: text },
    json: { value: parse((text) => (text === "" ? null : JSON.parse(text) as unknown)) },
    urlParamsBody: { value: parse((text) => UrlParams.fromInput(new URLSearchParams(text))) },
    formData: { value: Effect.flatMap(arrayBuffer, (buffer) => formData(response, buffer, decodeError(response))) },
    stream: { value: stream }
  })
}

const formData = <E>(
  { headers }: Response,
  body: ArrayBuffer,
  decodeError: (cause: unknown) => E
) =>
  Effect.tryPromise({
    try: () => new globalThis.Response(body, { headers: { "content-type": headers["content-type"] ?? "" } }).formData(),
    catch: decodeError
  })
