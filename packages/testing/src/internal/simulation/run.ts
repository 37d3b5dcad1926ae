import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { LazyArg } from "effect/Function"
import type * as Simulation from "../../Simulation.js"
import { inTurns } from "../turns.js"
import { type Settings, World } from "./world.js"

/** A few tens of milliseconds. */
const stepsAtOnce = 2_000

/** Most of what a failed attempt costs is the stacks of its errors, and nobody sees them here. */
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
