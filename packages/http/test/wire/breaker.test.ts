import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Context, Duration, Effect, Either, Layer, Option, Schedule, TestClock } from "effect"
import { CircuitOpen } from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import { kindOf } from "../../src/internal/classify/clientError.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { dropIn, onEachTransport, quick, toArrive, typed } from "../support/wire.js"

const down = Reply.respond({ status: 503, body: "down" })
const forAnHour = Schedule.spaced("1 hour")
const options = (failures: number, more?: Partial<HttpResilience.CircuitBreakerOptions>) => ({
  trip: Tripping.consecutive(failures),
  openFor: forAnHour,
  ...more
})
const breaker = (...args: Parameters<typeof options>) => HttpResilience.circuitBreaker(options(...args))

const get = (url: string) => Effect.flatMap(ResilientHttpClient.ResilientHttpClient, (client) => client.get(url))

onEachTransport("a circuit breaker", (transport) => {
  it.scopedLive("ends the retries of the call that trips it, with that call's own failure", () =>
    typed(transport, { retry: quick(5), breaker: breaker(2) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(down)
        const failure = yield* Effect.flip(get(server.url))
        assert.ok(failure._tag === "ServerError")
        assert.deepStrictEqual(failure.attempts.map(({ reason }) => reason), ["backoff", "circuitOpen"])
        assert.strictEqual(yield* failure.response.text, "down")
        assert.lengthOf(yield* server.requests, 2)
      })))

  it.scopedLive("sends nothing while it is open", () =>
    typed(transport, { retry: quick(3), breaker: breaker(1) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.reset())
        yield* Effect.flip(get(server.url))
        const rejected = yield* Effect.flip(get(server.url))
        assert.instanceOf(rejected, CircuitOpen)
        assert.strictEqual(rejected.key, new URL(server.url).origin)
        assert.isTrue(Option.exists(rejected.retryAfter, Duration.greaterThan(Duration.minutes(59))))
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("is one for each origin", () =>
    typed(transport, { retry: false, breaker: breaker(1) }, (server) =>
      Effect.gen(function*() {
        const healthy = yield* FaultServer.make()
        yield* server.always(down)
        yield* Effect.flip(get(server.url))
        assert.instanceOf(yield* Effect.flip(get(`${server.url}/other/path?a=b`)), CircuitOpen)
        assert.strictEqual((yield* get(healthy.url)).status, 200)
      })))

  it.scopedLive("is one for each key, where there is a function for it", () =>
    typed(
      transport,
      { retry: false, breaker: breaker(1, { key: (request) => new URL(request.url).pathname }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(down)
          yield* Effect.flip(get(`${server.url}/a`))
          assert.strictEqual((yield* get(`${server.url}/b`)).status, 200)
          const rejected = yield* Effect.flip(get(`${server.url}/a`))
          assert.ok(rejected._tag === "CircuitOpen")
          assert.strictEqual(rejected.key, "/a")
        })
    ))

  it.scopedLive("opens when attempts run out of their time", () =>
    typed(
      transport,
      { retry: false, attemptTimeout: "50 millis", breaker: breaker(2) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(Reply.hang())
          const errors = yield* Effect.replicateEffect(Effect.flip(get(server.url)), 3)
          const tags = errors.map(({ _tag }) => _tag)
          assert.deepStrictEqual(tags, ["AttemptTimeout", "AttemptTimeout", "CircuitOpen"], errors.join("\n"))
        })
    ))

  it.scopedLive("does not count an attempt that the caller's own deadline cut short", () =>
    typed(
      transport,
      { retry: false, attemptTimeout: "1 minute", breaker: breaker(1) },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.hang())
          const short = Deadline.within(get(server.url), toArrive)
          assert.include(["AttemptTimeout", "DeadlineExceeded"], (yield* Effect.flip(short))._tag)
          assert.strictEqual((yield* get(server.url)).status, 200)
        })
    ))

  it.scopedLive("opens when bodies are cut while they are read", () =>
    typed(transport, { retry: false, breaker: breaker(1) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.truncate(Reply.respond({ body: "a body that is cut" }), { bytes: 3 }))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), ({ text }) => text)
        assert.deepInclude(yield* Effect.flip(read), { _tag: "BodyFailure" })
        assert.deepInclude(yield* Effect.flip(read), { _tag: "CircuitOpen" })
      })))

  for (const status of [400, 401, 404, 408, 409, 422, 429, 501, 505]) {
    it.scopedLive(`does not count a ${status}`, () =>
      typed(transport, { retry: false, breaker: breaker(1) }, (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.respond({ status }))
          yield* Effect.flip(get(server.url))
          assert.strictEqual((yield* get(server.url)).status, 200)
        })))
  }

  it.scopedLive("counts 429 where it is asked to", () =>
    typed(
      transport,
      { retry: false, breaker: breaker(1, { countRateLimited: true }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.respond({ status: 429 }))
          yield* Effect.flip(get(server.url))
          assert.deepInclude(yield* Effect.flip(get(server.url)), { _tag: "CircuitOpen" })
        })
    ))

  it.scopedLive("is a RequestError with its cause to a program that keeps its types", () =>
    dropIn(transport, { retry: false, breaker: breaker(1) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(down)
        assert.strictEqual(yield* Effect.flatMap(HttpClient.get(server.url), ({ text }) => text), "down")
        const error = yield* Effect.flip(HttpClient.get(server.url))
        assert.strictEqual(kindOf(error), "Transport")
        assert.instanceOf(error.cause, CircuitOpen)
      })))

  it.scopedLive("that makes calls wait sends them when it is time, if their deadline allows it", () =>
    typed(
      transport,
      {
        retry: quick(1),
        deadline: "2 seconds",
        breaker: breaker(1, { openFor: Schedule.spaced("30 millis"), onOpen: "wait" })
      },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(down)
          yield* Effect.flip(get(server.url))
          assert.strictEqual((yield* get(server.url)).status, 200)
          assert.lengthOf(yield* server.requests, 2)
        })
    ))

  it.scopedLive("rejects at once where the deadline leaves no time to wait", () =>
    typed(
      transport,
      { retry: false, deadline: "1 second", breaker: breaker(1, { onOpen: "wait" }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(down)
          yield* Effect.flip(get(server.url))
          assert.deepInclude(yield* Effect.flip(get(server.url)), { _tag: "CircuitOpen" })
        })
    ))

  it.scoped("lets one of a thousand callers through to a server that is down, and all once it is up", () =>
    typed(
      transport,
      { retry: false, breaker: breaker(3, { openFor: Schedule.spaced("500 millis") }) },
      (server) =>
        Effect.gen(function*() {
          const all = Effect.all(Array.from({ length: 1_000 }, () => Effect.either(get(server.url))), {
            concurrency: "unbounded"
          })
          yield* server.always(down)
          yield* Effect.replicateEffect(Effect.flip(get(server.url)), 3)
          yield* TestClock.adjust("500 millis")
          const results = yield* all
          assert.lengthOf(yield* server.requests, 4)
          const errors = results.flatMap(Either.match({ onLeft: ({ _tag }) => [_tag], onRight: () => [] }))
          assert.lengthOf(errors.filter((tag) => tag === "CircuitOpen"), 999)
          yield* server.always(Reply.respond({ body: "up" }))
          yield* TestClock.adjust("500 millis")
          assert.strictEqual((yield* get(server.url)).status, 200)
          const after = yield* Effect.all(Array.from({ length: 50 }, () => get(server.url)), { concurrency: 10 })
          assert.isTrue(after.every(({ status }) => status === 200))
        })
    ))

  it.scopedLive("works as a stage of its own, below retries", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.always(down)
      const bare = Context.get(yield* Layer.build(transport), HttpClient.HttpClient)
      const client = bare.pipe(
        HttpResilience.circuitBreaker(options(2)),
        HttpResilience.retry(quick(5)),
        HttpResilience.typed
      )
      const failure = yield* Effect.flip(client.get(server.url))
      assert.deepInclude(failure, { _tag: "CircuitOpen" })
      assert.lengthOf(yield* server.requests, 2)
    }))
})
