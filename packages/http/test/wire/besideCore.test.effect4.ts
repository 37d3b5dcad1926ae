/**
 * The rows of `docs/effect-4.md`: the same case with the parts of Effect 4 itself and with Reprise.
 */
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as HttpFault from "@reprise/testing/HttpFault"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { CircuitBreaker as CoreBreaker, RateLimiter as CoreLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Backoff from "reprise/Backoff"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"

interface Client {
  readonly execute: (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown>
}

type Stage = (client: HttpClient.HttpClient) => Client

const page = Fs.readFileSync(new URL("../../../../docs/effect-4.md", import.meta.url), "utf8")

/** A test of one row of the page, which must have it. */
const row = <E>(name: string, test: Effect.Effect<void, E>) =>
  it.effect(name, () =>
    Effect.suspend(() => {
      assert.include(page, `| ${name} |`)
      return test
    }))

const core: Stage = HttpClient.retryTransient({ times: 3 })
const ours: Stage = ResilientHttpClient.make({
  retry: HttpRetry.exponential({ attempts: 4, base: "1 millis", cap: "2 millis" })
})

const request = HttpClientRequest.make("GET")("http://example.com/")

/** The number of requests that a call sends before it ends, within an hour of virtual time. */
const sent = (stage: Stage, steps: ReadonlyArray<HttpFault.Step>, req = request) =>
  Effect.gen(function*() {
    const fault = yield* HttpFault.make(...steps)
    const call = yield* Effect.forkChild(Effect.exit(stage(fault.client).execute(req)))
    yield* TestClock.adjust("1 hour")
    yield* Fiber.interrupt(call)
    return (yield* fault.requests).length
  })

const unavailable = HttpFault.respond({ status: 503 })
const post = HttpClientRequest.post("http://example.com/charges")

describe("beside retryTransient", () => {
  row("POST answered 503", Effect.gen(function*() {
    assert.strictEqual(yield* sent(core, Array(9).fill(unavailable), post), 4)
    assert.strictEqual(yield* sent(ours, Array(9).fill(unavailable), post), 1)
  }))

  row("POST received, then reset", Effect.gen(function*() {
    const reset = HttpFault.fail("connectionReset")
    assert.strictEqual(yield* sent(core, Array(9).fill(reset), post), 4)
    assert.strictEqual(yield* sent(ours, Array(9).fill(reset), post), 1)
  }))

  row("unknown host", Effect.gen(function*() {
    const unknown = HttpFault.fail("dnsNotFound")
    assert.strictEqual(yield* sent(core, Array(9).fill(unknown)), 4)
    assert.strictEqual(yield* sent(ours, Array(9).fill(unknown)), 1)
  }))

  row("`times: 2` against 503, 503, reset, again and again", Effect.gen(function*() {
    const steps = Array(4).fill([unavailable, unavailable, HttpFault.fail("connectionReset")]).flat()
    assert.strictEqual(yield* sent(HttpClient.retryTransient({ times: 2 }), steps), 9)
    assert.strictEqual(yield* sent(ResilientHttpClient.make({ retry: { times: 2 } }), steps), 3)
  }))

  row("`Retry-After: 86400`", Effect.gen(function*() {
    const steps = [HttpFault.respond({ status: 503, headers: { "retry-after": "86400" } })]
    const ends = (stage: Stage) =>
      Effect.gen(function*() {
        const { client } = yield* HttpFault.make(...steps)
        const call = yield* Effect.forkChild(stage(client).execute(request))
        yield* TestClock.adjust("23 hours")
        const exit = call.pollUnsafe()
        yield* Fiber.interrupt(call)
        return exit
      })
    const waiting: Stage = (client) =>
      HttpClient.retryTransient(client, { times: 3, schedule: Schedule.spaced("1 second") })
    assert.isUndefined(yield* ends(waiting))
    const exit = yield* ends(ours)
    assert.strictEqual(exit !== undefined && Exit.isSuccess(exit) ? exit.value.status : exit, 503)
  }))
})

describe("beside retryTransient on the wire", () => {
  const over = <A>(stage: Stage, test: (client: Client, server: FaultServer.FaultServer) => Effect.Effect<A, unknown>) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = yield* HttpClient.HttpClient
      return yield* test(stage(client), server)
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer), Effect.orDie, TestClock.withLive)

  row("a one-shot stream as body of a PUT", Effect.gen(function*() {
    const bodies = (stage: Stage) =>
      over(stage, (client, server) =>
        Effect.gen(function*() {
          yield* server.always(Reply.respond({ status: 503 }))
          const used = new Response("hello").body!
          const body = Stream.fromReadableStream({ evaluate: () => used, onError: (error) => error })
          yield* Effect.exit(client.execute(HttpClientRequest.put(server.url).pipe(HttpClientRequest.bodyStream(body))))
          return (yield* server.requests).map(({ text }) => text)
        }))
    assert.isAbove((yield* bodies(core)).filter((text) => text !== "hello").length, 0)
    assert.deepStrictEqual(yield* bodies(ours), ["hello"])
  }))

  row("sockets after five failed responses of 200 kB", Effect.gen(function*() {
    const open = (stage: Stage, settled: (server: FaultServer.FaultServer) => Effect.Effect<void>) =>
      over(stage, (client, server) =>
        Effect.gen(function*() {
          yield* server.script(...Array(5).fill(Reply.respond({ status: 503, body: "x".repeat(200_000) })))
          yield* Effect.flatMap(client.execute(HttpClientRequest.get(server.url)), (response) => response.text)
          yield* settled(server)
          return (yield* server.connections).open
        }))
    assert.isAbove(yield* open(HttpClient.retryTransient({ times: 5 }), () => Effect.void), 2)
    const resilient = ResilientHttpClient.make({ retry: HttpRetry.exponential({ attempts: 6, base: "1 millis" }) })
    assert.isAtMost(yield* open(resilient, (server) => server.awaitClosed(1)), 1)
  }))
})

describe("beside withRateLimiter", () => {
  row("429 without a header, always", Effect.gen(function*() {
    const steps = Array(5_000).fill(HttpFault.respond({ status: 429 }))
    const limiter = yield* CoreLimiter.RateLimiter.pipe(
      Effect.provide(CoreLimiter.layer.pipe(Layer.provide(CoreLimiter.layerStoreMemory)))
    )
    const limited = HttpClient.withRateLimiter({ limiter, key: "a", limit: 10, window: "1 second" })
    assert.isAbove(yield* sent(limited, steps), 1_000)
    assert.strictEqual(yield* sent(ours, steps), 4)
  }))
})

/** The parts of a breaker that the rows use. */
interface Breaker {
  readonly protect: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, unknown>
  readonly state: Effect.Effect<string, unknown>
}

const coreBreaker = Effect.gen(function*() {
  const breaker = yield* CoreBreaker.make({ tripPolicy: CoreBreaker.consecutive(2), openDuration: "1 second" })
  return {
    protect: (self) => breaker.execute(self, { key: "a" }),
    state: Effect.map(breaker.state("a"), ({ _tag }) => _tag)
  } satisfies Breaker
}).pipe(Effect.provide(CoreBreaker.layerStoreMemory()))

const ourBreaker = Effect.map(
  CircuitBreaker.make({ trip: Tripping.consecutive(2), openFor: "1 second" }),
  (breaker): Breaker => ({
    protect: CircuitBreaker.protect(breaker),
    state: CircuitBreaker.state(breaker)
  })
)

const tripped = (breaker: Breaker) =>
  Effect.gen(function*() {
    for (let i = 0; i < 2; i++) yield* Effect.exit(breaker.protect(Effect.fail("down")))
    assert.strictEqual(yield* breaker.state, "Open")
    yield* TestClock.adjust("1 second")
    return breaker
  })

describe("beside Effect's circuit breaker", () => {
  row("a probe that never ends", Effect.gen(function*() {
    const later = (breaker: Breaker) =>
      Effect.gen(function*() {
        yield* tripped(breaker)
        yield* Effect.forkChild(breaker.protect(Effect.never))
        yield* TestClock.adjust("30 days")
        return Exit.isSuccess(yield* Effect.exit(breaker.protect(Effect.succeed("up"))))
      })
    assert.isFalse(yield* later(yield* coreBreaker))
    assert.isTrue(yield* later(yield* ourBreaker))
  }).pipe(Effect.scoped))

  row("50 calls that hang", Effect.gen(function*() {
    const hung = (breaker: Breaker) =>
      Effect.gen(function*() {
        for (let i = 0; i < 50; i++) yield* Effect.forkChild(breaker.protect(Effect.never))
        yield* TestClock.adjust("1 minute")
        yield* Effect.exit(breaker.protect(Effect.void))
        return yield* breaker.state
      })
    assert.strictEqual(yield* hung(yield* coreBreaker), "Closed")
    const slow = yield* Effect.map(
      CircuitBreaker.make({ trip: Tripping.slowRate({ slowerThan: "1 second", threshold: 0.5, minimumCalls: 10, window: { calls: 50 } }) }),
      (breaker): Breaker => ({
        protect: CircuitBreaker.protect(breaker),
        state: CircuitBreaker.state(breaker)
      })
    )
    assert.strictEqual(yield* hung(slow), "Open")
  }).pipe(Effect.scoped))

  row("the breaker counts", Effect.gen(function*() {
    const steps = Array(20).fill(unavailable)
    // The order that Effect's documentation gives: the breaker is outside of the retries.
    const breaker = yield* CoreBreaker.make({ tripPolicy: CoreBreaker.consecutive(4), openDuration: "1 minute" }).pipe(
      Effect.provide(CoreBreaker.layerStoreMemory())
    )
    const outside: Stage = (client) =>
      HttpClient.retryTransient(client, { times: 3 }).pipe(HttpClient.withCircuitBreaker({ breaker }))
    assert.strictEqual(yield* sent((client) => twice(outside(client)), steps), 8)
    const inside = ResilientHttpClient.make({
      retry: HttpRetry.exponential({ attempts: 4, base: "1 millis" }),
      breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(4), openFor: "1 minute" })
    })
    assert.strictEqual(yield* sent((client) => twice(inside(client)), steps), 4)
  }).pipe(Effect.scoped))
})

/** A client whose every call is two calls, one after the other. */
const twice = (client: Client): Client => ({
  execute: (request) => Effect.andThen(Effect.exit(client.execute(request)), client.execute(request))
})

describe("together", () => {
  it.effect("Reprise does not retry a rejection of Effect's circuit breaker below it", () =>
    Effect.gen(function*() {
      const breaker = yield* CoreBreaker.make({ tripPolicy: CoreBreaker.consecutive(2), openDuration: "1 minute" })
      let calls = 0
      const stage: Stage = (client) =>
        ours(
          HttpClient.transform(client, (effect) =>
            Effect.suspend(() => {
              calls++
              return breaker.execute(effect, { key: "a", classify: HttpClient.circuitBreakerClassifier }) as typeof effect
            }))
        )
      assert.strictEqual(yield* sent(stage, Array(9).fill(unavailable)), 2)
      assert.strictEqual(calls, 3)
    }).pipe(Effect.scoped, Effect.provide(CoreBreaker.layerStoreMemory())))

  it.effect("a backoff of Reprise works in Effect.retry of Effect 4", () =>
    Effect.gen(function*() {
      let attempts = 0
      const call = yield* Effect.sync(() => attempts++).pipe(
        Effect.andThen(Effect.fail("down")),
        Effect.retry(Backoff.exponential("1 second").pipe(Backoff.attempts(3))),
        Effect.exit,
        Effect.forkChild
      )
      yield* TestClock.adjust("3 seconds")
      assert.isDefined(call.pollUnsafe())
      assert.strictEqual(attempts, 3)
    }))
})
