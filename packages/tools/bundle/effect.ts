import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

const policy = Schedule.exponential("1 second").pipe(Schedule.intersect(Schedule.recurs(4)))

Effect.runFork(Effect.retry(Effect.fail("no"), policy))
