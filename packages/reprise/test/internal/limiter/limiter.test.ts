import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Telemetry from "reprise/Telemetry"
import { of } from "../../../src/internal/standing.js"

const make = (initial: number, next: (limit: number) => number = (limit) => limit) =>
  AdaptiveLimiter.make({ key: "db", algorithm: { initial, next, limit: (limit) => limit }, maxQueued: 9 })

describe("the policy of an adaptive limiter", () => {
  it.effect("is a resource that must receive the end of every attempt", () =>
    Effect.map(make(1), (limiter) => assert.deepInclude(limiter, { kind: "resource", holds: true })))

  it.effect("shows its limit, and the calls that run and wait", () =>
    Effect.gen(function*() {
      const limiter = yield* make(1)
      const calls = yield* Effect.replicateEffect(Effect.fork(AdaptiveLimiter.protect(Effect.never, limiter)), 3)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(limiter.source?.inspect(0), {
        policy: "adaptiveLimiter",
        key: "db",
        running: 1,
        waiting: 2,
        limit: 1
      })
      yield* Fiber.interruptAll(calls)
    }))
})

describe("the standing of an adaptive limiter with calls", () => {
  it.effect("is busy while a call runs, also if another one waits", () =>
    Effect.gen(function*() {
      const limiter = yield* make(1)
      const fork = Effect.zipLeft(Effect.fork(AdaptiveLimiter.protect(Effect.never, limiter)), Effect.yieldNow())
      const seen = [of(limiter, 0)]
      const calls = []
      for (let n = 0; n < 2; n++) {
        calls.push(yield* fork)
        seen.push(of(limiter, 0))
      }
      yield* Fiber.interruptAll(calls)
      assert.deepStrictEqual([...seen, of(limiter, 0)], ["new", "busy", "busy", "new"])
    }))

  it.effect("stays changed after a change of its options", () =>
    Effect.gen(function*() {
      const limiter = yield* make(1)
      yield* AdaptiveLimiter.reconfigure(limiter, { maxQueued: 1 })
      assert.strictEqual(of(limiter, 0), "changed")
    }))
})

describe("an adaptive limiter that learns", () => {
  it.effect("emits an event if its limit changes, and none if it stays", () =>
    Effect.gen(function*() {
      const limits = [5, 5, 3.5]
      const limiter = yield* make(5, () => limits.shift()!)
      const all: Array<unknown> = []
      const calls = Effect.replicateEffect(AdaptiveLimiter.protect(Effect.void, limiter), 3)
      yield* Telemetry.withListener(calls, ({ _tag, ...event }) => {
        if (_tag === "LimitChanged" && "from" in event) all.push([event.key, event.from, event.to])
        else all.push(_tag)
      })
      assert.deepStrictEqual(all, [["db", 5, 3]])
    }))
})

describe("the shares of partitions", () => {
  it("may add up to 1, with the error of rounding", () => {
    const shares = (partitions: Record<string, number>) => () =>
      AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd(), partitions })
    shares({ a: 1, b: 1e-9 })()
    assert.throws(shares({ a: 1, b: 1.1e-9 }))
  })
})
