import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, TestClock } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import { MemoryBudgets } from "../src/internal/shared/memoryBudgets.js"
import * as Services from "./services.js"

type Report = RetryBudgetStore.Report

const report = (member: string, told: Partial<Report> = {}): Report => ({
  member,
  calls: 0,
  wanted: 0,
  reserved: 0,
  spent: 0,
  presentMillis: 3_000,
  rememberMillis: 11_000,
  ...told
})

const told = { calls: 10, wanted: 3, reserved: 2, spent: 1 }

describe("RetryBudgetStore.layerMemory", () => {
  it.effect("has the sums of what each member told last, for each key", () =>
    Effect.gen(function*() {
      const { sync } = yield* RetryBudgetStore.RetryBudgetStore
      assert.deepStrictEqual(yield* sync("a", report("m", told)), { members: 1, ...told })
      assert.deepStrictEqual(yield* sync("a", report("n", { calls: 5, spent: -4 })), {
        members: 2,
        calls: 15,
        wanted: 3,
        reserved: 2,
        spent: -3
      })
      assert.deepInclude(yield* sync("a", report("m", { calls: 8 })), { members: 2, calls: 13, reserved: 0, spent: -4 })
      assert.deepInclude(yield* sync("b", report("m")), { members: 1, calls: 0 })
    }).pipe(Effect.provide(RetryBudgetStore.layerMemory())))

  it.effect("forgets a member that is not heard of, what it has spent and reserved last", () =>
    Effect.gen(function*() {
      const { sync } = yield* RetryBudgetStore.RetryBudgetStore
      yield* sync("a", report("m", told))
      yield* TestClock.adjust(2_999)
      assert.deepStrictEqual(yield* sync("a", report("n")), { members: 2, ...told })
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* sync("a", report("n")), { ...told, members: 1, calls: 0, wanted: 0 })
      yield* TestClock.adjust(7_999)
      assert.deepInclude(yield* sync("a", report("n")), { reserved: 2, spent: 1 })
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* sync("a", report("n")), { reserved: 0, spent: 0 })
    }).pipe(Effect.provide(RetryBudgetStore.layerMemory())))

  it.effect("keeps nobody for longer where the clock steps back", () =>
    Effect.gen(function*() {
      const { sync } = yield* RetryBudgetStore.RetryBudgetStore
      let now = 1_000_000
      const clock = Services.changedClock({ unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n })
      yield* Effect.withClock(sync("a", report("m", told)), clock)
      now = 900_000
      assert.deepStrictEqual(yield* Effect.withClock(sync("a", report("n")), clock), {
        members: 1,
        calls: 0,
        wanted: 0,
        reserved: 0,
        spent: 0
      })
    }).pipe(Effect.provide(RetryBudgetStore.layerMemory())))

  it.effect("forgets keys that nobody asks for", () =>
    Effect.gen(function*() {
      const store = new MemoryBudgets(Duration.zero, Duration.zero)
      yield* Effect.forEach(Array.from({ length: 500 }, (_, n) => n), (n) => store.sync(`${n}`, report("m", told)))
      yield* TestClock.adjust("1 hour")
      yield* Effect.replicateEffect(store.sync("a", report("m")), 1_000)
      assert.deepStrictEqual([...store.records.keys()], ["a"])
    }))

  it("refuses options out of range", () => {
    assert.throws(() => RetryBudgetStore.layerMemory({ syncInterval: 0 }), InvalidOption)
    assert.throws(() => RetryBudgetStore.layerMemory({ timeout: -1 }), InvalidOption)
  })

  it.effect("has an interval of 100 ms and waits for 250 unless told otherwise", () =>
    Effect.gen(function*() {
      const times = Effect.map(
        RetryBudgetStore.RetryBudgetStore,
        ({ syncInterval, timeout }) => [syncInterval, timeout].map(Duration.toMillis)
      )
      assert.deepStrictEqual(yield* Effect.provide(times, RetryBudgetStore.layerMemory()), [100, 250])
      const options = { syncInterval: "20 millis", timeout: "1 second" } as const
      assert.deepStrictEqual(yield* Effect.provide(times, RetryBudgetStore.layerMemory(options)), [20, 1_000])
    }))
})
