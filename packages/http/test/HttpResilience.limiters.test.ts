/** Limiters that are not Reprise's own, behind `HttpResilience.rateLimiter`. */
import type { HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as HttpResilience from "../src/HttpResilience.js"
import * as Memory from "./support/memory.js"
import { isExceeded, limiter, storedLimiter } from "./support/platform.js"

const { after, attempts, down, ended, make, times, together, within } = Memory

const perMinute = (limit: number, algorithm: "fixed-window" | "token-bucket") =>
  Effect.map(limiter({ limit, interval: "1 minute", algorithm }), (take) => HttpResilience.rateLimiter(() => take()))

describe("a limiter of Effect", () => {
  it.scoped("keeps attempts back until the next window", () =>
    Effect.gen(function*() {
      const rateLimiter = yield* perMinute(2, "fixed-window")
      const { call, sent } = yield* make({ rateLimiter })
      assert.deepStrictEqual(yield* within(times(5, call())), [200, 200, 200, 200, 200])
      assert.deepStrictEqual(yield* sent, [0, 0, 60_000, 60_000, 120_000])
    }))

  it.scoped("keeps attempts back until there is a token", () =>
    Effect.gen(function*() {
      const rateLimiter = yield* perMinute(2, "token-bucket")
      const { call, sent } = yield* make({ rateLimiter })
      assert.deepStrictEqual(yield* within(times(5, call())), [200, 200, 200, 200, 200])
      assert.deepStrictEqual(yield* sent, [0, 0, 30_000, 60_000, 90_000])
    }))

  it.scoped("is asked for each attempt, whose time begins after the wait", () =>
    Effect.gen(function*() {
      const rateLimiter = yield* perMinute(1, "fixed-window")
      const options = { rateLimiter, retry: attempts(3), attemptTimeout: "2 seconds" } as const
      const { call, sent } = yield* make(options, down, after("1 hour"), after("1 second"))
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 60_000, 120_000])
    }))

  it.scoped("holds neither a permit nor a place after the call that waits was interrupted", () =>
    Effect.gen(function*() {
      const rateLimiter = yield* perMinute(1, "fixed-window")
      const { call, sent } = yield* make({ rateLimiter, bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 }) })
      yield* together(call())
      const waiting = yield* Effect.fork(call())
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(waiting)
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(yield* together(call()), [200])
      assert.deepStrictEqual(yield* sent, [0, 60_000])
    }))

  it.scoped("may cost more for some requests than for others", () =>
    Effect.gen(function*() {
      const take = yield* limiter({ limit: 3, interval: "1 minute", algorithm: "fixed-window" })
      const cost = ({ url }: HttpClientRequest.HttpClientRequest) => url.endsWith("/report") ? 3 : 1
      const rateLimiter = HttpResilience.rateLimiter((request) => take(cost(request)))
      const { call, sent } = yield* make({ rateLimiter })
      yield* within(together(call("/report"), call("/a"), call("/b")))
      assert.deepStrictEqual(yield* sent, [0, 60_000, 60_000])
    }))
})

describe("a limiter of the program", () => {
  class QuotaSpent extends Error {
    readonly _tag = "QuotaSpent"
  }

  it.effect("may fail with an error of its own, which is that of the call, after one attempt and without a failure told", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      let left = 1
      const rateLimiter = HttpResilience.rateLimiter(() =>
        Effect.suspend(() => left-- > 0 ? Effect.void : Effect.fail(new QuotaSpent()))
      )
      const { call, sent } = yield* make({ rateLimiter, breaker: guard, retry: attempts(9) })
      yield* together(call())
      const error: unknown = yield* Effect.flip(call())
      assert.instanceOf(error, QuotaSpent)
      assert.deepStrictEqual(yield* sent, [0])
      assert.deepStrictEqual(told, [["success", 0]])
    }))

  it.effect("tells the ledger of the call that it has ended", () =>
    Effect.gen(function*() {
      let left = 1
      const rateLimiter = HttpResilience.rateLimiter(() =>
        Effect.suspend(() => left-- > 0 ? Effect.void : Effect.fail(new QuotaSpent()))
      )
      const { call } = yield* make({ rateLimiter, retry: attempts(9) }, down)
      const error = yield* within(Effect.flip(call()))
      // A rejection of the client's types is what it is handed, whatever the limiter fails with.
      const ledger = HttpResilience.attempts(error as never)
      assert.deepStrictEqual(ledger.map(({ reason }) => reason), ["backoff", "rateLimited"])
    }))

  it.effect("that dies is a defect of the call, which gives its permit back", () =>
    Effect.gen(function*() {
      let calls = 0
      const rateLimiter = HttpResilience.rateLimiter(() =>
        Effect.suspend(() => ++calls === 1 ? Effect.die("bug") : Effect.void)
      )
      const { call, sent } = yield* make({
        rateLimiter,
        bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 }),
        retry: attempts(9)
      })
      assert.strictEqual(yield* Effect.catchAllDefect(call(), Effect.succeed), "bug")
      assert.deepStrictEqual(yield* together(call()), [200])
      assert.deepStrictEqual(yield* sent, [0])
    }))
})

describe("a limiter of Effect with a store, in memory", () => {
  const limiter = (onExceeded: "delay" | "fail") =>
    Effect.map(
      storedLimiter(onExceeded, "1 minute"),
      (take) => HttpResilience.rateLimiter(({ url }: HttpClientRequest.HttpClientRequest) => take(url))
    )

  it.scoped("keeps attempts back until the next window", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ rateLimiter: yield* limiter("delay") })
      assert.deepStrictEqual(yield* within(times(3, call())), [200, 200, 200])
      assert.deepStrictEqual(yield* sent, [0, 0, 60_000])
    }))

  it.scoped("ends the call with its own error, and sends nothing", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ rateLimiter: yield* limiter("fail"), retry: attempts(3) })
      yield* together(call(), call())
      const error = yield* Effect.flip(call())
      assert.isTrue(isExceeded(error))
      assert.lengthOf(yield* sent, 2)
    }))
})
