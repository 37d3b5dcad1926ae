import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constVoid, type LazyArg } from "effect/Function"
import type { Simulation } from "../../Simulation.js"
import { type Settings, World } from "./world.js"

/** A few tens of milliseconds. */
const stepsAtOnce = 2_000

/** A turn for the timers, sockets and fibers of the program, whatever its clock is. */
const breath = Context.get(DefaultServices.liveServices, Clock.Clock).sleep(Duration.zero)

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
    let isOn = true
    const all = Effect.whileLoop({
      while: () => isOn,
      body: () =>
        Effect.suspend(() => {
          isOn = withoutStacks(() => world.advance(stepsAtOnce))
          return isOn ? breath : Effect.void
        }),
      step: constVoid
    })
    return Effect.flatMap(
      Effect.onExit(all, () => Effect.sync(() => withoutStacks(() => world.stop()))),
      () => world.defect === undefined ? Effect.sync(() => world.result()) : Exit.failCause(world.defect)
    )
  })
