import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, FiberRef, FiberRefs, RuntimeFlags, RuntimeFlagsPatch } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Hedge from "reprise/Hedge"
import * as Timeout from "reprise/Timeout"
import * as fields from "../../src/internal/effect/fiber.js"
import { agree, effects, ours, timedOut, withoutDefects } from "../randomEffects.js"
import * as Virtual from "../virtual.js"
import { fieldOf, hide } from "./hidden.js"

const withFiber = <A>(f: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => A): A =>
  Effect.runSync(Effect.withFiberRuntime((fiber) => Effect.sync(() => f(fiber))))

const mark = FiberRef.unsafeMake("outside")
const options = { duration: "1 second", onTimeout: () => "too slow" } as const

describe("this version of Effect", () => {
  it("keeps the children of a fiber in `_children`", () => {
    assert.isNull(withFiber((fiber) => fieldOf(fiber, "_children")))
    const count = Effect.withFiberRuntime((fiber) => Effect.succeed((fieldOf(fiber, "_children") as Set<unknown>).size))
    assert.deepStrictEqual(Virtual.plain(Virtual.run(Effect.zipRight(Effect.fork(Effect.never), count)).exit), {
      success: 1
    })
  })

  it("keeps the references of a fiber in `_fiberRefs`", () => {
    const [own, public_] = withFiber((fiber) => [fieldOf(fiber, "_fiberRefs"), fiber.getFiberRefs()])
    assert.isTrue(FiberRefs.FiberRefsSym in (own as FiberRefs.FiberRefs))
    assert.isTrue(public_.locals.size >= (own as FiberRefs.FiberRefs).locals.size)
  })

  it("keeps the runtime flags of a fiber in `currentRuntimeFlags`", () => {
    const flags = withFiber((fiber) => [
      fieldOf(fiber, "currentRuntimeFlags"),
      FiberRefs.getOrDefault(fiber.getFiberRefs(), FiberRef.currentRuntimeFlags)
    ])
    assert.isTrue(RuntimeFlags.cooperativeYielding(flags[0] as RuntimeFlags.RuntimeFlags))
    assert.strictEqual(flags[0], flags[1])
  })

  it("joins a reference by its `join`", () => {
    assert.isTrue(fields.isKept(FiberRef.interruptedCause, Cause.empty, Cause.die(1)))
    assert.isFalse(fields.isKept(mark, "outside", "inside"))
  })
})

/** What a program can tell of a timeout, a deadline and a hedge. */
const cases: Record<string, readonly [program: () => Effect.Effect<unknown, unknown>, expected: unknown]> = {
  "gives the result of an effect that ends in time": [
    () => Timeout.timeoutFail(Effect.delay(Effect.succeed("done"), 999), options),
    { exit: { success: "done" }, endMillis: 999 }
  ],
  "interrupts an effect that is too slow": [
    () => Timeout.timeoutFail(Effect.never, options),
    { exit: { failure: { fail: "too slow" } }, endMillis: 1_000 }
  ],
  "waits for the finalizers of an effect that is too slow": [
    () => Timeout.timeoutFail(Effect.ensuring(Effect.never, Effect.sleep(500)), options),
    { exit: { failure: { fail: "too slow" } }, endMillis: 1_500 }
  ],
  "ends what the effect has forked with it, and nothing that was forked before": [
    () =>
      Effect.gen(function*() {
        const before = yield* Effect.fork(Effect.never)
        const within = yield* Timeout.timeoutFail(Effect.fork(Effect.never), options)
        return [before.unsafePoll() === null, within.unsafePoll() === null]
      }),
    { exit: { success: [true, false] }, endMillis: 0 }
  ],
  "keeps what the effect has set": [
    () => Effect.zipRight(Timeout.timeoutFail(FiberRef.set(mark, "inside"), options), FiberRef.get(mark)),
    { exit: { success: "inside" }, endMillis: 0 }
  ],
  "goes on after a timeout, and may be interrupted": [
    () =>
      Effect.zipRight(
        Effect.exit(Timeout.timeoutFail(Effect.never, options)),
        Effect.flatMap(Effect.fork(Effect.never), (fiber) => Fiber.interrupt(fiber))
      ).pipe(Effect.map((exit) => exit._tag)),
    { exit: { success: "Failure" }, endMillis: 1_000 }
  ],
  "sets a deadline for the effect and not for what follows": [
    () => Effect.zip(Deadline.within(Deadline.current, "1 second"), Deadline.current),
    { exit: { success: [1_000, Infinity] }, endMillis: 0 }
  ],
  "keeps what the attempt of a hedge has set that won": [
    () =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after: "1 second" })
        const attempt = (number: number) =>
          Effect.zipRight(FiberRef.set(mark, `set by ${number}`), Effect.sleep(number === 1 ? 9_000 : 10))
        yield* Hedge.hedge(attempt, hedge)
        return yield* FiberRef.get(mark)
      }),
    { exit: { success: "set by 2" }, endMillis: 1_010 }
  ],
  "keeps what the attempt of a hedge has set at once": [
    () =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after: "1 second" })
        yield* Hedge.protect(FiberRef.set(mark, "inside"), hedge)
        return yield* FiberRef.get(mark)
      }),
    { exit: { success: "inside" }, endMillis: 0 }
  ],
  "keeps the runtime flags that the attempt of a hedge has changed": [
    () =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after: "1 second" })
        yield* Hedge.protect(Effect.patchRuntimeFlags(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision)), hedge)
        return yield* Effect.map(Effect.getRuntimeFlags, RuntimeFlags.opSupervision)
      }),
    { exit: { success: true }, endMillis: 0 }
  ]
}

const behaves = () => {
  for (const [name, [program, expected]] of Object.entries(cases)) {
    it(name, () => {
      const { endMillis, exit, sleepsLeft } = Virtual.run(program())
      assert.deepStrictEqual({ exit: Virtual.plain(exit), endMillis }, expected)
      assert.strictEqual(sleepsLeft, 0)
    })
  }
  it("does with random effects what Effect.timeoutFail does", { timeout: 30_000 }, () => {
    agree(ours, effects, { inParallel: false, inUninterruptible: false }, withoutDefects.map(timedOut))
  })
}

describe("a timeout, a deadline and a hedge, with the private fields of fibers", behaves)

for (
  const names of [["_children"], ["_fiberRefs"], ["currentRuntimeFlags"], [
    "_children",
    "_fiberRefs",
    "currentRuntimeFlags"
  ]]
) {
  describe(`a timeout, a deadline and a hedge, without ${names.join(", ")}`, () => {
    const count = hide(...names)
    behaves()

    it("does so with fibers that do not have them", () => {
      assert.isAbove(count(), 0)
      const seen = withFiber((fiber) => names.map((name) => fieldOf(fiber, name)))
      assert.deepStrictEqual(seen, names.map(() => undefined))
      assert.strictEqual(withFiber(fields.childCount), names.includes("_children") ? undefined : 0)
    })
  })
}

describe("a reference without `join`", () => {
  it("is inherited, whatever a child did to it", () => {
    assert.isFalse(fields.isKept({}, 1, 1))
  })
})
