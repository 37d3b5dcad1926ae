import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TestClock } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as Services from "../../reprise/test/services.js"
import * as StoreContract from "../src/StoreContract.js"
import { brokenStores } from "./brokenStores.js"

const laws = StoreContract.circuitBreakerStore

const names = laws.map(({ name }) => name)

type Break = (store: CircuitBreakerStore.Service) => Partial<CircuitBreakerStore.Service>

/** On a clock that moves when it is told to, and wakes nobody. */
const runWith = (
  { run }: StoreContract.Law<CircuitBreakerStore.CircuitBreakerStore>,
  change: Break
) => {
  let now = 0
  const clock = Services.changedClock({ unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n })
  const pass = (millis: number) =>
    Effect.suspend(() => {
      now += millis
      return Effect.repeatN(Effect.yieldNow(), 4)
    })
  return run({ key: "key", pass }).pipe(
    Effect.updateService(CircuitBreakerStore.CircuitBreakerStore, (store) => ({ ...store, ...change(store) })),
    Effect.provide(CircuitBreakerStore.layerMemory()),
    Effect.withClock(clock)
  )
}

/** The names of the laws that the store breaks, found out once. */
const brokenBy = (change: Break) =>
  Effect.runSync(
    Effect.cached(
      Effect.filter(
        names,
        (name) => Effect.map(Effect.exit(runWith(laws.find((law) => law.name === name)!, change)), Exit.isFailure)
      )
    )
  )

const wrong = Object.entries(brokenStores).map(([flaw, change]) => ({ flaw, broken: brokenBy(change) }))

describe("StoreContract", () => {
  describe("the store in memory", () => {
    for (const { name, run } of laws) {
      it.effect(
        name,
        () => Effect.provide(run({ key: "key", pass: TestClock.adjust }), CircuitBreakerStore.layerMemory())
      )
    }
  })

  describe("a store where", () => {
    for (const { broken, flaw } of wrong) {
      it.effect(`${flaw} breaks a law`, () => Effect.map(broken, (broken) => assert.isNotEmpty(broken)))
    }
  })

  it.effect("every law is broken by some wrong store", () =>
    Effect.map(Effect.forEach(wrong, ({ broken }) => broken), (broken) => {
      const all = new Set(broken.flat())
      assert.deepStrictEqual(names.filter((name) => !all.has(name)), [])
    }))

  it.effect("no law is broken by a store that is wrapped and not wrong", () =>
    Effect.map(brokenBy(() => ({})), (broken) => assert.deepStrictEqual(broken, [])))

  it.effect("a broken law says what was expected and what came", () =>
    Effect.gen(function*() {
      const law = laws.find(({ name }) => name.startsWith("The first counts begin a record"))!
      const error = yield* Effect.flip(runWith(law, brokenStores["there are no epochs"]!))
      assert.instanceOf(error, StoreContract.BrokenLaw)
      assert.strictEqual(
        error.message,
        `The store breaks the law "${law.name}": its epoch should be more than 0, at most Infinity, but is 0`
      )
    }))

  it.effect("a store that throws or dies fails with what happened, and is no defect of the law", () =>
    Effect.gen(function*() {
      const law = laws.find(({ name }) => name.startsWith("The first counts begin a record"))!
      const error = yield* Effect.flip(runWith(law, brokenStores["sync throws"]!))
      assert.strictEqual(error.message, "The store of shared state: sync dies: Error: sync is broken")
    }))

  it.effect("a store that never answers fails after five seconds", () =>
    Effect.gen(function*() {
      const law = laws.find(({ name }) => name.startsWith("The first counts begin a record"))!
      const run = law.run({ key: "key", pass: TestClock.adjust }).pipe(
        Effect.updateService(CircuitBreakerStore.CircuitBreakerStore, (store) => ({
          ...store,
          sync: () => Effect.never
        })),
        Effect.provide(CircuitBreakerStore.layerMemory())
      )
      const fiber = yield* Effect.fork(Effect.flip(run))
      yield* TestClock.adjust("5 seconds")
      assert.match((yield* Fiber.join(fiber)).message, /sync does not answer within 5000 ms/)
    }))

  it("no two laws have the same name", () => {
    assert.strictEqual(new Set(names).size, names.length)
  })
})
