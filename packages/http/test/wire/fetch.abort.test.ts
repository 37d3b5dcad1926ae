import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Deferred, Effect, Exit, Fiber } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Telemetry from "reprise/Telemetry"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import { listeners, onEachKind, rejection } from "../support/fetch.js"
import { allAborted } from "../support/wire.js"

const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length

/** How a program aborts, and what the promise must reject with. */
const ways: ReadonlyArray<
  readonly [name: string, abort: (controller: AbortController) => void, check: (reason: unknown) => void]
> = [
  ["without a reason", (controller) => controller.abort(), (reason) => {
    assert.instanceOf(reason, DOMException)
    assert.propertyVal(reason, "name", "AbortError")
  }],
  ["with a reason", (controller) => controller.abort("my reason"), (reason) => {
    assert.strictEqual(reason, "my reason")
  }]
]

/** By then a call waits for its policies: all before that is synchronous, or a promise that is resolved. */
const begun = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

const half = Reply.hangBody(Reply.respond({ body: "firstlast!" }))
const hourly = Backoff.attempts(Backoff.exponential("1 hour"), 2).pipe(HttpRetry.whileRetryable)

onEachKind("an aborted call of fetch", (make) => {
  for (const [way, abort, check] of ways) {
    it.scopedLive(`sends nothing if it was aborted before, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        const fetch = yield* make()
        const controller = new AbortController()
        abort(controller)
        check(yield* rejection(() => fetch(server.url, { signal: controller.signal })))
        check(yield* rejection(() => fetch(new Request(server.url, { signal: controller.signal }))))
        assert.lengthOf(yield* server.requests, 0)
        assert.strictEqual(listeners(controller.signal), 0)
      }))

    it.scopedLive.each(["the init", "a Request"])(
      `closes the connection of its attempt, by the signal of %s, ${way}`,
      (where) =>
        Effect.gen(function*() {
          const server = yield* FaultServer.make({ always: Reply.hang() })
          const fetch = yield* make({ attemptTimeout: "1 hour", deadline: "2 hours" })
          const controller = new AbortController()
          const { signal } = controller
          const before = timers()
          const call = where === "the init"
            ? fetch(server.url, { signal })
            : fetch(new Request(server.url, { signal }))
          yield* server.awaitRequests(1)
          abort(controller)
          check(yield* rejection(() => call))
          yield* allAborted(server)
          while (timers() > before) yield* Effect.yieldNow()
          if (where === "the init") assert.strictEqual(listeners(signal), 0)
          assert.lengthOf(yield* server.requests, 1)
        })
    )

    it.scopedLive(`ends its wait for a retry, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: Reply.respond({ status: 503 }) })
        const waits = yield* Deferred.make<void>()
        const listener = Telemetry.listener(({ _tag }) => {
          if (_tag === "RetryScheduled") Deferred.unsafeDone(waits, Exit.void)
        })
        const fetch = yield* make({ retry: hourly, listener })
        const controller = new AbortController()
        const { signal } = controller
        const before = timers()
        const call = fetch(server.url, { signal })
        yield* Deferred.await(waits)
        yield* begun
        abort(controller)
        check(yield* rejection(() => call))
        assert.strictEqual(listeners(signal), 0)
        while (timers() > before) yield* Effect.yieldNow()
        assert.lengthOf(yield* server.requests, 1)
      }))

    it.scopedLive(`ends its wait at a gate, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.respond({ status: 503, headers: { "retry-after": "3600" } }))
        const fetch = yield* make({ retry: false, gate: HttpResilience.retryAfterGate() })
        const first = yield* Effect.promise(() => fetch(server.url))
        yield* Effect.promise(() => first.text())
        const controller = new AbortController()
        const { signal } = controller
        const call = fetch(server.url, { signal })
        yield* begun
        abort(controller)
        check(yield* rejection(() => call))
        assert.strictEqual(listeners(signal), 0)
        assert.lengthOf(yield* server.requests, 1)
      }))

    it.scopedLive(`leaves its place in a queue, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.hang())
        const fetch = yield* make({
          retry: false,
          bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 1 })
        })
        const running = new AbortController()
        const first = fetch(server.url, { signal: running.signal })
        yield* server.awaitRequests(1)
        const controller = new AbortController()
        const call = fetch(server.url, { signal: controller.signal })
        yield* begun
        abort(controller)
        check(yield* rejection(() => call))
        assert.strictEqual(listeners(controller.signal), 0)
        // Its place is free for the next one.
        const next = yield* Effect.fork(Effect.promise(() => fetch(server.url)))
        running.abort()
        yield* rejection(() => first)
        assert.strictEqual((yield* Fiber.join(next)).status, 200)
        assert.lengthOf(yield* server.requests, 2)
      }))

    it.scopedLive(`ends its wait for a token, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        const rateLimiter = HttpResilience.rateLimiter({ limit: 1, window: "1 hour", onExceeded: "delay" })
        const fetch = yield* make({ retry: false, rateLimiter })
        yield* Effect.promise(() => fetch(server.url).then((response) => response.text()))
        const controller = new AbortController()
        const { signal } = controller
        const call = fetch(server.url, { signal })
        yield* begun
        abort(controller)
        check(yield* rejection(() => call))
        assert.strictEqual(listeners(signal), 0)
        assert.lengthOf(yield* server.requests, 1)
      }))

    it.scopedLive(`ends its body while that is read, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: half })
        const fetch = yield* make()
        const controller = new AbortController()
        const response = yield* Effect.promise(() => fetch(server.url, { signal: controller.signal }))
        const reader = response.body!.getReader()
        yield* Effect.promise(() => reader.read())
        const rest = reader.read()
        abort(controller)
        check(yield* rejection(() => rest))
        assert.strictEqual(listeners(controller.signal), 0)
        yield* allAborted(server)
      }))

    it.scopedLive(`ends its body before that is read, ${way}`, () =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make({ always: half })
        const fetch = yield* make()
        const controller = new AbortController()
        const response = yield* Effect.promise(() => fetch(server.url, { signal: controller.signal }))
        abort(controller)
        check(yield* rejection(() => response.text()))
        assert.strictEqual(listeners(controller.signal), 0)
        yield* allAborted(server)
      }))
  }

  it.scopedLive("closes the connections of an attempt and its hedge", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const fetch = yield* make({ hedge: HttpResilience.hedge({ after: "1 millis" }) })
      const controller = new AbortController()
      const call = fetch(server.url, { signal: controller.signal })
      yield* server.awaitRequests(2)
      controller.abort()
      assert.propertyVal(yield* rejection(() => call), "name", "AbortError")
      yield* allAborted(server)
      assert.strictEqual(listeners(controller.signal), 0)
    }))

  it.scopedLive("rejects with the TimeoutError of AbortSignal.timeout", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const fetch = yield* make()
      const error = yield* rejection(() => fetch(server.url, { signal: AbortSignal.timeout(20) }))
      assert.propertyVal(error, "name", "TimeoutError")
      yield* allAborted(server)
    }))

  it.scopedLive.each(
    [
      ["when its body has been read", (response: Response) => response.text().then(() => {})],
      ["when its body was cancelled", (response: Response) => response.body!.cancel()]
    ] as const
  )("leaves no listener on its signal %s", ([, end]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const fetch = yield* make()
      const { signal } = new AbortController()
      const response = yield* Effect.promise(() => fetch(server.url, { signal }))
      assert.strictEqual(listeners(signal), 1)
      yield* Effect.promise(() => end(response))
      assert.strictEqual(listeners(signal), 0)
    }))

  it.scopedLive("leaves no listener on its signal when it fails, has no body, or breaks off", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(
        Reply.respond({ status: 204 }),
        Reply.truncate(Reply.respond({ body: "firstlast!" })),
        Reply.reset()
      )
      const fetch = yield* make({ retry: false })
      const { signal } = new AbortController()
      yield* Effect.promise(() => fetch(server.url, { signal }))
      assert.strictEqual(listeners(signal), 0)
      const broken = yield* Effect.promise(() => fetch(server.url, { signal }))
      yield* rejection(() => broken.text())
      assert.strictEqual(listeners(signal), 0)
      yield* rejection(() => fetch(server.url, { signal }))
      assert.strictEqual(listeners(signal), 0)
    }))
})

describe("the fetch below", () => {
  it.live("has the reason of the caller in its signal", () =>
    Effect.gen(function*() {
      let inner: AbortSignal | null | undefined
      const fetch = ResilientFetch.make({
        fetch: (_, init) => {
          inner = init?.signal
          return new Promise(() => {})
        }
      })
      const controller = new AbortController()
      const call = fetch("http://h.test", { signal: controller.signal })
      controller.abort("my reason")
      yield* rejection(() => call)
      assert.strictEqual(inner?.reason, "my reason")
    }))
})
