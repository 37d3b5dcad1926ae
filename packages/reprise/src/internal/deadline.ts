import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/**
 * The absolute deadline of the running fiber in epoch milliseconds, `Infinity` where there is none.
 *
 * @internal
 */
export const current: FiberRef.FiberRef<number> = globalValue(
  Symbol.for("reprise/Deadline/current"),
  // What runs below a deadline never changes the one above it.
  () => FiberRef.unsafeMake(Infinity, { join: (own) => own })
)

/**
 * Like `Effect.locally`, but without a scope to acquire; the deadline already set stays where it is earlier.
 *
 * @internal
 */
export const locally = <A, E, R>(self: Effect.Effect<A, E, R>, deadlineMillis: number): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(FiberRef.get(current), (outer) => {
      if (outer <= deadlineMillis) return restore(self)
      const reset = FiberRef.set(current, outer)
      return Effect.zipRight(
        FiberRef.set(current, deadlineMillis),
        Effect.matchCauseEffect(restore(self), {
          onSuccess: (value) => Effect.as(reset, value),
          onFailure: (cause) => Effect.zipRight(reset, Effect.failCause(cause))
        })
      )
    })
  )
