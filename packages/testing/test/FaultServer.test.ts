import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import * as https from "node:https"
import * as FaultServer from "../src/FaultServer.js"
import * as Reply from "../src/Reply.js"

const get = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.text)

const codeOf = (error: unknown): string => {
  let code = "none"
  for (let link = error as { code?: unknown; cause?: unknown } | undefined; link; link = link.cause as typeof link) {
    if (typeof link.code === "string") code = link.code
  }
  return code
}

const withUndici = Effect.provide(NodeHttpClient.layerUndici)

describe("FaultServer", () => {
  it.scopedLive("answers 200 ok where no step is left, and steps in their order before", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.respond({ status: 503, body: "busy" }), Reply.json({ a: 1 }))
      const bodies = yield* Effect.replicateEffect(get(server.url), 3)
      assert.deepStrictEqual(bodies, ["busy", `{"a":1}`, "ok"])
    }).pipe(withUndici))

  it.scopedLive("records what it received", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* HttpClient.execute(
        HttpClientRequest.post(`${server.url}/a?b=c`).pipe(
          HttpClientRequest.setHeader("x-test", "1"),
          HttpClientRequest.bodyStream(Stream.make(new Uint8Array([1, 2]), new Uint8Array([3])))
        )
      )
      const [request] = yield* server.requests
      assert.strictEqual(request?.method, "POST")
      assert.strictEqual(request?.path, "/a?b=c")
      assert.strictEqual(request?.headers["x-test"], "1")
      assert.deepStrictEqual([...request!.body], [1, 2, 3])
      assert.isTrue(request?.complete && request.answered && !request.aborted)
    }).pipe(withUndici))

  it.scopedLive("uses a route's steps for that path alone, and a handler sees the whole request", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.route("/a", Reply.respond({ body: "route" }))
      yield* server.always((request) => Reply.respond({ body: `${request.index} ${request.path}` }))
      assert.strictEqual(yield* get(`${server.url}/b?x`), "0 /b?x")
      assert.strictEqual(yield* get(`${server.url}/a?x`), "route")
    }).pipe(withUndici))

  it.scopedLive.each(
    [
      ["a reset after the request", Reply.reset(), "ECONNRESET"],
      ["a reset while connecting", Reply.reset("connect"), "ECONNRESET"],
      ["a reset in the head of the response", Reply.reset("responseHead"), "ECONNRESET"],
      ["a reset in the body", Reply.reset("responseBody"), "ECONNRESET"],
      ["a FIN after the request", Reply.fin(), "UND_ERR_SOCKET"],
      ["a FIN in the body", Reply.fin("responseBody"), "UND_ERR_SOCKET"],
      ["a body cut short", Reply.truncate(Reply.respond({ body: "whole body" })), "UND_ERR_SOCKET"],
      [
        "a chunked body cut short",
        Reply.truncate(Reply.framing(Reply.respond({ body: "whole" }), "chunked")),
        "UND_ERR_SOCKET"
      ],
      ["too many headers", Reply.malformed("headerOverflow"), "UND_ERR_HEADERS_OVERFLOW"]
    ] as const
  )("surfaces %s", ([, reply, code]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(reply)
      assert.strictEqual(codeOf(yield* Effect.flip(get(server.url))), code)
    }).pipe(withUndici))

  it.scopedLive.each(["garbage", "badStatusLine", "badChunkSize"] as const)(
    "talks %s",
    (kind) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.malformed(kind))
        assert.isTrue(Exit.isFailure(yield* Effect.exit(get(server.url))))
      }).pipe(withUndici)
  )

  it.scopedLive("sees that the client gives up, before and in the response", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      for (const reply of [Reply.hang(), Reply.hangBody(Reply.respond({ body: "half" }))]) {
        yield* server.reset
        yield* server.script(reply)
        const fiber = yield* Effect.fork(get(server.url))
        yield* server.awaitRequests(([request]) => request?.complete === true)
        yield* Fiber.interrupt(fiber)
        const [request] = yield* server.awaitRequests(([request]) => request?.aborted === true)
        assert.isFalse(request?.answered)
      }
      yield* server.awaitClosed()
    }).pipe(withUndici))

  it.scopedLive("sends a dribbled and a closed body whole", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(
        Reply.dribble(Reply.respond({ body: "in four pieces" }), { pieces: 4, gap: "1 millis" }),
        Reply.framing(Reply.respond({ body: "until close" }), "close"),
        Reply.closeAfter(Reply.respond({ body: "and closed" }))
      )
      assert.deepStrictEqual(yield* Effect.replicateEffect(get(server.url), 3), [
        "in four pieces",
        "until close",
        "and closed"
      ])
      assert.strictEqual((yield* server.connections).accepted, 2)
    }).pipe(withUndici))

  it.scopedLive("refuses connections in an outage, and comes back on the same port", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.stop
      assert.strictEqual(codeOf(yield* Effect.flip(get(server.url))), "ECONNREFUSED")
      yield* server.start
      assert.strictEqual(yield* get(server.url), "ok")
      assert.strictEqual(codeOf(yield* Effect.flip(get(yield* FaultServer.refusedUrl))), "ECONNREFUSED")
    }).pipe(withUndici))

  it.scopedLive("accepts no more connections than it may", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ maxConnections: 1 })
      yield* server.script(Reply.hang())
      yield* Effect.fork(get(server.url))
      yield* server.awaitRequests(1)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get(server.url))))
    }).pipe(Effect.provide(NodeHttpClient.layer)))

  it.scopedLive.each(
    [
      ["good", undefined],
      ["self-signed", "DEPTH_ZERO_SELF_SIGNED_CERT"],
      ["expired", "CERT_HAS_EXPIRED"],
      ["wrong-host", "ERR_TLS_CERT_ALTNAME_INVALID"]
    ] as const
  )("shows a client that trusts its authority a %s certificate", ([tls, code]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ tls })
      const result = yield* Effect.async<string | undefined>((resume) => {
        const request = https.get(server.url, { ca: server.ca, agent: false }, (response) => {
          response.resume()
          response.on("end", () => resume(Effect.succeed(undefined)))
        })
        request.on("error", (error: Error & { code?: string }) => resume(Effect.succeed(error.code)))
      })
      assert.strictEqual(result, code)
    }))

  it.scopedLive("leaves nothing open when its scope closes", () =>
    Effect.gen(function*() {
      const url = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.hang())
        const fiber = yield* Effect.fork(Effect.exit(get(server.url)))
        yield* server.awaitRequests(1)
        return [server.url, fiber] as const
      }))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(url[1])))
      assert.strictEqual(codeOf(yield* Effect.flip(get(url[0]))), "ECONNREFUSED")
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})
