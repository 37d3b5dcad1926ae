import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

/**
 * Fewer bytes arrived than `Content-Length` announced. undici and node give an empty success where the connection died
 * before the body was read, so the count is the only witness.
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

/**
 * How many bytes the body must have, or `undefined` where that cannot be known: no length, no body by the method or the
 * status (RFC 9112 section 6.3), or a length that counts encoded bytes which fetch has decoded.
 */
const expectedBytes = (response: HttpClientResponse.HttpClientResponse): number | undefined => {
  const length = response.headers["content-length"]
  const encoding = response.headers["content-encoding"]
  if (length === undefined || !/^\d+$/.test(length) || (encoding !== undefined && encoding !== "identity")) return
  if (response.request.method === "HEAD" || response.status === 204 || response.status === 304) return
  return Number(length)
}

/**
 * The response with every way to read its body made to fail where the body came up short.
 *
 * @internal
 */
export const make = (response: HttpClientResponse.HttpClientResponse): HttpClientResponse.HttpClientResponse => {
  const expected = expectedBytes(response)
  if (expected === undefined || expected === 0) return response
  const decodeError = (cause: unknown) =>
    new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode", cause })
  const check = (receivedBytes: number) =>
    receivedBytes < expected
      ? Effect.fail(decodeError(new BodyTruncated({ expectedBytes: expected, receivedBytes })))
      : Effect.void
  const arrayBuffer = Effect.suspend(() => response.arrayBuffer).pipe(Effect.tap((buffer) => check(buffer.byteLength)))
  const text = Effect.map(arrayBuffer, (buffer) => new TextDecoder().decode(buffer))
  const json = Effect.flatMap(
    text,
    (text) => Effect.try({ try: () => (text === "" ? null : JSON.parse(text) as unknown), catch: decodeError })
  )
  const stream = Stream.suspend(() => {
    let receivedBytes = 0
    return response.stream.pipe(
      Stream.tap((chunk) => Effect.sync(() => receivedBytes += chunk.byteLength)),
      Stream.concat(Stream.drain(Stream.fromEffect(Effect.suspend(() => check(receivedBytes)))))
    )
  })
  // Everything else (status, headers, cookies, urlParamsBody, formData) stays the response's own.
  return Object.create(response, {
    arrayBuffer: { value: arrayBuffer },
    text: { value: text },
    json: { value: json },
    stream: { value: stream }
  })
}
