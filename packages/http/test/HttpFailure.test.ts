import { HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, FastCheck as fc, Match, Option } from "effect"
import { expectTypeOf } from "vitest"
import * as HttpClassifier from "../src/HttpClassifier.js"
import * as HttpFailure from "../src/HttpFailure.js"

const request = HttpClientRequest.get("http://h.test/path")

const classify = (cause: unknown, reason: "Transport" | "Encode" | "InvalidUrl" = "Transport") =>
  HttpClassifier.classify(new HttpClientError.RequestError({ request, reason, cause }), { request, nowMillis: 0 })

const ofStatus = (status: number, headers: Record<string, string> = {}) =>
  HttpClassifier.fromResponse(
    HttpClientResponse.fromWeb(request, new Response(null, { status, headers })),
    { nowMillis: 0 }
  )

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
    "fetch failed"
  ])("takes the TypeError %j for the network", (message) => {
    assert.strictEqual(Option.getOrThrow(classify(networkError(message)))._tag, "UnknownNetwork")
  })

  it.each(["Invalid header value", "Request with GET/HEAD method cannot have body."])(
    "takes the TypeError %j for a mistake of the caller",
    (message) => assert.strictEqual(Option.getOrThrow(classify(networkError(message)))._tag, "InvalidRequest")
  )

  it("has nothing to say about errors and defects that are not its own", () => {
    const options = { request, nowMillis: 0 }
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
    for (const cause of [trap, cyclic, null, undefined, 0, "text", Symbol("s"), [], () => {}]) classify(cause)
    fc.assert(fc.property(fc.anything({ maxDepth: 6, withBigInt: true, withNullPrototype: true }), (cause) => {
      const failure = Option.getOrThrow(classify(cause))
      assert.isString(failure.message)
      assert.isTrue(Option.isSome(classify({ cause, errors: [cause] })))
    }))
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
    const cause = new Error("beneath")
    assert.strictEqual(HttpFailure.withAttempts(Option.getOrThrow(classify(cause)), []).cause, cause)
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
    assert.strictEqual(Effect.runSync(Effect.merge(caught)), 429)
  })
})
