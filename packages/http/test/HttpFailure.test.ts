import { HttpBody, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, FastCheck as fc, Match, Option, Stream } from "effect"
import { DeadlineExceeded } from "reprise/Deadline"
import { expectTypeOf } from "vitest"
import * as HttpClassifier from "../src/HttpClassifier.js"
import * as HttpFailure from "../src/HttpFailure.js"
import * as Idempotency from "../src/Idempotency.js"

const request = HttpClientRequest.get("http://h.test/path")

const classify = (cause: unknown, reason: "Transport" | "Encode" | "InvalidUrl" = "Transport") =>
  HttpClassifier.classify(new HttpClientError.RequestError({ request, reason, cause }), { request, nowMillis: 0 })

const ofStatus = (status: number, headers: Record<string, string> = {}) =>
  HttpClassifier.fromResponse(
    HttpClientResponse.fromWeb(request, new Response(null, { status, headers })),
    { nowMillis: 0 }
  )

const thrown = (bug: () => unknown): unknown => {
  try {
    return bug()
  } catch (error) {
    return error
  }
}

const networkError = (message: string) => Object.assign(new TypeError(message))

describe("HttpFailure", () => {
  it("knows every status: what it is, whether it can pass, whether it was processed", () => {
    for (let status = 200; status <= 599; status++) {
      const failure = ofStatus(status)
      if (status < 300) {
        assert.isTrue(Option.isNone(failure))
        continue
      }
      const { _tag, retryable, sent } = Option.getOrThrow(failure)
      const tag = status < 400
        ? "ProtocolFailure"
        : status === 429
        ? "RateLimited"
        : status < 500
        ? "ClientError"
        : "ServerError"
      assert.strictEqual(_tag, tag)
      assert.strictEqual(retryable, [429, 500, 502, 503, 504].includes(status))
      assert.strictEqual(sent, [421, 425, 429].includes(status) ? "refused" : "maybe")
    }
  })

  it("takes a 503 that says when to come back for a refusal", () => {
    assert.strictEqual(Option.getOrThrow(ofStatus(503, { "retry-after": "3" })).sent, "refused")
    assert.strictEqual(Option.getOrThrow(ofStatus(503, { "retry-after": "soon" })).sent, "maybe")
    assert.strictEqual(Option.getOrThrow(ofStatus(500, { "retry-after": "3" })).sent, "maybe")
  })

  it.each([
    "Failed to fetch",
    "Load failed",
    "Load failed (api.example.com)",
    "NetworkError when attempting to fetch resource.",
    "The Internet connection appears to be offline.",
    "The network connection was lost.",
    "error sending request for url",
    "Unable to connect. Is the computer able to access the url?",
    "fetch failed",
    "Failed to fetch (api.example.com)",
    "Network request failed",
    " A network error occurred.",
    "Could not connect to the server.",
    "A server with the specified hostname could not be found.",
    "Network connection lost.",
    "error reading a body from connection",
    "error sending request for url (http://h): error trying to connect:\n more"
  ])("takes the TypeError %j for the network", (message) => {
    assert.strictEqual(Option.getOrThrow(classify(networkError(message)))._tag, "UnknownNetwork")
  })

  it.each(["Invalid header value", "Request with GET/HEAD method cannot have body."])(
    "takes the TypeError %j for a mistake of the caller",
    (message) => assert.strictEqual(Option.getOrThrow(classify(networkError(message)))._tag, "InvalidRequest")
  )

  it("has nothing to say about errors and defects that are not its own", () => {
    const options = { request, nowMillis: 0 }
    assert.isTrue(Option.isNone(classify(new DeadlineExceeded({ last: Option.none() }))))
    assert.isTrue(Option.isNone(classify({ _tag: "CircuitOpen" })))
    for (const bug of [() => Buffer.from(undefined as never), () => new Uint8Array(-1)]) {
      assert.isTrue(Option.isNone(HttpClassifier.classifyCause(Cause.die(thrown(bug)), options)))
    }
    const nested = new Error("bug", { cause: Object.assign(new Error(), { code: "ERR_INVALID_CHAR" }) })
    assert.isTrue(Option.isNone(HttpClassifier.classifyCause(Cause.die(nested), options)))
    assert.isTrue(Option.isNone(HttpClassifier.classify({ _tag: "Mine" }, options)))
    assert.isTrue(Option.isNone(HttpClassifier.classifyCause(Cause.die(new Error("boom")), options)))
    assert.isTrue(Option.isNone(HttpClassifier.classifyCause(Cause.empty, options)))
  })

  it("never throws, whatever the cause is made of", () => {
    const trap = new Proxy({}, {
      get: () => {
        throw new Error("trap")
      }
    })
    const cyclic: { cause?: unknown; errors?: unknown } = {}
    cyclic.cause = cyclic
    cyclic.errors = [cyclic, trap, null, 1n, Symbol("s")]
    const { proxy, revoke } = Proxy.revocable([], {})
    revoke()
    const hostile = new Proxy([1], {
      has: () => {
        throw new Error("trap")
      },
      get: () => {
        throw new Error("trap")
      }
    })
    assert.isTrue(Option.isNone(HttpClassifier.classify(hostile, { request, nowMillis: 0 })))
    assert.isTrue(Option.isNone(HttpFailure.fromError(hostile)))
    assert.isFalse(HttpFailure.isHttpFailure(hostile))
    const values = [hostile, proxy, trap, cyclic, new Array(2 ** 28), null, undefined, 0, "text", Symbol("s"), () => {}]
    for (const value of values) {
      for (const cause of [value, { errors: value }, { cause: value }, { message: value, code: value, stack: value }]) {
        assert.strictEqual(Option.getOrThrow(classify(cause))._tag, "UnknownNetwork")
      }
    }
    fc.assert(fc.property(fc.anything({ maxDepth: 6, withBigInt: true, withNullPrototype: true }), (cause) => {
      const failure = Option.getOrThrow(classify(cause))
      assert.isString(failure.message)
      assert.isTrue(Option.isSome(classify({ cause, errors: [cause, hostile] })))
    }))
  })

  const connect = (code = "ECONNREFUSED") => Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" })
  const read = (cause?: unknown) =>
    Object.assign(new Error("read ECONNRESET", { cause }), { code: "ECONNRESET", syscall: "read" })
  const sentOf = (cause: unknown, options: Partial<HttpClassifier.ClassifyOptions> = {}, error = request) =>
    Option.getOrThrow(HttpClassifier.classify(
      new HttpClientError.RequestError({ request: error, reason: "Transport", cause }),
      { request, nowMillis: 0, ...options }
    )).sent

  it("claims that nothing was sent only where everything in the error says so", () => {
    assert.strictEqual(sentOf(connect()), "no")
    assert.strictEqual(sentOf(new AggregateError([connect(), connect("ETIMEDOUT")])), "no")
    assert.strictEqual(sentOf(read(connect())), "maybe")
    assert.strictEqual(sentOf(new AggregateError([connect(), read()])), "maybe")
    assert.strictEqual(sentOf(new TypeError("fetch failed", { cause: connect() })), "maybe")
    assert.strictEqual(sentOf(new TypeError("fetch failed", { cause: connect() }), { redirect: "manual" }), "no")
    assert.strictEqual(sentOf(new AggregateError([connect(), new Error("boom")])), "maybe")
    assert.strictEqual(sentOf(new AggregateError(Array.from({ length: 40 }, () => connect()))), "maybe")
    const streaming = HttpClientRequest.bodyStream(request, Stream.empty)
    assert.strictEqual(sentOf(connect(), { request: streaming }, streaming), "maybe")
    const raw = Idempotency.markReplayable(HttpClientRequest.setBody(request, HttpBody.raw(new ReadableStream())))
    assert.strictEqual(sentOf(connect(), { request: raw }, raw), "maybe")
  })

  it.each(
    [
      ["node-fetch", Object.assign(connect(), { name: "FetchError" })],
      ["axios", Object.assign(connect(), { cause: connect() })],
      ["Bun", Object.assign(new Error("expired"), { code: "CERT_HAS_EXPIRED", path: "http://h.test/" })],
      ["a wrapper", new Error("Request failed", { cause: connect() })]
    ] as const
  )("claims it for no error of %s, which follows redirects", (_, cause) => {
    assert.strictEqual(sentOf(cause), "maybe")
  })

  it("does not try a prohibited route again", () => {
    const failure = Option.getOrThrow(classify(connect("EACCES")))
    assert.deepStrictEqual([failure._tag, failure.retryable, failure.sent], ["ConnectFailure", false, "no"])
  })

  it("claims it for no hop but the first, not even one to the same URL", () => {
    const again = HttpClientRequest.setUrl(request, new URL(request.url))
    assert.strictEqual(sentOf(connect(), {}, again), "maybe")
    assert.strictEqual(sentOf(connect(), {}, HttpClientRequest.setHeader(request, "traceparent", "00")), "no")
  })

  it("believes the failure that claims less where a transport reports two", () => {
    const fail = (cause: unknown) =>
      Cause.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))
    const failure = HttpClassifier.classifyCause(Cause.parallel(fail(connect()), fail(read())), {
      request,
      nowMillis: 0
    })
    assert.strictEqual(Option.getOrThrow(failure).sent, "maybe")
  })

  it.each(
    [
      ["a closed client", Object.assign(new Error("closed"), { code: "UND_ERR_DESTROYED" }), "InvalidRequest"],
      ["a name without a system call", Object.assign(new Error("queryA"), { code: "ENOTFOUND" }), "HostNotFound"],
      [
        "a redirect that cannot be parsed",
        new TypeError("fetch failed", {
          cause: Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL" })
        }),
        "ProtocolFailure"
      ],
      ["a 407 of fetch", new TypeError("fetch failed", { cause: new Error("") }), "ProtocolFailure"],
      ["a promise that Effect wrapped", new Cause.UnknownException(new TypeError("fetch failed")), "UnknownNetwork"],
      ["a TimeoutException beneath", new Cause.TimeoutException(), "AttemptTimeout"],
      [
        "a name service that gave up",
        Object.assign(new Error(), { code: "EAI_FAIL", syscall: "getaddrinfo" }),
        "HostNotFound"
      ],
      ["a timeout of another library", Object.assign(new Error("late"), { name: "TimeoutError" }), "AttemptTimeout"]
    ] as const
  )("takes %s for what it is", (_, cause, tag) => {
    assert.strictEqual(Option.getOrThrow(classify(cause))._tag, tag)
  })

  it("takes a broken compression for what it is, whatever it is wrapped in", () => {
    const cause = new TypeError("terminated", {
      cause: Object.assign(new Error(), { code: "ERR__ERROR_FORMAT_HUFFMAN_SPACE" })
    })
    const response = HttpClientResponse.fromWeb(request, new Response(""))
    const error = new HttpClientError.ResponseError({ request, response, reason: "Decode", cause })
    assert.strictEqual(
      Option.getOrThrow(HttpClassifier.classify(error, { request, nowMillis: 0 }))._tag,
      "DecodeFailure"
    )
  })

  it.each(
    [
      ["a broken network in a body", "ENETUNREACH", "BodyFailure"],
      ["a destroyed client in a body", "UND_ERR_DESTROYED", "InvalidRequest"]
    ] as const
  )("takes %s for what it is", (_, code, tag) => {
    const response = HttpClientResponse.fromWeb(request, new Response(""))
    const cause = Object.assign(new Error(), { code })
    const error = new HttpClientError.ResponseError({ request, response, reason: "Decode", cause })
    assert.strictEqual(Option.getOrThrow(HttpClassifier.classify(error, { request, nowMillis: 0 }))._tag, tag)
  })

  it("takes a 2xx that the program refuses for one that is not what it asked for", () => {
    const response = HttpClientResponse.fromWeb(request, new Response(null, { status: 204 }))
    const error = new HttpClientError.ResponseError({ request, response, reason: "StatusCode" })
    assert.strictEqual(
      Option.getOrThrow(HttpClassifier.classify(error, { request, nowMillis: 0 }))._tag,
      "DecodeFailure"
    )
  })

  it("has only the facts of its class", () => {
    const facts = ["_tag", "attempts", "request", "retryAfter", "retryable", "sent"]
    const own = (failure: Option.Option<HttpFailure.HttpFailure>) => Object.keys(Option.getOrThrow(failure)).sort()
    assert.deepStrictEqual(own(classify(connect())), [...facts, "code"].sort())
    assert.deepStrictEqual(own(ofStatus(404)), [...facts, "status"].sort())
    assert.deepStrictEqual(own(ofStatus(302)), [...facts, "code", "status"].sort())
  })

  it("says of the whole call that it may have been processed if any attempt may have", () => {
    const refused = Option.getOrThrow(ofStatus(429))
    const line = (failure: HttpFailure.HttpFailure) =>
      ({
        number: 1,
        startMillis: 0,
        duration: Duration.zero,
        failure: Option.some(failure),
        delay: Option.none(),
        reason: "x"
      }) as const
    assert.strictEqual(HttpFailure.withAttempts(refused, [line(refused)]).sent, "refused")
    assert.strictEqual(
      HttpFailure.withAttempts(refused, [line(Option.getOrThrow(ofStatus(500))), line(refused)]).sent,
      "maybe"
    )
  })

  it("may be sent again only where it can pass, is safe, and has a body", () => {
    const failures = [429, 500, 404].map((status) => Option.getOrThrow(ofStatus(status)))
    for (const failure of failures) {
      for (const idempotent of [true, false]) {
        for (const replayable of [true, false]) {
          for (const retryUnsent of [true, false]) {
            const verdict = HttpFailure.disposition(failure, { idempotent, replayable, retryUnsent })
            const safe = idempotent || (retryUnsent && failure.sent !== "maybe")
            const reason = !failure.retryable ? "NotRetryable" : !safe ? "NotIdempotent" : "BodyNotReplayable"
            assert.deepStrictEqual(
              verdict,
              failure.retryable && safe && replayable ? { _tag: "Resend" } : { _tag: "Refuse", reason }
            )
          }
        }
      }
    }
  })

  it("keeps class, response and cause when it gets its ledger", () => {
    const failure = Option.getOrThrow(ofStatus(503))
    const attempt = {
      number: 1,
      startMillis: 0,
      failure: Option.none(),
      delay: Option.none(),
      reason: "attempts"
    } as never
    const copy = HttpFailure.withAttempts(failure, [attempt, attempt])
    assert.instanceOf(copy, HttpFailure.ServerError)
    assert.strictEqual((copy as HttpFailure.ServerError).response, (failure as HttpFailure.ServerError).response)
    assert.strictEqual(copy.attempts.length, 2)
    assert.include(copy.message, "after 2 attempts")
    const lost = Option.getOrThrow(classify(new Error("beneath")))
    assert.strictEqual(HttpFailure.withAttempts(lost, []).cause, lost.cause)
    assert.notProperty(HttpFailure.withAttempts(lost, []), "response")
  })

  it("can be handled exhaustively", () => {
    const words = Match.type<HttpFailure.HttpFailure>().pipe(
      Match.tags({
        RateLimited: () => 1,
        ServerError: () => 1,
        ClientError: () => 1,
        ConnectFailure: () => 1,
        HostNotFound: () => 1,
        TlsFailure: () => 1,
        ConnectionLost: () => 1,
        AttemptTimeout: () => 1,
        BodyFailure: () => 1,
        DecodeFailure: () => 1,
        UnexpectedResponse: () => 1,
        ProtocolFailure: () => 1,
        InvalidRequest: () => 1,
        UnknownNetwork: () => 1
      }),
      Match.exhaustive
    )
    expectTypeOf(words).returns.toEqualTypeOf<number>()
    const caught = Effect.catchTag(
      Effect.fail(Option.getOrThrow(ofStatus(429))),
      "RateLimited",
      ({ status }) => Effect.succeed(status)
    )
    assert.strictEqual(Effect.runSync(Effect.catchAll(caught, Effect.succeed)), 429)
  })
})
