import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import * as Http from "node:http"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as InvalidOption from "reprise/InvalidOption"
import * as FaultServer from "../src/FaultServer.js"
import * as Reply from "../src/Reply.js"

/** A plain connection that sends text, and how it ended: `"end"` after a FIN, or an error code. */
interface Client {
  readonly socket: Net.Socket
  readonly received: () => string
  /** Waits for these words in what was received. */
  readonly waitFor: (words: string) => Effect.Effect<void>
  readonly ended: Effect.Effect<string>
}

const connect = (server: FaultServer.FaultServer, text: string, make = () => Net.connect(server.port, "127.0.0.1")) =>
  Effect.acquireRelease(
    Effect.sync((): Client => {
      const socket = make()
      let received = ""
      let how = ""
      socket.on("data", (bytes) => received += bytes.toString("latin1"))
      socket.on("end", () => how ||= "end")
      socket.on("error", (error: Error & { readonly code?: string }) => how = error.code ?? error.message)
      if (text !== "") socket.write(text)
      return {
        socket,
        received: () => received,
        waitFor: (words) =>
          Effect.async((resume) => {
            const check = () => {
              if (received.includes(words)) resume(Effect.void)
            }
            socket.on("data", check)
            check()
          }),
        ended: Effect.async((resume) => {
          if (socket.closed) resume(Effect.sync(() => how))
          else socket.once("close", () => resume(Effect.sync(() => how)))
        })
      }
    }),
    (client) => Effect.sync(() => client.socket.destroy())
  )

const get = (path = "/") => `GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`
const upload = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 10\r\n\r\n"

describe("FaultServer on the wire", () => {
  it.scopedLive.each(
    [
      [Reply.reset("connect"), "", "ECONNRESET"],
      [Reply.fin("connect"), "", "end"],
      [Reply.reset("requestHead"), upload, "ECONNRESET"],
      [Reply.fin("requestHead"), upload, "end"],
      [Reply.reset("request"), get(), "ECONNRESET"],
      [Reply.fin("request"), get(), "end"]
    ] as const
  )("breaks at the stage it is told, without a byte of an answer: %#", ([reply, text, how]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(reply)
      const client = yield* connect(server, text)
      assert.strictEqual(yield* client.ended, how)
      assert.strictEqual(client.received(), "")
      yield* server.awaitClosed()
      const requests = yield* server.requests
      assert.deepStrictEqual(
        requests.map((r) => [r.complete, r.answered, r.aborted]),
        text === "" ? [] : [[
          text === get(),
          false,
          false
        ]]
      )
    }))

  it.scopedLive("breaks in the head of a response, or after the announced headers and a part of the body", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.fin("responseHead"), Reply.fin("responseBody"))
      const head = yield* connect(server, get())
      yield* head.ended
      assert.strictEqual(head.received(), "HTTP/1.1 200 OK\r\ncon")
      const body = yield* connect(server, get())
      yield* body.ended
      assert.match(body.received(), /content-length: 2\r\n\r\no$/)
    }))

  it.scopedLive("interrupts a step when its client goes away", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const interrupted = yield* Deferred.make<void>()
      yield* server.script(() => Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined)))
      const client = yield* connect(server, get())
      yield* server.awaitRequests(1)
      client.socket.destroy()
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* server.awaitAborted()).length, 1)
    }))

  it.scopedLive("breaks a connection that is already open where a step would break a new one", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* connect(server, get())
      yield* client.waitFor("ok")
      yield* server.script(Reply.reset("connect"))
      client.socket.write(get())
      assert.strictEqual(yield* client.ended, "ECONNRESET")
      assert.strictEqual((yield* server.connections).accepted, 1)
    }))

  it.scopedLive("writes framing, repeated headers and the body exactly", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(
        Reply.respond({ status: 299, headers: { "Set-Cookie": ["a=1", "b=2"] }, body: "é" }),
        Reply.respond({ body: "abcd" }).pipe(Reply.framing("chunked"), Reply.dribble({ pieces: 2, gap: 0 })),
        Reply.respond({ status: 204 }),
        Reply.respond({ headers: { "content-length": "7" }, body: "abc" }).pipe(Reply.closeAfter)
      )
      const client = yield* connect(server, get())
      yield* client.waitFor("Ã©")
      client.socket.write(get())
      yield* client.waitFor("0\r\n\r\n")
      client.socket.write(get())
      yield* client.waitFor("204")
      client.socket.write(get())
      assert.strictEqual(yield* client.ended, "end")
      assert.strictEqual(
        client.received(),
        "HTTP/1.1 299 Status\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\ncontent-length: 2\r\n\r\nÃ©" +
          "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n" +
          "HTTP/1.1 204 No Content\r\n\r\n" +
          "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nabc"
      )
    }))

  it.scopedLive("answers HEAD without the body, and HTTP/1.0 by closing", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* connect(server, "HEAD / HTTP/1.1\r\nhost: test\r\n\r\n")
      yield* client.waitFor("\r\n\r\n")
      client.socket.write("GET / HTTP/1.0\r\n\r\n")
      assert.strictEqual(yield* client.ended, "end")
      assert.match(
        client.received(),
        /^HTTP\/1.1 200 OK\r\n[^]*content-length: 2\r\n\r\nHTTP\/1.1 200 OK\r\n[^]*close\r\n\r\nok$/
      )
    }))

  it.scopedLive("sends raw bytes and goes on with the connection if told", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.raw("HTTP/1.1 200 Raw\r\ncontent-length: 0\r\n\r\n", { then: "keep" }))
      const client = yield* connect(server, get())
      yield* client.waitFor("Raw")
      client.socket.write(get())
      yield* client.waitFor("ok")
      assert.deepStrictEqual((yield* server.requests).map((r) => r.connection), [0, 0])
    }))

  it.scopedLive("answers early, and reads the rest of the request for the next one's sake", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.early(Reply.respond({ status: 503, body: "full" })))
      const client = yield* connect(server, upload)
      yield* client.waitFor("full")
      assert.isFalse((yield* server.requests)[0]!.complete)
      client.socket.write(`0123456789${get("/next")}`)
      yield* client.waitFor("ok")
      assert.deepStrictEqual((yield* server.requests).map((r) => [r.path, r.text, r.complete]), [
        ["/", "0123456789", true],
        ["/next", "", true]
      ])
    }))

  it.scopedLive("says 100 Continue to a client that waits for it", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const status = yield* Effect.async<number | undefined>((resume) => {
        const request = Http.request(server.url, { method: "PUT", headers: { expect: "100-continue" }, agent: false })
        request.on("continue", () => request.end("body"))
        request.on("response", (response) => {
          response.resume()
          resume(Effect.succeed(response.statusCode))
        })
        request.flushHeaders()
      })
      assert.strictEqual(status, 200)
      assert.strictEqual((yield* server.requests)[0]!.text, "body")
    }))

  it.scopedLive("records a client that goes away in its upload", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* connect(server, `${upload}half`)
      yield* server.awaitRequests(([request]) => request?.text === "half")
      client.socket.resetAndDestroy()
      const [request] = yield* server.awaitAborted()
      assert.isTrue(request?.aborted)
      assert.isFalse(request?.complete)
    }))

  it.scopedLive("lets an upload stall, and drops it when its scope closes", () =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const client = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.hang("requestHead"))
        const client = yield* Scope.extend(connect(server, upload), outer)
        client.socket.write("0123456789")
        const [request] = yield* server.awaitRequests(1)
        assert.isFalse(request?.complete)
        return client
      }))
      assert.strictEqual(yield* client.ended, "ECONNRESET")
    }))

  it.scopedLive("refuses what is not HTTP with 400", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* connect(server, "nonsense\r\n\r\n")
      assert.strictEqual(yield* client.ended, "end")
      assert.match(client.received(), /^HTTP\/1.1 400 /)
      assert.deepStrictEqual(yield* server.requests, [])
    }))

  it.scopedLive("breaks off under TLS too: before the handshake, after the request, in the body", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ tls: "good" })
      const secure = (text: string) =>
        connect(server, text, () => Tls.connect({ port: server.port, host: "127.0.0.1", ca: server.ca }))
      yield* server.script(Reply.reset("connect"), Reply.fin("connect"), Reply.reset(), Reply.fin("responseBody"))
      assert.strictEqual(yield* (yield* secure(get())).ended, "ECONNRESET")
      assert.strictEqual(yield* (yield* secure(get())).ended, "ECONNRESET")
      assert.strictEqual((yield* server.requests).length, 0)
      assert.strictEqual(yield* (yield* secure(get())).ended, "ECONNRESET")
      const cut = yield* secure(get())
      assert.strictEqual(yield* cut.ended, "end")
      assert.match(cut.received(), /content-length: 2\r\n\r\no$/)
      yield* server.awaitClosed()
    }))

  it.scopedLive("leaves no connection of a client that refused the certificate", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ tls: "expired" })
      const client = yield* connect(server, "", () => Tls.connect({ port: server.port, ca: server.ca }))
      assert.strictEqual(yield* client.ended, "CERT_HAS_EXPIRED")
      yield* server.awaitClosed()
      assert.strictEqual((yield* server.requests).length, 0)
    }))

  it.scoped("delays by the Clock of whoever made it", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.delay(Reply.ok, "1 hour"))
      yield* TestClock.adjust("5 seconds")
      const client = yield* connect(server, get())
      const [request] = yield* server.awaitRequests(1)
      assert(request !== undefined)
      assert.strictEqual(request.timeMillis, 5000)
      yield* TestClock.adjust("59 minutes")
      assert.isFalse(request.answered)
      yield* TestClock.adjust("1 minute")
      yield* client.waitFor("ok")
    }))
})

describe("FaultServer's script and limits", () => {
  const ask = (server: FaultServer.FaultServer, path = "/", method = "GET") =>
    Effect.promise(() => fetch(server.url + path, { method }).then((response) => response.text()))

  it.scopedLive("routes by path and method before the script, and repeats a route's last step", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.respond({ body: "always" }) })
      const say = (body: string) => Reply.respond({ body })
      yield* server.route("/a", say("first"), (_, index) => say(`then ${index}`))
      yield* server.route("POST /a", say("post"))
      yield* server.script(say("script"))
      const answers = [yield* ask(server, "/a?x=1"), yield* ask(server, "/a"), yield* ask(server, "/a")]
      assert.deepStrictEqual(answers, ["first", "then 1", "then 2"])
      assert.strictEqual(yield* ask(server, "/a", "POST"), "post")
      assert.deepStrictEqual([yield* ask(server), yield* ask(server)], ["script", "always"])
    }))

  it.scopedLive("lets a step be an Effect, which holds the answer until a test allows it", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const gate = yield* Deferred.make<Reply.Reply>()
      yield* server.script(() => Deferred.await(gate))
      const fiber = yield* Effect.fork(ask(server))
      yield* server.awaitRequests(1)
      yield* Deferred.succeed(gate, Reply.respond({ body: "now" }))
      assert.strictEqual(yield* Fiber.join(fiber), "now")
    }))

  it.scopedLive("answers 500 when a step throws", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(() => {
        throw new Error("mistake")
      })
      assert.include(yield* ask(server), "mistake")
    }))

  it.scopedLive("forgets script, routes, default and records on reset", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const other = Reply.respond({ body: "other" })
      yield* server.script(other)
      yield* server.route("/", other)
      yield* server.always(other)
      assert.strictEqual(yield* ask(server), "other")
      yield* server.reset
      assert.strictEqual(yield* ask(server), "ok")
      assert.deepStrictEqual((yield* server.requests).map((r) => r.index), [0])
    }))

  it.scopedLive("keeps no more requests than asked, and still counts them all", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ keep: 2 })
      yield* Effect.replicateEffect(ask(server), 3)
      assert.deepStrictEqual((yield* server.awaitRequests(3)).map((r) => r.index), [1, 2])
    }))

  it.scopedLive("resets connections beyond the limit, or lets them wait for a place", () =>
    Effect.gen(function*() {
      const refusing = yield* FaultServer.make({ maxConnections: 1 })
      const first = yield* connect(refusing, get())
      yield* first.waitFor("ok")
      assert.strictEqual(yield* (yield* connect(refusing, "")).ended, "ECONNRESET")
      assert.deepStrictEqual(yield* refusing.connections, { open: 1, accepted: 1, refused: 1 })

      const waiting = yield* FaultServer.make({ maxConnections: 1, onExceeded: "wait" })
      const before = yield* connect(waiting, get())
      yield* before.waitFor("ok")
      const later = yield* connect(waiting, get("/later"))
      before.socket.write(get("/again"))
      yield* waiting.awaitRequests(2)
      assert.strictEqual(later.received(), "")
      before.socket.destroy()
      yield* later.waitFor("ok")
      assert.deepStrictEqual((yield* waiting.requests).map((r) => r.path), ["/", "/again", "/later"])
    }))

  it.scopedLive("drops open connections, idle or not, and says that no client aborted", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const idle = yield* connect(server, get())
      yield* idle.waitFor("ok")
      yield* server.script(Reply.hang())
      const busy = yield* connect(server, get())
      yield* server.awaitRequests(2)
      yield* server.dropConnections
      assert.deepStrictEqual([yield* idle.ended, yield* busy.ended], ["ECONNRESET", "ECONNRESET"])
      yield* server.awaitClosed()
      assert.deepStrictEqual((yield* server.requests).map((r) => r.aborted), [false, false])
    }))

  it.scopedLive("is a layer", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ask(yield* FaultServer.FaultServer), "layered")
    }).pipe(Effect.provide(FaultServer.layer({ always: Reply.respond({ body: "layered" }) }))))

  it.scopedLive("fails with ServeError where its port is taken", () =>
    Effect.gen(function*() {
      const { port } = yield* FaultServer.make()
      const error = yield* Effect.flip(FaultServer.make({ port }))
      assert.strictEqual(error._tag, "ServeError")
    }))

  it("rejects options out of range", () => {
    assert.throws(() => FaultServer.make({ port: 65_536 }), InvalidOption.InvalidOption, "port")
    assert.throws(() => FaultServer.make({ maxConnections: 0 }), InvalidOption.InvalidOption, "maxConnections")
    assert.throws(() => FaultServer.make({ keep: 0 }), InvalidOption.InvalidOption, "keep")
  })

  it.live("refuses connections at refusedUrl", () =>
    Effect.gen(function*() {
      const url = yield* FaultServer.refusedUrl
      const exit = yield* Effect.exit(Effect.tryPromise(() => fetch(url)))
      assert.isTrue(Exit.isFailure(exit))
    }))
})
