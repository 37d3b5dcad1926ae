import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import * as InvalidOption from "../../InvalidOption.js"
import { step } from "../effect/schedule.js"
import type * as Machine from "./machine.js"

/**
 * The steps of a ramp: each delay of the schedule is how long its output, the share of calls, lasts. A share of 1, and the
 * end of the schedule, are the end of the ramp.
 *
 * @internal
 */
export const unfold = (
  schedule: Schedule.Schedule<number, unknown, unknown>,
  now: number,
  state: unknown,
  steps: ReadonlyArray<Machine.RampStep>
): Effect.Effect<ReadonlyArray<Machine.RampStep>, never, unknown> =>
  Effect.flatMap(step(schedule, now, undefined, state), ({ delayMillis: millis, output: share, state }) => {
    if (millis === undefined || share >= 1 || steps.length === maxSteps) return Effect.succeed(steps)
    InvalidOption.number("ramp", share, { min: 0, max: 1 })
    return unfold(schedule, now + millis, state, [...steps, { share, millis }])
  })

const maxSteps = 1_000
