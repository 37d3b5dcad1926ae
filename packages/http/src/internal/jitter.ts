import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as ScheduleIntervals from "effect/ScheduleIntervals"
import * as HttpFailure from "../HttpFailure.js"

const refused = () =>
  new HttpFailure.ConnectFailure({
    request: { method: "GET", url: "http://localhost", headers: {} },
    retryable: true,
    sent: "no",
    code: "ECONNREFUSED",
    retryAfter: Option.none(),
    attempts: []
  })

/** The first waits of a schedule, as chance has it. */
const delays = (
  schedule: Schedule.Schedule<unknown, HttpFailure.HttpFailure>,
  state: unknown,
  now: number,
  found: ReadonlyArray<number>
): Effect.Effect<ReadonlyArray<number>> =>
  Effect.flatMap(schedule.step(now, refused(), state), ([next, , decision]) => {
    if (ScheduleDecision.isDone(decision) || found.length === 3) return Effect.succeed(found)
    const start = ScheduleIntervals.start(decision.intervals)
    return delays(schedule, next, start, [...found, start - now])
  })

/**
 * Whether the schedule waits the same times whatever chance says. One that cannot be asked at once is left alone.
 *
 * @internal
 */
export const isMissing = (schedule: Schedule.Schedule<unknown, HttpFailure.HttpFailure>): boolean => {
  const [one, other] = ["one", "other"].map((seed) =>
    Effect.runSyncExit(Effect.withRandom(delays(schedule, schedule.initial, 0, []), Random.make(seed)))
  )
  if (one === undefined || other === undefined || Exit.isFailure(one) || Exit.isFailure(other)) return false
  return one.value.some((millis) => millis > 0) && one.value.every((millis, i) => millis === other.value[i])
}
