import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { agree, dependency, eventually, members } from "./fleet/fleet.js"
import * as RedisServer from "./support/redisServer.js"

/** For what is not about a slow store: a machine that is busy with other tests is slow too. */
const patient = 1_000

const setUp = Effect.zipWith(RedisServer.make(), dependency, (redis, server) => ({ redis, server }))

describe("processes that share a breaker", () => {
  it.scopedLive("open all as soon as one of them has tripped", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(4, { redis: redis.url, dependency: server.url, timeoutMillis: patient })
      yield* agree(all, "Closed")
      server.answer = { status: 500, millis: 0 }
      assert.strictEqual(yield* all[0]!.call, "failed")
      yield* agree(all, "Open")
      assert.strictEqual(server.requests, 1)
      assert.deepStrictEqual(yield* Effect.forEach(all, ({ call }) => call), Array(4).fill("rejected"))
    }))

  it.scopedLive("agree about how long it is open, and who probes, where a clock is an hour off", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const options = { redis: redis.url, dependency: server.url, openMillis: 3_000, timeoutMillis: patient }
      const [ahead, behind, right] = yield* Effect.all(
        [3_600_000, -3_600_000, 0].map((skewMillis) =>
          Effect.map(members(1, { ...options, skewMillis }), ([one]) => one!)
        ),
        { concurrency: "unbounded" }
      )
      const all = [ahead!, behind!, right!]
      server.answer = { status: 500, millis: 0 }
      const start = performance.now()
      yield* ahead!.call
      yield* agree(all, "Open")
      const left = yield* Effect.forEach(all, ({ report }) => report, { concurrency: "unbounded" })
      for (const { retryAfterMillis } of left) assert.approximately(retryAfterMillis, left[0]!.retryAfterMillis, 500)
      assert.deepStrictEqual(yield* Effect.forEach(all, ({ call }) => call), ["rejected", "rejected", "rejected"])
      server.answer = { status: 200, millis: 0 }
      yield* eventually(Effect.forEach(all, ({ call }) => call), (ends) => ends.includes("ok"), 10_000)
      assert.isAtLeast(performance.now() - start, 2_500)
      yield* agree(all, "Closed")
    }))
})
