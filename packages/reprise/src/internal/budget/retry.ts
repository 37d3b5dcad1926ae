import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as Driver from "../retry/driver.js"
import { again } from "../retry/loop.js"
import { type Budget, counted, rewarded } from "./budget.js"

/**
 * Like `Retry.retry`, but a budget pays for each retry; where it refuses one, the error is what `exhausted` makes of the last.
 *
 * @internal
 */
export const retry = <A, E, R, B, R1, E2>(
  self: Effect.Effect<A, E, R>,
  schedule: Schedule.Schedule<B, E, R1>,
  budget: Budget,
  isTimeout: ((error: E) => boolean) | undefined,
  exhausted: (error: E) => E2
): Effect.Effect<A, E | E2, R | R1> =>
  counted(
    budget,
    Effect.catchAllCause(rewarded(budget, self), (cause) => {
      const toll = budget.toll(isTimeout)
      const retries = again(Effect.failCause(cause), self, Driver.make(schedule, { toll }))
      return toll.over(
        Effect.mapError(retries, (error): E | E2 => toll.isRefused ? exhausted(error) : error),
        () => true
      )
    })
  )
