import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, FastCheck as fc, Fiber } from "effect"
import * as Deadline from "reprise/Deadline"
import * as Services from "./services.js"

/** A random effect that looks here and there at its deadline, and at another reference, in whatever fiber. */
type Node =
  | { readonly _tag: "Look" | "Yield" | "Fail" | "Set" | "Interrupt" }
  | { readonly _tag: "Then" | "Parallel" | "Catch" | "Ensuring"; readonly left: Node; readonly right: Node }
  | { readonly _tag: "Forked" | "Daemon" | "Later"; readonly inner: Node }
  | { readonly _tag: "Under"; readonly inner: Node; readonly millis: number }

const tag = <T extends string>(...tags: ReadonlyArray<T>) => fc.constantFrom(...tags)

const { node } = fc.letrec<{ node: Node }>((tie) => {
  const [inner, left, right] = [tie("node"), tie("node"), tie("node")]
  const under = fc.record({ _tag: tag("Under"), inner, millis: fc.constantFrom(10, 20, 30, 40) })
  return {
    node: fc.oneof(
      { maxDepth: 6, depthSize: "small", withCrossShrink: true },
      fc.record({ _tag: tag("Look", "Look", "Set", "Set", "Yield", "Fail", "Interrupt") }),
      under,
      under,
      fc.record({ _tag: tag("Then", "Then", "Then", "Parallel", "Catch", "Ensuring"), left, right }),
      fc.record({ _tag: tag("Forked", "Daemon", "Later"), inner })
    )
  }
})

/** What a deadline is to those who only look at it. */
type Carried = ReturnType<typeof Services.least>

/** What was seen at each place where it looks, and at the end by the fiber that has run all. */
const seen = (node: Node, { current, locally }: Carried) => {
  const found = new Map<string, Array<readonly [millis: number, other: number]>>()
  const late: Array<Fiber.Fiber<unknown, unknown>> = []
  const other = Services.reference(0)
  const look = (place: string) =>
    Effect.map(Effect.zip(current, other.get), (both) => {
      found.set(place, [...found.get(place) ?? [], both])
    })
  const keep = <A, E>(fiber: Fiber.Fiber<A, E>) => void late.push(fiber)
  const run = (node: Node, place: string): Effect.Effect<unknown, string> => {
    const left = (node: Node) => run(node, `${place}0`)
    const right = (node: Node) => run(node, `${place}1`)
    switch (node._tag) {
      case "Look":
        return look(place)
      case "Yield":
        return Effect.yieldNow()
      case "Fail":
        return Effect.fail("failed")
      case "Interrupt":
        return Effect.interrupt
      case "Set":
        return Effect.flatMap(other.get, (n) => other.set(n + 1))
      case "Then":
        return Effect.zipRight(left(node.left), right(node.right))
      case "Parallel":
        return Effect.zip(left(node.left), right(node.right), { concurrent: true })
      case "Catch":
        return Effect.catchAllCause(left(node.left), () => right(node.right))
      case "Ensuring":
        return Effect.ensuring(left(node.left), Effect.ignore(right(node.right)))
      case "Forked":
        return Effect.flatMap(Effect.fork(left(node.inner)), Fiber.join)
      case "Daemon":
        return Effect.map(Effect.forkDaemon(Effect.interruptible(left(node.inner))), keep)
      case "Later":
        return Effect.map(
          Effect.forkDaemon(Effect.interruptible(Effect.zipRight(Effect.sleep(1), left(node.inner)))),
          keep
        )
      case "Under":
        return locally(left(node.inner), node.millis)
    }
  }
  return Effect.gen(function*() {
    const exit = yield* Effect.exit(Effect.interruptible(run(node, "")))
    yield* look("end")
    while (late.length > 0) yield* Fiber.await(late.shift()!)
    yield* look("end")
    const outcome = exit._tag === "Success" ? "done" : Cause.isInterrupted(exit.cause) ? "interrupted" : "failed"
    return [outcome, [...found].sort(([a], [b]) => a < b ? -1 : 1)] as const
  })
}

describe("Deadline.locally", () => {
  it("is seen where a plain reference would be, in whatever fiber, and however its region ends", async () => {
    let regions = 0
    await fc.assert(
      fc.asyncProperty(node, async (node) => {
        const ours = await Effect.runPromise(seen(node, Deadline))
        const theirs = await Effect.runPromise(seen(node, Services.least()))
        assert.deepStrictEqual(ours, theirs)
        if (ours[1].some(([, all]) => all.some(([millis]) => millis < Infinity))) regions++
      }),
      { numRuns: 2_000 }
    )
    assert.isAbove(regions, 200)
  })
})
