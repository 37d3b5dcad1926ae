import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { agree, dependency, eventually, joined, type Member, member, members, states } from "./fleet/fleet.js"
import * as Proxy from "./support/proxy.js"
import * as RedisServer from "./support/redisServer.js"

const setUp = Effect.zipWith(RedisServer.make(), dependency, (redis, server) => ({ redis, server }))

const fine = { status: 200, millis: 0 }
const down = { status: 500, millis: 0 }

const each = <A>(all: ReadonlyArray<Member>, ask: (member: Member) => Effect.Effect<A>) =>
  Effect.forEach(all, ask, { concurrency: "unbounded" })

const reports = (all: ReadonlyArray<Member>) => each(all, ({ report }) => report)

const stop = (all: ReadonlyArray<Member>) => each(all, ({ stop }) => stop)

const unhappy = (all: ReadonlyArray<Member>) =>
  Effect.map(reports(all), (all) => all.map(({ failed, other, rejected }) => [failed, other, rejected]))

const none = (all: ReadonlyArray<Member>) => all.map(() => [0, 0, 0])

const measured = (what: string, value: unknown) => process.env["MEASURE"] && console.log(what, value)

const record = (redis: RedisServer.RedisServer) => redis.command("HGET", "reprise:breaker:1:{payments}", "state")

/** None of them goes on by itself any more. */
const shared = (all: ReadonlyArray<Member>) =>
  eventually(
    reports(all),
    (all) =>
      all.every(({ lines }) => !/by itself/.test(lines.filter((line) => line.includes("The circuit")).at(-1) ?? ""))
  )

/** Three processes whose circuit is open, for so long. */
const opened = (openMillis: number) =>
  Effect.gen(function*() {
    const { redis, server } = yield* setUp
    const all = yield* members(3, { redis: redis.url, dependency: server.url, openMillis })
    yield* joined(redis, all)
    server.answer = down
    yield* all[0]!.call
    yield* agree(all, "Open")
    return { all, redis, server }
  })

describe("processes whose Redis is killed", () => {
  it.scopedLive("lose no call, and one trip opens all within a second of its return", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const all = yield* members(3, { redis: redis.url, dependency: server.url })
      yield* joined(redis, all)
      yield* each(all, ({ start }) => start(10, 10))
      yield* Effect.sleep("300 millis")
      yield* redis.kill
      yield* Effect.sleep("700 millis")
      yield* stop(all)
      assert.deepStrictEqual(yield* unhappy(all), none(all))
      yield* redis.start
      const back = performance.now()
      server.answer = down
      yield* all[0]!.call
      yield* agree(all, "Open")
      measured("one trip opened all after the return within", performance.now() - back)
      assert.isBelow(performance.now() - back, 3_000)
    }))

  it.scopedLive("go on each by itself while the dependency is down too, and send one probe for all when it is back", () =>
    Effect.gen(function*() {
      const { all, redis, server } = yield* opened(300)
      yield* redis.kill
      yield* each(all, ({ start }) => start(10, 20))
      // Each has probed by itself, more than once.
      yield* eventually(reports(all), (all) => all.every(({ failed }) => failed > 2))
      const before = yield* reports(all)
      yield* redis.start
      const back = performance.now()
      yield* eventually(record(redis), (state) => /Open/.test(state))
      measured("told anew after", performance.now() - back)
      yield* shared(all)
      measured("all back after", performance.now() - back)
      // Those that each had sent are answered.
      yield* Effect.sleep("400 millis")
      server.answer = "held"
      const { requests } = server
      yield* eventually(Effect.sync(() => server.requests), (now) => now > requests)
      yield* Effect.sleep("600 millis")
      assert.strictEqual(server.requests, requests + 1)
      server.answer = fine
      server.release(200)
      yield* agree(all, "Closed")
      yield* eventually(reports(all), (now) => now.every(({ ok }, i) => ok > before[i]!.ok))
      yield* stop(all)
      assert.deepStrictEqual((yield* reports(all)).map(({ other }) => other), [0, 0, 0])
    }))
})

describe("processes whose Redis is emptied", () => {
  it.scopedLive("stay open as long as they were to be, and tell it to those who come", () =>
    Effect.gen(function*() {
      const { all, redis, server } = yield* opened(60_000)
      yield* each(all, ({ start }) => start(10, 20))
      yield* redis.command("FLUSHALL")
      const emptied = performance.now()
      yield* eventually(record(redis), (state) => /Open/.test(state))
      measured("told anew after", performance.now() - emptied)
      const late = yield* member({ redis: redis.url, dependency: server.url, library: "ioredis" })
      yield* agree([late], "Open")
      const { retryAfterMillis } = yield* late.report
      assert.isAbove(retryAfterMillis, 40_000)
      assert.isAtMost(retryAfterMillis, 60_000)
      assert.strictEqual(server.requests, 1)
    }))

  it.scopedLive("recover where that happens while one of them probes, and send no more than one probe more", () =>
    Effect.gen(function*() {
      const { all, redis, server } = yield* opened(300)
      server.answer = "held"
      yield* each(all, ({ start }) => start(10, 20))
      yield* eventually(Effect.sync(() => server.requests), (requests) => requests === 2)
      yield* redis.command("FLUSHALL")
      yield* Effect.sleep("1 second")
      measured("requests after it was emptied", server.requests)
      assert.isAtMost(server.requests, 3)
      server.answer = fine
      server.release(200)
      yield* agree(all, "Closed")
    }))
})

describe("processes whose Redis is replaced by its replica", () => {
  it.scopedLive("lose no call, stay open as long as they were to be, and send one probe for all then", () =>
    Effect.gen(function*() {
      const { redis, server } = yield* setUp
      const replica = yield* RedisServer.make()
      yield* redis.command("CONFIG", "SET", "repl-diskless-sync-delay", "0")
      yield* replica.command("REPLICAOF", "127.0.0.1", String(redis.port))
      yield* eventually(replica.command("INFO", "replication"), (text) => text.includes("master_link_status:up"))
      const proxy = yield* Proxy.make(redis.port)
      const all = yield* members(3, {
        redis: proxy.url,
        dependency: server.url,
        openMillis: 3_000,
        timeoutMillis: 1_000
      })
      yield* joined(redis, all)
      yield* each(all, ({ start }) => start(10, 20))
      yield* Effect.sleep("300 millis")
      assert.deepStrictEqual(yield* unhappy(all), none(all))
      server.answer = down
      yield* agree(all, "Open")
      const opened = performance.now()
      yield* eventually(record(replica), (state) => /Open/.test(state))
      yield* redis.kill
      yield* replica.command("REPLICAOF", "NO", "ONE")
      yield* proxy.to(replica.port)
      yield* joined(replica, all)
      yield* shared(all)
      measured("all with the replica after", performance.now() - opened)
      assert.deepStrictEqual(yield* states(all), ["Open", "Open", "Open"])
      server.answer = "held"
      const { requests } = server
      yield* eventually(Effect.sync(() => server.requests), (now) => now > requests)
      assert.isAbove(performance.now() - opened, 2_500)
      yield* Effect.sleep("600 millis")
      assert.strictEqual(server.requests, requests + 1)
      server.answer = fine
      server.release(200)
      yield* agree(all, "Closed")
      assert.deepStrictEqual((yield* reports(all)).map(({ other }) => other), [0, 0, 0])
    }))
})

const ways = ["drops everything", "is 2 seconds late", "is paused"] as const

describe("processes whose way to Redis", () => {
  it.scopedLive.each(ways)(
    "%s lose no call, wait no longer than the timeout for a probe, and agree afterwards",
    (way) =>
      Effect.gen(function*() {
        const { redis, server } = yield* setUp
        const proxy = yield* Proxy.make(redis.port)
        const options = { dependency: server.url, openMillis: 300 }
        const far = yield* members(2, { ...options, redis: proxy.url })
        const near = yield* members(1, { ...options, redis: redis.url })
        const all = [...far, ...near]
        const steps: Record<typeof way, readonly [begin: Effect.Effect<void>, end: Effect.Effect<void>]> = {
          "drops everything": [proxy.blackHole, proxy.pass],
          // What is late must not come after what is not.
          "is 2 seconds late": [proxy.delay(2_000), Effect.zipRight(proxy.cut, proxy.pass)],
          "is paused": [redis.pause(2_000), Effect.sleep("500 millis")]
        }
        const [begin, end] = steps[way]
        yield* joined(redis, all)
        yield* each(all, ({ start }) => start(10, 10))
        yield* Effect.sleep("300 millis")
        yield* each(all, ({ reset }) => reset)
        yield* Effect.sleep("300 millis")
        const before = yield* reports(all)
        // Those that probe next are the ones who would wait for the store.
        server.answer = down
        yield* agree(all, "Open")
        yield* each(all, ({ reset }) => reset)
        yield* begin
        yield* Effect.sleep("800 millis")
        const probing = yield* reports(all)
        server.answer = fine
        yield* agree(all, "Closed")
        yield* each(all, ({ reset }) => reset)
        yield* Effect.sleep("400 millis")
        assert.deepStrictEqual(yield* unhappy(all), none(all))
        const closed = yield* reports(all)
        yield* end
        const longest = (of: typeof closed) => Math.max(...of.map(({ longestMillis }) => longestMillis))
        measured(
          "longest call with Redis, while it probed without, while closed without",
          [before, probing, closed].map(longest)
        )
        assert.isBelow(longest(probing), longest(before) + 250 + 500)
        assert.isBelow(longest(closed), longest(before) + 500)
        assert.deepStrictEqual(probing.map(({ other }) => other), [0, 0, 0])
        // Calls go on until all agree: where nobody calls, nobody probes.
        const back = performance.now()
        yield* shared(all)
        yield* agree(all, "Closed")
        measured("all agree after", performance.now() - back)
        yield* stop(all)
        yield* Effect.sleep("300 millis")
        // A trip that was held back by the way may have come last: the next call is a probe then.
        yield* all[0]!.call
        yield* agree(all, "Closed")
        server.answer = down
        yield* all[0]!.call
        yield* agree(all, "Open")
      })
  )
})
