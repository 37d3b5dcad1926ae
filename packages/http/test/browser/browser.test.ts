import { assert, describe, layer } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Context, Effect, Layer } from "effect"
import * as Esbuild from "esbuild"
import * as Path from "node:path"
import * as Zlib from "node:zlib"
import * as Chromium from "./chromium.js"
import type { Call, FetchCall, Outcome } from "./page.js"

const bundle = Effect.promise(() =>
  Esbuild.build({
    entryPoints: [Path.join(import.meta.dirname, "page.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022"
  })
)

/** A page of the server that runs `page.ts`, and a server of another origin. */
class Page extends Context.Tag("Page")<Page, {
  readonly server: FaultServer.FaultServer
  readonly other: FaultServer.FaultServer
  readonly call: (call: Call) => Effect.Effect<Outcome>
  readonly fetch: (call: FetchCall) => Effect.Effect<ReadonlyArray<unknown>>
}>() {
  static readonly layer = Layer.scoped(
    Page,
    Effect.gen(function*() {
      const browser = yield* Chromium.launch
      const server = yield* FaultServer.make()
      const { outputFiles } = yield* bundle
      const html = "<!doctype html><link rel=icon href=data:,><script type=module src=page.js></script>"
      yield* server.route("/", Reply.respond({ headers: { "content-type": "text/html" }, body: html }))
      yield* server.route(
        "/page.js",
        Reply.respond({ headers: { "content-type": "text/javascript" }, body: outputFiles[0]!.contents })
      )
      const page = yield* Effect.promise(() => browser.newPage())
      yield* Effect.promise(() => page.goto(server.url))
      return {
        server,
        other: yield* FaultServer.make(),
        call: (call) => Effect.promise(() => page.evaluate((call) => window.call(call), call)),
        fetch: (call) => Effect.promise(() => page.evaluate((call) => window.fetchResiliently(call), call))
      }
    })
  )
}

// Chromium itself sends a request again whose reused connection breaks: every reply ends its connection.
const reply = (options: Reply.Options) => Reply.closeAfter(Reply.respond(options))

const busy = reply({ status: 503, body: "busy" })
const ok = reply({ body: "ok" })

const sentTo = (server: FaultServer.FaultServer, path: string) =>
  Effect.map(server.requests, (all) => all.filter((request) => request.path === path).map(({ method }) => method))

// eslint-disable-next-line no-restricted-syntax -- see `isMissing`
describe.skipIf(Chromium.isMissing)("in Chromium", () => {
  layer(Page.layer, { excludeTestServices: true, timeout: "30 seconds" })((it) => {
    it.effect("a GET is sent again after a 503, and its ledger is there", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        yield* server.route("/busy", busy, busy, ok)
        assert.deepStrictEqual(yield* call({ method: "GET", url: "/busy" }), {
          result: "200 ok",
          attempts: [["ServerError", "backoff"], ["ServerError", "backoff"], ["response", "success"]]
        })
      }))

    it.effect("a bare POST is sent once", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        yield* server.route("/pay", busy)
        assert.deepStrictEqual(yield* call({ method: "POST", url: "/pay", body: "5 EUR" }), {
          result: "ServerError",
          attempts: [["ServerError", "notIdempotent"]]
        })
        assert.deepStrictEqual(yield* sentTo(server, "/pay"), ["POST"])
      }))

    it.effect("Chromium sends a POST again whose used connection breaks: one attempt, two requests", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        yield* server.route("/before", Reply.respond({ body: "ok" }))
        yield* server.route("/twice", Reply.reset(), ok)
        yield* call({ method: "GET", url: "/before" })
        assert.deepStrictEqual(yield* call({ method: "POST", url: "/twice", body: "5 EUR" }), {
          result: "200 ok",
          attempts: [["response", "success"]]
        })
        assert.deepStrictEqual(yield* sentTo(server, "/twice"), ["POST", "POST"])
      }))

    it.effect("an origin that refuses connections is an UnknownNetwork, tried again for a GET only", () =>
      Effect.gen(function*() {
        const { call } = yield* Page
        const url = yield* FaultServer.refusedUrl
        assert.deepStrictEqual(yield* call({ method: "GET", url }), {
          result: "UnknownNetwork",
          attempts: [["UnknownNetwork", "backoff"], ["UnknownNetwork", "backoff"], ["UnknownNetwork", "attempts"]]
        })
        assert.deepStrictEqual(yield* call({ method: "POST", url, body: "5 EUR" }), {
          result: "UnknownNetwork",
          attempts: [["UnknownNetwork", "notIdempotent"]]
        })
      }))

    it.effect("a body that is cut short is read again by executeAndRead, and an error without it", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        const whole = reply({ body: "the whole body" })
        for (const path of ["/file", "/other-file"]) yield* server.route(path, Reply.truncate(whole), whole)
        const { result } = yield* call({ method: "GET", url: "/file", executeAndRead: true })
        assert.strictEqual(result, "200 the whole body")
        assert.lengthOf(yield* sentTo(server, "/file"), 2)
        assert.strictEqual((yield* call({ method: "GET", url: "/other-file" })).result, "client: Decode")
        assert.lengthOf(yield* sentTo(server, "/other-file"), 1)
      }))

    it.effect("a body that is cut short every time is a BodyFailure with its ledger", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        yield* server.route("/broken", Reply.truncate(reply({ body: "the whole body" })))
        assert.deepStrictEqual(yield* call({ method: "GET", url: "/broken", executeAndRead: true }), {
          result: "BodyFailure",
          attempts: [["BodyFailure", "backoff"], ["BodyFailure", "backoff"], ["BodyFailure", "attempts"]]
        })
      }))

    it.effect("a compressed body of another origin is whole, though its encoding is hidden and its length is not", () =>
      Effect.gen(function*() {
        const { call, other, server } = yield* Page
        const json = JSON.stringify({ ok: true, text: "abc".repeat(100) })
        const gzip = { "content-encoding": "gzip", "content-type": "application/json" }
        const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" }
        // Longer than what it decodes to, as only short bodies are.
        const short = JSON.stringify({ ok: true })
        for (const text of [short, json]) {
          const body = Zlib.gzipSync(text)
          yield* server.route("/gzip", reply({ headers: gzip, body }))
          yield* other.route("OPTIONS /gzip", reply({ status: 204, headers: cors }))
          yield* other.route("GET /gzip", reply({ headers: { ...cors, ...gzip }, body }))
          for (const url of ["/gzip", `${other.url}/gzip`]) {
            for (const copies of [false, true]) {
              assert.deepStrictEqual(yield* call({ method: "GET", url, executeAndRead: true, copies }), {
                result: `200 ${text}`,
                attempts: [["response", "success"]]
              })
            }
          }
        }
      }))

    it.effect("a body of another origin that is cut short is read again", () =>
      Effect.gen(function*() {
        const { call, other } = yield* Page
        const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" }
        const whole = reply({ headers: cors, body: "the whole body" })
        const body = Zlib.gzipSync("the whole body")
        const compressed = reply({ headers: { ...cors, "content-encoding": "gzip" }, body })
        for (const [path, one] of [["/plain", whole], ["/compressed", compressed]] as const) {
          yield* other.route(`OPTIONS ${path}`, reply({ status: 204, headers: cors }))
          yield* other.route(`GET ${path}`, Reply.truncate(one), one)
          const { attempts, result } = yield* call({ method: "GET", url: `${other.url}${path}`, executeAndRead: true })
          assert.strictEqual(result, "200 the whole body")
          assert.deepStrictEqual(attempts, [["BodyFailure", "backoff"], ["response", "success"]])
        }
      }))

    it.effect("Retry-After of the page's own origin is obeyed", () =>
      Effect.gen(function*() {
        const { call, server } = yield* Page
        const limited = (seconds: string) => reply({ status: 429, headers: { "retry-after": seconds } })
        yield* server.route("/soon", limited("0"), ok)
        yield* server.route("/tomorrow", limited("86400"), ok)
        assert.strictEqual((yield* call({ method: "GET", url: "/soon" })).result, "200 ok")
        assert.deepStrictEqual(yield* call({ method: "GET", url: "/tomorrow" }), {
          result: "RateLimited",
          attempts: [["RateLimited", "retryAfterTooLong"]]
        })
      }))

    it.effect("Retry-After of another origin is seen only where that exposes it", () =>
      Effect.gen(function*() {
        const { call, other } = yield* Page
        const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" }
        const tomorrow = { ...cors, "retry-after": "86400" }
        const exposed = { ...tomorrow, "access-control-expose-headers": "retry-after" }
        const okToAll = reply({ headers: cors, body: "ok" })
        for (const [path, headers] of [["/hidden", tomorrow], ["/exposed", exposed]] as const) {
          yield* other.route(`OPTIONS ${path}`, reply({ status: 204, headers: cors }))
          yield* other.route(`GET ${path}`, reply({ status: 503, headers }), okToAll)
        }
        assert.deepStrictEqual(yield* call({ method: "GET", url: `${other.url}/hidden` }), {
          result: "200 ok",
          attempts: [["ServerError", "backoff"], ["response", "success"]]
        })
        assert.deepStrictEqual(yield* call({ method: "GET", url: `${other.url}/exposed` }), {
          result: "ServerError",
          attempts: [["ServerError", "retryAfterTooLong"]]
        })
      }))

    it.effect("an origin that does not allow the page is an UnknownNetwork, whatever it answers", () =>
      Effect.gen(function*() {
        const { call, other } = yield* Page
        yield* other.route("/private", ok)
        const { attempts, result } = yield* call({ method: "POST", url: `${other.url}/private`, body: "5 EUR" })
        assert.strictEqual(result, "UnknownNetwork")
        assert.deepStrictEqual(attempts, [["UnknownNetwork", "notIdempotent"]])
        // Effect's trace headers make every request to another origin ask first, and the answer is no.
        assert.deepStrictEqual(yield* sentTo(other, "/private"), ["OPTIONS"])
      }))

    it.effect("ResilientFetch sends a relative URL and the body of a Request again", () =>
      Effect.gen(function*() {
        const { fetch, server } = yield* Page
        yield* server.route("/fetched", busy, busy, ok)
        yield* server.route("/stored", busy, busy, ok)
        assert.deepStrictEqual(yield* fetch({ url: "/fetched" }), [200, "basic", "ok", true])
        const init = { method: "PUT", body: "5 EUR" }
        assert.deepStrictEqual(yield* fetch({ url: "/stored", init, isRequest: true }), [200, "basic", "ok", true])
        const stored = (yield* server.requests).filter(({ path }) => path === "/stored")
        assert.deepStrictEqual(stored.map(({ text }) => text), ["5 EUR", "5 EUR", "5 EUR"])
      }))

    it.effect("ResilientFetch sends a plain request to another origin without a preflight", () =>
      Effect.gen(function*() {
        const { fetch, other } = yield* Page
        const cors = { "access-control-allow-origin": "*" }
        yield* other.route("/plain-get", reply({ status: 503, headers: cors }), reply({ headers: cors, body: "ok" }))
        assert.deepStrictEqual(yield* fetch({ url: `${other.url}/plain-get` }), [200, "cors", "ok", true])
        assert.deepStrictEqual(yield* sentTo(other, "/plain-get"), ["GET", "GET"])
      }))

    it.effect("ResilientFetch hands over a response that a page may not see", () =>
      Effect.gen(function*() {
        const { fetch, other, server } = yield* Page
        yield* server.route("/moved", reply({ status: 302, headers: { location: "/" } }))
        yield* other.route("/opaque", ok)
        const moved = yield* fetch({ url: "/moved", init: { redirect: "manual" } })
        assert.deepStrictEqual(moved, [0, "opaqueredirect", null])
        const opaque = yield* fetch({ url: `${other.url}/opaque`, init: { mode: "no-cors" } })
        assert.deepStrictEqual(opaque, [0, "opaque", null])
      }))

    it.effect("ResilientFetch ends a body with the reason of its signal, and closes the connection", () =>
      Effect.gen(function*() {
        const { fetch, server } = yield* Page
        yield* server.route("/endless", Reply.hangBody(reply({ body: "firstlast!" })))
        const read = yield* fetch({ url: "/endless", aborts: true })
        assert.deepStrictEqual(read, [200, "basic", "first", "AbortError"])
        const [aborted] = yield* server.awaitAborted()
        assert.strictEqual(aborted?.path, "/endless")
      }))
  })
})
