import { assert, describe, it } from "@effect/vitest"
import { Context, Data, Effect, FastCheck as fc, TestClock } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"

class Tenant extends Data.Class<{ readonly id: number }> {}

const counting = <K>(options?: Partial<Keyed.Keyed.Options<K, { busy: boolean }>>) => {
  let made = 0
  const keyed = Keyed.make<K, { readonly number: number; busy: boolean }>({
    ...options,
    make: () => Effect.sync(() => ({ number: ++made, busy: false })),
    isIdle: ({ busy }) => !busy
  })
  return Effect.map(keyed, (keyed) => ({ keyed, made: () => made }))
}

const keysOf = <K, A>(keyed: Keyed.Keyed<K, A>) =>
  Effect.map(Keyed.entries(keyed), (entries) => entries.map(([key]) => key))

describe("Keyed", () => {
  it.effect("has one value for keys that are equal, and another for one that is not", () =>
    Effect.gen(function*() {
      const { keyed, made } = yield* counting<Tenant>()
      const a = yield* Keyed.get(keyed, new Tenant({ id: 1 }))
      assert.strictEqual(yield* keyed.pipe(Keyed.get(new Tenant({ id: 1 }))), a)
      assert.notStrictEqual(yield* Keyed.get(keyed, new Tenant({ id: 2 })), a)
      assert.strictEqual(made(), 2)
    }))

  it.effect("goes on with what belongs to the key, made where there is nothing", () =>
    Effect.gen(function*() {
      const { keyed, made } = yield* counting<string>()
      const numberOf = (key: string) => Keyed.use(keyed, key, ({ number }) => Effect.succeed(number))
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "a"], numberOf), [1, 2, 1])
      const failing = keyed.pipe(Keyed.use("b", ({ number }) => Effect.fail(`${number} is down`)))
      assert.strictEqual(yield* Effect.flip(failing), "2 is down")
      assert.strictEqual(made(), 2)
    }))

  it.effect("keeps one value where many ask for a new key at once, however long it takes to make", () =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: () => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => ({}))) })
      const all = yield* Effect.all(Array.from({ length: 20 }, () => Keyed.get(keyed, "a")), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(all).size, 1)
    }))

  it.effect("gives what is made the context in which it was made itself", () =>
    Effect.gen(function*() {
      class Name extends Context.Tag("Name")<Name, string>() {}
      const keyed = yield* Keyed.make({ make: (key: string) => Effect.map(Name, (name) => `${name} ${key}`) }).pipe(
        Effect.provideService(Name, "tenant")
      )
      assert.strictEqual(yield* Keyed.get(keyed, "a"), "tenant a")
    }))

  it.effect("lets go of the key that was unused for longest where there is no room, but of none that is in use", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ capacity: 2 })
      const a = yield* Keyed.get(keyed, "a")
      yield* Keyed.get(keyed, "b")
      a.busy = true
      yield* Keyed.get(keyed, "c")
      assert.sameMembers(yield* keysOf(keyed), ["a", "c"])
    }))

  it.effect("makes what it does not keep where every key has to stay, and counts that", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ capacity: 1 })
      const a = yield* Keyed.get(keyed, "a")
      a.busy = true
      const one = yield* Keyed.get(keyed, "b")
      assert.notStrictEqual(yield* Keyed.get(keyed, "b"), one)
      assert.deepStrictEqual(yield* keysOf(keyed), ["a"])
      assert.strictEqual(yield* Keyed.overflowed(keyed), 2)
    }))

  it.effect("lets go of a key that was idle for long enough, exactly then, when another one comes", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ idleTimeToLive: "1 minute" })
      yield* Keyed.get(keyed, "a")
      yield* TestClock.adjust("59999 millis")
      yield* Keyed.get(keyed, "b")
      assert.sameMembers(yield* keysOf(keyed), ["a", "b"])
      yield* TestClock.adjust("1 millis")
      yield* Keyed.get(keyed, "c")
      assert.sameMembers(yield* keysOf(keyed), ["b", "c"])
    }))

  it("never holds more keys than its capacity, nor lets go of one that is in use", () => {
    const use = fc.record({ key: fc.nat(20), busy: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(use, { size: "max", maxLength: 100 }), (capacity, uses) => {
        Effect.runSync(Effect.gen(function*() {
          const { keyed } = yield* counting<number>({ capacity })
          for (const { busy, key } of uses) {
            const before = yield* Keyed.entries(keyed)
            const value = yield* Keyed.get(keyed, key)
            const after = new Map(yield* Keyed.entries(keyed))
            assert.isAtMost(after.size, capacity)
            for (const [key, value] of before) if (value.busy) assert.strictEqual(after.get(key), value)
            value.busy = busy
          }
        }))
      })
    )
  })

  it.each([["capacity", { capacity: 0 }], ["capacity", { capacity: 1.5 }], ["idleTimeToLive", { idleTimeToLive: 0 }]])(
    "refuses an option out of range: %s",
    (option, options) => {
      const make = () => Keyed.make({ ...options, make: () => Effect.void })
      assert.throws(make, InvalidOption, option)
    }
  )
})
