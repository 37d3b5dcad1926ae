import { assert, it } from "@effect/vitest"
import { Effect, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"

type Service = CircuitBreakerStore.Service

it.effect("a shared breaker stays open where two questions were under way when the store lost everything", () =>
  Effect.gen(function*() {
    // Two stores: the second is the first one after it has lost its memory.
    const [before, after] = yield* Effect.replicateEffect(
      Effect.provide(CircuitBreakerStore.CircuitBreakerStore, CircuitBreakerStore.layerMemory()),
      2
    )
    let current = before!
    let underWay = 0
    const late = <A, E>(answer: () => Effect.Effect<A, E>) =>
      Effect.suspend(() => {
        underWay++
        const answered = Effect.zipRight(Effect.sleep("20 millis"), Effect.suspend(answer))
        return Effect.ensuring(answered, Effect.sync(() => underWay--))
      })
    const store: Service = {
      ...before!,
      sync: (key, report) => late(() => current.sync(key, report)),
      trip: (key, trip) => late(() => current.trip(key, trip)),
      admit: (key, request) => late(() => current.admit(key, request)),
      settle: (key, settlement) => late(() => current.settle(key, settlement)),
      close: (key, version) => late(() => current.close(key, version))
    }
    const breaker = yield* SharedCircuitBreaker.make({
      key: "a",
      trip: Tripping.consecutive(1),
      openFor: Schedule.spaced("1 second")
    }).pipe(Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, store))
    yield* TestClock.adjust("100 millis")
    yield* Effect.ignore(Effect.fail("down").pipe(CircuitBreaker.protect(breaker)))
    // The next exchange is at 2160 ms: a call just before it asks first, and is answered first.
    yield* TestClock.adjust("2055 millis")
    current = after!
    yield* Effect.fork(Effect.ignore(CircuitBreaker.protect(Effect.never, breaker)))
    yield* TestClock.adjust("10 millis")
    assert.strictEqual(underWay, 2)
    const states = new Set<string>()
    for (let millis = 0; millis < 50; millis++) {
      yield* TestClock.adjust("1 millis")
      states.add(yield* CircuitBreaker.state(breaker))
    }
    assert.deepStrictEqual([...states], ["Open"])
    const { state } = yield* after!.sync("a", { version: CircuitBreakerStore.noVersion, counts: {} })
    assert.strictEqual(state._tag, "Open")
  }).pipe(Effect.scoped))
