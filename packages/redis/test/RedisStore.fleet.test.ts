import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { agree, dependency, eventually, members, states } from "./fleet/fleet.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"

/** For what is not about a slow store: a machine that is busy with other tests is slow too. */
const patient = 1_000

const setUp = Effect.zipWith(RedisServer.make(), dependency, (redis, server) => ({ redis, server }))

/** What the callers of all have seen. */
const sum = (reports: ReadonlyArray<{ readonly failed: number; readonly other: number; readonly ok: number }>) => ({
  ok: reports.reduce((all, { ok }) => all + ok, 0),
  failed: reports.reduce((all, { failed }) => all + failed, 0),
  other: reports.reduce((all, { other }) => all + other, 0)
})

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

  it.scopedLive.each([
    { processes: 8, probes: 3 },
    { processes: 3, probes: 1 }
  ])(
    "send exactly $probes probes at a time, from $processes processes with 50 callers each",
    ({ probes, processes }) =>
      Effect.gen(function*() {
        const { redis, server } = yield* setUp
        const all = yield* members(processes, {
          redis: redis.url,
          dependency: server.url,
          openMillis: 400,
          probes,
          timeoutMillis: patient
        })
        yield* Effect.forEach(all, ({ start }) => start(50, 500))
        yield* eventually(Effect.sync(() => server.requests), (requests) => requests > 50 * processes)
        server.answer = { status: 500, millis: 300 }
        yield* agree(all, "Open")
        // What was under way when it opened is no probe.
        yield* Effect.sleep("350 millis")
        for (let period = 0; period < 2; period++) {
          const before = server.requests
          yield* eventually(Effect.sync(() => server.requests - before), (requests) => requests >= probes)
          yield* Effect.sleep("250 millis")
          assert.strictEqual(server.requests - before, probes)
          yield* Effect.sleep("250 millis")
        }
        server.answer = { status: 200, millis: 0 }
        yield* agree(all, "Closed")
        yield* Effect.forEach(all, ({ stop }) => stop)
        const reports = yield* Effect.forEach(all, ({ report }) => report)
        assert.strictEqual(sum(reports).other, 0)
      }),
    60_000
  )

  it.scopedLive("probe again when the process that probed was killed, once its lease has ended and not before", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(3, {
        redis: redis.url,
        dependency: server.url,
        openMillis: 100,
        leaseMillis: 1_500,
        timeoutMillis: patient
      })
      server.answer = { status: 500, millis: 0 }
      yield* all[0]!.call
      yield* agree(all, "Open")
      yield* Effect.sleep("150 millis")
      server.answer = { status: 200, millis: 60_000 }
      yield* all[0]!.start(1, 10)
      yield* eventually(Effect.sync(() => server.requests), (requests) => requests === 2)
      const start = performance.now()
      yield* all[0]!.kill
      server.answer = { status: 200, millis: 0 }
      const others = all.slice(1)
      yield* eventually(Effect.forEach(others, ({ call }) => call), (ends) => ends.includes("ok"))
      assert.isAtLeast(performance.now() - start, 1_300)
      yield* agree(others, "Closed")
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

describe("processes whose Redis fails", () => {
  it.scopedLive("lose no call while it is killed and started again, and share again right afterwards", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(3, { redis: redis.url, dependency: server.url })
      yield* Effect.forEach(all, ({ start }) => start(10, 10))
      yield* Effect.sleep("500 millis")
      yield* redis.kill
      yield* Effect.sleep("1 second")
      yield* redis.start
      yield* eventually(
        Effect.forEach(all, ({ report }) => Effect.map(report, ({ lines }) => lines)),
        (lines) => lines.every((of) => of.some((line) => line.includes("shared with other processes again")))
      )
      const reports = yield* Effect.forEach(all, ({ report }) => report)
      const { failed, ok, other } = sum(reports)
      assert.deepStrictEqual([failed, other, reports.map(({ rejected }) => rejected)], [0, 0, [0, 0, 0]])
      assert.isAbove(ok, 100)
      yield* Effect.forEach(all, ({ stop }) => stop)
      server.answer = { status: 500, millis: 0 }
      yield* all[0]!.call
      yield* agree(all, "Open")
      for (const { lines } of yield* Effect.forEach(all, ({ report }) => report)) {
        // Once, or a few times where the machine is so busy that Redis seems slow: not for each call.
        assert.isBelow(lines.filter((line) => line.includes("each process goes on by itself")).length, 5)
      }
    }))

  it.scopedLive("agree again that it is open where Redis came back empty or was emptied", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(3, { redis: redis.url, dependency: server.url })
      server.answer = { status: 500, millis: 0 }
      yield* all[0]!.call
      yield* agree(all, "Open")
      for (const empty of [Effect.zipRight(redis.kill, redis.start), redis.command("FLUSHALL")]) {
        yield* empty
        yield* eventually(redis.command("HGET", "reprise:breaker:1:{payments}", "state"), (state) =>
          state.includes("Open"))
        assert.deepStrictEqual(yield* states(all), ["Open", "Open", "Open"])
      }
      assert.strictEqual(server.requests, 1)
      const late = yield* members(1, { redis: redis.url, dependency: server.url })
      yield* agree(late, "Open")
    }))

  it.scopedLive(
    "wait for a Redis that is slow, paused or cut off no longer than they have to, and lose no call",
    () =>
      Effect.gen(function*() {
        const { redis, server } = yield* setUp
        const proxy = yield* Proxy.make(redis.port)
        const options = { dependency: server.url, openMillis: 300 }
        const far = yield* members(2, { ...options, redis: proxy.url })
        const near = yield* members(1, { ...options, redis: redis.url })
        const all = [...far, ...near]
        const ways = [
          // What was said meanwhile arrives late, and is still heard.
          [proxy.delay(2_000), Effect.zipRight(proxy.pass, Effect.sleep("2200 millis"))],
          [proxy.blackHole, proxy.pass],
          [redis.pause(1_000), Effect.sleep("800 millis")]
        ] as const
        for (const [begin, end] of ways) {
          yield* Effect.forEach(all, ({ reset }) => reset)
          yield* Effect.forEach(all, ({ start }) => start(10, 10))
          yield* begin
          yield* Effect.sleep("500 millis")
          const healthy = yield* Effect.forEach(all, ({ report }) => report)
          assert.deepStrictEqual(sum(healthy).failed + sum(healthy).other, 0)
          assert.isTrue(healthy.every(({ rejected }) => rejected === 0))
          // Each by itself where it must be: opens, probes, recovers.
          server.answer = { status: 500, millis: 0 }
          yield* agree(all, "Open")
          server.answer = { status: 200, millis: 0 }
          yield* agree(all, "Closed")
          yield* end
          yield* agree(all, "Closed")
          const reports = yield* Effect.forEach(all, ({ report }) => report)
          assert.strictEqual(sum(reports).other, 0)
          for (const { longestMillis } of reports) assert.isBelow(longestMillis, 1_900)
          yield* Effect.forEach(all, ({ stop }) => stop)
          yield* Effect.sleep("500 millis")
        }
        server.answer = { status: 500, millis: 0 }
        yield* agree(all, "Closed")
        yield* all[0]!.call
        yield* agree(all, "Open")
      }),
    60_000
  )
})
