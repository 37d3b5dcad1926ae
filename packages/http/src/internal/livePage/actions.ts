import * as Effect from "effect/Effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Telemetry from "reprise/Telemetry"

/**
 * Isolates and closes all circuit breakers of this process that have a key.
 *
 * @internal
 */
export class Actions {
  /** The isolations that the page itself has begun. */
  private readonly isolations = new WeakMap<CircuitBreaker.CircuitBreaker, CircuitBreaker.Isolation>()
  private readonly oneByOne = Effect.unsafeMakeSemaphore(1)

  /** The states afterwards. Empty if no circuit breaker has the key. A second time changes nothing. */
  run(
    action: "isolate" | "close",
    key: string
  ): Effect.Effect<ReadonlyArray<CircuitBreaker.State>, never, Telemetry.Monitor> {
    const apply = (breaker: CircuitBreaker.CircuitBreaker) => this[action](breaker)
    const all = Effect.gen(function*() {
      const sources = yield* Effect.flatMap(Telemetry.Monitor, ({ sources }) => sources)
      const breakers = sources.flatMap((source) =>
        source.key === key && CircuitBreaker.isCircuitBreaker(source) ? [source] : []
      )
      return yield* Effect.forEach(
        breakers,
        (breaker) => Effect.zipRight(apply(breaker), CircuitBreaker.state(breaker))
      )
    })
    // An isolation whose handle is lost would last for ever.
    return Effect.uninterruptible(this.oneByOne.withPermits(1)(all))
  }

  private isolate(breaker: CircuitBreaker.CircuitBreaker): Effect.Effect<void> {
    // A handle alone does not say that the circuit is isolated: `CircuitBreaker.reset` ends isolations too.
    return Effect.flatMap(CircuitBreaker.isolate(breaker), (isolation) => {
      const released = this.release(breaker)
      this.isolations.set(breaker, isolation)
      return released
    })
  }

  private close(breaker: CircuitBreaker.CircuitBreaker): Effect.Effect<void> {
    return Effect.zipRight(this.release(breaker), CircuitBreaker.close(breaker))
  }

  private release(breaker: CircuitBreaker.CircuitBreaker): Effect.Effect<void> {
    const isolation = this.isolations.get(breaker)
    this.isolations.delete(breaker)
    return isolation?.release ?? Effect.void
  }
}
