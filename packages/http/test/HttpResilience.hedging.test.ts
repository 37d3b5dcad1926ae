import { assert, describe, it } from "@effect/vitest"
import type { Duration } from "effect"
import { Effect, Fiber, TestClock } from "effect"
import * as Retry from "reprise/Retry"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const { after, busy, down, ended, make, reset, together, within } = Memory

const bulkhead = (maxConcurrent: number, maxQueued = 0) => HttpResilience.bulkhead({ maxConcurrent, maxQueued })
const gate = (options?: HttpResilience.RetryAfterGateOptions) =>
  HttpResilience.retryAfterGate({ jitter: 0, ...options })
const hedge = (after: Duration.DurationInput) => HttpResilience.hedge({ after })

describe("a hedge that a guard turns away", () => {
  const rejecting: ReadonlyArray<readonly [what: string, options: () => ResilientHttpClient.Options]> = [
    ["bulkhead", () => ({ bulkhead: bulkhead(1) })],
    ["adaptive limiter", () => ({ adaptiveLimiter: Memory.limiter(1).guard })],
    ["rate limiter", () => ({ rateLimiter: HttpResilience.rateLimiter({ limit: 1, window: "1 hour" }) })]
  ]
  it.effect.each(rejecting)("leaves the attempt that runs alone: the %s", ([, options]) =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ hedge: hedge("1 second"), ...options() }, after("2 seconds"))
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("leaves the probe that it is beside alone", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("1 second"), breaker: Memory.breaker(1).guard }
      const { call, sent } = yield* make(options, down, after("2 seconds"))
      yield* together(call())
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* within(ended(call()), "5 seconds"), 200)
      assert.deepStrictEqual(yield* sent, [0, 60_000])
    }))

  it.effect("leaves the attempt that runs alone: the gate", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("1 second"), gate: gate({ onClosed: "reject" }) }
      const { call, sent } = yield* make(options, after("2 seconds"), busy(10))
      const fiber = yield* Effect.fork(ended(call()))
      yield* TestClock.adjust("500 millis")
      yield* together(call())
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 200)
      assert.deepStrictEqual(yield* sent, [0, 500])
    }))

  it.effect("does not hide that the attempt before it may have been processed", () =>
    Effect.gen(function*() {
      const rateLimiter = HttpResilience.rateLimiter({ limit: 1, window: "1 hour" })
      const { call } = yield* make({ hedge: hedge("1 second"), rateLimiter }, after("2 seconds", reset))
      assert.strictEqual(yield* within(ended(call())), "ConnectionLost")
    }))
})

describe("a failure of an attempt that may be hedged", () => {
  const retry = HttpRetry.exponential({ base: "10 seconds", attempts: 3 })

  it.effect("starts no hedge: in an outage three attempts are three requests, after their backoff", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ hedge: hedge("1 second"), retry: Memory.attempts(3) }, down, down, down)
      assert.strictEqual(yield* within(ended(call())), "ServerError")
      assert.deepStrictEqual(yield* sent, [0, 1_000, 2_000])
    }))

  it.effect("is followed by nothing before the server's Retry-After is over", () =>
    Effect.gen(function*() {
      for (const refusal of [busy(60), Memory.unavailable(60)]) {
        const { call, sent } = yield* make({ hedge: hedge("5 seconds"), retry }, after("1 second", refusal))
        assert.strictEqual(yield* within(ended(call())), 200)
        const [first, second, ...others] = yield* sent
        assert.isAtLeast(second! - first!, 61_000)
        assert.deepStrictEqual(others, [])
      }
    }))

  it.effect("is followed by nothing before the Retry-After that the other attempt was told is over", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make(
        { hedge: hedge("1 second"), retry },
        after("2 seconds", busy(60)),
        after("5 seconds", down)
      )
      assert.strictEqual(yield* within(ended(call())), 200)
      const [first, hedged, retried] = yield* sent
      assert.strictEqual(hedged! - first!, 1_000)
      assert.isAtLeast(retried! - first!, 62_000)
      // The wait has run since the first attempt failed; the jitter is a tenth.
      assert.isAtMost(retried! - first!, 6_000 + 56_000 * 1.1)
    }))

  it.effect("leaves a request beside it under way, which may succeed, and starts no other", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make(
        { hedge: HttpResilience.hedge({ after: "1 second", maxHedges: 5 }), retry },
        after("1500 millis", busy(60)),
        after("5 seconds")
      )
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 1_000])
    }))

  it.effect("ends a hedge that was not sent yet", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("1 second"), bulkhead: bulkhead(1, 1), retry }
      const { call, sent } = yield* make(options, after("2 seconds", busy(60)))
      assert.strictEqual(yield* within(ended(call())), 200)
      const [first, second, ...others] = yield* sent
      assert.isAtLeast(second! - first!, 62_000)
      assert.deepStrictEqual(others, [])
    }))
})

describe("a call within Retry.withoutNested", () => {
  it.effect("is not hedged: the outer loop makes the other attempts", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ hedge: hedge("1 second") }, after("3 seconds"))
      assert.strictEqual(yield* within(ended(Retry.withoutNested(call()))), 200)
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("is hedged all the same if the client allows it", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ hedge: hedge("1 second"), nested: "allow" }, after("3 seconds"))
      assert.strictEqual(yield* within(ended(Retry.withoutNested(call()))), 200)
      assert.deepStrictEqual(yield* sent, [0, 1_000])
    }))
})
