import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Layer,
  Logger,
  LogLevel,
  Option,
  Stream,
  TestClock
} from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import { InvalidOption } from "reprise/InvalidOption"
import * as Tripping from "reprise/Tripping"

const options = { breaker: { trip: Tripping.consecutive(1) } } as const

const keys = <K>(breakers: CircuitBreakers.CircuitBreakers<K>) =>
  Effect.map(CircuitBreakers.entries(breakers), (entries) => entries.map(([key]) => key))

const touch = <K>(breakers: CircuitBreakers.CircuitBreakers<K>, key: K) =>
  CircuitBreakers.protect(Effect.void, breakers, key)

const break_ = <K>(breakers: CircuitBreakers.CircuitBreakers<K>, key: K) =>
  Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), breakers, key))

interface Listened extends CircuitBreakers.CircuitBreakers<string> {
  readonly listeners: ReadonlySet<unknown>
}

/** What a consumer of the changes sees. */
const watch = <K>(breakers: CircuitBreakers.CircuitBreakers<K>) =>
  Effect.gen(function*() {
    const seen: Array<string> = []
    const say = ([key, { from, to }]: readonly [K, CircuitBreaker.Transition]) =>
      Effect.sync(() => void seen.push(`${String(key)} ${from} ${to}`))
    const fiber = yield* Effect.forkDaemon(Stream.runForEach(CircuitBreakers.changes(breakers), say))
    yield* TestClock.adjust(0)
    return { seen, fiber }
  })

class Tenant extends Data.Class<{ readonly id: number }> {}

describe("CircuitBreakers", () => {
  it.effect("has one breaker for keys that are equal, and another for one that is not", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<Tenant>({ ...options, name: ({ id }) => `tenant ${id}` })
      yield* break_(breakers, new Tenant({ id: 1 }))
      const rejected = yield* Effect.flip(touch(breakers, new Tenant({ id: 1 })))
      assert.strictEqual(rejected.key, "tenant 1")
      yield* touch(breakers, new Tenant({ id: 2 }))
      assert.strictEqual((yield* keys(breakers)).length, 2)
    }))

  it.effect("gives each key its own options, where they are a function", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make({
        breaker: (key: number) => ({ trip: Tripping.consecutive(key) })
      })
      yield* break_(breakers, 1)
      yield* break_(breakers, 2)
      const states = yield* Effect.forEach([1, 2], (key) =>
        Effect.flatMap(CircuitBreakers.get(breakers, key), CircuitBreaker.state))
      assert.deepStrictEqual(states, ["Open", "Closed"])
    }))

  it.effect("makes one breaker where many ask for a new key at once", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>(options)
      const all = yield* Effect.all(Array.from({ length: 50 }, () => CircuitBreakers.get(breakers, "a")), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(all).size, 1)
    }))

  it.effect("lets go of the key that was unused for longest when there is no room", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ ...options, capacity: 2 })
      for (const key of ["a", "b", "a", "c"]) yield* touch(breakers, key)
      assert.sameMembers(yield* keys(breakers), ["a", "c"])
    }))

  it.effect("lets go of idle keys when another one comes", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ ...options, idleTimeToLive: "1 minute" })
      yield* touch(breakers, "a")
      yield* TestClock.adjust("59 seconds")
      yield* touch(breakers, "b")
      assert.sameMembers(yield* keys(breakers), ["a", "b"])
      yield* TestClock.adjust("1 second")
      yield* touch(breakers, "c")
      assert.sameMembers(yield* keys(breakers), ["b", "c"])
    }))

  it.effect("keeps what is open, half-open, isolated or in use, however long", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ ...options, capacity: 4, idleTimeToLive: "1 millis" })
      yield* break_(breakers, "open")
      yield* break_(breakers, "half-open")
      yield* TestClock.adjust("2 seconds")
      const probe = yield* Effect.fork(CircuitBreakers.protect(Effect.never, breakers, "half-open"))
      const running = yield* Effect.fork(CircuitBreakers.protect(Effect.never, breakers, "in use"))
      const isolation = yield* Effect.flatMap(CircuitBreakers.get(breakers, "isolated"), CircuitBreaker.isolate)
      yield* Effect.yieldNow()
      yield* TestClock.adjust("1 hour")
      for (let n = 0; n < 20; n++) yield* touch(breakers, `other ${n}`)
      assert.includeMembers([...yield* keys(breakers)], ["open", "half-open", "in use", "isolated"])
      assert.strictEqual(yield* CircuitBreakers.overflowed(breakers), 20)
      yield* Fiber.interruptAll([probe, running])
      yield* isolation.release
      for (let n = 0; n < 20; n++) yield* touch(breakers, `other ${n}`)
      assert.notInclude(yield* keys(breakers), "in use")
      assert.include(yield* keys(breakers), "open")
    }))

  it.effect("never holds more keys than twice its capacity", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<number>({ ...options, capacity: 100 })
      for (let key = 0; key < 5_000; key++) yield* (key % 3 === 0 ? break_(breakers, key) : touch(breakers, key))
      assert.isAtMost((yield* keys(breakers)).length, 200)
    }))

  for (const [when, pause] of [["at once", 0], ["a day later", 86_400_000]] as const) {
    it.effect(`protects a new dead host although all its keys are dead hosts, ${when}`, () =>
      Effect.gen(function*() {
        const breakers = yield* CircuitBreakers.make<string>({ ...options, capacity: 100 })
        // More than twice its capacity.
        for (let n = 0; n < 250; n++) yield* break_(breakers, `dead ${n}`)
        yield* TestClock.adjust(pause)
        let sent = 0
        const call = CircuitBreakers.protect(Effect.suspend(() => Effect.fail(++sent)), breakers, "new")
        yield* Effect.replicateEffect(Effect.ignore(call), 1_000)
        assert.strictEqual(sent, 1)
        assert.include(yield* keys(breakers), "dead 249")
      }).pipe(Logger.withMinimumLogLevel(LogLevel.None)))
  }

  it.effect("keeps a closed breaker with a failure in its window, and drops it when that is too old", () =>
    Effect.gen(function*() {
      const trip = Tripping.rate({ window: { duration: "1 minute" }, minimumCalls: 10, threshold: 0.5 })
      const breakers = yield* CircuitBreakers.make<string>({ breaker: { trip }, idleTimeToLive: "10 seconds" })
      yield* break_(breakers, "failed")
      yield* touch(breakers, "fine")
      yield* TestClock.adjust("20 seconds")
      yield* touch(breakers, "a")
      assert.sameMembers(yield* keys(breakers), ["failed", "a"])
      yield* TestClock.adjust("1 minute")
      yield* touch(breakers, "b")
      assert.sameMembers(yield* keys(breakers), ["b"])
    }))

  it.effect("keeps a breaker with other options, or with a state of its own rule", () =>
    Effect.gen(function*() {
      const trip = Tripping.make<number>({ initial: 0, record: (calls) => calls + 1, tripped: () => undefined })
      const breakers = yield* CircuitBreakers.make<string>({ breaker: { trip }, idleTimeToLive: "1 second" })
      const changed = yield* CircuitBreakers.get(breakers, "changed")
      yield* CircuitBreaker.reconfigure(changed, { trip, probes: 2 })
      yield* touch(breakers, "counted")
      yield* CircuitBreakers.get(breakers, "new")
      yield* TestClock.adjust("1 minute")
      yield* CircuitBreakers.get(breakers, "other")
      assert.sameMembers(yield* keys(breakers), ["changed", "counted", "other"])
    }))

  it.effect("never lets a slow consumer or one that has gone keep a key", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ ...options, capacity: 2 })
      const { fiber } = yield* watch(breakers)
      for (const key of ["a", "b", "c"]) yield* touch(breakers, key)
      assert.sameMembers(yield* keys(breakers), ["b", "c"])
      yield* Fiber.interrupt(fiber)
      assert.strictEqual((breakers as Listened).listeners.size, 0)
    }))

  it.effect("is provided as a layer", () => {
    class Tenants extends Context.Tag("test/Tenants")<Tenants, CircuitBreakers.CircuitBreakers<string>>() {}
    return Effect.flatMap(Tenants, (breakers) => touch(breakers, "a")).pipe(
      Effect.provide(CircuitBreakers.layer(Tenants, options)),
      Effect.provide(Layer.empty)
    )
  })

  it("refuses options out of range", () => {
    assert.throws(() => CircuitBreakers.make({ ...options, capacity: 0 }), InvalidOption, "\"capacity\"")
    assert.throws(
      () => CircuitBreakers.make({ ...options, idleTimeToLive: Duration.zero }),
      InvalidOption,
      "\"idleTimeToLive\""
    )
    assert.throws(
      () => CircuitBreakers.make({ breaker: { ...options.breaker, probes: 0 } }),
      InvalidOption,
      "\"probes\""
    )
  })
})

describe("the changes of a registry", () => {
  it.effect("begin with the state of every key, and go on with every transition, also of keys that come later", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>(options)
      yield* break_(breakers, "a")
      yield* touch(breakers, "b")
      const { seen } = yield* watch(breakers)
      yield* break_(breakers, "c")
      yield* break_(breakers, "b")
      yield* TestClock.adjust("2 seconds")
      yield* touch(breakers, "a")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(seen, [
        "a Open Open",
        "b Closed Closed",
        "c Closed Open",
        "b Closed Open",
        "a Open HalfOpen",
        "a HalfOpen Closed"
      ])
    }))

  it.effect("have the key itself, and its name in the transition", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<Tenant>({ ...options, name: ({ id }) => `tenant ${id}` })
      yield* break_(breakers, new Tenant({ id: 7 }))
      const [key, { key: name, trip }] = Option.getOrThrow(yield* Stream.runHead(CircuitBreakers.changes(breakers)))
      assert.deepStrictEqual([key.id, name, trip?.rule], [7, "tenant 7", "consecutive"])
    }))

  it.effect("lose the oldest for a consumer who is more than 1,024 behind, and none of the states at the start", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<number>(options)
      for (let key = 0; key < 2_000; key++) yield* touch(breakers, key)
      const breaker = yield* CircuitBreakers.get(breakers, 0)
      const gate = yield* Deferred.make<void>()
      const slow = yield* Effect.forkDaemon(
        CircuitBreakers.changes(breakers).pipe(
          Stream.rechunk(1),
          Stream.tap(() => Deferred.await(gate)),
          Stream.takeUntil(([, { generation }]) => generation === 4_000),
          Stream.runCollect
        )
      )
      yield* TestClock.adjust(0)
      for (let n = 0; n < 2_000; n++) {
        yield* Effect.zipRight(CircuitBreaker.trip(breaker), CircuitBreaker.close(breaker))
      }
      yield* Deferred.succeed(gate, undefined)
      const seen = Array.from(
        yield* Fiber.join(slow),
        ([, { from, generation, to }]) => from === to ? "state" : generation
      )
      assert.deepStrictEqual(seen.slice(0, 2_000), Array.from({ length: 2_000 }, () => "state"))
      assert.deepStrictEqual(seen.slice(2_000), Array.from({ length: 1_024 }, (_, i) => i + 2_977))
    }))

  it.effect("tell of no breaker that is not kept for want of room", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ ...options, capacity: 1 })
      // Calls that run hold as many keys as there may ever be.
      for (const key of ["a", "b"]) yield* Effect.fork(CircuitBreakers.protect(Effect.never, breakers, key))
      yield* TestClock.adjust(0)
      const { seen } = yield* watch(breakers)
      yield* break_(breakers, "c")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(seen, ["a Closed Closed", "b Closed Closed"])
      assert.notInclude(yield* keys(breakers), "c")
    }))
})

describe("the entries of a registry", () => {
  it.effect("say during an outage how long it has lasted, and how many calls each key had", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>(options)
      yield* touch(breakers, "a")
      yield* break_(breakers, "a")
      yield* Effect.ignore(touch(breakers, "a"))
      yield* touch(breakers, "b")
      yield* TestClock.adjust("5 seconds")
      const found = (yield* CircuitBreakers.entries(breakers)).map(
        ([key, { admitted, downMillis, failed, rejected }]) => [key, downMillis, admitted, failed, rejected]
      )
      assert.deepStrictEqual(found, [["a", 5_000, 2, 1, 1], ["b", 0, 1, 0, 0]])
    }))
})
