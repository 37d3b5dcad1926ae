import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { HttpFailure } from "../classify/failure.js"

/**
 * A hedge counts as an attempt: it takes a step of the schedule too.
 *
 * @internal
 */
export const counted = <B, R>(schedule: Schedule.Schedule<B, HttpFailure, R>): Schedule.Schedule<B, FailedAttempt, R> =>
  Schedule.makeWithState(schedule.initial, (now, failed: FailedAttempt, state) => {
    // `refuse` has rejected every attempt that is not an HttpFailure before the schedule decides.
    const failure = Option.getOrThrow(failed.failure)
    const step = (hedges: number, state: unknown): ReturnType<typeof schedule.step> =>
      hedges === 0
        ? schedule.step(now, failure, state)
        : Effect.flatMap(schedule.step(now, failure, state), (stepped) =>
          ScheduleDecision.isDone(stepped[2]) ? Effect.succeed(stepped) : step(hedges - 1, stepped[0]))
    return step(failed.hedges, state)
  })
