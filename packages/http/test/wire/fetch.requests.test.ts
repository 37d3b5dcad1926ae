import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect } from "effect"
import * as Tripping from "reprise/Tripping"
import * as Undici from "undici"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import { onEachFetch, onEachKind, rejection } from "../support/fetch.js"
import { quick } from "../support/wire.js"

const text = "5 EUR, ü"
const bytes = new TextEncoder().encode(text)
const busy = Reply.respond({ status: 503, body: "busy" })

const streamOf = (chunk: Uint8Array) =>
  new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(chunk)
      controller.close()
    }
  })

const form = () => {
  const data = new FormData()
  data.append("field", text)
  data.append("file", new File([bytes], "a.bin"))
  return data
}

const replayable: ReadonlyArray<readonly [name: string, body: () => BodyInit]> = [
  ["a string", () => text],
  ["an empty string", () => ""],
  ["bytes", () => bytes],
  ["an ArrayBuffer", () => bytes.slice().buffer],
  ["a DataView", () => new DataView(bytes.slice().buffer)],
  ["a Blob", () => new Blob([bytes], { type: "text/x-blob" })],
  ["URLSearchParams", () => new URLSearchParams({ text })],
  ["FormData", form]
]

/** `duplex` is not in the type of the browser. */
const streaming = (body: unknown, init: RequestInit = {}): RequestInit => ({
  method: "PUT",
  ...init,
  ...{ body: body as BodyInit, duplex: "half" }
})

async function* chunks() {
  yield bytes.subarray(0, 3)
  yield bytes.subarray(3)
}

onEachKind("a call of fetch", (make, kind) => {
  it.scopedLive.each(
    [
      ["a string", (url: string) => url],
      ["a URL", (url: string) => new URL(url)],
      ["a Request", (url: string) => new Request(url)]
    ] as const
  )("takes %s, and sends its query as it is", ([, input]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy)
      const fetch = yield* make()
      const response = yield* Effect.promise(() => fetch(input(`${server.url}/a%20b?q=x%20y&flag&z=1#hash`)))
      assert.strictEqual(response.status, 200)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ method, path }) => `${method} ${path}`), [
        "GET /a%20b?q=x%20y&flag&z=1",
        "GET /a%20b?q=x%20y&flag&z=1"
      ])
    }))

  it.scopedLive.each(replayable)("sends the body of %s again as it was", ([, body]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy, Reply.reset())
      const fetch = yield* make()
      yield* Effect.promise(() => globalThis.fetch(server.url, { method: "PUT", body: body() }))
      const [native] = yield* server.requests
      yield* server.reset
      yield* server.script(busy, Reply.reset())
      const response = yield* Effect.promise(() => fetch(server.url, { method: "put", body: body() }))
      assert.strictEqual(response.status, 200)
      const requests = yield* server.requests
      assert.lengthOf(requests, 3)
      for (const request of requests) {
        assert.strictEqual(request.method, "PUT")
        const types = [request, native!].map(({ headers }) => headers["content-type"]?.replace(/boundary=.*/, ""))
        assert.strictEqual(types[0], types[1])
        if (!(body() instanceof FormData)) assert.deepStrictEqual(request.body, native!.body)
        else assert.include(request.text, text)
      }
    }))

  it.scopedLive.each(
    [
      ["a ReadableStream", () => streamOf(bytes)],
      ["an async iterable", () => chunks()]
    ] as const
  )("never sends the body of %s twice", ([, body]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy)
      const fetch = yield* make()
      const response = yield* Effect.promise(() => fetch(server.url, streaming(body())))
      assert.strictEqual(response.status, 503)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ text }) => text), [text])
    }))

  it.scopedLive("sends the body of a Request again if the method allows that", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy, Reply.reset())
      const fetch = yield* make()
      const request = new Request(server.url, { method: "PUT", body: text, headers: { "x-own": "1" } })
      const response = yield* Effect.promise(() => fetch(request))
      assert.strictEqual(response.status, 200)
      assert.isTrue(request.bodyUsed)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ headers, text }) => [text, headers["x-own"], headers["content-type"]]), [
        [text, "1", "text/plain;charset=UTF-8"],
        [text, "1", "text/plain;charset=UTF-8"],
        [text, "1", "text/plain;charset=UTF-8"]
      ])
    }))

  it.scopedLive("sends a Request that may not be sent twice once, with its body", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy)
      const fetch = yield* make()
      const request = new Request(server.url, streaming(streamOf(bytes), { method: "POST" }))
      const response = yield* Effect.promise(() => fetch(request))
      assert.strictEqual(response.status, 503)
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ method, text }) => [method, text]), [["POST", text]])
    }))

  it.scopedLive.each(["PUT", "POST"])(
    "sends the body of a %s Request in a browser that does not show it",
    (method) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        const fetch = yield* make()
        const request = new Request(server.url, { method, body: text })
        Object.defineProperty(request, "body", { value: undefined })
        yield* Effect.promise(() => fetch(request))
        assert.deepStrictEqual((yield* server.requests).map(({ text }) => text), [text])
      })
  )

  it.scopedLive("cancels a stream that it does not send", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: busy })
      const fetch = yield* make({ breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }) })
      yield* Effect.promise(() => fetch(server.url, { method: "POST" }).then((response) => response.text()))
      const cancelled: Array<unknown> = []
      const body = () => new ReadableStream({ cancel: (reason) => void cancelled.push(reason) })
      const rejected = yield* rejection(() => fetch(server.url, streaming(body())))
      const signal = AbortSignal.abort("my reason")
      yield* rejection(() => fetch(server.url, streaming(body(), { signal })))
      yield* rejection(() => fetch(new Request(server.url, streaming(body(), { signal }))))
      assert.deepStrictEqual(cancelled, [rejected, "my reason", "my reason"])
    }))

  it.scopedLive("prefers the init to the Request", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const fetch = yield* make()
      const request = new Request(server.url, { method: "PUT", body: "old", headers: { "x-old": "1" } })
      const init = { method: "POST", body: "new", headers: { "x-new": "1" } }
      yield* Effect.promise(() => fetch(request, init))
      const [sent] = yield* server.requests
      assert.strictEqual(sent?.method, "POST")
      assert.strictEqual(sent?.text, "new")
      assert.strictEqual(sent?.headers["x-new"], "1")
      assert.notProperty(sent?.headers, "x-old")
    }))

  it.scopedLive("keeps every header of the caller", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const fetch = yield* make()
      const headers = { "Authorization": "Bearer 1", "Content-Type": "application/x-own", "X-Several": "a, b" }
      yield* Effect.promise(() => fetch(server.url, { method: "POST", body: "{}", headers }))
      const [sent] = yield* server.requests
      for (const [name, value] of Object.entries(headers)) {
        assert.strictEqual(sent?.headers[name.toLowerCase()], value)
      }
      if (kind === "make") {
        assert.notProperty(sent?.headers, "traceparent")
        assert.notProperty(sent?.headers, "b3")
      }
    }))

  it.scopedLive.each(
    [
      ["a bare POST once", {}, {}, 1],
      ["a POST with a key again", { headers: { "idempotency-key": "order-42" } }, {}, 2],
      ["a POST to which it adds a key again", {}, { idempotencyKeys: true }, 2],
      ["a POST with a key in another header again", { headers: { "x-key": "1" } }, { idempotencyHeader: "x-key" }, 2]
    ] as const
  )("sends %s after a 503", ([, init, options, count]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy)
      const fetch = yield* make(options)
      const response = yield* Effect.promise(() => fetch(server.url, { method: "POST", body: text, ...init }))
      assert.strictEqual(response.status, count === 1 ? 503 : 200)
      const requests = yield* server.requests
      assert.lengthOf(requests, count)
      assert.strictEqual(new Set(requests.map(({ headers }) => headers["idempotency-key"])).size, 1)
    }))

  it.scopedLive("sends a bare POST again after a 429 if asked to", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.respond({ status: 429 }))
      const fetch = yield* make({ retryUnsent: true })
      const response = yield* Effect.promise(() => fetch(server.url, { method: "POST", body: text }))
      assert.strictEqual(response.status, 200)
      assert.lengthOf(yield* server.requests, 2)
    }))

  it.scopedLive.each(
    [
      ["a URL that is none", () => ["nowhere", {}] as const],
      ["a header that is none", () => ["http://localhost", { headers: { "a b": "1" } }] as const],
      ["a used Request", () => {
        const request = new Request("http://localhost", { method: "PUT", body: text })
        void request.text()
        return [request, {}] as const
      }]
    ] as const
  )("rejects %s with a TypeError", ([, args]) =>
    Effect.gen(function*() {
      const fetch = yield* make()
      const [input, init] = args()
      assert.instanceOf(yield* rejection(() => fetch(input, init)), TypeError)
    }))
})

onEachFetch("the options of fetch", (make) => {
  it.scopedLive.each(["a string", "a Request"])(
    "reach the fetch below from the init of %s",
    (kind) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.always(Reply.respond({ status: 302, headers: { location: "/new" } }))
        const fetch = yield* make()
        const init = { redirect: "manual" } as const
        const response = yield* Effect.promise(() =>
          kind === "a string" ? fetch(server.url, init) : fetch(new Request(server.url, init))
        )
        assert.strictEqual(response.status, 302)
        assert.lengthOf(yield* server.requests, 1)
      })
  )
})

describe("ResilientFetch.make", () => {
  it.scopedLive("works over the fetch of undici", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(busy, Reply.reset())
      // Its types differ from those of the platform.
      const fetch = ResilientFetch.make({ retry: quick(3), fetch: Undici.fetch as unknown as typeof globalThis.fetch })
      const { signal } = new AbortController()
      const response = yield* Effect.promise(() => fetch(server.url, { method: "PUT", body: text, signal }))
      assert.strictEqual(yield* Effect.promise(() => response.text()), "ok")
      assert.strictEqual(response.url, `${server.url}/`)
      assert.lengthOf(yield* server.requests, 3)
    }))

  const spy = () => {
    const seen: Array<RequestInit | undefined> = []
    const fetch: typeof globalThis.fetch = (_, init) => {
      seen.push(init)
      return Promise.resolve(new Response("ok"))
    }
    return { seen, fetch }
  }

  it.effect("hands every option to the fetch of its options, with a signal of its own", () =>
    Effect.gen(function*() {
      const { fetch, seen } = spy()
      const init = { ...{ dispatcher: "mine" }, cache: "no-store", credentials: "include", keepalive: true } as const
      const { signal } = new AbortController()
      yield* Effect.promise(() => ResilientFetch.make({ fetch })("http://h.test", { ...init, signal }))
      assert.deepInclude(seen[0], init)
      assert.instanceOf(seen[0]?.signal, AbortSignal)
      assert.notStrictEqual(seen[0]?.signal, signal)
    }))

  it.effect("keeps the referrer of a Request", () =>
    Effect.gen(function*() {
      const { fetch, seen } = spy()
      const request = new Request("http://h.test", { referrer: "", referrerPolicy: "origin" })
      yield* Effect.promise(() => ResilientFetch.make({ fetch })(request))
      assert.deepInclude(seen[0], { referrer: request.referrer, referrerPolicy: "origin" })
    }))

  it.effect("uses the global fetch of the time of the call", () =>
    Effect.gen(function*() {
      const before = globalThis.fetch
      const { fetch: other, seen } = spy()
      const fetch = ResilientFetch.make()
      globalThis.fetch = other
      yield* Effect.promise(() => fetch("http://h.test")).pipe(
        Effect.ensuring(Effect.sync(() => {
          globalThis.fetch = before
        }))
      )
      assert.lengthOf(seen, 1)
    }))

  it.effect("never follows redirects if its options say so, whatever the call says", () =>
    Effect.gen(function*() {
      const { fetch: inner, seen } = spy()
      const fetch = ResilientFetch.make({ fetch: inner, redirect: "manual" })
      for (const redirect of ["follow", "manual", "error", undefined] as const) {
        yield* Effect.promise(() => fetch("http://h.test", redirect && { redirect }))
      }
      assert.deepStrictEqual(seen.map((init) => init?.redirect), ["manual", "manual", "error", "manual"])
    }))

  it.scopedLive("sends a bare POST again that no server has received, if no redirect is followed", () =>
    Effect.gen(function*() {
      const url = yield* FaultServer.refusedUrl
      let sent = 0
      const fetch = ResilientFetch.make({
        retry: quick(3),
        retryUnsent: true,
        redirect: "manual",
        fetch: (...args) => {
          sent++
          return globalThis.fetch(...args)
        }
      })
      yield* Effect.promise(() => fetch(url, { method: "POST", body: text }).catch(() => undefined))
      assert.strictEqual(sent, 3)
    }))
})
