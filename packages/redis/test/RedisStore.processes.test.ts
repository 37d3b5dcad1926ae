import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { perSecond } from "./fleet/commands.js"
import { agree, dependency, eventually, joined, type Member, members } from "./fleet/fleet.js"
import * as RedisServer from "./support/redisServer.js"

const setUp = Effect.zipWith(RedisServer.make(), dependency, (redis, server) => ({ redis, server }))

const reports = (all: ReadonlyArray<Member>) =>
  Effect.forEach(all, ({ report }) => report, { concurrency: "unbounded" })

const measured = (what: string, value: unknown) => process.env["MEASURE"] && console.log(what, value)

// A busy machine makes a healthy Redis seem slow: what is not about that waits for longer.
const patient = { timeoutMillis: 2_000 }

describe("processes with 50 callers each", () => {
  it.scopedLive.each([{ processes: 8, probes: 3 }, { processes: 3, probes: 1 }])(
    "send exactly $probes probes in each half-open period where they are $processes, and close all when they succeed",
    ({ probes, processes }) =>
      Effect.gen(function*() {
        const { redis, server } = yield* setUp
        const all = yield* members(processes, {
          ...patient,
          redis: redis.url,
          dependency: server.url,
          openMillis: 300,
          probes
        })
        yield* joined(redis, all)
        server.answer = { status: 500, millis: 0 }
        assert.strictEqual(yield* all[0]!.call, "failed")
        const millis = yield* agree(all, "Open")
        measured("all open after", millis)
        assert.isBelow(millis, 3_000)
        // From here on, whatever comes is a probe.
        server.answer = "held"
        yield* Effect.forEach(all, ({ start }) => start(50, 150))
        const requests = Effect.sync(() => server.requests)
        for (let period = 0; period < 2; period++) {
          const expected = 1 + (period + 1) * probes
          yield* eventually(requests, (requests) => requests >= expected)
          // Each caller gets its chance, several times.
          yield* Effect.sleep("400 millis")
          assert.strictEqual(server.requests, expected)
          server.release(500)
        }
        yield* eventually(requests, (requests) => requests >= 1 + 3 * probes)
        assert.strictEqual(server.requests, 1 + 3 * probes)
        // What comes from now on is held: 400 callers at full speed would keep the machine busy.
        server.release(200)
        yield* agree(all, "Closed")
        yield* Effect.forEach(all, ({ stop }) => stop, { concurrency: "unbounded" })
        const ended = yield* reports(all)
        assert.strictEqual(ended.reduce((sum, { failed }) => sum + failed, 0), 1 + 2 * probes)
        assert.isTrue(ended.every(({ other, rejected }) => other === 0 && rejected > 50))
      })
  )
})

describe("a process that was killed while it probed", () => {
  it.scopedLive("is followed by exactly one probe of another, when its lease has ended and not before", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(3, {
        ...patient,
        redis: redis.url,
        dependency: server.url,
        openMillis: 100,
        leaseMillis: 1_500
      })
      const [killed, ...others] = all
      server.answer = { status: 500, millis: 0 }
      yield* killed!.call
      yield* agree(all, "Open")
      server.answer = "held"
      yield* killed!.start(1, 10)
      yield* eventually(Effect.sync(() => server.requests), (requests) => requests === 2)
      const probed = performance.now()
      yield* Effect.forEach(others, ({ start }) => start(20, 20))
      yield* killed!.kill
      yield* Effect.sleep(1_300 - (performance.now() - probed))
      assert.strictEqual(server.requests, 2)
      yield* eventually(Effect.sync(() => server.requests), (requests) => requests > 2)
      measured("probed again after", performance.now() - probed)
      yield* Effect.sleep("200 millis")
      assert.strictEqual(server.requests, 3)
      server.answer = { status: 200, millis: 0 }
      server.release(200)
      yield* agree(others, "Closed")
    }))
})

describe("a process that shares a breaker", () => {
  it.scopedLive("asks Redis less than 30 times a second, however often it calls", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(1, { ...patient, redis: redis.url, dependency: server.url })
      const [one] = all
      yield* joined(redis, all)
      const seconds = 1.5
      const loads = [[0, 0], [1, 10], [64, 0]] as const
      for (const [callers, pauseMillis] of loads) {
        yield* one!.reset
        yield* one!.start(callers, pauseMillis)
        const { executed, sent } = yield* perSecond(redis, seconds * 1_000)
        yield* one!.stop
        const { ok } = yield* one!.report
        measured("calls, sent, executed per second", [ok / seconds, sent, executed])
        assert.isBelow(sent, 30)
        // None of them for a call.
        if (callers > 1) assert.isAbove(ok / seconds, 5 * sent)
      }
    }))
})
