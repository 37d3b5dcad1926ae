import * as Effect from "effect/Effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"

const policy = Backoff.exponential("1 second").pipe(
  Backoff.capped("60 seconds"),
  Backoff.fullJitter,
  Backoff.attempts(5)
)

Effect.runFork(Retry.retry(Effect.fail("no"), policy))
