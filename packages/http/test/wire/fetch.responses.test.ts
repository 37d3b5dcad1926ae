import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, TestClock } from "effect"
import * as Tripping from "reprise/Tripping"
import { collected } from "../../../reprise/test/garbage.js"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import { failureOf, listeners, onEachFetch, onEachKind, rejection } from "../support/fetch.js"
import { allAborted, quick } from "../support/wire.js"

const status = (status: number, body = "the reason") => Reply.respond({ status, body })

const inits: ReadonlyArray<readonly [name: string, init: () => RequestInit]> = [
  ["without a signal", () => ({})],
  ["with a signal", () => ({ signal: new AbortController().signal })]
]

onEachKind("a response of fetch", (make, kind) => {
  it.scopedLive.each(inits)("has status, headers, every cookie and a body, %s", ([, init]) =>
    Effect.gen(function*() {
      const headers = { "x-own": "1", "set-cookie": ["a=1; Path=/", "b=2; HttpOnly"] }
      const server = yield* FaultServer.make({ always: Reply.json({ id: 42 }, { status: 201, headers }) })
      const fetch = yield* make()
      const response = yield* Effect.promise(() => fetch(server.url, init()))
      assert.instanceOf(response, Response)
      assert.strictEqual(response.status, 201)
      assert.isTrue(response.ok)
      assert.strictEqual(response.headers.get("x-own"), "1")
      assert.deepStrictEqual(response.headers.getSetCookie(), ["a=1; Path=/", "b=2; HttpOnly"])
      assert.strictEqual(response.url, `${server.url}/`)
      const clone = response.clone()
      assert.deepStrictEqual(yield* Effect.promise(() => response.json()), { id: 42 })
      assert.deepStrictEqual(yield* Effect.promise(() => clone.json()), { id: 42 })
      assert.strictEqual(clone.url, response.url)
      assert.isTrue(response.bodyUsed)
    }))

  it.scopedLive("has its body still when `classify` has read it, or the client within the attempt", () =>
    Effect.gen(function*() {
      const classify: HttpResilience.Classify = ({ response }) =>
        response &&
        Effect.map(Effect.orDie(response.text), (text) =>
          text.includes("error") ? HttpFailure.make(response) : undefined)
      const readBodies = HttpResilience.readBodies()
      const failing = Reply.json({ error: "again" })
      const good = Reply.json({ id: 42 }, { headers: { "x-own": "1", "set-cookie": ["a=1", "b=2"] } })
      for (const options of [{ classify }, { readBodies }, { classify, readBodies }]) {
        const server = yield* FaultServer.make()
        yield* server.script(...("classify" in options ? [failing] : [Reply.truncate(good)]), good, failing)
        const fetch = yield* make({ retry: quick(2), ...options })
        const response = yield* Effect.promise(() => fetch(server.url))
        assert.deepStrictEqual(yield* Effect.promise(() => response.json()), { id: 42 })
        assert.strictEqual(response.headers.get("x-own"), "1")
        assert.deepStrictEqual(response.headers.getSetCookie(), ["a=1", "b=2"])
        assert.strictEqual(response.url, `${server.url}/`)
        assert.lengthOf(yield* server.requests, 2)
        const last = yield* Effect.promise(() => fetch(server.url, { method: "POST" }))
        assert.deepStrictEqual(yield* Effect.promise(() => last.json()), { error: "again" })
      }
    }))

  for (const [name, init] of inits) {
    it.scopedLive.each([404, 429, 503, 999])(
      `with the status %i is a value after the last attempt, ${name}`,
      (code) =>
        Effect.gen(function*() {
          const server = yield* FaultServer.make({ always: status(code) })
          const fetch = yield* make()
          const response = yield* Effect.promise(() => fetch(server.url, init()))
          assert.strictEqual(response.status, code)
          assert.isFalse(response.ok)
          assert.strictEqual(yield* Effect.promise(() => response.text()), "the reason")
          assert.lengthOf(yield* server.requests, code === 429 || code === 503 ? 3 : 1)
        })
    )

    it.scopedLive.each(
      [["GET", 204], ["GET", 304], ["HEAD", 200]] as const
    )(`to %s has no body with the status %i, ${name}`, ([method, code]) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: Reply.respond({ status: code }) })
        const fetch = yield* make()
        const response = yield* Effect.promise(() => fetch(server.url, { method, ...init() }))
        assert.strictEqual(response.status, code)
        assert.isNull(response.body)
        assert.strictEqual(yield* Effect.promise(() => response.text()), "")
      }))

    it.scopedLive(`streams: the first bytes are there before the last are sent, ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: Reply.hangBody(Reply.respond({ body: "firstlast!" })) })
        const fetch = yield* make()
        const response = yield* Effect.promise(() => fetch(server.url, init()))
        const reader = response.body!.getReader()
        const { value } = yield* Effect.promise(() => reader.read())
        assert.strictEqual(new TextDecoder().decode(value), "first")
        yield* Effect.promise(() => reader.cancel())
        yield* allAborted(server)
      }))

    it.scopedLive(`closes its connection when its body is cancelled unread, ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: Reply.hangBody(Reply.respond({ body: "firstlast!" })) })
        const fetch = yield* make()
        const response = yield* Effect.promise(() => fetch(server.url, init()))
        yield* Effect.promise(() => response.body!.cancel())
        yield* allAborted(server)
      }))

    it.scopedLive(`is not requested again when its body breaks, ${name}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: Reply.truncate(Reply.respond({ body: "firstlast!" })) })
        const fetch = yield* make()
        const response = yield* Effect.promise(() => fetch(server.url, init()))
        const error = yield* rejection(() => response.text())
        assert.instanceOf(error, TypeError)
        assert.strictEqual(error.message, "terminated")
        if (kind !== "make") assert.propertyVal(error.cause, "_tag", "BodyFailure")
        assert.lengthOf(yield* server.requests, 1)
      }))
  }
})

onEachFetch("a redirect that fetch followed", (make) => {
  it.scopedLive.each(inits)("is in the response, %s", ([, init]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.route("/old", Reply.respond({ status: 302, headers: { location: "/new" } }))
      const fetch = yield* make()
      const response = yield* Effect.promise(() => fetch(`${server.url}/old`, init()))
      assert.isTrue(response.redirected)
      assert.isTrue(response.clone().redirected)
      assert.strictEqual(response.url, `${server.url}/new`)
      assert.strictEqual(response.statusText, "OK")
      assert.strictEqual(yield* Effect.promise(() => response.text()), "ok")
    }))
})

onEachKind("a call of fetch without a response", (make, kind) => {
  it.scopedLive("rejects as that of Node does, with the typed failure and its attempts as the cause", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.reset() })
      const fetch = yield* make()
      const [message, cause] = yield* failureOf(() => fetch(server.url))
      assert.strictEqual(message, "fetch failed")
      const failure = cause as HttpFailure.HttpFailure
      assert.strictEqual(failure._tag, "ConnectionLost")
      assert.deepStrictEqual(failure.attempts.map(({ reason }) => reason), ["backoff", "backoff", "attempts"])
    }))

  it.scopedLive("has a typed cause without any policy too", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.reset() })
      const fetch = yield* make({ retry: false })
      const [message, cause] = yield* failureOf(() => fetch(server.url))
      assert.strictEqual(message, "fetch failed")
      assert.strictEqual(cause._tag, "ConnectionLost")
    }))

  it.scopedLive.each(
    [
      ["CircuitOpen", { breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }) }],
      ["RateLimitExceeded", {
        rateLimiter: HttpResilience.rateLimiter({ limit: 1, window: "1 hour", onExceeded: "fail" })
      }]
    ] as const
  )("rejects with the words of %s, and that as the cause", ([tag, options]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: status(500) })
      const fetch = yield* make({ retry: false, ...options })
      const first = yield* Effect.promise(() => fetch(server.url))
      yield* Effect.promise(() => first.text())
      const [message, cause] = yield* failureOf(() => fetch(server.url))
      assert.strictEqual(cause._tag, tag)
      assert.strictEqual(message, (cause as unknown as Error).message)
      assert.notStrictEqual(message, "fetch failed")
      assert.lengthOf(yield* server.requests, 1)
    }))

  it.scopedLive("rejects with AttemptTimeout or DeadlineExceeded when its time is up", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const slow = yield* make({ retry: false, attemptTimeout: "20 millis" })
      const [, timeout] = yield* failureOf(() => slow(server.url))
      assert.strictEqual(timeout._tag, "AttemptTimeout")
      const late = yield* make({ deadline: "20 millis" })
      const [, exceeded] = yield* failureOf(() => late(server.url))
      assert.strictEqual(exceeded._tag, "DeadlineExceeded")
      yield* allAborted(server)
    }))

  it.scopedLive("rejects with a defect of the program as it is", () =>
    Effect.gen(function*() {
      const defect = new Error("a bug")
      const match = () => {
        throw defect
      }
      const fetch = yield* make({ routes: [{ match, options: {} }] })
      assert.strictEqual(yield* rejection(() => fetch("http://localhost")), defect)
    }))

  it.scopedLive("has the words of fetch for arguments that fetch refuses", () =>
    Effect.gen(function*() {
      if (kind !== "make") return
      const fetch = yield* make()
      const [message, cause] = yield* failureOf(() => fetch("http://localhost", { method: "GET", body: "x" }))
      assert.strictEqual(cause._tag, "InvalidRequest")
      assert.include(message, "cannot be sent")
    }))
})

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

describe("the time limits of a call", () => {
  it.scopedLive("leave no timer once the response is there", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hangBody(Reply.respond({ body: "firstlast!" })) })
      const bare = yield* Effect.promise(() => globalThis.fetch(server.url))
      const before = timers()
      yield* Effect.promise(() => bare.body!.cancel())
      const fetch = ResilientFetch.make({ attemptTimeout: "1 hour", deadline: "2 hours" })
      const response = yield* Effect.promise(() => fetch(server.url))
      assert.isAtMost(timers(), before)
      yield* Effect.promise(() => response.body!.cancel())
    }))
})

onEachKind("the body of a response", (make, kind) => {
  it.scoped("has no time limit", () =>
    Effect.gen(function*() {
      // The clock of `make` is always the real one.
      if (kind === "make") return
      const server = yield* FaultServer.make({
        always: Reply.dribble(Reply.respond({ body: "firstlast!" }), { pieces: 2, gap: "1 hour" })
      })
      const fetch = yield* make({ attemptTimeout: "1 second", deadline: "2 seconds" })
      const response = yield* Effect.promise(() => fetch(server.url))
      const reader = response.body!.getReader()
      const read = Effect.promise(() => reader.read())
      assert.strictEqual(new TextDecoder().decode((yield* read).value), "first")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(new TextDecoder().decode((yield* read).value), "last!")
      assert.isTrue((yield* read).done)
    }))

  it.scopedLive("that nobody reads or holds leaves no listener on a signal", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hangBody(Reply.respond({ body: "firstlast!" })) })
      const fetch = yield* make({ retry: quick(1) })
      const { signal } = new AbortController()
      yield* Effect.promise(() => fetch(server.url, { signal }).then(() => {}))
      assert.strictEqual(listeners(signal), 1)
      while (listeners(signal) > 0) yield* collected
      // The socket of node's own client holds its response.
      if (kind === "fromClient with node") return
      while ((yield* server.connections).open > 0) yield* collected
    }))
})
