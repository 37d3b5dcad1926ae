import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, FastCheck as fc, Fiber, Layer, Stream, TestClock } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { InvalidOption } from "reprise/InvalidOption"
import { MemoryStore } from "../src/internal/shared/memoryStore.js"
import * as Services from "./services.js"
import { type Answer, StoreModel } from "./storeModel.js"
import * as Virtual from "./virtual.js"

const aTrip = { rule: "rate", calls: 10, failures: 6, slow: 1 }

const make = () => new MemoryStore(Duration.millis(100), Duration.millis(250))

const opened = (openMillis: number) => ({ version: CircuitBreakerStore.noVersion, trip: aTrip, openMillis })

const count = { version: CircuitBreakerStore.noVersion, counts: { failure: 1 } }

const probing = { probes: 1, successes: 1, tolerated: 0, leaseMillis: 1_000 }

describe("options", () => {
  it.effect("every 100 ms, and 250 ms for an answer, unless told otherwise", () =>
    Effect.gen(function*() {
      const { syncInterval, timeout } = yield* Effect.provide(
        CircuitBreakerStore.CircuitBreakerStore,
        CircuitBreakerStore.layerMemory()
      )
      assert.deepStrictEqual([syncInterval, timeout].map(Duration.toMillis), [100, 250])
      const layer = CircuitBreakerStore.layerMemory({ syncInterval: "1 second", timeout: 70 })
      const other = yield* Effect.provide(CircuitBreakerStore.CircuitBreakerStore, layer)
      assert.deepStrictEqual([other.syncInterval, other.timeout].map(Duration.toMillis), [1_000, 70])
    }))

  it("no time, or more than a timer can hold, is refused at once", () => {
    for (const option of ["syncInterval", "timeout"] as const) {
      for (const value of [0, -1, NaN, Infinity, "30 days"] as const) {
        try {
          CircuitBreakerStore.layerMemory({ [option]: value })
        } catch (error) {
          assert.instanceOf(error, InvalidOption)
          assert.deepStrictEqual([error.option, error.value], [option, value])
          continue
        }
        assert.fail(`${option}: ${value}`)
      }
    }
  })

  it.effect("each layer is a store of its own", () =>
    Effect.gen(function*() {
      const layer = CircuitBreakerStore.layerMemory()
      const [a, b] = yield* Effect.all([Layer.build(Layer.fresh(layer)), Layer.build(Layer.fresh(layer))])
      const sync = (report: CircuitBreakerStore.Report) =>
        Effect.andThen(CircuitBreakerStore.CircuitBreakerStore, (store) => store.sync("key", report))
      yield* Effect.provide(sync(count), a)
      assert.deepStrictEqual(
        (yield* Effect.provide(sync({ version: CircuitBreakerStore.noVersion, counts: {} }), b)).version,
        CircuitBreakerStore.noVersion
      )
    }).pipe(Effect.scoped))
})

describe("what is kept", () => {
  const hour = "1 hour"

  it.effect("what was closed and not asked for in an hour is let go of when another key comes", () =>
    Effect.gen(function*() {
      const store = make()
      for (let i = 0; i < 1_000; i++) yield* store.sync(`${i}`, count)
      yield* TestClock.adjust(hour)
      for (let i = 0; i < 125; i++) yield* store.sync(`new ${i}`, count)
      assert.isAtMost(store.records.byKey.size, 125)
    }))

  it.effect("what was asked for within the hour stays", () =>
    Effect.gen(function*() {
      const store = make()
      const before = yield* store.sync("used", count)
      yield* store.sync("unused", count)
      yield* TestClock.adjust("59 minutes")
      yield* store.sync("used", { version: before.version, counts: {} })
      yield* TestClock.adjust("1 minute")
      yield* store.sync("new", count)
      assert.deepStrictEqual([...store.records.byKey.keys()], ["used", "new"])
      assert.deepStrictEqual(yield* store.sync("used", { version: CircuitBreakerStore.noVersion, counts: {} }), before)
    }))

  it.effect("what is open stays until its time is over, and does not keep the others from going", () =>
    Effect.gen(function*() {
      const store = make()
      yield* store.trip("open", opened(2 * 3_600_000))
      yield* store.trip("probed", opened(0))
      yield* store.admit("probed", { ...probing, leaseMillis: 2 * 3_600_000, token: "a" })
      yield* store.trip("over", opened(1_000))
      yield* store.sync("closed", count)
      yield* TestClock.adjust(hour)
      yield* store.sync("new", count)
      assert.sameMembers([...store.records.byKey.keys()], ["open", "probed", "new"])
      yield* TestClock.adjust(hour)
      yield* store.sync("newer", count)
      assert.deepStrictEqual([...store.records.byKey.keys()], ["newer"])
    }))

  it.effect("to ask about keys of which nobody has told keeps nothing", () =>
    Effect.gen(function*() {
      const store = make()
      for (let i = 0; i < 100; i++) {
        yield* store.sync(`${i}`, { version: CircuitBreakerStore.noVersion, counts: {} })
        yield* store.admit(`${i}`, { ...probing, token: "a" })
        yield* store.close(`${i}`, CircuitBreakerStore.noVersion)
        yield* store.settle(`${i}`, {
          ...probing,
          token: "a",
          version: CircuitBreakerStore.noVersion,
          outcome: "failure",
          openMillis: 1
        })
      }
      assert.strictEqual(store.records.byKey.size, 0)
    }))

  it.effect("permits that have ended are forgotten", () =>
    Effect.gen(function*() {
      const store = make()
      yield* store.trip("key", opened(0))
      for (let i = 0; i < 20; i++) {
        assert.isTrue((yield* store.admit("key", { ...probing, token: `${i}` })).isGranted)
        yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(store.records.byKey.get("key")?.tokens.size, 1)
    }))

  it.effect("a record that was let go of has another epoch when it comes again", () =>
    Effect.gen(function*() {
      const store = make()
      const before = yield* store.sync("key", count)
      yield* TestClock.adjust(hour)
      yield* store.sync("another", count)
      const after = yield* store.sync("key", count)
      assert.notStrictEqual(after.version.epoch, before.version.epoch)
      assert.strictEqual(after.version.generation, 1)
    }))
})

describe("changes", () => {
  it.effect("one who does not listen delays nobody, and is told that there were more", () =>
    Effect.gen(function*() {
      const store = make()
      const heard: Array<string> = []
      const isSlow = yield* Effect.makeLatch()
      const slow = yield* store.changes.pipe(
        Stream.rechunk(1),
        Stream.runForEach((change) =>
          Effect.zipRight(
            Effect.sync(() => heard.push(change._tag)),
            isSlow.await
          )
        ),
        Effect.fork
      )
      const quick = yield* store.changes.pipe(Stream.take(1_000), Stream.runCollect, Effect.fork)
      while (store.listeners.queues.size < 2) yield* Effect.yieldNow()
      for (let i = 0; i < 1_000; i++) {
        yield* store.trip(`${i}`, opened(1_000))
        yield* Effect.yieldNow()
      }
      const all = yield* Fiber.join(quick)
      assert.strictEqual(all.length, 1_000)
      assert.isTrue([...all].every(({ _tag }) => _tag === "Changed"))
      yield* isSlow.open
      yield* TestClock.adjust(1)
      assert.isBelow(heard.length, 600)
      assert.strictEqual(heard.at(-1), "Missed")
      heard.length = 0
      yield* store.trip("after", opened(1_000))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(heard, ["Changed"])
      yield* Fiber.interrupt(slow)
      assert.strictEqual(store.listeners.queues.size, 0)
    }))

  it("whoever is interrupted listens no more, at whatever moment that is", () => {
    let listened = 0
    const run = (every: number) =>
      Virtual.interruptEverywhere(
        () => {
          const store = make()
          const program = Effect.gen(function*() {
            const fiber = yield* Effect.fork(store.changes.pipe(Stream.take(1), Stream.runDrain))
            while (store.listeners.queues.size === 0) yield* Effect.yieldNow()
            listened++
            yield* Effect.repeatN(Effect.yieldNow(), 4)
            yield* store.trip("key", opened(1))
            yield* Fiber.join(fiber)
          })
          return { store, program }
        },
        ({ fibersLeft, sleepsLeft }, _at, { store }) => {
          assert.deepStrictEqual([store.listeners.queues.size, fibersLeft, sleepsLeft], [0, 0, 0])
        },
        () => {},
        every
      )
    run(17)
    // Effect 4 takes a tenth of the operations.
    if (listened <= 30) run(1)
    assert.isAbove(listened, 30)
  })
})

describe("time", () => {
  const at = (millis: number) => Services.changedClock({ unsafeCurrentTimeNanos: () => BigInt(millis * 1e6) })

  it.effect("a clock that steps back keeps it open no longer than it was to be", () =>
    Effect.gen(function*() {
      const store = make()
      yield* Effect.withClock(store.trip("key", opened(1_000)), at(10_000_000))
      const early = yield* Effect.withClock(
        store.sync("key", { version: CircuitBreakerStore.noVersion, counts: {} }),
        at(5_000_000)
      )
      assert.strictEqual(early.state._tag === "Open" && early.state.openMillis, 1_000)
      const asked = yield* Effect.withClock(store.admit("key", { ...probing, token: "a" }), at(5_000_000))
      assert.strictEqual(asked.retryAfterMillis, 1_000)
      const later = yield* Effect.withClock(store.admit("key", { ...probing, token: "a" }), at(5_001_000))
      assert.isTrue(later.isGranted)
    }))

  it.effect("an epoch is a whole number, and never that of no version", () =>
    Effect.gen(function*() {
      const store = make()
      const zero = yield* Effect.withClock(store.sync("zero", count), at(0))
      const fraction = yield* Effect.withClock(store.sync("fraction", count), at(1_234.75))
      assert.deepStrictEqual([zero.version.epoch, fraction.version.epoch], [1, 1_235])
    }))
})

const token = fc.constantFrom("a", "b", "c")

/** Which version a member has: that of now, one before, one of another record, none. */
const which = fc.oneof(
  { weight: 7, arbitrary: fc.constant("now") },
  fc.constantFrom("before", "other", "none")
)

const counts = fc.dictionary(fc.constantFrom("success", "failure", "success ms"), fc.integer({ min: 1, max: 5 }))

const trips = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined })

const outcome: fc.Arbitrary<CircuitBreakerStore.Settlement["outcome"]> = fc.constantFrom(
  "success",
  "failure",
  "ignored"
)

const event = fc.oneof(
  fc.record({ _tag: fc.constant("Sync" as const), counts, which }),
  {
    weight: 2,
    arbitrary: fc.record({
      _tag: fc.constant("Trip" as const),
      which,
      trips,
      openMillis: fc.constantFrom(0, 0, 10, 50)
    })
  },
  { weight: 5, arbitrary: fc.record({ _tag: fc.constant("Admit" as const), token }) },
  {
    weight: 5,
    arbitrary: fc.record({
      _tag: fc.constant("Settle" as const),
      // Mostly of a permit that is out, if there is one.
      isHeld: fc.constantFrom(true, true, true, false),
      token,
      which,
      outcome,
      openMillis: fc.constantFrom(0, 10, 50)
    })
  },
  fc.record({ _tag: fc.constant("Close" as const), which }),
  fc.record({ _tag: fc.constant("Pass" as const), millis: fc.constantFrom(1, 9, 10, 30) })
)

const history = fc.record({
  probing: fc.record({
    probes: fc.integer({ min: 1, max: 3 }),
    successes: fc.constantFrom(1, 1, 2, 3),
    tolerated: fc.constantFrom(0, 0, 1, 2),
    leaseMillis: fc.constantFrom(10, 25, 100)
  }),
  events: fc.array(event, { maxLength: 60, size: "max" })
})

const flat = ({ counts, state, version }: CircuitBreakerStore.Standing): Answer => ({
  version,
  name: state._tag,
  trips: state._tag === "Closed" ? undefined : state.trips,
  trip: state._tag === "Closed" ? undefined : state.trip,
  openMillis: state._tag === "Open" ? state.openMillis : undefined,
  counts: Object.entries(counts).sort(([a], [b]) => a < b ? -1 : 1)
})

describe("a naive model", () => {
  it("says the same of every history, and of what is told", () => {
    const seen = { HalfOpen: 0, closings: 0, openings: 0, refusals: 0, dropped: 0 }
    const told: Array<CircuitBreakerStore.Version> = []
    fc.assert(
      fc.property(history, ({ events, probing }) => {
        let now = 1_000
        const clock = Services.changedClock({ unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n })
        const run = <A>(effect: Effect.Effect<A>) => Effect.runSync(Effect.withClock(effect, clock))
        const store = make()
        const model = new StoreModel()
        told.length = 0
        store.listeners.tell = (change) => {
          assert.deepInclude(change, { _tag: "Changed", key: "key" })
          if (change._tag === "Changed") told.push(change.version)
        }
        const versionOf = (which: string) => {
          const { epoch, generation } = model.version
          if (which === "none") return CircuitBreakerStore.noVersion
          if (which === "other") return { epoch: epoch + 1, generation }
          return { epoch, generation: which === "now" ? generation : generation - 1 }
        }
        for (const event of events) {
          const before = model.era?.name
          switch (event._tag) {
            case "Pass":
              now += event.millis
              break
            case "Sync": {
              const report = { version: versionOf(event.which), counts: event.counts }
              assert.deepStrictEqual(flat(run(store.sync("key", report))), model.sync(report, now))
              if (before !== "Closed") seen.dropped++
              break
            }
            case "Trip": {
              const { openMillis, trips, which } = event
              const trip = { version: versionOf(which), trip: aTrip, openMillis, trips }
              assert.deepStrictEqual(flat(run(store.trip("key", trip))), model.trip(trip, now))
              break
            }
            case "Admit": {
              const request = { ...probing, token: event.token }
              const { standing, ...admission } = run(store.admit("key", request))
              assert.deepStrictEqual({ ...admission, ...flat(standing) }, model.admit(request, now))
              if (!admission.isGranted) seen.refusals++
              break
            }
            case "Settle": {
              const { isHeld, openMillis, outcome, which } = event
              const token = (isHeld ? model.out(now)[0]?.token : undefined) ?? event.token
              const settlement = { ...probing, token, outcome, openMillis, version: versionOf(which) }
              assert.deepStrictEqual(flat(run(store.settle("key", settlement))), model.settle(settlement, now))
              if (before === "HalfOpen" && model.era?.name === "Closed") seen.closings++
              if (before === "HalfOpen" && model.era?.name === "Open") seen.openings++
              break
            }
            case "Close": {
              const version = versionOf(event.which)
              assert.deepStrictEqual(flat(run(store.close("key", version))), model.close(version, now))
            }
          }
          if (model.era?.name === "HalfOpen") seen.HalfOpen++
        }
        const { epoch, generation } = model.version
        const all = Array.from(
          { length: Math.max(generation - 1, 0) },
          (_, index) => ({ epoch, generation: index + 2 })
        )
        assert.deepStrictEqual(told, all)
      }),
      { numRuns: 500 }
    )
    for (const [what, times] of Object.entries(seen)) assert.isAbove(times, 10, what)
  })
})
