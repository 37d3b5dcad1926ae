import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect } from "effect"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as Idempotency from "../../src/Idempotency.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { dropIn, layerTyped, onEachFace, onEachTransport, quick, toArrive, typed } from "../support/wire.js"

const status = (status: number, headers: Record<string, string> = {}) => Reply.respond({ status, headers, body: "no" })
const twice = [status(503), status(503)] as const

const post = (url: string) => HttpClientRequest.post(`${url}/charges`).pipe(HttpClientRequest.bodyText("5 EUR"))

/** The machine may be busy. */
const timeFor = (name: string) => name === "silence" ? toArrive : "10 seconds"

const countOf = (server: FaultServer.FaultServer) => Effect.map(server.requests, (requests) => requests.length)

onEachFace("what is sent again", (transport) => {
  it.scopedLive.each([429, 500, 502, 503, 504])(
    "a GET answered %i",
    (code) =>
      dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.script(status(code), status(code))
          const response = yield* HttpClient.get(server.url)
          assert.strictEqual(yield* response.text, "ok")
          assert.strictEqual(yield* countOf(server), 3)
          assert.deepStrictEqual(HttpResilience.attempts(response).map(({ reason }) => reason), [
            "backoff",
            "backoff",
            "success"
          ])
        }))
  )

  it.scopedLive.each([400, 401, 403, 404, 408, 409, 413, 421, 425, 501, 505, 511])(
    "but not one answered %i",
    (code) =>
      typed(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.always(status(code))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const failure = yield* Effect.flip(client.put(server.url))
          assert.isTrue(failure._tag === "ClientError" || failure._tag === "ServerError")
          // fetch sends a request again by itself once it is told 421.
          assert.isAtMost(yield* countOf(server), code === 421 ? 2 : 1)
        }))
  )

  it.scopedLive("statuses that the caller adds", () =>
    dropIn(transport, { retry: quick(3).pipe(HttpRetry.whileStatus(408, 425)) }, (server) =>
      Effect.gen(function*() {
        yield* server.script(status(408), status(425))
        assert.strictEqual((yield* HttpClient.get(server.url)).status, 200)
        assert.strictEqual(yield* countOf(server), 3)
      })))

  it.scopedLive("nothing that the server asks not to be, with x-should-retry", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(status(503, { "x-should-retry": "false" }))
        assert.strictEqual((yield* HttpClient.get(server.url)).status, 503)
        assert.strictEqual(yield* countOf(server), 1)
      })))

  it.scopedLive.each(
    [
      ["a reset after the request", Reply.reset()],
      ["a reset in the head of the response", Reply.reset("responseHead")],
      ["a FIN after the request", Reply.fin()],
      ["silence", Reply.hang()]
    ] as const
  )(
    "a PUT after %s",
    ([name, fault]) =>
      dropIn(transport, { attemptTimeout: timeFor(name) }, (server) =>
        Effect.gen(function*() {
          yield* server.script(fault)
          const response = yield* HttpClient.put(server.url)
          assert.strictEqual(response.status, 200)
          assert.strictEqual(yield* countOf(server), 2)
        }))
  )

  it.scopedLive("counts errors and responses together", () =>
    dropIn(transport, { retry: quick(4) }, (server) =>
      Effect.gen(function*() {
        yield* server.always((_, index) => index % 4 === 3 ? Reply.reset() : status(503))
        yield* Effect.exit(HttpClient.get(server.url))
        assert.strictEqual(yield* countOf(server), 4)
        yield* Effect.exit(HttpClient.get(server.url))
        assert.strictEqual(yield* countOf(server), 8)
      })))

  it.scopedLive.each(
    [
      ["one attempt", { retry: quick(1) }],
      ["retry off", { retry: false }]
    ] as const
  )("nothing with %s", ([, options]) =>
    dropIn(transport, options, (server) =>
      Effect.gen(function*() {
        yield* server.always(status(503))
        assert.strictEqual((yield* HttpClient.get(server.url)).status, 503)
        assert.strictEqual(yield* countOf(server), 1)
      })))
})

onEachFace("a bare POST", (transport) => {
  it.scopedLive.each(
    [
      ["503", status(503)],
      ["503 with Retry-After", status(503, { "retry-after": "0" })],
      ["429", status(429)],
      ["a reset after it was processed", Reply.reset()],
      ["a FIN after it was processed", Reply.fin()],
      ["silence", Reply.hang()]
    ] as const
  )(
    "is never sent again after %s",
    ([name, fault]) =>
      dropIn(transport, { attemptTimeout: timeFor(name) }, (server) =>
        Effect.gen(function*() {
          yield* server.always(fault)
          yield* Effect.exit(HttpClient.execute(post(server.url)))
          assert.strictEqual(yield* countOf(server), 1)
        }))
  )

  it.scopedLive.each(
    [
      ["503 with Retry-After", status(503, { "retry-after": "0" }), 3],
      ["429", status(429), 3],
      ["503 that does not say when", status(503), 1],
      ["500", status(500), 1],
      ["a reset", Reply.reset(), 1],
      ["silence", Reply.hang(), 1]
    ] as const
  )(
    "with retryUnsent after %s is sent only where it was not processed",
    ([name, fault, times]) =>
      dropIn(transport, { attemptTimeout: timeFor(name), retryUnsent: true }, (server) =>
        Effect.gen(function*() {
          yield* server.always(fault)
          yield* Effect.exit(HttpClient.execute(post(server.url)))
          assert.strictEqual(yield* countOf(server), times)
        }))
  )

  it.scopedLive("is sent again with its key, its body and nothing else changed", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.reset(), status(500))
        const response = yield* HttpClient.execute(Idempotency.withKey(post(server.url), "order-42"))
        assert.strictEqual(response.status, 200)
        const requests = yield* server.requests
        assert.deepStrictEqual(requests.map(({ headers }) => headers["idempotency-key"]), Array(3).fill("order-42"))
        assert.deepStrictEqual(requests.map(({ text }) => text), Array(3).fill("5 EUR"))
      })))

  it.scopedLive("gets one key for all its attempts, and the next call another", () =>
    dropIn(transport, { idempotencyKeys: { header: "X-Key" } }, (server) =>
      Effect.gen(function*() {
        for (let call = 0; call < 2; call++) {
          yield* server.script(...twice)
          assert.strictEqual((yield* HttpClient.execute(post(server.url))).status, 200)
        }
        const keys = (yield* server.requests).map(({ headers }) => headers["x-key"])
        assert.lengthOf(keys, 6)
        assert.strictEqual(new Set(keys.slice(0, 3)).size, 1)
        assert.strictEqual(new Set(keys).size, 2)
      })))

  it.scopedLive("is sent again where its caller says that it may be", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(...twice)
        const response = yield* HttpClient.execute(Idempotency.markIdempotent(post(server.url)))
        assert.strictEqual(response.status, 200)
        assert.strictEqual(yield* countOf(server), 3)
      })))
})

onEachTransport("what never reached the server", (transport, name) => {
  it.scopedLive("a refused connection is tried again, for a POST only if asked and proved", () =>
    Effect.gen(function*() {
      const url = yield* FaultServer.refusedUrl
      const attempts = (options: ResilientHttpClient.Options, method: "POST" | "GET") =>
        Effect.gen(function*() {
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const failure = yield* Effect.flip(client.execute(HttpClientRequest.make(method)(url)))
          assert.strictEqual(failure._tag, "ConnectFailure")
          return failure._tag === "ConnectFailure" ? [failure.sent, failure.attempts.length] : []
        }).pipe(
          Effect.provide(layerTyped(transport, { retry: quick(3), ...options }))
        )
      const proved = name === "fetch" ? "maybe" : "no"
      assert.deepStrictEqual(yield* attempts({}, "GET"), [proved, 3])
      assert.deepStrictEqual(yield* attempts({}, "POST"), [proved, 1])
      assert.deepStrictEqual(yield* attempts({ retryUnsent: true }, "POST"), [proved, name === "fetch" ? 1 : 3])
    }))

  it.scopedLive.each(["self-signed", "expired", "wrong-host"] as const)(
    "a %s certificate is looked at once",
    (tls) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ tls })
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const failure = yield* Effect.flip(client.get(server.url))
        assert.strictEqual(failure._tag, "TlsFailure")
        assert.strictEqual((yield* server.connections).accepted, 1)
      }).pipe(Effect.provide(layerTyped(transport, { retry: quick(3) })))
  )

  it.scopedLive.each(
    [
      ["a scheme", (url: string) => HttpClientRequest.get(url.replace("http:", "ftp:"))],
      ["a header", (url: string) => HttpClientRequest.get(url).pipe(HttpClientRequest.setHeader("x-a", "b\nc"))],
      ["no URL", () => HttpClientRequest.get("::")]
    ] as const
  )(
    "%s that cannot be sent is refused once, as a typed failure",
    ([, make]) =>
      typed(transport, {}, (server) =>
        Effect.gen(function*() {
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const failure = yield* Effect.flip(client.execute(make(server.url)))
          assert.strictEqual(failure._tag, "InvalidRequest")
          assert.strictEqual(yield* countOf(server), 0)
        }))
  )
})
