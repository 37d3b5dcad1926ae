import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, type Fiber, FiberRef, FiberRefs, RuntimeFlags, RuntimeFlagsPatch } from "effect"
import * as Hedge from "reprise/Hedge"
import * as Timeout from "reprise/Timeout"
import * as fields from "../../src/internal/effect/fiber.js"
import * as Virtual from "../virtual.js"
import { behaves, type Cases, cases, options } from "./behaves.js"
import { fieldOf, hide } from "./hidden.effect3.js"

const withFiber = <A>(f: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => A): A =>
  Effect.runSync(Effect.withFiberRuntime((fiber) => Effect.sync(() => f(fiber))))

const mark = FiberRef.unsafeMake("outside")
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

/** Besides what all editions do. */
const own: Cases = {
  ...cases,
  "keeps what the effect has set": [
    () => Effect.zipRight(Timeout.timeoutFail(FiberRef.set(mark, "inside"), options), FiberRef.get(mark)),
    { exit: { success: "inside" }, endMillis: 0 }
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

describe("a timeout, a deadline and a hedge, with the private fields of fibers", () => behaves(own))

for (
  const names of [["_children"], ["_fiberRefs"], ["currentRuntimeFlags"], [
    "_children",
    "_fiberRefs",
    "currentRuntimeFlags"
  ]]
) {
  describe(`a timeout, a deadline and a hedge, without ${names.join(", ")}`, () => {
    const count = hide(...names)
    behaves(own)

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
