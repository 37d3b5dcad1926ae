import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Either, Exit, Fiber, Option, Schedule, Scope, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as Deadline from "reprise/Deadline"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import { begin, counts, fail, succeed, times } from "./breakerCalls.js"
import { Cable, inOneStore, interval, type Options, settle } from "./sharedBreakers.js"

const options: Options = { key: "payments", trip: Tripping.consecutive(3), openFor: Schedule.spaced("1 hour") }

/** A process of which nothing has run yet but the constructor. */
const make = (change: Partial<Options> = {}, cable = new Cable()) =>
  Effect.flatMap(CircuitBreakerStore.CircuitBreakerStore, (store) =>
    Effect.map(
      SharedCircuitBreaker.make({ ...options, ...change }).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, cable.service(store))
      ),
      (breaker) => ({ breaker, cable })
    ))

const look = (key = "payments") =>
  Effect.flatMap(
    CircuitBreakerStore.CircuitBreakerStore,
    (store) => store.sync(key, { version: CircuitBreakerStore.noVersion, counts: {} })
  )

const openInStore = Effect.flatMap(CircuitBreakerStore.CircuitBreakerStore, (store) =>
  store.trip("payments", {
    version: CircuitBreakerStore.noVersion,
    trip: { rule: "consecutive", calls: 3, failures: 3, slow: 0 },
    openMillis: 3_600_000
  }))

/** A process that ends right after it has done this. */
const shortly = <A, E>(
  run: (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<A, E>,
  change: Partial<Options> = {}
) => Effect.scoped(Effect.flatMap(make(change), ({ breaker }) => run(breaker)))

describe("the first call of a new process", () => {
  it.effect("is rejected where the others have opened the circuit", () =>
    inOneStore(Effect.gen(function*() {
      yield* openInStore
      yield* TestClock.adjust("10 minutes")
      const { breaker } = yield* make()
      assert.strictEqual(yield* succeed(breaker), "rejected")
    })))

  it.effect("is rejected in a registry too, and asks once however many callers there are", () =>
    inOneStore(Effect.gen(function*() {
      yield* openInStore
      const cable = new Cable()
      cable.delayMillis = 20
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const breakers = yield* SharedCircuitBreaker.makeKeyed<string>({ breaker: options }).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, cable.service(store))
      )
      const call = Effect.either(CircuitBreakers.protect(Effect.succeed("ok"), breakers, "payments"))
      const calls = yield* Effect.fork(
        Effect.all(Array.from({ length: 500 }, () => call), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("20 millis")
      const ends = yield* Fiber.join(calls)
      assert.deepStrictEqual(new Set(ends.map(Either.isLeft)), new Set([true]))
      assert.strictEqual(cable.commands, 1)
    })))

  it.effect("waits for the store no longer than the store may take", () =>
    inOneStore(Effect.gen(function*() {
      const cable = new Cable()
      cable.state = "silent"
      const { breaker } = yield* make({}, cable)
      const calls = yield* Effect.fork(Effect.all([succeed(breaker), succeed(breaker)], { concurrency: 2 }))
      yield* TestClock.adjust("249 millis")
      assert.isNull(calls.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(calls), ["ok", "ok"])
      // At once: nobody moves the clock.
      assert.strictEqual(yield* succeed(breaker), "ok")
      cable.state = "good"
    })))

  it.effect("waits no longer than its deadline", () =>
    inOneStore(Effect.gen(function*() {
      const cable = new Cable()
      cable.state = "silent"
      const { breaker } = yield* make({}, cable)
      const late = yield* Effect.fork(Effect.either(Deadline.within(succeed(breaker), "100 millis")))
      yield* TestClock.adjust("100 millis")
      assert.isTrue(Option.isSome(yield* Fiber.poll(late)))
      cable.state = "good"
    })))

  it.effect("does not wait where the store is away, or is not asked about it", () =>
    inOneStore(Effect.gen(function*() {
      const cable = new Cable()
      cable.state = "cut"
      assert.strictEqual(yield* succeed((yield* make({}, cable)).breaker), "ok")
      const silent = new Cable()
      silent.state = "silent"
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const breakers = yield* SharedCircuitBreaker.makeKeyed<number>({ breaker: options, capacity: 1 }).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, silent.service(store))
      )
      yield* Effect.fork(CircuitBreakers.protect(Effect.never, breakers, 1))
      yield* TestClock.adjust("250 millis")
      // There is no room for it: it shares nothing.
      assert.strictEqual(yield* CircuitBreakers.protect(Effect.succeed("ok"), breakers, 2), "ok")
    })))
})

describe("a process that begins", () => {
  it.effect("counts the failures in a row of those before it: ten short-lived processes open the circuit", () =>
    inOneStore(Effect.gen(function*() {
      const ends = yield* Effect.replicateEffect(shortly(fail), 10)
      assert.deepStrictEqual(ends, [...times3("down"), ...Array.from({ length: 7 }, () => "rejected")])
    })))

  it.effect("counts them also where there were successes before", () =>
    inOneStore(Effect.gen(function*() {
      yield* shortly((breaker) => Effect.all([fail(breaker), times(10, succeed(breaker))]))
      const ends = yield* Effect.replicateEffect(shortly(fail), 4)
      assert.deepStrictEqual(ends, [...times3("down"), "rejected"])
    })))

  it.effect("does not count failures that a success came after", () =>
    inOneStore(Effect.gen(function*() {
      yield* shortly((breaker) => times(2, fail(breaker)))
      yield* shortly(succeed)
      yield* shortly((breaker) => times(2, fail(breaker)))
      yield* shortly(succeed)
      const { breaker } = yield* make()
      yield* fail(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    })))

  it.effect("counts the calls before it where a window of calls has room for all of them", () =>
    inOneStore(Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 0.5, minimumCalls: 8, window: { calls: 8 } })
      yield* Effect.replicateEffect(shortly(fail, { trip }), 4)
      yield* Effect.replicateEffect(shortly(succeed, { trip }), 3)
      assert.strictEqual(
        yield* shortly((breaker) => Effect.zipRight(fail(breaker), succeed(breaker)), { trip }),
        "rejected"
      )
    })))

  it.effect("does not count calls before it that may be older than its window of time", () =>
    inOneStore(Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 0.5, minimumCalls: 2, window: { duration: "10 seconds" } })
      yield* shortly(fail, { trip })
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* shortly((breaker) => Effect.zipRight(fail(breaker), succeed(breaker)), { trip }), "ok")
    })))
})

describe("a process that ends", () => {
  const stateInStore = Effect.map(look(), ({ state }) => state._tag)

  /** A process with a slow store, which ends as soon as it has done this. */
  const overSlowStore = (run: (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown>) =>
    Effect.gen(function*() {
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const slow: CircuitBreakerStore.Service = {
        ...store,
        sync: (key, report) => Effect.delay(store.sync(key, report), "20 millis"),
        trip: (key, trip) => Effect.delay(store.trip(key, trip), "20 millis"),
        admit: (key, request) => Effect.delay(store.admit(key, request), "20 millis"),
        settle: (key, settlement) => Effect.delay(store.settle(key, settlement), "20 millis"),
        close: (key, version) => Effect.delay(store.close(key, version), "20 millis")
      }
      const ended = yield* Effect.scoped(Effect.flatMap(make(), ({ breaker }) => run(breaker))).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, slow),
        Effect.fork
      )
      yield* TestClock.adjust("240 millis")
      return yield* Fiber.join(ended)
    })

  it.effect("has told the others that it has opened the circuit", () =>
    inOneStore(Effect.gen(function*() {
      yield* overSlowStore((breaker) => times(3, fail(breaker)))
      assert.strictEqual(yield* stateInStore, "Open")
    })))

  it.effect("has told the others that an operator has opened it, and how long for", () =>
    inOneStore(Effect.gen(function*() {
      yield* overSlowStore((breaker) => CircuitBreaker.trip(breaker, { openFor: "7 seconds" }))
      const { state } = yield* look()
      assert.strictEqual(state._tag, "Open")
      assert.approximately(state._tag === "Open" ? state.openMillis : 0, 7_000, 240)
    })))

  it.effect("has told the others that its probe succeeded", () =>
    inOneStore(Effect.gen(function*() {
      yield* shortly((breaker) => CircuitBreaker.trip(breaker, { openFor: 0 }))
      assert.strictEqual(yield* overSlowStore(succeed), "ok")
      assert.strictEqual(yield* stateInStore, "Closed")
    })))

  it.effect("gives the permit back of a probe that still runs", () =>
    inOneStore(Effect.gen(function*() {
      yield* shortly((breaker) => CircuitBreaker.trip(breaker, { openFor: 0 }))
      yield* overSlowStore((breaker) => Effect.zipRight(Effect.sleep("50 millis"), begin(breaker)))
      assert.strictEqual(yield* shortly(succeed), "ok")
    })))

  it.effect("waits for the store no longer than the store may take, and not where the store is away", () =>
    inOneStore(Effect.gen(function*() {
      for (const [state, millis] of [["silent", 250], ["cut", 0]] as const) {
        const scope = yield* Scope.make()
        const { breaker, cable } = yield* Scope.extend(make(), scope)
        yield* settle
        cable.state = state
        if (state === "cut") yield* Effect.repeatN(interval, 11)
        yield* CircuitBreaker.trip(breaker)
        const close = yield* Effect.fork(Scope.close(scope, Exit.void))
        yield* settle
        yield* TestClock.adjust(Math.max(millis - 1, 0))
        if (millis > 0) assert.isTrue(Option.isNone(yield* Fiber.poll(close)))
        yield* TestClock.adjust(millis === 0 ? 0 : 1)
        assert.isTrue(Option.isSome(yield* Fiber.poll(close)))
      }
    })))

  it.effect("asks the store nothing where there is nothing to tell, and nothing after it has ended", () =>
    inOneStore(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { breaker, cable } = yield* Scope.extend(make(), scope)
      yield* succeed(breaker)
      yield* interval
      cable.asked.splice(0)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(cable.asked, [])
      yield* times(3, fail(breaker))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepStrictEqual(cable.asked, [])
    })))
})

describe("a registry of dead keys", () => {
  it.effect(
    "asks the store about a key once in ten intervals, however many calls there are",
    () =>
      inOneStore(Effect.gen(function*() {
        const cable = new Cable()
        const store = yield* CircuitBreakerStore.CircuitBreakerStore
        const breakers = yield* SharedCircuitBreaker.makeKeyed<number>({
          breaker: { trip: Tripping.consecutive(1), openFor: Schedule.spaced("1 hour") }
        }).pipe(Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, cable.service(store)))
        const keys = Array.from({ length: 60 }, (_, key) => key)
        const all = Effect.forEach(
          keys,
          (key) => Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), breakers, key))
        )
        yield* all
        yield* Effect.repeatN(interval, 2)
        cable.asked.splice(0)
        yield* Effect.repeatN(Effect.zipRight(all, interval), 99)
        // Ten seconds.
        assert.isAtMost(cable.commands, 10 * keys.length)
        assert.isAtLeast(cable.commands, 9 * keys.length)
      })),
    30_000
  )

  it.effect("asks less and less often for a permit to probe while the probe of another process hangs", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* Effect.all([make(), make()])
      yield* CircuitBreaker.trip(one.breaker, { openFor: "1 second" })
      yield* interval
      yield* TestClock.adjust("1 second")
      yield* begin(one.breaker)
      yield* settle
      other.cable.asked.splice(0)
      for (let i = 0; i < 200; i++) {
        yield* succeed(other.breaker)
        yield* interval
      }
      assert.isAtMost(other.cable.asked.filter((name) => name === "admit").length, 25)
    })))
})

const times3 = <A>(value: A): ReadonlyArray<A> => [value, value, value]

it.effect("a shared breaker opens for as long as a store can keep, whatever its schedule says", () =>
  inOneStore(Effect.gen(function*() {
    const [one, other] = yield* Effect.all([
      make({ openFor: Schedule.spaced(Duration.infinity) }),
      make()
    ])
    yield* times(3, fail(one.breaker))
    yield* interval
    assert.strictEqual(yield* CircuitBreaker.state(other.breaker), "Open")
  })))
