import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream, TestClock } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import { MemoryPauses } from "../src/internal/shared/memoryPauses.js"

type Service = RetryAfterStore.Service
type Change = RetryAfterStore.Change

const withStore = <A, E>(test: (store: Service) => Effect.Effect<A, E>) =>
  RetryAfterStore.RetryAfterStore.pipe(Effect.flatMap(test), Effect.provide(RetryAfterStore.layerMemory()))

const inside = (store: Service): MemoryPauses => {
  assert.instanceOf(store, MemoryPauses)
  return store
}

const listen = (store: Service) =>
  Effect.gen(function*() {
    const heard: Array<Change> = []
    const fiber = yield* Effect.fork(
      Stream.runForEach(store.changes, (change) => Effect.sync(() => heard.push(change)))
    )
    yield* settle
    return { heard, fiber }
  })

const settle = Effect.repeatN(Effect.yieldNow(), 50)
const missed: Change = { _tag: "Missed" }
const announce = (key: string, millis: number) => ({ key, millis, member: "a" })

describe("the store of pauses in memory", () => {
  it.effect("keeps a pause until it is over", () =>
    withStore((store) =>
      Effect.gen(function*() {
        yield* store.pause(announce("k", 1_000))
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(yield* store.pauses(10), [{ key: "k", millis: 1 }])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual(yield* store.pauses(10), [])
      })
    ))

  it.effect("keeps the longest pause of a key, and tells only of what is longer", () =>
    withStore((store) =>
      Effect.gen(function*() {
        const { heard } = yield* listen(store)
        for (const millis of [1_000, 500, 1_000, 2_000]) yield* store.pause(announce("k", millis))
        yield* settle
        assert.deepStrictEqual(yield* store.pauses(10), [{ key: "k", millis: 2_000 }])
        assert.deepStrictEqual(heard, [
          missed,
          { _tag: "Paused", ...announce("k", 1_000) },
          { _tag: "Paused", ...announce("k", 2_000) }
        ])
      })
    ))

  it.effect("answers with those that last longest, where they are too many", () =>
    withStore((store) =>
      Effect.gen(function*() {
        for (const millis of [20, 40, 10, 30]) yield* store.pause(announce(`k${millis}`, millis))
        assert.deepStrictEqual((yield* store.pauses(2)).map(({ key }) => key), ["k40", "k30"])
      })
    ))

  it.effect("lets no pause last longer when the clock steps back", () =>
    withStore((store) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(100_000)
        yield* store.pause(announce("k", 1_000))
        yield* TestClock.setTime(0)
        assert.deepStrictEqual(yield* store.pauses(10), [{ key: "k", millis: 1_000 }])
      })
    ))

  it.effect("lets go of pauses that are over when others come, and of no other", () =>
    withStore((store) =>
      Effect.gen(function*() {
        yield* Effect.forEach(Array.from({ length: 1_000 }, (_, n) => n), (n) => store.pause(announce(`old${n}`, 10)))
        yield* store.pause(announce("long", 60_000))
        yield* TestClock.adjust("1 second")
        yield* Effect.forEach(Array.from({ length: 200 }, (_, n) => n), (n) => store.pause(announce(`new${n}`, 10)))
        assert.isAtMost(inside(store).byKey.size, 201)
        assert.deepStrictEqual((yield* store.pauses(1)).map(({ key }) => key), ["long"])
      })
    ))

  it.effect("tells one who is slow that it has missed some, and forgets one who has gone", () =>
    withStore((store) =>
      Effect.gen(function*() {
        const { queues } = inside(store).listeners
        const heard: Array<Change> = []
        const slow = yield* Effect.fork(
          Stream.runForEach(store.changes, (change) =>
            Effect.zipRight(Effect.sleep(1), Effect.sync(() => heard.push(change))))
        )
        yield* settle
        yield* Effect.forEach(
          Array.from({ length: 600 }, (_, n) =>
            n),
          (n) => store.pause(announce(`${n}`, 60_000))
        )
        yield* TestClock.adjust("1 second")
        assert.isBelow(heard.length, 300)
        assert.deepStrictEqual(heard.at(-1), missed)
        assert.strictEqual(queues.size, 1)
        yield* Fiber.interrupt(slow)
        assert.strictEqual(queues.size, 0)
      })
    ))

  it("refuses a timeout of nothing", () => {
    assert.throws(() => RetryAfterStore.layerMemory({ timeout: 0 }), InvalidOption)
  })
})
