import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import * as Backoff from "reprise/Backoff"
import { integer, InvalidOption, millis } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import type { HttpFailure } from "../classify/failure.js"
import type { ExponentialOptions, RetryPolicy } from "../model.js"

/** @internal */
export const exponential = (options: ExponentialOptions = {}): Schedule.Schedule<Duration.Duration, Retry.Hint> => {
  const { attempts = 3, base = "500 millis", cap = "20 seconds", maxRetryAfter = "2 minutes" } = options
  const baseMillis = millis("base", base, { moreThan: 0 })
  const capMillis = millis("cap", cap, { moreThan: 0 })
  if (baseMillis > capMillis) {
    const expected = `a duration of at least the base, ${Duration.format(Duration.millis(baseMillis))}`
    throw new InvalidOption({ option: "cap", value: cap, expected })
  }
  return Backoff.exponential(baseMillis).pipe(
    Backoff.capped(capMillis),
    Backoff.fullJitter,
    Backoff.attempts(integer("attempts", attempts, { min: 1 })),
    Retry.whileRetryable,
    Retry.honorHint({ max: millis("maxRetryAfter", maxRetryAfter, { min: 0 }) })
  )
}

/** @internal */
export const standard: Schedule.Schedule<Duration.Duration, Retry.Hint> = exponential()

/**
 * Decides when to retry, and whether another attempt can succeed.
 *
 * @internal
 */
export interface Policy<R> {
  readonly schedule: Schedule.Schedule<unknown, HttpFailure, R>
  readonly goesOn?: ((failure: HttpFailure) => boolean) | undefined
}

/** @internal */
export const of = <R = never>(
  option: Schedule.Schedule<unknown, HttpFailure, R> | RetryPolicy<R> | false | undefined
): Policy<R> => {
  if (option === false) return { schedule: Schedule.stop }
  if (option === undefined) return { schedule: exponential() }
  if (Schedule.isSchedule(option)) return { schedule: option }
  if (typeof option !== "object") {
    throw new InvalidOption({ option: "retry", value: option, expected: "a schedule, its options, or false" })
  }
  const { schedule, times, while: goesOn } = option
  if (times === undefined) return { schedule: schedule ?? exponential(), goesOn }
  const most = integer("retry.times", times, { min: 0 })
  return {
    schedule: schedule === undefined
      ? exponential({ attempts: most + 1 })
      : Schedule.intersect(schedule, Schedule.recurs(most)),
    goesOn
  }
}
