import { assert, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Layer, Schedule } from "effect"
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

const keysOf = (stage: string) => Array.from({ length: 15 }, (_, n) => `${stage} ${n}`)

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
    const call = (effect: Effect.Effect<string, string>) => (key: string) =>
      effect.pipe(
        CircuitBreakers.protect(breakers, key),
        Effect.catchAllCause((cause) => Effect.succeed(String(Cause.squash(cause)))),
        Effect.tap((end) => Effect.sync(() => ends.push(end)))
      )
    return {
      budget,
      ends,
      states: (keys: ReadonlyArray<string>) =>
        Effect.map(CircuitBreakers.entries(breakers), (entries) => {
          const all = new Map(entries)
          return keys.map((key) => all.get(key)?.state)
        }),
      succeed: (keys: ReadonlyArray<string>) => Effect.forEach(keys, call(Effect.succeed("ok"))),
      fail: (keys: ReadonlyArray<string>) => Effect.forEach(keys, call(Effect.fail("down")))
    }
  }).pipe(Effect.provide(logTo(lines)))

const aboutSharing = (lines: ReadonlyArray<string>) => lines.filter((line) => /circuit|budget/i.test(line))

it.scopedLive("Processes share over a cluster, whatever becomes of its masters, and no call fails because of it", () =>
  Effect.gen(function*() {
    const { masters, ownerOf, replica } = yield* RedisCluster.make({ replica: true })
    const lines: Array<string> = []
    // Each was told of another node.
    const all = yield* Effect.all([
      join(NodeRedis.layer, masters[0]!.url, lines),
      join(IoRedis.layer, masters[1]!.url, lines)
    ])
    const [one, other] = all
    /** Two failures of each, which would trip none by itself. */
    const failTwice = (keys: ReadonlyArray<string>) =>
      Effect.forEach([...all, ...all], ({ fail }) => Effect.zipRight(fail(keys), Effect.sleep("100 millis")))
    const agree = (keys: ReadonlyArray<string>, expected: ReadonlyArray<string>) =>
      eventually(
        Effect.forEach(all, ({ states }) => states(keys)),
        (states) => states.every((all) => all.join() === expected.join())
      )
    const isGood = keysOf("good")
    const calling = yield* Effect.forkScoped(Effect.forever(
      Effect.zipRight(Effect.forEach(all, ({ succeed }) => succeed(isGood)), Effect.sleep("10 millis"))
    ))

    yield* RetryBudget.recordCall(one!.budget)
    yield* eventually(RetryBudget.tryWithdraw(other!.budget), (paid) => paid)
    const before = keysOf("before")
    yield* failTwice(before)
    yield* agree(before, before.map(() => "Open"))
    assert.deepStrictEqual(aboutSharing(lines), [])
    for (const { command } of masters) assert.isAbove(Number((yield* command("DBSIZE")).slice(1)), 2)

    yield* masters[0]!.kill
    const away = keysOf("while it is away")
    yield* failTwice(away)
    const served = (yield* Effect.forEach(away, ownerOf)).flatMap((owner, i) => owner === 0 ? [] : [away[i]!])
    yield* agree(served, served.map(() => "Open"))
    // Of the others ten lines in each process, and one of the budget, and none that it is all of them.
    assert.deepStrictEqual(lines.filter((line) => /by itself|with other processes again/.test(line)), [])
    assert.isAtMost(aboutSharing(lines).length, 22)

    yield* eventually(replica!.command("INFO", "replication"), (text) => text.includes("role:master"), 10_000)
    yield* Effect.sleep("1 second")
    const after = keysOf("after")
    yield* failTwice(after)
    yield* agree(after, after.map(() => "Open"))

    yield* Fiber.interrupt(calling)
    for (const { ends } of all) {
      assert.isAbove(ends.length, 1_000)
      assert.deepStrictEqual([...new Set(ends)].sort(), ["down", "ok"])
    }
  }))
