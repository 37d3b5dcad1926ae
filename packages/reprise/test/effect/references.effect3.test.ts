/**
 * What Effect 4 does not have: values that an effect sets for its fiber, what a parent inherits, runtime flags, and a
 * `timeoutFail` that cannot interrupt.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, FiberRef, RuntimeFlags, RuntimeFlagsPatch } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Hedge from "reprise/Hedge"
import * as Timeout from "reprise/Timeout"
import { effects, type Law, ours, Service } from "../randomEffects.js"
import * as Virtual from "../virtual.js"

const options = { duration: "1 second", onTimeout: () => "too slow" } as const

const mark = FiberRef.unsafeMake("")
const trail = FiberRef.unsafeMake<ReadonlyArray<string>>([], { fork: (marks) => [...marks, "forked"] })

describe("what a fiber has set, and a timeout", () => {
  it("is there within it, and what is set within it stays, as if it were not there", () => {
    const inside = Effect.all({ service: Service, mark: FiberRef.get(mark), trail: FiberRef.get(trail) })
    const program = (law: Law, before: Effect.Effect<void>) =>
      Effect.gen(function*() {
        yield* FiberRef.set(mark, "outside")
        yield* FiberRef.set(trail, ["set"])
        const seen = yield* law(
          Effect.zipRight(before, Effect.zipLeft(inside, FiberRef.set(mark, "inside"))),
          options
        )
        return { ...seen, after: yield* FiberRef.get(mark) }
      }).pipe(Effect.provideService(Service, 7))
    const expected = { success: { service: 7, mark: "outside", trail: ["set"], after: "inside" } }
    for (const before of [Effect.void, Effect.sleep(5)]) {
      for (const law of [ours, (self) => self] satisfies ReadonlyArray<Law>) {
        assert.deepStrictEqual(Virtual.plain(Virtual.run(program(law, before)).exit), expected)
      }
    }
  })

  it("stays where it is a runtime flag, as with Effect.timeoutFail", () => {
    const flag = RuntimeFlags.OpSupervision
    const program = (law: Law, before: Effect.Effect<void>) =>
      law(Effect.zipRight(before, Effect.patchRuntimeFlags(RuntimeFlagsPatch.enable(flag))), options).pipe(
        Effect.zipRight(Effect.getRuntimeFlags),
        Effect.map(RuntimeFlags.isEnabled(flag))
      )
    for (const before of [Effect.void, Effect.sleep(5)]) {
      for (const law of [ours, effects]) {
        assert.deepStrictEqual(Virtual.plain(Virtual.run(program(law, before)).exit), { success: true })
      }
    }
  })

  it.effect("is handed on where it runs beside others", () =>
    Effect.gen(function*() {
      const one = Effect.zipRight(
        Timeout.timeoutFail(Effect.zipRight(Effect.yieldNow(), FiberRef.set(mark, "inside")), options),
        FiberRef.get(mark)
      )
      assert.deepStrictEqual(yield* Effect.all([one, one], { concurrency: "unbounded" }), ["inside", "inside"])
    }))

  it.effect("is there after a deadline within it", () =>
    Effect.gen(function*() {
      const set = Deadline.locally(Effect.zipRight(FiberRef.set(mark, "set"), Effect.yieldNow()), 5)
      yield* Timeout.timeoutFail(set, { ...options, deadlineMillis: 700 })
      assert.strictEqual(yield* FiberRef.get(mark), "set")
    }))

  it("has no interruption in it after the time is over", () => {
    const program = Effect.zipRight(Effect.ignore(ours(Effect.never, options)), FiberRef.get(FiberRef.interruptedCause))
    assert.deepStrictEqual(Virtual.plain(Virtual.run(Effect.map(program, Cause.isEmpty)).exit), { success: true })
  })
})

describe("what a fiber has set, and a hedge", () => {
  class Service extends Effect.Tag("test/Hedged")<Service, number>() {}
  const hedge = Hedge.make({ after: "1 second" })

  it("is what the attempts see, and what the winner sets is kept, and what the others set is not (Effect.race)", () => {
    const attempt = (number: number) =>
      Effect.gen(function*() {
        const seen = [yield* Service, yield* FiberRef.get(mark)]
        yield* FiberRef.set(mark, `set by ${number}`)
        yield* Effect.sleep(number === 1 ? 9_000 : 10)
        return seen
      })
    const program = Effect.gen(function*() {
      yield* FiberRef.set(mark, "around")
      const seen = yield* Hedge.hedge(attempt, yield* hedge)
      return [...seen, yield* FiberRef.get(mark)]
    }).pipe(Effect.provideService(Service, 7))
    assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: [7, "around", "set by 2"] })
  })

  it("is changed by an attempt that ends at once, too", () => {
    const program = Effect.flatMap(
      hedge,
      (hedge) => Effect.zipRight(Hedge.protect(FiberRef.set(mark, "inside"), hedge), FiberRef.get(mark))
    )
    assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: "inside" })
  })
})

describe("what a fiber has set, and a deadline", () => {
  it.effect("is what it was before where what ran under it has set a reference, which stays", () =>
    Effect.gen(function*() {
      const ref = FiberRef.unsafeMake("before")
      const setting = Effect.zipRight(FiberRef.set(ref, "after"), Deadline.current)
      const both = Effect.zip(Deadline.locally(setting, 100), Deadline.current)
      assert.deepStrictEqual(yield* Deadline.locally(both, 200), [100, 200])
      assert.deepStrictEqual([yield* Deadline.current, yield* FiberRef.get(ref)], [Infinity, "after"])
      // And the same fiber can be under another one.
      assert.deepStrictEqual(yield* Deadline.locally(both, 300), [100, 300])
      assert.strictEqual(yield* Deadline.current, Infinity)
    }))

  it.effect("stays that of a fiber that goes on when what it was forked in is over", () =>
    Effect.gen(function*() {
      const latch = yield* Effect.makeLatch()
      const late = Effect.zipRight(
        latch.await,
        Effect.zip(Deadline.current, Effect.flatten(Effect.fork(Deadline.current)))
      )
      const fiber = yield* Deadline.locally(Effect.forkDaemon(late), 100)
      yield* latch.open
      assert.deepStrictEqual(yield* fiber, [100, 100])
    }))
})

describe("Effect.timeoutFail", () => {
  it("waits for its time to be over in a parallel branch that is interrupted", () => {
    const both = [Effect.delay(Effect.fail("other"), 10), effects(Effect.never, options)]
    assert.strictEqual(Virtual.run(Effect.all(both, { concurrency: 2 })).endMillis, 1_000)
  })

  it("waits for what cannot be interrupted", () => {
    const late = effects(Effect.delay(Effect.succeed("done"), "3 seconds"), options)
    assert.strictEqual(Virtual.run(Effect.uninterruptible(late)).endMillis, 3_000)
  })
})
