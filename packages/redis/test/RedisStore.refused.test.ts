import { assert, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as Keyed from "reprise/Keyed"
import * as RetryBudget from "reprise/RetryBudget"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Tripping from "reprise/Tripping"
import * as RedisStore from "../src/RedisStore.js"
import { eventually } from "./fleet/fleet.js"
import { type Adapter, logTo, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

/** One process: its circuits open with four failures in a row, anywhere. */
const join = (adapter: Adapter, url: string, lines: Array<string>) =>
  Effect.gen(function*() {
    const store = RedisStore.layer({ timeout: "2 seconds", syncInterval: "20 millis" }).pipe(
      Layer.provide(adapter({ url, username: Redacted.make("limited"), password: Redacted.make("s3cret") }))
    )
    const context = yield* Layer.build(store)
    const breakers = yield* SharedCircuitBreaker.makeKeyed<string>({
      breaker: { trip: Tripping.consecutive(4), openFor: Schedule.spaced("1 minute") }
    }).pipe(Effect.provide(context))
    const budgets = yield* SharedRetryBudget.makeKeyed<string>({ budget: { ratio: 1, minPerSecond: 0 } }).pipe(
      Effect.provide(context)
    )
    const fail = (key: string) => Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), breakers, key))
    const state = (key: string) =>
      Effect.map(CircuitBreakers.entries(breakers), (entries) => new Map(entries).get(key)?.state)
    return { budgets, fail, state }
  }).pipe(Effect.provide(logTo(lines)))

/** All of them fail once for each key, and what that comes to is told. */
const failOnce = (all: ReadonlyArray<Effect.Effect.Success<ReturnType<typeof join>>>, keys: ReadonlyArray<string>) =>
  Effect.zipRight(
    Effect.forEach(all, ({ fail }) => Effect.forEach(keys, fail)),
    Effect.sleep("100 millis")
  )

const about = (lines: ReadonlyArray<string>) => lines.filter((line) => /circuit|budget/i.test(line))

onEachAdapter("A key that Redis refuses", (adapter) => {
  it.scopedLive("to a user stays local alone, with a line for each thing that is not shared", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      const user = ["ACL", "SETUSER", "limited", "on", ">s3cret", "&*", "+@all", "~reprise:*:{good*"]
      yield* server.command(...user)
      const lines: Array<string> = []
      const all = yield* Effect.all([join(adapter, server.url, lines), join(adapter, server.url, lines)])
      for (const { budgets } of all) {
        for (const key of ["good", "bad"]) {
          yield* Effect.flatMap(Keyed.get(budgets, key), RetryBudget.recordCall)
        }
      }
      for (let round = 0; round < 2; round++) yield* failOnce(all, ["bad", "good", "bad too", "good too"])
      for (const { state } of all) {
        yield* eventually(Effect.all([state("good"), state("good too")]), ([a, b]) => a === "Open" && b === "Open")
        assert.strictEqual(yield* state("bad"), "Closed")
      }
      assert.deepStrictEqual(
        about(lines).map((line) => line.replace(/The store.*: /, "")).sort(),
        ["The circuit \"bad too\"", "The circuit \"bad\"", "The retry budget \"bad\""].flatMap((what) => {
          const line = `WARN ${what} is not shared. the user is not allowed to do this (NOPERM)`
          return [line, line]
        })
      )
      // When it is allowed, it is shared without any more ado.
      yield* server.command(...user, "~*")
      yield* failOnce(all, ["bad"])
      yield* failOnce(all, ["bad"])
      yield* eventually(all[1]!.state("bad"), (state) => state === "Open")
    }))

  it.scopedLive("for want of memory is no outage: what it kept is shared again when there is some", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make()
      yield* server.command("ACL", "SETUSER", "limited", "on", ">s3cret", "&*", "+@all", "~*")
      const lines: Array<string> = []
      const all = yield* Effect.all([join(adapter, server.url, lines), join(adapter, server.url, lines)])
      yield* server.command("CONFIG", "SET", "maxmemory", "1")
      yield* failOnce(all, ["a", "b"])
      yield* server.command("CONFIG", "SET", "maxmemory", "0")
      for (let round = 0; round < 2; round++) yield* failOnce(all, ["a", "b"])
      yield* eventually(all[0]!.state("b"), (state) => state === "Open")
      assert.lengthOf(about(lines), 4)
      assert.match(about(lines)[0]!, /^WARN The circuit "[ab]" is not shared\. .*memory is full/)
    }))
})
