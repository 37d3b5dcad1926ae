import * as Effect from "effect/Effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"

const program = Effect.flatMap(
  CircuitBreaker.make({ trip: Tripping.consecutive(5) }),
  (breaker) => Effect.fail("no").pipe(CircuitBreaker.protect(breaker))
)

Effect.runFork(program)
