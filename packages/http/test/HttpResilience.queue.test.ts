/** What becomes of calls that have waited for their turn, when things have changed meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as HttpResilience from "../src/HttpResilience.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const { after, busy, down, ended, make, times, together, within } = Memory

const gate = (options?: HttpResilience.RetryAfterGateOptions) =>
  HttpResilience.retryAfterGate({ jitter: 0, ...options })
const bulkhead = () => HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 9 })

/** What lets one call through and makes the others wait for a second each. */
const queues: ReadonlyArray<readonly [what: string, options: () => ResilientHttpClient.Options]> = [
  ["a bulkhead", () => ({ bulkhead: bulkhead() })],
  ["an adaptive limiter", () => ({ adaptiveLimiter: Memory.limiter(1, { maxQueued: 9 }).guard })],
  [
    "a rate limiter",
    () => ({ rateLimiter: HttpResilience.rateLimiter({ limit: 1, window: "1 second", onExceeded: "delay" }) })
  ],
  [
    "a bulkhead and an adaptive limiter",
    () => ({ bulkhead: bulkhead(), adaptiveLimiter: Memory.limiter(1, { maxQueued: 9 }).guard })
  ]
]

describe.each(queues)("a call that waits for its turn in %s", (_, options) => {
  it.effect("is not sent when the circuit has opened meanwhile", () =>
    Effect.gen(function*() {
      const breaker = Memory.breaker(1)
      const { call, sent } = yield* make({ ...options(), breaker: breaker.guard }, after("900 millis", down))
      const ends = yield* within(times(4, call()), "10 seconds")
      assert.deepStrictEqual(ends, ["ServerError", "CircuitOpen", "CircuitOpen", "CircuitOpen"])
      assert.deepStrictEqual(yield* sent, [0])
      assert.deepStrictEqual(breaker.told, [["failure", 900]])
    }))

  it.effect("waits at the gate when that has closed meanwhile, holds no permit there, and is sent when it opens", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ ...options(), gate: gate() }, after("900 millis", busy(30)))
      const ends = yield* within(times(3, call()), "2 minutes")
      assert.deepStrictEqual(ends, ["RateLimited", 200, 200])
      const [first, ...others] = yield* sent
      assert.strictEqual(first, 0)
      assert.lengthOf(others, 2)
      for (const millis of others) assert.isAtLeast(millis, 30_900)
    }))

  it.effect("fails at the gate when that has closed meanwhile and calls do not wait there", () =>
    Effect.gen(function*() {
      const options_ = { ...options(), gate: gate({ onClosed: "reject" }) }
      const { call, sent } = yield* make(options_, after("900 millis", busy(30)))
      assert.deepStrictEqual(yield* within(times(3, call()), "10 seconds"), ["RateLimited", "GateClosed", "GateClosed"])
      assert.deepStrictEqual(yield* sent, [0])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* together(call()), [200])
    }))

  it.effect("is no slower for the breaker than the server was", () =>
    Effect.gen(function*() {
      const breaker = Memory.breaker()
      const steps = [after("900 millis"), after("900 millis"), after("900 millis")]
      const { call } = yield* make({ ...options(), breaker: breaker.guard }, ...steps)
      assert.deepStrictEqual(yield* within(times(3, call()), "10 seconds"), [200, 200, 200])
      assert.deepStrictEqual(breaker.told, [["success", 900], ["success", 900], ["success", 900]])
    }))

  it.effect("is not hedged before it is sent", () =>
    Effect.gen(function*() {
      const hedge = HttpResilience.hedge({ after: "300 millis" })
      const { call, sent } = yield* make({ ...options(), hedge }, after("200 millis"), after("200 millis"))
      // The first one holds whatever there is until the second has waited for longer than the delay of the hedge.
      const holder = yield* Effect.fork(ended(call()))
      yield* TestClock.adjust("100 millis")
      const waiting = yield* Effect.fork(ended(call()))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([yield* Fiber.join(holder), yield* Fiber.join(waiting)], [200, 200])
      assert.lengthOf(yield* sent, 2)
    }))

  it.effect("is rejected at once by a circuit that is open, and takes no place in the queue", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ ...options(), breaker: Memory.breaker(1).guard }, down)
      yield* within(together(call()), "2 seconds")
      assert.deepStrictEqual(yield* times(5, call()), Array.from({ length: 5 }, () => "CircuitOpen"))
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("waits for a circuit that is open, where it may, before it stands in the queue", () =>
    Effect.gen(function*() {
      const breaker = Memory.breaker(1, { onOpen: "wait" })
      const { call, sent } = yield* make({ ...options(), breaker: breaker.guard }, down)
      yield* within(together(call()), "2 seconds")
      assert.deepStrictEqual(yield* within(times(2, call()), "3 minutes"), [200, 200])
      const [, ...others] = yield* sent
      for (const millis of others) assert.isAtLeast(millis, 60_000)
    }))
})

describe("a call that waits at the gate", () => {
  it.effect("is not hedged before it is sent", () =>
    Effect.gen(function*() {
      const options = { gate: gate(), hedge: HttpResilience.hedge({ after: "1 second" }) }
      const { call, post, sent } = yield* make(options, busy(5))
      // It is not hedged, being no request that may be sent twice.
      yield* together(post)
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 5_000])
    }))
})

describe("the wait for a token", () => {
  it.effect("is no part of what the adaptive limiter learns from", () =>
    Effect.gen(function*() {
      const limiter = Memory.limiter(9)
      const rateLimiter = HttpResilience.rateLimiter({ limit: 1, window: "10 seconds", onExceeded: "delay" })
      const steps = [after("1 second"), after("1 second")]
      const { call } = yield* make({ adaptiveLimiter: limiter.guard, rateLimiter }, ...steps)
      assert.deepStrictEqual(yield* within(times(2, call()), "1 minute"), [200, 200])
      assert.deepStrictEqual(limiter.shown, [[1_000, false], [1_000, false]])
    }))
})
