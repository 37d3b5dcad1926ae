import type { HttpApp, HttpMiddleware } from "@effect/platform"
import { HttpClient, HttpClientRequest, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import type { Scope } from "effect"
import { Deferred, Effect, Fiber, Stream } from "effect"
import * as Http from "node:http"
import * as HttpServerResilience from "../../src/HttpServerResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { portOf } from "../support/platform.js"
import { onEachTransport, quick, type Transport } from "../support/wire.js"

const deadlineHeader = "x-timeout-ms"
const attemptHeader = "x-attempt"
const bounded = HttpServerResilience.deadline({ header: deadlineHeader })
const unnested = HttpServerResilience.withoutNestedRetries({ header: attemptHeader })

const asIs = <E, R>(app: HttpApp.Default<E, R>) => app

const down = Reply.respond({ status: 503, body: "down" })

/** A process of its own: a real server. */
const serve = <E>(app: HttpApp.Default<E, HttpClient.HttpClient>, middleware?: HttpMiddleware.HttpMiddleware) =>
  Effect.gen(function*() {
    const node = Http.createServer()
    const server = yield* NodeHttpServer.make(() => node, { port: 0, host: "127.0.0.1" })
    yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    yield* middleware === undefined ? server.serve(app) : server.serve(app, middleware)
    return `http://127.0.0.1:${portOf(server)}`
  })

/** A handler that asks the next process, and answers what that does. */
const forward = (url: string, options: ResilientHttpClient.Options) =>
  Effect.gen(function*() {
    const client = ResilientHttpClient.make({ retry: quick(3), ...options })(yield* HttpClient.HttpClient)
    const response = yield* client.get(url)
    return HttpServerResponse.text(yield* response.text, { status: response.status })
  })

const get = (url: string, options: ResilientHttpClient.Options, headers: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const client = ResilientHttpClient.make({ retry: quick(3), ...options })(yield* HttpClient.HttpClient)
    const response = yield* client.execute(HttpClientRequest.get(url, { headers }))
    return { status: response.status, text: yield* response.text }
  })

const live = <A, E>(
  transport: Transport,
  test: (last: FaultServer.FaultServer) => Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>
) => Effect.provide(Effect.flatMap(FaultServer.make(), test), transport)

const told = (requests: ReadonlyArray<FaultServer.RecordedRequest>) =>
  requests.map(({ headers }) => headers[deadlineHeader])

onEachTransport("the deadline of the first process", (transport) => {
  it.scopedLive.each(
    [
      ["its deadline", { deadline: "5 seconds", attemptTimeout: "1 hour" }, 5_000],
      ["its attempt timeout", { deadline: "1 hour", attemptTimeout: "3 seconds" }, 3_000]
    ] as const
  )("is seen by the third: %s", ([, limits, most]) =>
    live(transport, (last) =>
      Effect.gen(function*() {
        const seen: Array<number> = []
        const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
          seen.push(Number(headers[deadlineHeader]))
          return forward(last.url, { deadline: "1 day", deadlineHeader })
        })
        const middle = yield* serve(bounded(app))
        assert.strictEqual((yield* get(middle, { deadlineHeader, ...limits })).status, 200)
        const [atLast] = told(yield* last.requests).map(Number)
        assert.lengthOf(seen, 1)
        assert.isAtMost(seen[0]!, most)
        assert.isAtMost(atLast!, seen[0]!)
        assert.isAbove(atLast!, most - 2_000)
      })))

  it.scopedLive.each(
    [
      ["in its app", bounded, undefined],
      ["by the middleware of its server", asIs, bounded]
    ] as const
  )(
    "ends a handler that hangs, %s: 504, and the request to the third is given up",
    ([, inside, outside]) =>
      live(transport, (last) =>
        Effect.gen(function*() {
          yield* last.script(Reply.hang())
          const middle = yield* serve(inside(forward(last.url, {})), outside)
          const timedOut = yield* get(middle, { retry: false }, { [deadlineHeader]: "200" })
          assert.strictEqual(timedOut.status, 504)
          yield* last.awaitAborted(1)
          // And nothing of it is in the way of the next.
          assert.deepStrictEqual(yield* get(middle, {}, { [deadlineHeader]: "10000" }), { status: 200, text: "ok" })
          assert.lengthOf(yield* last.requests, 2)
        }))
  )

  it.scopedLive("is told to the third, whose client in the second gives up by itself: 504 all the same", () =>
    live(transport, (last) =>
      Effect.gen(function*() {
        yield* last.always(Reply.hang())
        const middle = yield* serve(forward(last.url, { deadline: "1 day" }), bounded)
        for (let n = 1; n <= 5; n++) {
          const { status } = yield* get(middle, { retry: false }, { [deadlineHeader]: "30" })
          assert.strictEqual(status, 504)
        }
        yield* last.awaitRequests((requests) => requests.every(({ aborted }) => aborted))
      })))

  it.scopedLive("does not cut a response that has begun", () =>
    live(transport, () =>
      Effect.gen(function*() {
        const slowly = Stream.make("a", "b").pipe(Stream.mapEffect((text) => Effect.delay(Effect.succeed(text), 30)))
        const app = Effect.sync(() => HttpServerResponse.stream(Stream.encodeText(slowly)))
        const outside = yield* serve(app, bounded)
        const inside = yield* serve(bounded(app))
        const asked = { [deadlineHeader]: "40" }
        assert.deepStrictEqual(yield* get(outside, {}, asked), { status: 200, text: "ab" })
        assert.deepStrictEqual(yield* get(inside, {}, asked), { status: 200, text: "ab" })
      })))

  it.scopedLive("does not keep its server from hearing that a client has gone", () =>
    live(transport, (last) =>
      Effect.gen(function*() {
        yield* last.always(Reply.hang())
        const ended = yield* Deferred.make<void>()
        const app = Effect.ensuring(forward(last.url, {}), Deferred.succeed(ended, undefined))
        for (const middle of [yield* serve(bounded(app)), yield* serve(app, bounded)]) {
          const call = yield* Effect.fork(get(middle, { deadline: "1 hour", deadlineHeader }))
          yield* last.awaitRequests(1)
          yield* Fiber.interrupt(call)
          yield* Deferred.await(ended)
          yield* last.awaitAborted(1)
          yield* last.reset
          yield* last.always(Reply.hang())
        }
      })))

  it.scopedLive("goes through redirects", () =>
    live(transport, (last) =>
      Effect.gen(function*() {
        yield* last.script(Reply.respond({ status: 307, headers: { location: "/there" } }))
        const redirected = Effect.map(HttpClient.HttpClient, (client) =>
          HttpClient.followRedirects(
            ResilientHttpClient.make({ deadline: "5 seconds", deadlineHeader })(client)
          ))
        const client = yield* redirected
        assert.strictEqual((yield* client.get(last.url)).status, 200)
        const requests = yield* last.requests
        assert.deepStrictEqual(requests.map(({ path }) => path), ["/", "/there"])
        // Outside of the client, each redirect is a call with a deadline of its own.
        for (const millis of told(requests).map(Number)) {
          assert.isAbove(millis, 0)
          assert.isAtMost(millis, 5_000)
        }
      })))
})

onEachTransport("three attempts in each process", (transport) => {
  /** What the last process gets of one call through so many others. */
  const requests = (
    processes: number,
    client: ResilientHttpClient.Options,
    middleware: HttpMiddleware.HttpMiddleware
  ) =>
    live(transport, (last) =>
      Effect.gen(function*() {
        yield* last.always(down)
        let next = last.url
        for (let n = 0; n < processes; n++) next = yield* serve(forward(next, client), middleware)
        const { status } = yield* get(next, client)
        assert.strictEqual(status, 503)
        return (yield* last.requests).map(({ headers }) => headers[attemptHeader])
      }))

  it.scopedLive("are nine in two, where either does not know of the other", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* requests(1, {}, unnested), 9)
      assert.lengthOf(yield* requests(1, { attemptHeader }, asIs), 9)
    }))

  it.scopedLive("are five in two and seven in three, where they do", () =>
    Effect.gen(function*() {
      const first = [undefined, "2", "3"]
      assert.deepStrictEqual(yield* requests(1, { attemptHeader }, unnested), [...first, "2", "3"])
      assert.deepStrictEqual(yield* requests(2, { attemptHeader }, unnested), [...first, "2", "3", "2", "3"])
    }))
})
