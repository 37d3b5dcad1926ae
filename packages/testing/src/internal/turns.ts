import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"

/**
 * One turn of the event loop. Promises, sockets and timers of the program run meanwhile.
 *
 * @internal
 */
export const turn: Effect.Effect<void> = Effect.async((resume) => {
  // eslint-disable-next-line no-restricted-globals -- no time passes by any clock, and TestClock must not hold it up
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})

/**
 * Runs `step` once per turn of the event loop until it returns `false`.
 *
 * @internal
 */
export const inTurns = (step: LazyArg<boolean>): Effect.Effect<void> =>
  Effect.suspend(() => step() ? Effect.zipRight(turn, inTurns(step)) : Effect.void)
