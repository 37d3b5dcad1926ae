import { HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import * as HttpClassifier from "../src/HttpClassifier.js"

const request = HttpClientRequest.get("http://localhost")
const response = HttpClientResponse.fromWeb(request, new Response())

/** What an error is that surfaces while the body is read. */
const classify = (cause: unknown) =>
  Option.getOrThrow(
    HttpClassifier.classify(new HttpClientError.ResponseError({ request, response, reason: "Decode", cause }), {
      request,
      nowMillis: 0
    })
  )

const coded = (code: string, message = "broken") => Object.assign(new Error(message), { code })

const parseError = Effect.runSync(Effect.flip(Schema.decodeUnknown(Schema.Number)("text")))

describe("an error while the body is read", () => {
  it.each<[string, unknown]>([
    ["a reset of an HTTP/2 stream", coded("ERR_HTTP2_STREAM_ERROR", "Stream closed with error code NGHTTP2_CANCEL")],
    ["a cancelled HTTP/2 stream", coded("ERR_HTTP2_STREAM_CANCEL")],
    ["the end of an HTTP/2 session", coded("ERR_HTTP2_SESSION_ERROR")],
    ["a broken TLS record", coded("ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC")],
    ["a TLS error of the protocol", coded("EPROTO")],
    ["a reset", coded("ECONNRESET")],
    ["a code that nobody has seen before", coded("UND_ERR_OF_THE_FUTURE")],
    ["an error without a code", new Error("quic: connection migrated")],
    ["the words of Firefox", new TypeError("Error in input stream")],
    ["the words of Deno", new TypeError("error reading a body from connection")],
    ["no cause at all", undefined]
  ])("is a BodyFailure, which can pass: %s", (_, cause) => {
    const { _tag, retryable, sent } = classify(cause)
    assert.deepStrictEqual([_tag, retryable, sent], ["BodyFailure", true, "maybe"])
  })

  it.each<[string, unknown]>([
    ["text that is no JSON", new SyntaxError("Unexpected token")],
    ["a value that does not fit its schema", parseError],
    ["corrupt gzip", new TypeError("terminated", { cause: coded("Z_DATA_ERROR") })],
    ["corrupt brotli", coded("ERR_BROTLI_DECODER_ERROR_FORMAT")],
    ["corrupt brotli in Node 20", coded("ERR__ERROR_FORMAT_PADDING_1")],
    ["corrupt zstd", coded("ZSTD_error_corruption_detected")],
    ["bytes that are no text", Object.assign(new TypeError("invalid"), { code: "ERR_ENCODING_INVALID_ENCODED_DATA" })],
    ["a form that cannot be parsed", new TypeError("Failed to parse body as FormData.")],
    ["a body that was read before", new TypeError("Body is unusable: Body has already been read")],
    ["a body that was read before, in undici", new TypeError("unusable")],
    ["a body that is read elsewhere", new TypeError("Invalid state: ReadableStream is locked")],
    ["a form over undici's own client", coded("UND_ERR_NOT_SUPPORTED", "Not supported error")],
    ["a body of more than MaxBodySize", new Error("maxBytes exceeded")],
    ["a body that is too long for a string", new RangeError("Invalid string length")]
  ])("is a DecodeFailure, which another attempt does not change: %s", (_, cause) => {
    const { _tag, retryable } = classify(cause)
    assert.deepStrictEqual([_tag, retryable], ["DecodeFailure", false])
  })
})
