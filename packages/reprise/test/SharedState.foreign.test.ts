/**
 * Whatever a store answers, and whatever is imported: nothing hangs, throws or changes what a rule means.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, FastCheck as fc, Layer, Option, Schedule, Schema, Stream } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedPauses from "reprise/SharedPauses"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Tripping from "reprise/Tripping"
import { Consecutive, LastCalls, LastMillis, Rate } from "../src/internal/breaker/windows.js"
import { counts, fail, succeed, times } from "./breakerCalls.js"
import { inOneStore, interval, logTo, process } from "./sharedBreakers.js"
import * as Virtual from "./virtual.js"

const millis = "1 second"

/** All that a program can get from outside. */
const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    1e300,
    -1e300,
    NaN,
    Infinity,
    -Infinity,
    -1,
    0,
    0.5,
    2 ** 53,
    -0,
    "",
    "1e300",
    null,
    undefined,
    true,
    Symbol("s"),
    10n,
    [],
    {},
    () => 1
  ),
  fc.double(),
  fc.string(),
  fc.anything({ maxDepth: 2 }),
  fc.constant(Array.from({ length: 20_000 }, (_, i) => i)),
  fc.constant(Object.defineProperty({}, "state", {
    get: () => {
      throw new Error("do not read")
    }
  }))
)

/** Mostly right, and wrong in one place or another. */
const orGarbage = <A>(right: fc.Arbitrary<A>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 6, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: garbage })

const count = orGarbage(fc.nat(1_000))
const trip = orGarbage(fc.record({ rule: orGarbage(fc.string()), calls: count, failures: count, slow: count }))

const standing = orGarbage(fc.record({
  version: orGarbage(fc.record({ epoch: orGarbage(fc.nat(3)), generation: orGarbage(fc.nat(3)) })),
  state: orGarbage(fc.oneof(
    fc.constant({ _tag: "Closed" }),
    fc.record({ _tag: fc.constant("Open"), openMillis: count, trips: count, trip }),
    fc.record({ _tag: fc.constant("HalfOpen"), trips: count, trip })
  )),
  counts: orGarbage(fc.dictionary(
    fc.constantFrom("success", "failure", "failure@1e300", "failure@99", "failure ms", "__proto__", "row: failure"),
    orGarbage(fc.nat(5))
  ))
}))

const admission = orGarbage(fc.record({ isGranted: orGarbage(fc.boolean()), retryAfterMillis: count, standing }))

/** One after the other, and again from the beginning. */
const inTurn = (answers: ReadonlyArray<unknown>) => {
  let i = 0
  return () => Effect.succeed(answers[i++ % answers.length] as never)
}

const service = (
  standings: ReadonlyArray<unknown>,
  admissions: ReadonlyArray<unknown>,
  changes: ReadonlyArray<unknown>
) =>
  Effect.map(CircuitBreakerStore.CircuitBreakerStore, (store): CircuitBreakerStore.Service => {
    const stand = inTurn(standings)
    return {
      ...store,
      sync: stand,
      trip: stand,
      settle: stand,
      close: stand,
      admit: inTurn(admissions),
      changes: Stream.fromIterable(changes) as Stream.Stream<never>
    }
  })

/** Ends in bounded time, without a defect, and with so few lines in the log. */
const survives = <A, E>(program: Effect.Effect<A, E>, check: (value: A) => void = () => {}): void => {
  const lines: Array<string> = []
  const { exit, fibersLeft, sleepsLeft, steps } = Virtual.run(Effect.provide(program, logTo(lines)))
  const ended = Option.getOrThrow(exit)
  if (Exit.isFailure(ended)) throw Cause.squash(ended.cause)
  assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
  assert.isBelow(steps, 9_000)
  assert.isAtMost(lines.length, 12)
  assert.deepStrictEqual(lines.filter((line) => line.startsWith("ERROR")), [])
  check(ended.value)
}

describe("a shared breaker over a store that answers anything", () => {
  it("never hangs, never dies, and calls end as without a store", () => {
    const answers = fc.array(standing, { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(answers, fc.array(admission, { minLength: 1, maxLength: 4 }), fc.array(garbage, { maxLength: 4 }), (
        standings,
        admissions,
        changes
      ) => {
        const program = Effect.gen(function*() {
          const breaker = yield* SharedCircuitBreaker.make({
            key: "a",
            trip: Tripping.any(
              Tripping.consecutive(3),
              Tripping.rate({ threshold: 0.5, window: { calls: 20 } }),
              Tripping.rate({ threshold: 0.5, window: { duration: "10 seconds" } })
            )
          })
          const ends = new Set<string>()
          for (let i = 0; i < 20; i++) {
            ends.add(yield* i % 5 === 0 ? fail(breaker) : succeed(breaker))
            yield* Effect.sleep("90 millis")
          }
          yield* CircuitBreaker.reset(breaker)
          return ends
        })
        survives(
          Effect.flatMap(
            service(standings, admissions, changes),
            (store) => Effect.provideService(Effect.scoped(program), CircuitBreakerStore.CircuitBreakerStore, store)
          ).pipe(
            Effect.provide(CircuitBreakerStore.layerMemory())
          ),
          (ends) => assert.deepStrictEqual([...ends].filter((end) => !["ok", "down", "rejected"].includes(end)), [])
        )
      }),
      { numRuns: 100 }
    )
  })

  it.effect("asks once per interval for a probe that a store grants while it loses the circuit each time", () =>
    inOneStore(Effect.gen(function*() {
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const standing = yield* store.sync("payments", { version: CircuitBreakerStore.noVersion, counts: {} })
      let asked = 0
      let epoch = 0
      const empty = () => ({ ...standing, version: { epoch: ++epoch, generation: 0 } })
      const breaker = yield* SharedCircuitBreaker.make({
        key: "payments",
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("1 second")
      }).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, {
          ...store,
          sync: () => Effect.sync(empty),
          trip: () => Effect.sync(empty),
          admit: (_, { version }) =>
            Effect.sync(() => {
              // Not the report of a permit that may have been given.
              if (version !== undefined && ++asked > 100) throw new Error("asked without end")
              return { isGranted: true, retryAfterMillis: 0, standing: empty() }
            })
        })
      )
      yield* interval
      assert.strictEqual(yield* fail(breaker), "down")
      yield* Effect.repeatN(interval, 10)
      for (let intervals = 1; intervals <= 3; intervals++) {
        for (let i = 0; i < 5; i++) assert.strictEqual(yield* succeed(breaker), "rejected")
        assert.strictEqual(asked, intervals)
        yield* Effect.repeatN(interval, 2 ** (intervals - 1) - 1)
      }
    })))

  it.effect("ignores a count of 1e300, with one line in the log, and shares again when it is gone", () => {
    const lines: Array<string> = []
    return inOneStore(Effect.gen(function*() {
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      let isBad = true
      const breaker = yield* SharedCircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(3) }).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, {
          ...store,
          sync: (key, report) =>
            Effect.map(
              store.sync(key, report),
              (standing) => isBad ? { ...standing, counts: { ...standing.counts, failure: 1e300 } } : standing
            )
        })
      )
      const other = yield* process({ trip: Tripping.consecutive(3) })
      for (let i = 0; i < 30; i++) {
        assert.strictEqual(yield* fail(breaker), "down")
        assert.strictEqual(yield* succeed(breaker), "ok")
        yield* interval
      }
      assert.deepStrictEqual(lines, [
        "WARN The circuit \"payments\" is not shared. The store of shared state: the answer of the store is refused: a count is 1e+300"
      ])
      isBad = false
      yield* Effect.repeatN(interval, 11)
      yield* times(3, fail(other.breaker))
      yield* interval
      assert.strictEqual(yield* succeed(breaker), "rejected")
      assert.strictEqual(lines.length, 1)
    })).pipe(Effect.provide(logTo(lines)))
  })

  it.effect("hears of 30 million calls at once, and an own rule of a thousand of them in proportion", () =>
    inOneStore(Effect.gen(function*() {
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const seen = { success: 0, failure: 0, interrupted: 0 }
      const trip = Tripping.make({
        initial: 0,
        record: (n, { outcome }) => n + ++seen[outcome],
        tripped: () => undefined
      })
      const { breaker } = yield* process({ trip })
      yield* succeed(breaker)
      yield* interval
      yield* store.sync("payments", {
        version: CircuitBreakerStore.noVersion,
        counts: { success: 3e7, failure: 1e7, "success ms": 3e9 }
      })
      yield* Effect.repeatN(interval, 11)
      assert.deepStrictEqual(seen, { success: 751, failure: 250, interrupted: 0 })
    })))
})

describe("calls that others made, added in one step", () => {
  const batches = fc.array(
    fc.record({
      outcome: fc.constantFrom("success" as const, "failure" as const, "interrupted" as const),
      calls: fc.nat(5),
      durationMillis: fc.constantFrom(0, 100)
    }),
    { maxLength: 4 }
  )

  it("count as one by one, where there is room for all of them", () => {
    fc.assert(fc.property(batches, fc.constantFrom(undefined, 50), (all, slowerThan) => {
      for (const samples of [() => new LastCalls(20), () => new LastMillis(10, 1_000)]) {
        const [one, other] = [new Rate(samples(), 1, 1, slowerThan), new Rate(samples(), 1, 1, slowerThan)]
        one.recordAll(all, 7)
        for (const { calls, durationMillis, outcome } of all) {
          for (let i = 0; i < calls; i++) other.record(outcome, 7, durationMillis)
        }
        assert.deepStrictEqual(one.counts(7, () => 0), other.counts(7, () => 0))
      }
    }))
  })

  it("take a few milliseconds, however many they are", () => {
    const all = [{ outcome: "failure", calls: 1e9, durationMillis: 0 }, {
      outcome: "success",
      calls: 1e9,
      durationMillis: 0
    }] as const
    const spans = new LastMillis(10, 60_000)
    spans.addAll(1e9, 1e6, 0)
    const before = performance.now()
    new Consecutive(5).recordAll(all)
    new Rate(new LastCalls(1_000), 1, 1).recordAll(all, 0)
    new Rate(new LastMillis(10, 60_000), 1, 1).recordAll(all, 0)
    spans.replay(new LastCalls(1_000), 0)
    assert.isBelow(performance.now() - before, 50)
  })

  it("keep their share of failures, where a window of calls has no room for all of them", () => {
    const window = new Rate(new LastCalls(100), 1, 1)
    window.recordAll([{ outcome: "failure", calls: 4e6, durationMillis: 0 }, {
      outcome: "success",
      calls: 6e6,
      durationMillis: 0
    }], 0)
    assert.deepStrictEqual(window.counts(0, () => 0), { calls: 100, failures: 40, slow: 0 })
  })
})

describe("a shared budget over a store that answers anything", () => {
  it("never hangs, never dies, and has never more than it may without the calls of others", () => {
    const sums = orGarbage(fc.record({
      members: orGarbage(fc.integer({ min: 1, max: 5 })),
      calls: count,
      wanted: count,
      reserved: count,
      spent: count
    }))
    fc.assert(
      fc.property(fc.array(sums, { minLength: 1, maxLength: 5 }), fc.boolean(), (answers, isTokens) => {
        const store: RetryBudgetStore.Service = {
          syncInterval: "100 millis",
          timeout: "250 millis",
          sync: inTurn(answers)
        } as never
        const program = Effect.gen(function*() {
          const budget = yield* isTokens
            ? SharedRetryBudget.tokens({ key: "a", capacity: 10, cost: 1 })
            : SharedRetryBudget.share({ key: "a", ratio: 0, minPerSecond: 1 })
          let spent = 0
          for (let i = 0; i < 30; i++) {
            if (yield* RetryBudget.tryWithdraw(budget)) spent++
            yield* Effect.sleep("30 millis")
          }
          const { balance } = yield* RetryBudget.snapshot(budget)
          return { spent, balance }
        })
        survives(
          Effect.provideService(Effect.scoped(program), RetryBudgetStore.RetryBudgetStore, store),
          ({ balance, spent }) => {
            // Others may have put back all that was taken: a bucket is as full as its store says.
            if (!isTokens) assert.isAtMost(spent, 10)
            assert.isTrue(balance >= 0 && balance <= 10, String(balance))
          }
        )
      }),
      { numRuns: 100 }
    )
  })
})

describe("pauses over a store that answers anything", () => {
  it("never hang, never die, and are never longer than they may be", () => {
    const pause = orGarbage(fc.record({ key: orGarbage(fc.string()), millis: count, member: orGarbage(fc.string()) }))
    const change = orGarbage(fc.oneof(
      fc.constant({ _tag: "Missed" }),
      fc.record({ _tag: fc.constant("Paused"), key: orGarbage(fc.string()), millis: count, member: fc.string() })
    ))
    fc.assert(
      fc.property(orGarbage(fc.array(pause)), fc.array(change), (pauses, changes) => {
        const heard: Array<number> = []
        const store = {
          timeout: "250 millis",
          pause: () => Effect.succeed("what" as never),
          pauses: () => Effect.succeed(pauses as never),
          changes: Stream.concat(Stream.succeed({ _tag: "Missed" }), Stream.fromIterable(changes)) as never
        } as never as RetryAfterStore.Service
        const program = Effect.gen(function*() {
          const all = yield* SharedPauses.make({
            onPause: (_, duration) => Effect.sync(() => void heard.push(Duration.toMillis(duration))),
            max: "500 millis"
          })
          yield* SharedPauses.pause(all, "k", "1 hour")
          yield* Effect.sleep(millis)
        })
        survives(Effect.provideService(Effect.scoped(program), RetryAfterStore.RetryAfterStore, store))
        assert.isTrue(heard.every((one) => one >= 0 && one <= 500), String(heard))
      }),
      { numRuns: 100 }
    )
  })

  it("are heard, but for those that are none", () => {
    const heard: Array<string> = []
    const store: Layer.Layer<RetryAfterStore.RetryAfterStore> = Layer.succeed(RetryAfterStore.RetryAfterStore, {
      timeout: "250 millis",
      pause: () => Effect.void,
      pauses: () =>
        Effect.succeed([null, { key: "a", millis: 100 }, { key: "b", millis: NaN }, { key: "c", millis: 50 }]),
      changes: Stream.concat(Stream.succeed({ _tag: "Missed" }), Stream.never)
    } as never)
    const program = SharedPauses.make({ onPause: (key) => Effect.sync(() => void heard.push(key)) })
    survives(Effect.provide(Effect.scoped(program), store))
    assert.deepStrictEqual(heard, ["a", "c"])
  })
})

describe("a breaker that imports anything", () => {
  const state = orGarbage(fc.record({
    version: orGarbage(fc.constant(1)),
    isDisabled: orGarbage(fc.boolean()),
    state: orGarbage(fc.oneof(
      fc.record({
        _tag: fc.constant("Closed"),
        window: orGarbage(fc.record({
          kind: fc.constant("several"),
          windows: orGarbage(fc.tuple(
            orGarbage(fc.record({ kind: fc.constant("consecutive"), failures: count })),
            orGarbage(fc.record({ kind: fc.constant("calls"), bad: orGarbage(fc.array(fc.boolean())) })),
            orGarbage(fc.record({
              kind: fc.constant("time"),
              spans: orGarbage(
                fc.array(
                  orGarbage(
                    fc.record({ atMillis: orGarbage(fc.double({ noNaN: true })), calls: count, bad: fc.constant(0) })
                  )
                )
              )
            }))
          ))
        }))
      }),
      fc.record({
        _tag: fc.constant("Open"),
        openedAtMillis: count,
        untilMillis: orGarbage(fc.nat(5_000)),
        trips: count,
        trip
      })
    ))
  }))

  it("never hangs and never dies, and its rule means what it meant", () => {
    fc.assert(
      fc.property(state, (from) => {
        const program = Effect.gen(function*() {
          const breaker = yield* CircuitBreaker.make({
            trip: Tripping.any(
              Tripping.consecutive(1e12),
              Tripping.rate({ threshold: 1, minimumCalls: 10, window: { calls: 10 } }),
              Tripping.rate({ threshold: 1, minimumCalls: 10, window: { duration: "1 second" } })
            )
          })
          yield* Effect.ignore(CircuitBreakerSchema.importState(breaker, from))
          yield* Effect.sleep("10 seconds")
          yield* succeed(breaker)
          yield* CircuitBreaker.enable(breaker)
          assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
          yield* times(10, fail(breaker))
          assert.strictEqual(yield* succeed(breaker), "rejected")
        })
        survives(program)
      }),
      { numRuns: 200 }
    )
  })

  it.effect("refuses windows in windows without end", () =>
    Effect.gen(function*() {
      const deep = Array.from({ length: 50_000 }).reduce<unknown>(
        (inner) => ({ kind: "several", windows: [inner] }),
        { kind: "consecutive", failures: 1 }
      )
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(3) })
      const from = { version: 1, isDisabled: false, state: { _tag: "Closed", window: deep } }
      const { _tag } = yield* Effect.flip(CircuitBreakerSchema.importState(breaker, from))
      assert.strictEqual(_tag, "StateRefused")
    }))

  it.effect("forgets calls from the future like those of now", () =>
    Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 1, minimumCalls: 5, window: { duration: "1 second" } })
      const breaker = yield* CircuitBreaker.make({ trip })
      const now = yield* Clock.currentTimeMillis
      const spans = [{ atMillis: 1e300, calls: 4, bad: 4 }, { atMillis: now + 86_400_000, calls: 2, bad: 1 }]
      const window = { kind: "time", spans }
      yield* CircuitBreakerSchema.importState(breaker, {
        version: 1,
        isDisabled: false,
        state: { _tag: "Closed", window }
      })
      assert.deepStrictEqual(yield* counts(breaker), [6, 5, 0])
      yield* Effect.repeatN(interval, 12)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    }))

  it("decodes any rejection, or refuses it", () => {
    const rejection = fc.record({
      _tag: fc.constant("CircuitOpen"),
      key: orGarbage(fc.string()),
      state: fc.constant("Open"),
      retryAfterMillis: orGarbage(fc.constant(null)),
      openedAtMillis: count,
      trip
    })
    fc.assert(fc.property(rejection, (from) => {
      const decoded = Effect.runSyncExit(Schema.decodeUnknown(CircuitBreakerSchema.CircuitOpen)(from))
      if (Exit.isSuccess(decoded)) assert.isString(decoded.value.message)
      else assert.isTrue(Option.isSome(Cause.failureOption(decoded.cause)))
    }))
  })
})
