import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Logger, Option, Schedule, type Scope, Stream } from "effect"
import * as Http from "node:http"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import { InvalidOption } from "reprise/InvalidOption"
import * as Pipeline from "reprise/Pipeline"
import * as Telemetry from "reprise/Telemetry"
import * as Services from "../../reprise/test/services.js"
import * as LivePage from "../src/LivePage.js"
import { circuit, messages, serve } from "./support/livePage.js"
import { tooLong } from "./support/platform.js"

const silent = Logger.remove(Logger.defaultLogger)

/** On real sockets and the real clock. */
const live = (name: string, test: Effect.Effect<void, unknown, Telemetry.Monitor | Scope.Scope>) =>
  it.scopedLive(name, () => Effect.provide(test, Layer.merge(Telemetry.layerMonitor, silent)))

interface Sent {
  readonly path?: string
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
}

/** Sends exactly these headers, which `fetch` would not. */
const send = (url: string, { body, headers = {}, method = "GET", path = "" }: Sent = {}) =>
  Effect.async<Answer>((resume) => {
    const request = Http.request(`${url}${path}`, { method, headers, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        text += chunk
      })
      response.on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, text }))
      )
    })
    request.on("error", ({ message }) => resume(Effect.succeed({ status: 0, headers: {}, text: message })))
    request.end(body)
  })

const json = { "content-type": "application/json" }

const act = (url: string, action: string, key: string, headers: Record<string, string> = {}) =>
  send(url, { path: `/${action}`, method: "POST", headers: { ...json, ...headers }, body: JSON.stringify({ key }) })

const actStatus = (...args: Parameters<typeof act>) => Effect.map(act(...args), ({ status }) => status)

const first = (url: string) => Effect.map(Stream.runHead(messages(url)), Option.getOrThrow)

const everybody = { authorize: () => Effect.succeed(true) }

describe("the live page", () => {
  live(
    "is one document that allows nothing from elsewhere",
    Effect.gen(function*() {
      const { url } = yield* serve()
      for (const path of ["", "/", "?a=/events"]) {
        const { headers, status, text } = yield* send(url, { path })
        assert.strictEqual(status, 200)
        assert.match(headers["content-type"] ?? "", /^text\/html/)
        assert.include(headers["content-security-policy"], "default-src 'none'")
        assert.include(headers["content-security-policy"], "frame-ancestors 'none'")
        assert.strictEqual(headers["cache-control"], "no-store")
        assert.strictEqual(headers["x-content-type-options"], "nosniff")
        assert.notMatch(text, /https?:|innerHTML|insertAdjacentHTML|\bon\w+=/)
      }
    })
  )

  live(
    "has no other routes, and views nothing by another method than GET",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      assert.strictEqual((yield* send(url, { path: "/other" })).status, 404)
      for (const path of ["", "/events"]) {
        const { headers, status } = yield* send(url, { path, method: "POST" })
        assert.deepStrictEqual([status, headers["allow"]], [405, "GET, HEAD"])
      }
    })
  )

  live(
    "shows the states of policies, and the decisions between two samples",
    Effect.gen(function*() {
      const { url } = yield* serve()
      const orders = yield* circuit("orders")
      const bulkhead = yield* Bulkhead.make({ key: "db", maxConcurrent: 2, maxQueued: 1 })
      yield* Effect.zipRight(Pipeline.make({ policies: [bulkhead] })(Effect.void), orders.succeed)
      const isWatching = yield* Deferred.make<void>()
      const viewer = yield* messages(url).pipe(
        Stream.tap(() => Deferred.succeed(isWatching, undefined)),
        Stream.takeUntil(({ decisions }) => decisions.length > 0),
        Stream.runCollect,
        Effect.fork
      )
      yield* Deferred.await(isWatching)
      yield* Effect.all([orders.fail, orders.fail, orders.fail])
      const all = Array.from(yield* Fiber.join(viewer))
      const before = all[0]!.rows.find(({ key }) => key === "orders")
      assert.deepInclude(before, { policy: "circuitBreaker", state: "Closed", status: "pass", admitted: 1 })
      const { decisions, rows } = all.at(-1)!
      const after = rows.find(({ key }) => key === "orders")
      assert.deepInclude(after, { state: "Open", status: "warn", failed: 1, rejected: 2, canAct: false })
      assert.deepInclude(rows.find(({ key }) => key === "db"), { policy: "bulkhead", limit: 2, running: 0 })
      const told = decisions.map(({ count, key, text }) => `${key}: ${text} x${count}`)
      assert.include(told, "orders: circuit: Closed to Open (consecutive: 1 of 1 failed) x1")
      assert.include(told, "orders: circuitBreaker rejected an attempt (CircuitOpen) x2")
    })
  )

  live(
    "shows at most 200 policies, those with a problem first",
    Effect.gen(function*() {
      const { url } = yield* serve()
      yield* Effect.forEach(
        Array.from({ length: 250 }, (_, n) => `key ${n}`),
        (key) => Effect.flatMap(circuit(key), ({ succeed }) => succeed)
      )
      const broken = yield* circuit("broken")
      yield* broken.fail
      const { omitted, rows } = yield* first(url)
      assert.lengthOf(rows, 200)
      assert.strictEqual(omitted, 51)
      assert.strictEqual(rows[0]?.key, "broken")
    })
  )

  it("refuses room for no viewer", () => {
    assert.throws(() => LivePage.make({ maxViewers: 0 }), InvalidOption)
  })
})

describe("a viewer", () => {
  live(
    "gets a 503 if there are too many, and a place when another one has gone",
    Effect.gen(function*() {
      const { url } = yield* serve({ maxViewers: 1 })
      const isWatching = yield* Deferred.make<void>()
      const viewer = yield* messages(url).pipe(
        Stream.runForEach(() => Deferred.succeed(isWatching, undefined)),
        Effect.fork
      )
      yield* Deferred.await(isWatching)
      assert.strictEqual((yield* send(url, { path: "/events" })).status, 503)
      assert.strictEqual((yield* send(url)).status, 200)
      yield* Fiber.interrupt(viewer)
      // The server learns of it a moment later.
      yield* Effect.retry(
        Effect.tryPromise(() => fetch(`${url}/events`).then(({ body, ok }) => body!.cancel().then(() => assert(ok)))),
        Schedule.spaced("5 millis")
      )
    })
  )

  live(
    "that disconnects leaves no fiber and no subscription behind",
    Effect.gen(function*() {
      const monitor = yield* Telemetry.Monitor
      const fibers = new Services.FiberCount()
      let subscribed = 0
      const ended = yield* Deferred.make<void>()
      const counted = Stream.suspend(() => {
        subscribed++
        return Stream.ensuring(
          monitor.events,
          Effect.suspend(() => {
            subscribed--
            return Deferred.succeed(ended, undefined)
          })
        )
      })
      const { url } = yield* serve().pipe(
        Effect.provideService(Telemetry.Monitor, { ...monitor, events: counted }),
        fibers.of
      )
      const running = Effect.sync(() => fibers.running)
      const whileWatched = yield* messages(url).pipe(Stream.mapEffect(() => running), Stream.runHead)
      assert.isAbove(Option.getOrThrow(whileWatched), 0)
      yield* Deferred.await(ended)
      yield* Effect.repeat(running, { until: (count) => count === 0, schedule: Schedule.spaced("5 millis") })
      assert.strictEqual(subscribed, 0)
    })
  )

  live(
    "from a page of another site is refused",
    Effect.gen(function*() {
      const { url } = yield* serve()
      const headers = { "sec-fetch-site": "cross-site" }
      assert.strictEqual((yield* send(url, { path: "/events", headers })).status, 403)
    })
  )

  live(
    "sees nothing unless authorize says so",
    Effect.gen(function*() {
      const asked: Array<LivePage.Action> = []
      const { url } = yield* serve({
        authorize: ({ action, request }) => {
          asked.push(action)
          return Effect.succeed(request.headers["x-user"] === "operator")
        }
      })
      const statuses = (headers: Record<string, string>) =>
        Effect.forEach(
          ["", "/events"],
          (path) => Effect.map(send(url, { path, headers, method: "HEAD" }), (_) => _.status)
        )
      assert.deepStrictEqual(yield* statuses({}), [403, 403])
      assert.deepStrictEqual(yield* statuses({ "x-user": "operator" }), [200, 200])
      assert.deepStrictEqual(asked, ["view", "view", "view", "view"])
    })
  )
})

describe("an operator", () => {
  live(
    "isolates every circuit with the key, and closes them again, also twice",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const one = yield* circuit("api")
      const other = yield* circuit("api")
      const bystander = yield* circuit("api/other")
      yield* Effect.all([one.succeed, other.fail, bystander.succeed])
      const states = Effect.forEach([one, other, bystander], ({ breaker }) => CircuitBreaker.state(breaker))
      for (const _ of [1, 2]) {
        const { status, text } = yield* act(url, "isolate", "api")
        assert.deepStrictEqual([status, JSON.parse(text)], [200, { key: "api", states: ["Isolated", "Isolated"] }])
        assert.deepStrictEqual(yield* states, ["Isolated", "Isolated", "Closed"])
      }
      for (const _ of [1, 2]) {
        const { status, text } = yield* act(url, "close", "api")
        assert.deepStrictEqual([status, JSON.parse(text)], [200, { key: "api", states: ["Closed", "Closed"] }])
        assert.deepStrictEqual(yield* states, ["Closed", "Closed", "Closed"])
      }
    })
  )

  live(
    "isolates again without a gap in which a call passes",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { breaker, succeed } = yield* circuit("api")
      yield* succeed
      const transitions: Array<string> = []
      yield* Effect.forkScoped(
        Stream.runForEach(
          CircuitBreaker.changes(breaker),
          ({ from, to }) => Effect.sync(() => transitions.push(`${from} ${to}`))
        )
      )
      yield* Effect.yieldNow()
      yield* Effect.all([act(url, "isolate", "api"), act(url, "isolate", "api"), act(url, "close", "api")])
      assert.deepStrictEqual(transitions, ["Closed Closed", "Closed Isolated", "Isolated Closed"])
    })
  )

  live(
    "does not end an isolation that the program has begun",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { breaker, succeed } = yield* circuit("api")
      yield* succeed
      const { release } = yield* CircuitBreaker.isolate(breaker)
      assert.deepStrictEqual(JSON.parse((yield* act(url, "close", "api")).text), { key: "api", states: ["Isolated"] })
      yield* release
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    })
  )

  live(
    "can isolate a circuit again that the program has reset",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { breaker, succeed } = yield* circuit("api")
      yield* succeed
      yield* act(url, "isolate", "api")
      yield* CircuitBreaker.reset(breaker)
      yield* act(url, "isolate", "api")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
    })
  )

  live(
    "has no actions without authorize",
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { breaker, fail } = yield* circuit("api")
      yield* fail
      assert.deepStrictEqual([yield* actStatus(url, "isolate", "api"), yield* actStatus(url, "close", "api")], [
        404,
        404
      ])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      assert.include((yield* send(url)).text, "data-actions=\"false\"")
      assert.isFalse((yield* first(url)).rows[0]?.canAct)
    })
  )

  live(
    "may do what authorize allows, and is asked about with the key",
    Effect.gen(function*() {
      const asked: Array<string> = []
      const { url } = yield* serve({
        authorize: ({ action, key }) => {
          asked.push(`${action} ${key}`)
          return Effect.succeed(action === "close")
        }
      })
      const { breaker, fail } = yield* circuit("api")
      yield* fail
      assert.strictEqual(yield* actStatus(url, "isolate", "api"), 403)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      assert.strictEqual(yield* actStatus(url, "close", "api"), 200)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      assert.deepStrictEqual(asked, ["isolate api", "close api"])
    })
  )

  live(
    "may do nothing if authorize fails",
    Effect.gen(function*() {
      const { url } = yield* serve({ authorize: () => Effect.fail("no answer") })
      const { breaker, succeed } = yield* circuit("api")
      yield* succeed
      assert.deepStrictEqual([yield* actStatus(url, "isolate", "api"), (yield* send(url)).status], [500, 500])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    })
  )
})

describe("an action", () => {
  const refused: ReadonlyArray<readonly [why: string, sent: Sent, status: number]> = [
    ["by GET", { method: "GET" }, 405],
    ["by PUT", { method: "PUT" }, 405],
    ["of a form", { headers: { "content-type": "application/x-www-form-urlencoded" } }, 415],
    ["as plain text", { headers: { "content-type": "text/plain" } }, 415],
    ["with a type that only begins like JSON", { headers: { "content-type": "application/json5" } }, 415],
    ["without a type", { headers: {} }, 415],
    ["of another site", { headers: { ...json, "sec-fetch-site": "cross-site" } }, 403],
    ["of another host of the same site", { headers: { ...json, "sec-fetch-site": "same-site" } }, 403],
    ["of another origin", { headers: { ...json, origin: "http://evil.example" } }, 403],
    ["of another port", { headers: { ...json, origin: "http://127.0.0.1:1" } }, 403],
    ["of an opaque origin", { headers: { ...json, origin: "null" } }, 403],
    ["without a key", { headers: json, body: "{}" }, 400],
    ["with an empty key", { headers: json, body: "{\"key\":\"\"}" }, 400],
    ["with a key that is no text", { headers: json, body: "{\"key\":[\"api\"]}" }, 400],
    ["with a body that is no JSON", { headers: json, body: "key=api" }, 400],
    ["with a body that is null", { headers: json, body: "null" }, 400],
    ["for a key that no circuit has", { headers: json, body: "{\"key\":\"other\"}" }, 404]
  ]
  for (const [why, sent, expected] of refused) {
    live(
      `${why} is refused with ${expected}`,
      Effect.gen(function*() {
        const { url } = yield* serve(everybody)
        const { breaker, succeed } = yield* circuit("api")
        yield* succeed
        const { status } = yield* send(url, { method: "POST", path: "/isolate", body: "{\"key\":\"api\"}", ...sent })
        assert.strictEqual(status, expected)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      })
    )
  }

  live(
    "with a body that is too long is refused",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const { breaker, succeed } = yield* circuit("api")
      yield* succeed
      const body = JSON.stringify({ key: "api", more: "a".repeat(20_000) })
      assert.strictEqual((yield* send(url, { method: "POST", path: "/isolate", headers: json, body })).status, tooLong)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    })
  )

  live(
    "of the page itself is accepted, and that of a program that is no browser",
    Effect.gen(function*() {
      const { host, url } = yield* serve(everybody)
      const { succeed } = yield* circuit("api")
      yield* succeed
      const accepted = [{}, { origin: `http://${host}` }, { origin: `http://${host}`, "sec-fetch-site": "same-origin" }]
      for (const headers of accepted) assert.strictEqual(yield* actStatus(url, "isolate", "api", headers), 200)
    })
  )

  live(
    "works for a key of any characters",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      const keys = [
        "<script>alert(1)</script>",
        "\"onmouseover=\"x",
        "a\n\ndata: {}\r\n",
        "\u2028\u0000\u202e",
        "__proto__"
      ]
      for (const key of keys) {
        const { breaker, succeed } = yield* circuit(key)
        yield* succeed
        assert.strictEqual(yield* actStatus(url, "isolate", key), 200)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
      }
      assert.deepStrictEqual((yield* first(url)).rows.map(({ key }) => key).sort(), keys.sort())
    })
  )

  live(
    "is not offered for a key that is very long, or empty",
    Effect.gen(function*() {
      const { url } = yield* serve(everybody)
      for (const key of ["k".repeat(100_000), ""]) {
        const { succeed } = yield* circuit(key)
        yield* succeed
      }
      const { rows } = yield* first(url)
      assert.deepStrictEqual(rows.map(({ canAct, key }) => [canAct, key.length]), [[false, 501], [false, 0]])
    })
  )
})
