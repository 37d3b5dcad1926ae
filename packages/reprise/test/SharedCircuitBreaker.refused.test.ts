import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Schedule, type Scope, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import { StoreError } from "reprise/StoreError"
import * as Tripping from "reprise/Tripping"
import { inOneStore, interval, logTo, settle } from "./sharedBreakers.js"

type Service = CircuitBreakerStore.Service

/** What a process gets in place of an answer about some keys. */
interface Wall {
  isRefused: (key: string) => boolean
  readonly instead: Effect.Effect<never, StoreError>
  asked: number
}

const refused = Effect.fail(new StoreError({ reason: "refused", description: "not for you" }))

const wall = (instead: Wall["instead"] = refused): Wall => ({
  isRefused: (key) => key.startsWith("bad"),
  instead,
  asked: 0
})

const behind = (wall: Wall, store: Service): Service => {
  const over =
    <A extends ReadonlyArray<unknown>, B>(ask: (key: string, ...args: A) => Effect.Effect<B, StoreError>) =>
    (key: string, ...args: A): Effect.Effect<B, StoreError> =>
      Effect.suspend(() => {
        if (!wall.isRefused(key)) return ask(key, ...args)
        wall.asked++
        return wall.instead
      })
  const [sync, trip, admit, settle, close] = [store.sync, store.trip, store.admit, store.settle, store.close]
  return {
    ...store,
    sync: over(sync),
    trip: over(trip),
    admit: over(admit),
    settle: over(settle),
    close: over(close)
  }
}

/** The circuits of a process, each of which opens for a second with four failures in a row. */
const circuits = (wall: Wall) =>
  Effect.flatMap(CircuitBreakerStore.CircuitBreakerStore, (store) =>
    SharedCircuitBreaker.makeKeyed<string>({
      breaker: { trip: Tripping.consecutive(4), openFor: Schedule.spaced("1 second") }
    }).pipe(Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
      Context.add(context, CircuitBreakerStore.CircuitBreakerStore, behind(wall, store))
    )))

const fail = (all: CircuitBreakers.CircuitBreakers<string>, key: string) =>
  Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), all, key))

const stateOf = (all: CircuitBreakers.CircuitBreakers<string>, key: string) =>
  Effect.map(CircuitBreakers.entries(all), (entries) => new Map(entries).get(key)?.state)

const away = /each process goes on by itself|shared with other processes again/

describe("a key that the store refuses", () => {
  const ways = [
    ["refused", refused],
    ["not answered", Effect.never]
  ] as const

  for (const [name, instead] of ways) {
    it.effect(`stays local alone: what others count of the other keys is lost nowhere (${name})`, () => {
      const lines: Array<string> = []
      return inOneStore(Effect.gen(function*() {
        const [one, other] = [yield* circuits(wall(instead)), yield* circuits(wall(instead))]
        const intervals = Effect.repeatN(
          Effect.zipRight(
            Effect.forEach([one, other], (all) => CircuitBreakers.protect(Effect.void, all, "a busy one")),
            interval
          ),
          20
        )
        const failEach = Effect.forEach(
          [one, other],
          (all) => Effect.forEach(["bad", "worse good", "good"], (key) => fail(all, key), { concurrency: 3 }),
          { concurrency: 2 }
        )
        // The first call about a key waits for the store, but no longer than the store has time.
        const first = yield* Effect.fork(failEach)
        yield* settle
        yield* TestClock.adjust("250 millis")
        yield* Fiber.join(first)
        yield* intervals
        yield* failEach
        yield* intervals
        assert.strictEqual(yield* stateOf(one, "good"), "Open")
        assert.strictEqual(yield* stateOf(other, "worse good"), "Open")
        assert.strictEqual(yield* stateOf(one, "bad"), "Closed")
        assert.deepStrictEqual(lines.filter((line) => away.test(line)), [])
      })).pipe(Effect.provide(logTo(lines)))
    })
  }

  it.effect("is one line in the log, and many are ten in a minute", () => {
    const lines: Array<string> = []
    return inOneStore(Effect.gen(function*() {
      const all = yield* circuits(wall())
      yield* fail(all, "bad")
      yield* Effect.repeatN(interval, 50)
      const line = "WARN The circuit \"bad\" is not shared. The store of shared state: not for you"
      assert.deepStrictEqual(lines, [line])
      for (let n = 0; n < 30; n++) yield* fail(all, `bad ${n}`)
      yield* Effect.repeatN(interval, 12)
      assert.lengthOf(lines, 10)
      assert.match(lines[9]!, /\(Further lines are left out for up to a minute\.\)$/)
    })).pipe(Effect.provide(logTo(lines)))
  })

  it.effect("leaves room in the log for an outage, however many are refused", () => {
    const lines: Array<string> = []
    let isGone = false
    const instead = Effect.suspend(() =>
      new StoreError(isGone ? { reason: "unavailable", description: "gone" } : { reason: "refused", description: "no" })
    )
    return inOneStore(Effect.gen(function*() {
      const gate = wall(instead)
      const all = yield* circuits(gate)
      for (let n = 0; n < 30; n++) yield* fail(all, `bad ${n}`)
      yield* interval
      isGone = true
      gate.isRefused = () => true
      yield* Effect.repeatN(interval, 12)
      assert.lengthOf(lines, 11)
      assert.match(lines[10]!, away)
    })).pipe(Effect.provide(logTo(lines)))
  })

  it.effect("is named again where it was shared meanwhile", () => {
    const lines: Array<string> = []
    return inOneStore(Effect.gen(function*() {
      const gate = wall()
      const all = yield* circuits(gate)
      yield* fail(all, "bad")
      yield* interval
      gate.isRefused = () => false
      yield* Effect.repeatN(interval, 10)
      gate.isRefused = () => true
      yield* Effect.repeatN(interval, 10)
      assert.lengthOf(lines, 2)
    })).pipe(Effect.provide(logTo(lines)))
  })

  it.effect("is asked for nothing later that it had refused: no permit is given back that was not given", () =>
    inOneStore(Effect.gen(function*() {
      const gate = wall()
      const all = yield* circuits(gate)
      for (let n = 0; n < 4; n++) yield* fail(all, "bad")
      for (let n = 0; n < 50; n++) {
        yield* TestClock.adjust("1 second")
        yield* fail(all, "bad")
      }
      assert.strictEqual(yield* stateOf(all, "bad"), "Open")
      let admits = 0
      gate.isRefused = () => {
        admits++
        return false
      }
      yield* interval
      assert.isAtMost(admits, 2)
    })))
})

it.effect("A store that fails for every key is away, and one line says so", () => {
  const lines: Array<string> = []
  return inOneStore(Effect.gen(function*() {
    const gate = wall(Effect.fail(new StoreError({ reason: "unavailable", description: "gone" })))
    const all = yield* circuits(gate)
    gate.isRefused = () => true
    for (let n = 0; n < 50; n++) yield* fail(all, `key ${n}`)
    yield* Effect.repeatN(interval, 50)
    assert.deepStrictEqual(lines, [
      "WARN The circuits: each process goes on by itself. The store of shared state: gone"
    ])
    // Sixteen at once, until the first fails, and one in each interval from then on.
    assert.isAtMost(gate.asked, 70)
    assert.strictEqual(yield* CircuitBreaker.state(yield* CircuitBreakers.get(all, "key 0")), "Closed")
  })).pipe(Effect.provide(logTo(lines)))
})
