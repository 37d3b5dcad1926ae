import { type Clock, Effect, FastCheck as fc } from "effect"
import * as Services from "./services.js"

/** By how much the wall clock is wrong each time somebody reads it, in turn. */
export type Steps = ReadonlyArray<number>

const hour = 3_600_000

export const steps: fc.Arbitrary<Steps> = fc.array(
  fc.oneof(fc.constantFrom(-hour, -5_000, -1_000, 0, 1_000, 5_000, hour), fc.integer({ min: -10_000, max: 10_000 })),
  { minLength: 1, maxLength: 20 }
)

/** The same clock, but its wall time is wrong by as much as `offMillis` says at each look. */
export const offBy = (clock: Clock.Clock, offMillis: () => number): Clock.Clock =>
  Services.changedClock({ unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + offMillis() }, clock)

/** The same clock, but somebody sets its wall time, to and fro, between any two looks at it. */
export const stepping = (clock: Clock.Clock, steps: Steps): Clock.Clock => {
  let reads = 0
  return offBy(clock, () => steps[reads++ % steps.length]!)
}

/** Runs it where somebody sets the wall clock. */
export const withSteps = <A, E, R>(self: Effect.Effect<A, E, R>, steps: Steps): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => Effect.withClock(self, stepping(clock, steps)))
