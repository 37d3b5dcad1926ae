import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule } from "effect"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as RetryBudget from "reprise/RetryBudget"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Tripping from "reprise/Tripping"
import * as IoRedis from "../src/IoRedis.js"
import * as NodeRedis from "../src/NodeRedis.js"
import * as RedisStore from "../src/RedisStore.js"
import { eventually } from "./fleet/fleet.js"
import { type Adapter, logTo } from "./support/adapters.js"
import * as RedisCluster from "./support/redisCluster.js"

const keys = Array.from({ length: 24 }, (_, n) => `service ${n}`)

/** One process with a circuit for each key, and what became of its calls. */
const join = (adapter: Adapter, url: string, lines: Array<string>) =>
  Effect.gen(function*() {
    const context = yield* Layer.build(
      RedisStore.layer({ syncInterval: "20 millis", timeout: "1 second" }).pipe(Layer.provide(adapter({ url })))
    )
    const breakers = yield* SharedCircuitBreaker.makeKeyed<string>({
      breaker: { trip: Tripping.consecutive(4), openFor: Schedule.spaced("1 minute") }
    }).pipe(Effect.provide(context))
    const budget = yield* SharedRetryBudget.share({ key: "all", ratio: 1, minPerSecond: 0 }).pipe(
      Effect.provide(context)
    )
    const ends: Array<string> = []
    const call = (key: string, effect: Effect.Effect<string, string>) =>
      effect.pipe(
        CircuitBreakers.protect(breakers, key),
        Effect.catchAllCause((cause) => Effect.succeed(cause._tag === "Fail" ? String(cause.error) : cause._tag)),
        Effect.tap((end) => Effect.sync(() => ends.push(end)))
      )
    const states = Effect.map(CircuitBreakers.entries(breakers), (entries) => {
      const all = new Map(entries)
      return keys.map((key) => all.get(key)?.state)
    })
    return {
      budget,
      ends,
      states,
      succeed: Effect.forEach(keys, (key) => call(key, Effect.succeed("ok"))),
      fail: Effect.forEach(keys, (key) => call(key, Effect.fail("down")))
    }
  }).pipe(Effect.provide(logTo(lines)))

const setUp = (options?: Parameters<typeof RedisCluster.make>[0]) =>
  Effect.gen(function*() {
    const cluster = yield* RedisCluster.make(options)
    const lines: Array<string> = []
    const all = yield* Effect.all([
      join(NodeRedis.layer, cluster.masters[0]!.url, lines),
      join(IoRedis.layer, cluster.masters[1]!.url, lines)
    ])
    return { ...cluster, all, lines }
  })

const shared = (lines: ReadonlyArray<string>) => lines.filter((line) => /circuit|budget/i.test(line))

const everywhere = (states: ReadonlyArray<ReadonlyArray<string | undefined>>, state: string) =>
  states.every((all) => all.every((one) => one === state))

it.scopedLive("Processes share circuits and budgets over a cluster, whichever nodes they were told of", () =>
  Effect.gen(function*() {
    const { all, lines, masters } = yield* setUp()
    const [one, other] = all
    yield* RetryBudget.recordCall(one!.budget)
    yield* eventually(RetryBudget.tryWithdraw(other!.budget), (paid) => paid)
    yield* Effect.sleep("200 millis")
    // Two failures of each: none would trip by its own.
    for (const { fail } of [...all, ...all]) yield* Effect.zipRight(fail, Effect.sleep("100 millis"))
    yield* eventually(Effect.forEach(all, ({ states }) => states), (states) => everywhere(states, "Open"))
    assert.deepStrictEqual(shared(lines), [])
    for (const { command } of masters) assert.isAbove(Number((yield* command("DBSIZE")).slice(1)), 2)
  }))

it.scopedLive("Of a cluster whose master is killed, the other keys are shared all the time, and no call fails", () =>
  Effect.gen(function*() {
    const { all, lines, masters, ownerOf } = yield* setUp()
    const calling = yield* Effect.fork(Effect.forever(
      Effect.zipRight(Effect.forEach(all, ({ succeed }) => succeed), Effect.sleep("10 millis"))
    ))
    yield* Effect.sleep("300 millis")
    yield* masters[2]!.kill
    yield* Effect.sleep("2 seconds")
    yield* Fiber.interrupt(calling)
    for (const { ends } of all) {
      assert.isAbove(ends.length, 100)
      assert.deepStrictEqual([...new Set(ends)], ["ok"])
    }
    const owners = yield* Effect.forEach(keys, ownerOf)
    for (const { fail } of [...all, ...all]) yield* Effect.zipRight(fail, Effect.sleep("100 millis"))
    const expected = owners.map((owner) => owner === 2 ? "Closed" : "Open")
    yield* eventually(
      Effect.forEach(all, ({ states }) => states),
      (states) => states.every((all) => all.join() === expected.join())
    )
    // A line for each key of the node in each process, of which ten are said, and none about all of them.
    assert.deepStrictEqual(lines.filter((line) => /by itself|again/.test(line)), [])
    assert.isAtMost(shared(lines).length, 2 * owners.filter((owner) => owner === 2).length + 2)
  }))

it.scopedLive("When a replica has taken over, its keys are shared again without a restart", () =>
  Effect.gen(function*() {
    const { all, masters, replica } = yield* setUp({ replica: true })
    for (const { fail } of all) yield* fail
    yield* Effect.sleep("200 millis")
    yield* masters[0]!.kill
    yield* eventually(replica!.command("INFO", "replication"), (text) => text.includes("role:master"), 10_000)
    yield* Effect.sleep("1 second")
    for (const { fail } of [...all, ...all]) yield* Effect.zipRight(fail, Effect.sleep("100 millis"))
    yield* eventually(Effect.forEach(all, ({ states }) => states), (states) => everywhere(states, "Open"))
  }))
