import { assert, layer } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc } from "effect"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import { MemoryBudgets } from "../../reprise/src/internal/shared/memoryBudgets.js"
import * as budgetStore from "../src/internal/budgetStore.js"
import * as NodeRedis from "../src/NodeRedis.js"
import { type Adapter, connect, logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

type Service = RetryBudgetStore.Service
type Report = RetryBudgetStore.Report

const settings = { prefix: "test", syncMillis: 20, timeoutMillis: 250, keepMillis: 60_000 }
const kept = "test:budget:1:{payments}"

/** The store of one process. */
const open = (adapter: Adapter, url: string) =>
  Effect.map(connect(adapter, { url, startDegraded: true }), (redis) => budgetStore.make(redis, settings))

const report = (member: string, told: Partial<Report> = {}): Report => ({
  member,
  calls: 0,
  wanted: 0,
  reserved: 0,
  spent: 0,
  presentMillis: 600_000,
  rememberMillis: 600_000,
  ...told
})

/** A budget of one process, which makes no retries but those of the floor or for calls. */
const process = (store: Service, options: Partial<SharedRetryBudget.Share> = {}) =>
  SharedRetryBudget.share({ key: "payments", ratio: 0.1, minPerSecond: 0, ...options }).pipe(
    Effect.provideService(RetryBudgetStore.RetryBudgetStore, store)
  )

const calls = (budget: RetryBudget.RetryBudget, n: number) =>
  Effect.replicateEffect(RetryBudget.recordCall(budget), n, { discard: true })

const retries = (budget: RetryBudget.RetryBudget, n: number) =>
  Effect.map(Effect.replicateEffect(RetryBudget.tryWithdraw(budget), n), (paid) => paid.filter(Boolean).length)

const eventually = <A, E>(effect: Effect.Effect<A, E>, until: (value: A) => boolean) =>
  Effect.repeat(Effect.delay(effect, "5 millis"), { until })

const evalshas = (server: RedisServer.RedisServer) =>
  Effect.map(
    server.command("INFO", "commandstats"),
    (text) => Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0)
  )

layer(RedisServer.Shared.layer, { excludeTestServices: true })("the budgets that Redis keeps", (it) => {
  onEachAdapter("RedisStore", (adapter) => {
    it.scoped("are the sums of what each member told last", () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.fresh
        const [a, b] = yield* Effect.all([open(adapter, server.url), open(adapter, server.url)])
        assert.deepStrictEqual(
          yield* a.sync("payments", report("a", { calls: 10, wanted: 3, reserved: 2, spent: 1 })),
          { members: 1, calls: 10, wanted: 3, reserved: 2, spent: 1 }
        )
        yield* b.sync("payments", report("b", { calls: 5, spent: -4 }))
        assert.deepStrictEqual(
          yield* a.sync("payments", report("a", { calls: 8, reserved: 1 })),
          { members: 2, calls: 13, wanted: 0, reserved: 1, spent: -4 }
        )
        assert.deepStrictEqual(yield* a.sync("other", report("a")), {
          members: 1,
          calls: 0,
          wanted: 0,
          reserved: 0,
          spent: 0
        })
      }))

    it.scoped("are told with one command", () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.fresh
        const store = yield* open(adapter, server.url)
        yield* store.sync("payments", report("a"))
        yield* server.command("CONFIG", "RESETSTAT")
        yield* Effect.replicateEffect(store.sync("payments", report("a")), 7)
        assert.strictEqual(yield* evalshas(server), 7)
        assert.notMatch(yield* server.command("INFO", "commandstats"), /cmdstat_(eval|multi|script):/)
      }))

    it.scoped("are shared by the budgets of two processes", () =>
      Effect.gen(function*() {
        const server = yield* RedisServer.fresh
        const [one, other] = yield* Effect.forEach([1, 2], () => Effect.flatMap(open(adapter, server.url), process))
        yield* calls(one!, 100)
        yield* eventually(retries(other!, 1), (paid) => paid === 1)
      }))
  })

  const overNode = (url: string) => open(NodeRedis.layer, url)

  it.scoped("are for any reports what the store in memory says", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const redis = yield* overNode(server.url)
      const memory = new MemoryBudgets(Duration.zero, Duration.zero)
      const amount = fc.integer({ min: 0, max: 1_000_000_000_000 })
      const told = fc.record({
        key: fc.constantFrom("a", "b"),
        member: fc.constantFrom("", "m", "@m", "members", "swept", "\n 1 2\0", "žluťoučký 🐎"),
        calls: amount,
        wanted: amount,
        reserved: amount,
        spent: fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 }),
        presentMillis: fc.constantFrom(599_999.5, 600_000)
      })
      const histories = fc.sample(fc.array(told, { minLength: 30, maxLength: 30 }), { numRuns: 10, seed: 31 })
      for (const [run, history] of histories.entries()) {
        for (const { key, ...told } of history) {
          const next = report(told.member, told)
          const expected = yield* memory.sync(`${run} ${key}`, next)
          assert.deepStrictEqual(yield* redis.sync(`${run} ${key}`, next), expected)
        }
      }
    }))

  it.scoped("are added up anew from time to time, which mends a wrong sum", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* overNode(server.url)
      yield* store.sync("payments", report("a", { calls: 10, spent: 2 }))
      yield* server.command("HSET", kept, "calls", "777", "spent", "-5")
      const { calls, spent } = yield* eventually(
        store.sync("payments", report("b", { calls: 1, presentMillis: 50 })),
        ({ calls }) => calls === 11
      )
      assert.deepStrictEqual([calls, spent], [11, 2])
    }))

  it.scoped("forget a member that is not heard of, what it has spent last", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* overNode(server.url)
      const told = { calls: 9, wanted: 8, reserved: 7, spent: 6 }
      yield* store.sync("payments", report("a", { ...told, presentMillis: 300, rememberMillis: 1_200 }))
      yield* store.sync("payments", report("b", { ...told, presentMillis: 1_200, rememberMillis: 300 }))
      const ask = store.sync("payments", report("c", { presentMillis: 20 }))
      const seen: Array<ReadonlyArray<number>> = []
      yield* eventually(
        Effect.tap(ask, ({ calls, members, reserved, spent, wanted }) =>
          Effect.sync(() =>
            seen.push([members, calls, wanted, reserved, spent])
          )),
        ({ members, spent }) => members === 1 && spent === 0
      )
      assert.deepStrictEqual(seen[0], [3, 18, 16, 14, 12])
      assert.deepInclude(seen, [2, 9, 8, 7, 6])
      assert.deepStrictEqual(seen.at(-1), [1, 0, 0, 0, 0])
      assert.notMatch(yield* server.command("HGETALL", kept), /@[ab]/)
    }))

  it.scoped("are kept for as long as anybody may ask for them, and no longer", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* overNode(server.url)
      const life = Effect.map(server.command("PTTL", kept), (reply) => Number(reply.slice(1)))
      yield* store.sync("payments", report("a", { presentMillis: 1, rememberMillis: 1 }))
      const short = yield* life
      yield* store.sync("payments", report("a", { rememberMillis: 100_000.5 }))
      const long = yield* life
      assert.isTrue(short > 50_000 && short <= 60_000, `${short}`)
      assert.isTrue(long > 550_000 && long <= 600_000, `${long}`)
    }))

  it.scoped("have keys with anything in them", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* overNode(server.url)
      const keys = ["", "a\r\nb", "}{", "žluťoučký 🐎", "\0", "x".repeat(10_240)]
      for (const [n, key] of keys.entries()) yield* store.sync(key, report("a", { calls: n }))
      const all = yield* Effect.forEach(keys, (key) => store.sync(key, report("b")))
      assert.deepStrictEqual(all.map(({ calls }) => calls), keys.map((_, n) => n))
    }))

  const garbage: ReadonlyArray<readonly [what: string, ...commands: ReadonlyArray<ReadonlyArray<string>>]> = [
    ["a string", ["SET", kept, "s3cret"]],
    ["a list", ["LPUSH", kept, "s3cret"]],
    ["a hash of somebody else", ["HSET", kept, "name", "s3cret"]],
    ["a sum that is no number", ["HSET", kept, "calls", "s3cret"]],
    ["a report that is none", ["HSET", kept, "@a", "s3cret"]]
  ]
  it.scoped("leave what is not theirs as it is, and say so", () =>
    Effect.gen(function*() {
      for (const [what, command] of garbage) {
        const server = yield* RedisServer.fresh
        const store = yield* overNode(server.url)
        if (command![0] === "HSET" && command![2] !== "name") yield* store.sync("payments", report("a"))
        yield* server.command(...command!)
        const before = yield* server.command("DUMP", kept)
        const error = yield* Effect.flip(store.sync("payments", report("a")))
        assert.strictEqual(error.reason, "unreadable", what)
        assert.notMatch(error.message, /s3cret/)
        assert.strictEqual(yield* server.command("DUMP", kept), before)
      }
    }))

  it.scoped("are as they were where memory is full", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const store = yield* overNode(server.url)
      yield* store.sync("payments", report("a", { calls: 1 }))
      yield* server.command("CONFIG", "SET", "maxmemory", "1")
      const error = yield* Effect.flip(store.sync("payments", report("b", { calls: 2 })))
      assert.deepStrictEqual([error.reason, /memory is full/.test(error.message)], ["refused", true])
      yield* server.command("CONFIG", "SET", "maxmemory", "0")
      assert.deepInclude(yield* store.sync("payments", report("a", { calls: 1 })), { members: 1, calls: 1 })
    }))

  it.scoped("are told again by each where Redis has lost all", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.fresh
      const fleet = yield* Effect.replicateEffect(Effect.flatMap(overNode(server.url), process), 3)
      yield* Effect.forEach(fleet, (budget) => calls(budget, 100))
      const watch = yield* overNode(server.url)
      const sum = Effect.map(watch.sync("payments", report("watch")), ({ calls }) => calls)
      yield* eventually(sum, (calls) => calls === 300)
      yield* server.command("FLUSHALL")
      yield* eventually(sum, (calls) => calls === 300)
    }))

  it.scoped("do not hinder a process whose Redis dies, and are shared again when it is back", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const [one, other] = yield* Effect.replicateEffect(Effect.flatMap(overNode(server.url), process), 2)
      yield* calls(one!, 100)
      yield* eventually(retries(other!, 1), (paid) => paid === 1)
      yield* server.kill
      yield* eventually(RetryBudget.snapshot(one!), ({ balance }) => balance === 10)
      assert.strictEqual(yield* retries(one!, 20), 10)
      assert.strictEqual(yield* retries(other!, 5), 0)
      yield* server.start
      yield* calls(one!, 500)
      yield* eventually(retries(other!, 1), (paid) => paid === 1)
      assert.strictEqual(lines.filter((line) => /^WARN The retry budget "payments": each/.test(line)).length, 2)
      assert.isAtLeast(lines.filter((line) => /^INFO The retry budget "payments": shared/.test(line)).length, 1)
    }).pipe(Effect.provide(logTo(lines)))
  })
})
