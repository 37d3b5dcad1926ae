import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, TestClock } from "effect"
import * as HttpGuard from "../src/HttpGuard.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const { after, busy, down, ended, make, reset, together, within } = Memory

const bulkhead = (maxConcurrent: number, maxQueued = 0) => HttpGuard.bulkhead({ maxConcurrent, maxQueued })
const gate = (options?: HttpGuard.HttpGuard.RetryAfterGateOptions) =>
  HttpGuard.retryAfterGate({ jitter: 0, ...options })
const hedge = (after: Duration.DurationInput) => HttpGuard.hedge({ after })

describe("a hedge that a guard turns away", () => {
  const rejecting: ReadonlyArray<readonly [what: string, options: () => ResilientHttpClient.Options]> = [
    ["bulkhead", () => ({ bulkhead: bulkhead(1) })],
    ["adaptive limiter", () => ({ adaptiveLimiter: Memory.limiter(1).guard })],
    ["rate limiter", () => ({ rateLimiter: HttpGuard.rateLimiter({ limit: 1, window: "1 hour" }) })]
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
      const options = { hedge: hedge("1 second"), gate: gate({ onClosed: "fail" }) }
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
      const rateLimiter = HttpGuard.rateLimiter({ limit: 1, window: "1 hour" })
      const { call } = yield* make({ hedge: hedge(Duration.infinity), rateLimiter }, reset)
      assert.strictEqual(yield* within(ended(call())), "ConnectionLost")
    }))
})
