import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { HttpFailure } from "../classify/failure.js"

/**
 * A hedge counts as an attempt: it takes a step of the schedule too.
 *
 * @internal
 */
export const counted = <B, E, R>(
  schedule: Schedule.Schedule<B, HttpFailure, E, R>
): Schedule.Schedule<B, FailedAttempt, E, R> =>
  Schedule.fromStep(Effect.map(Schedule.toStep(schedule), (next) => (now: number, failed: FailedAttempt) => {
    // `refuse` has rejected every attempt that is not an HttpFailure before the schedule decides.
    const failure = Option.getOrThrow(failed.failure)
    const step = (hedges: number): ReturnType<typeof next> =>
      hedges === 0 ? next(now, failure) : Effect.flatMap(next(now, failure), () => step(hedges - 1))
    return step(failed.hedges)
  }))
