/** The intervals of schedules, which Effect 4 does not have. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Schedules from "./schedules.js"

const first = (schedule: Schedule.Schedule<unknown>) =>
  Option.getOrThrow(Effect.runSync(Schedules.stepping(schedule)(0, undefined)).delay)

describe("Backoff.attempts", () => {
  it("keeps the interval of a schedule that has one", () => {
    const mondays = Schedule.dayOfWeek(1)
    const firsts = Schedule.dayOfMonth(1)
    const expected = first(Schedule.intersect(mondays, firsts))
    assert.strictEqual(first(Schedule.intersect(Backoff.attempts(mondays, 100), firsts)), expected)
  })
})
