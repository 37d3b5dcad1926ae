import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Context, Effect, Fiber, Layer, Logger, LogLevel, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../../reprise/test/services.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientFetch from "../../src/ResilientFetch.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { failureOf, listeners, rejection } from "../support/fetch.js"
import { allAborted, quick } from "../support/wire.js"

const fromContext = Effect.flatMap(HttpClient.HttpClient, ResilientFetch.fromClient)
const bare = Effect.provide(fromContext, FetchHttpClient.layer)

describe("ResilientFetch.fromClient", () => {
  it.scopedLive("shares the breaker of the client", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.respond({ status: 500 }) })
      const client = yield* HttpClient.HttpClient
      const fetch = yield* fromContext
      yield* Effect.flatMap(client.get(server.url), (response) => response.text)
      const [, cause] = yield* failureOf(() => fetch(server.url))
      assert.strictEqual(cause._tag, "CircuitOpen")
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(
      Effect.provide(ResilientHttpClient.layer({
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      })),
      Effect.provide(FetchHttpClient.layer),
      Logger.withMinimumLogLevel(LogLevel.None)
    ))

  it.scopedLive("gives the failed responses of a typed client back as values", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.respond({ status: 404, body: "no such order" }), Reply.reset())
      const client = Effect.map(HttpClient.HttpClient, ResilientHttpClient.makeTyped({ retry: false }))
      const fetch = yield* Effect.provide(Effect.flatMap(client, ResilientFetch.fromClient), FetchHttpClient.layer)
      const response = yield* Effect.promise(() => fetch(server.url))
      assert.strictEqual(response.status, 404)
      assert.strictEqual(yield* Effect.promise(() => response.text()), "no such order")
      const [message, cause] = yield* failureOf(() => fetch(server.url))
      assert.deepStrictEqual([message, cause._tag], ["fetch failed", "ConnectionLost"])
    }))

  it.scopedLive("gives the responses that filterStatusOk refuses back as values", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.respond({ status: 404, body: "no such order" }) })
      const client = Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk)
      const fetch = yield* Effect.provide(Effect.flatMap(client, ResilientFetch.fromClient), FetchHttpClient.layer)
      const response = yield* Effect.promise(() => fetch(server.url))
      assert.strictEqual(yield* Effect.promise(() => response.text()), "no such order")
    }))

  it.scoped("runs on the clock and within the deadline of the program", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const client = Effect.map(HttpClient.HttpClient, ResilientHttpClient.make({ retry: quick(3) }))
      let call: Promise<unknown> = Promise.resolve()
      const program = Effect.gen(function*() {
        const fetch = yield* Effect.flatMap(client, ResilientFetch.fromClient)
        call = rejection(() => fetch(server.url)).pipe(Effect.runPromise)
        return yield* Effect.never
      })
      const fiber = yield* Effect.fork(Deadline.within(program, "1 hour"))
      const requests = yield* server.awaitRequests(1)
      yield* TestClock.adjust("59 minutes")
      assert.isFalse(requests[0]?.aborted)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "DeadlineExceeded")
      assert.nestedPropertyVal(yield* Effect.promise(() => call), "cause._tag", "AttemptTimeout")
      yield* allAborted(server)
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.scopedLive("sends the trace of the program, unless the client is told not to", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* HttpClient.HttpClient
      const traced = yield* ResilientFetch.fromClient(client)
      const silent = yield* ResilientFetch.fromClient(HttpClient.withTracerPropagation(client, false))
      for (const fetch of [traced, silent]) yield* Effect.promise(() => fetch(server.url).then((all) => all.text()))
      const requests = yield* server.requests
      assert.deepStrictEqual(requests.map(({ headers }) => "traceparent" in headers), [true, false])
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.scopedLive("keeps the options that the program gives to fetch", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: Reply.respond({ status: 302, headers: { location: "/" } }) })
      const fetch = yield* fromContext.pipe(
        Effect.provide(FetchHttpClient.layer),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })
      )
      assert.strictEqual((yield* Effect.promise(() => fetch(server.url))).status, 302)
    }))

  it.scopedLive("can be aborted when a layer has made it", () =>
    Effect.gen(function*() {
      class Fetch extends Context.Tag("test/Fetch")<Fetch, typeof globalThis.fetch>() {}
      const server = yield* FaultServer.make({ always: Reply.hang() })
      const layer = Layer.scoped(Fetch, Effect.uninterruptible(bare))
      const fetch = Context.get(yield* Layer.build(layer), Fetch)
      const controller = new AbortController()
      const call = fetch(server.url, { signal: controller.signal })
      yield* server.awaitRequests(1)
      controller.abort()
      assert.propertyVal(yield* rejection(() => call), "name", "AbortError")
      yield* allAborted(server)
      assert.strictEqual(listeners(controller.signal), 0)
    }))

  it.scopedLive("leaves no fiber of a call that was aborted, and none of its body", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(Reply.hang(), Reply.hangBody(Reply.respond({ body: "firstlast!" })))
      const fibers = new Services.FiberCount()
      const fetch = yield* fibers.of(bare)
      const controllers = [new AbortController(), new AbortController()] as const
      const call = fetch(server.url, { signal: controllers[0].signal })
      yield* server.awaitRequests(1)
      assert.isAbove(fibers.running, 0)
      controllers[0].abort()
      yield* rejection(() => call)
      const response = yield* Effect.promise(() => fetch(server.url, { signal: controllers[1].signal }))
      const reader = response.body!.getReader()
      yield* Effect.promise(() => reader.read())
      controllers[1].abort()
      yield* rejection(() => reader.read())
      yield* allAborted(server)
      assert.strictEqual(fibers.running, 0)
    }))

  it.scopedLive("logs nothing when a call fails or is aborted", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.make(({ message }) => logged.push(message))
      const server = yield* FaultServer.make({ always: Reply.reset() })
      const fetch = yield* bare.pipe(
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      )
      yield* failureOf(() => fetch(server.url))
      const controller = new AbortController()
      const call = fetch(server.url, { signal: controller.signal })
      controller.abort()
      yield* rejection(() => call)
      yield* server.awaitClosed()
      assert.deepStrictEqual(logged, [])
    }))

  it.scopedLive("needs what the client needs", () =>
    Effect.gen(function*() {
      class Token extends Context.Tag("test/Token")<Token, string>() {}
      const server = yield* FaultServer.make()
      const client = Effect.map(
        HttpClient.HttpClient,
        HttpClient.mapRequestEffect((request) =>
          Effect.map(Token, (token) => HttpClientRequest.bearerToken(request, token))
        )
      )
      const fetch = yield* Effect.flatMap(client, ResilientFetch.fromClient).pipe(
        Effect.provideService(Token, "secret"),
        Effect.provide(FetchHttpClient.layer)
      )
      yield* Effect.promise(() => fetch(server.url).then((all) => all.text()))
      assert.strictEqual((yield* server.requests)[0]?.headers["authorization"], "Bearer secret")
    }))
})
