import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import type * as Scope from "effect/Scope"
import type { Case } from "../harness.js"

/** Many calls of one and the same effect, in one fiber: as in a program that keeps it in a constant. */
export const inFiber = (effect: Effect.Effect<unknown, unknown>, around?: Around): Case["run"] =>
  perCallInFiber(() => effect, around)

/** What is put around the whole loop. */
type Around = (loop: Effect.Effect<void, unknown>) => Effect.Effect<void, unknown>

/** The loop runs inside one fiber; `make` is called for every turn. */
export const perCallInFiber =
  (make: () => Effect.Effect<unknown, unknown>, around: Around = identity): Case["run"] => (times) =>
    Effect.runPromise(around(looped(make, times)))

/**
 * The effect is made for each sample, and ends with it: what it does in the background would fall into the samples of
 * others.
 */
export const madeInFiber =
  (make: Effect.Effect<Effect.Effect<unknown, unknown>, never, Scope.Scope>): Case["run"] => (times) =>
    Effect.runPromise(Effect.scoped(Effect.flatMap(make, (effect) => looped(() => effect, times))))

const looped = (make: () => Effect.Effect<unknown, unknown>, times: number): Effect.Effect<void, unknown> => {
  let done = 0
  return Effect.whileLoop({ while: () => done++ < times, body: make, step: () => {} })
}

export const awaited = (call: () => Promise<unknown>): Case["run"] => async (times) => {
  for (let done = 0; done < times; done++) await call()
}

export const awaitedAndCaught = (call: () => Promise<unknown>): Case["run"] => async (times) => {
  for (let done = 0; done < times; done++) {
    try {
      await call()
    } catch {
      continue
    }
    throw new Error("a call succeeded that has to fail")
  }
}

export const nothing = Effect.void
export const resolved = async (): Promise<number> => 1
export const promise = Effect.promise(resolved)

/** What all in a fiber is compared with, and the unit F. */
export const inFiberBases: ReadonlyArray<Case> = [
  { name: "loop", base: "loop", run: inFiber(nothing) },
  { name: "Effect.flatMap", base: "loop", run: inFiber(Effect.flatMap(nothing, () => nothing)) }
]

export const awaitBase: Case = { name: "await", base: "await", run: awaited(resolved) }
