import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LazyArg } from "effect/Function"
import type * as Simulation from "../../Simulation.js"
import { inTurns } from "../turns.js"
import { type Settings, World } from "./world.js"

/** Takes a few tens of milliseconds. */
const stepsAtOnce = 2_000

/** The stacks of errors are most of the cost of a failed attempt, and a simulation does not use them. */
const withoutStacks = <A>(f: LazyArg<A>): A => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return f()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** @internal */
export const run = (settings: Settings): Effect.Effect<Simulation.Result> =>
  Effect.suspend(() => {
    const world = new World(settings)
    const all = inTurns(() => withoutStacks(() => world.advance(stepsAtOnce)))
    return Effect.flatMap(
      Effect.onExit(all, () => Effect.sync(() => withoutStacks(() => world.stop()))),
      () => world.defect === undefined ? Effect.sync(() => world.result()) : Exit.failCause(world.defect)
    )
  })
