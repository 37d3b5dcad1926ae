import * as Schedule from "effect/Schedule"
import * as Backoff from "reprise/Backoff"

/** At most four attempts, with jitter: ours, and what Effect has. No wait is measured. */
export const reprise = Backoff.exponential("100 millis").pipe(Backoff.fullJitter, Backoff.attempts(4))

export const effect = Schedule.exponential("100 millis").pipe(
  Schedule.jittered,
  Schedule.intersect(Schedule.recurs(3))
)
