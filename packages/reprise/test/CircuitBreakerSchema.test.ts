import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc, Option, Schedule, Schema, TestClock, TestContext } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as Tripping from "reprise/Tripping"

const rules = {
  consecutive: Tripping.consecutive(4),
  calls: Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { calls: 8 } }),
  time: Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { duration: "8 seconds", buckets: 8 } }),
  several: Tripping.any(Tripping.consecutive(4), Tripping.rate({ threshold: 0.9, window: { calls: 20 } }))
}

const openFor = Schedule.exponential("1 second")
const make = (trip: Tripping.Tripping) => CircuitBreaker.make({ trip, openFor, probes: 2 })

const copy = (from: CircuitBreaker.CircuitBreaker, to: CircuitBreaker.CircuitBreaker) =>
  Effect.flatMap(
    CircuitBreakerSchema.exportState(from),
    (state) => CircuitBreakerSchema.importState(to, JSON.parse(JSON.stringify(state)))
  )

describe("the state of a breaker", () => {
  for (const [name, rule] of Object.entries(rules)) {
    it.effect(`is the same in the next process, whenever it is handed over (${name})`, () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 2_500 })), { maxLength: 40, size: "max" }),
            fc.nat(40),
            (calls, handOver) => Effect.runPromise(compare(rule, calls, handOver))
          ),
          { numRuns: 10, seed: 5 }
        )
      ))
  }

  it.effect("is open for the rest of its time", () =>
    Effect.gen(function*() {
      const [before, after] = [yield* make(rules.consecutive), yield* make(rules.consecutive)]
      yield* CircuitBreaker.trip(before, { openFor: "10 seconds" })
      const state = yield* CircuitBreakerSchema.exportState(before)
      yield* TestClock.adjust("4 seconds")
      yield* CircuitBreakerSchema.importState(after, state)
      const rejected = yield* Effect.flip(CircuitBreaker.protect(Effect.void, after))
      assert.deepStrictEqual(rejected.retryAfter, Option.some(Duration.seconds(6)))
      yield* TestClock.adjust("6 seconds")
      yield* CircuitBreaker.protect(Effect.void, after)
    }))

  const open = {
    _tag: "Open",
    openedAtMillis: 5,
    untilMillis: 10,
    trips: 1,
    trip: { rule: "x", calls: 1, failures: 1, slow: 0 }
  }
  const refused: Record<string, unknown> = {
    "of another version": { version: 2, isDisabled: false, state: open },
    "that ends before it begins": { version: 1, isDisabled: false, state: { ...open, untilMillis: 4 } },
    "with a negative count": { version: 1, isDisabled: false, state: { ...open, trips: -1 } },
    "with a time that is no number": { version: 1, isDisabled: false, state: { ...open, untilMillis: null } },
    "of another kind of rule": {
      version: 1,
      isDisabled: false,
      state: { _tag: "Closed", window: { kind: "calls", bad: [true] } }
    },
    "that is no state at all": "garbage"
  }
  for (const [name, state] of Object.entries(refused)) {
    it.effect(`${name} is refused and changes nothing, or closes the breaker if asked to`, () =>
      Effect.gen(function*() {
        const breaker = yield* make(rules.consecutive)
        yield* CircuitBreaker.trip(breaker)
        const error = yield* Effect.flip(CircuitBreakerSchema.importState(breaker, state))
        assert.match(error.message, /^The state of the circuit breaker is refused: ./)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
        yield* CircuitBreakerSchema.importState(breaker, state, { onRefused: "closed" })
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      }))
  }
})

describe("CircuitOpen", () => {
  it.effect("goes over the wire and back", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ key: "k", trip: rules.consecutive })
      yield* CircuitBreaker.trip(breaker, { openFor: "3 seconds" })
      const error = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
      const json = JSON.stringify(yield* Schema.encode(CircuitBreakerSchema.CircuitOpen)(error))
      const back = yield* Schema.decodeUnknown(CircuitBreakerSchema.CircuitOpen)(JSON.parse(json))
      assert.instanceOf(back, CircuitBreaker.CircuitOpen)
      assert.strictEqual(back.message, error.message)
      assert.deepStrictEqual(back.trip, error.trip)
    }))

  it.effect("has no end while a breaker is isolated, on the wire too", () =>
    Effect.gen(function*() {
      const breaker = yield* make(rules.consecutive)
      yield* CircuitBreaker.isolate(breaker)
      const error = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
      const encoded = yield* Schema.encode(CircuitBreakerSchema.CircuitOpen)(error)
      assert.isNull(encoded.retryAfterMillis)
      assert.isTrue(Option.isNone((yield* Schema.decode(CircuitBreakerSchema.CircuitOpen)(encoded)).retryAfter))
    }))
})

/** One breaker goes on, and one that takes over somewhere on the way: both have to say the same ever after. */
const compare = (rule: Tripping.Tripping, calls: ReadonlyArray<readonly [boolean, number]>, handOver: number) =>
  Effect.gen(function*() {
    const [one, other] = [yield* make(rule), yield* make(rule)]
    const call = (breaker: CircuitBreaker.CircuitBreaker, isGood: boolean) =>
      Effect.map(
        Effect.merge(CircuitBreaker.protect(isGood ? Effect.succeed("ok") : Effect.fail("down"), breaker)),
        (result) => typeof result === "string" ? result : "rejected"
      )
    for (const [i, [isGood, millis]] of calls.entries()) {
      yield* TestClock.adjust(millis)
      const said = yield* call(one, isGood)
      // Half-open is handed over as open with its time over: what probes have shown is not.
      const state = yield* CircuitBreaker.state(one)
      if (i === handOver % calls.length && state !== "HalfOpen") yield* copy(one, other)
      if (i > handOver % calls.length && (yield* CircuitBreaker.snapshot(other)).generation > 0) {
        assert.strictEqual(yield* call(other, isGood), said)
      }
    }
  }).pipe(Effect.provide(TestContext.TestContext))
