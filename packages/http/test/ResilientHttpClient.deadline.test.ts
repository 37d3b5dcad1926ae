import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, FiberId, Schedule, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Deadline from "reprise/Deadline"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const url = "http://h.test/"

/** A client whose requests hang, and that tells of each. */
const hanging = () => {
  const deadlines: Array<number> = []
  const client = HttpClient.make(() =>
    Effect.zipRight(Effect.map(Deadline.current, (at) => deadlines.push(at)), Effect.never)
  )
  return { client, deadlines }
}

describe("a call that waits for its turn", () => {
  const queues: ReadonlyArray<readonly [what: string, options: ResilientHttpClient.Options, tag: string]> = [
    ["bulkhead", { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 9 }) }, "BulkheadFull"],
    ["adaptive limiter", {
      adaptiveLimiter: HttpResilience.adaptiveLimiter({
        algorithm: AdaptiveLimiter.aimd({ initial: 1 }),
        maxQueued: 9
      })
    }, "LimitExceeded"]
  ]
  for (const [what, options, tag] of queues) {
    it.effect(`leaves the queue of the ${what} at its deadline`, () =>
      Effect.gen(function*() {
        const { client, deadlines } = hanging()
        const resilient = ResilientHttpClient.makeTyped({ retry: false, deadline: "3 seconds", ...options })(client)
        yield* Effect.fork(resilient.get(url))
        yield* TestClock.adjust(0)
        const waiting = yield* Effect.fork(Effect.flip(resilient.get(url)))
        yield* TestClock.adjust("3 seconds")
        const error = yield* Fiber.join(waiting)
        assert.deepStrictEqual([error._tag, "reason" in error && error.reason], [tag, "deadline"])
        assert.lengthOf(deadlines, 1)
      }))
  }

  it.effect("is rejected at once by a rate limiter where its turn comes after its deadline", () =>
    Effect.gen(function*() {
      const { client, deadlines } = hanging()
      const rateLimiter = HttpResilience.rateLimiter({ limit: 1, window: "1 minute", onExceeded: "delay" })
      const resilient = ResilientHttpClient.makeTyped({ retry: false, deadline: "3 seconds", rateLimiter })(client)
      yield* Effect.fork(resilient.get(url))
      yield* TestClock.adjust(0)
      const error = yield* Effect.flip(resilient.get(url))
      assert.strictEqual(error._tag, "RateLimitExceeded")
      assert.lengthOf(deadlines, 1)
    }))

  it.effect("tells a limiter of one's own of its deadline", () =>
    Effect.gen(function*() {
      const { client } = hanging()
      const seen: Array<number> = []
      const rateLimiter = HttpResilience.rateLimiter(() => Effect.map(Deadline.current, (at) => seen.push(at)))
      const resilient = ResilientHttpClient.makeTyped({ retry: false, deadline: "3 seconds", rateLimiter })(client)
      yield* Effect.fork(resilient.get(url))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(seen, [3_000])
    }))
})

describe("a call that waits at an open circuit", () => {
  const down = () => {
    const probe = Deferred.unsafeMake<number>(FiberId.none)
    let sent = 0
    const client = HttpClient.make((request) =>
      Effect.map(
        ++sent === 1 ? Effect.succeed(503) : sent === 2 ? Deferred.await(probe) : Effect.succeed(200),
        (status) => HttpClientResponse.fromWeb(request, new Response(null, { status }))
      )
    )
    return { client, probe, sent: () => sent }
  }
  const breaker = () =>
    HttpResilience.circuitBreaker({
      trip: Tripping.consecutive(1),
      openFor: Schedule.spaced("1 second"),
      onOpen: "wait"
    })
  const opened = (options: ResilientHttpClient.Options) =>
    Effect.gen(function*() {
      const server = down()
      const client = ResilientHttpClient.makeTyped({ retry: false, breaker: breaker(), ...options })(server.client)
      yield* Effect.flip(client.get(url))
      const probing = yield* Effect.fork(client.get(url))
      yield* TestClock.adjust("1100 millis")
      assert.strictEqual(server.sent(), 2)
      return { ...server, get: client.get(url), probing }
    })

  it.effect("waits for the probe that is under way too, and is sent once that has succeeded", () =>
    Effect.gen(function*() {
      const { get, probe, probing, sent } = yield* opened({})
      const waiting = yield* Effect.fork(get)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(sent(), 2)
      yield* Deferred.succeed(probe, 200)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([(yield* Fiber.join(probing)).status, (yield* Fiber.join(waiting)).status], [200, 200])
    }))

  it.effect("is rejected at its deadline while the probe is under way", () =>
    Effect.gen(function*() {
      const { get } = yield* opened({})
      const began = yield* Clock.currentTimeMillis
      const waiting = yield* Effect.fork(Effect.flip(get).pipe(Deadline.locally(began + 20_000)))
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "CircuitOpen")
    }))
})
