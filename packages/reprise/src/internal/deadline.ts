import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
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
 * What the type of a fiber keeps to itself: a reference is set within the step that decides it, and set back without a copy of
 * all others. What a fiber remembers of some references besides has nothing of this one.
 */
interface FiberFields {
  _fiberRefs: FiberRefs.FiberRefs
}

/**
 * Sets the deadline of the fiber that asks, unless its own is earlier; what it returns sets it back.
 *
 * @internal
 */
export const set = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  deadlineMillis: number
): (() => void) | undefined => {
  if (deadlineMillis === Infinity) return undefined
  const outer = fiber.getFiberRef(current)
  if (outer <= deadlineMillis) return undefined
  const fields = fiber as unknown as FiberFields
  const fiberId = fiber.id()
  const before = fields._fiberRefs
  const after = FiberRefs.updateAs(before, { fiberId, fiberRef: current, value: deadlineMillis })
  fields._fiberRefs = after
  return () => {
    fields._fiberRefs = fields._fiberRefs === after
      ? before
      : FiberRefs.updateAs(fields._fiberRefs, { fiberId, fiberRef: current, value: outer })
  }
}

/**
 * Like `Effect.locally`, but without a scope to acquire; the deadline already set stays where it is earlier.
 *
 * @internal
 */
export const locally = <A, E, R>(self: Effect.Effect<A, E, R>, deadlineMillis: number): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((fiber) => {
      const unset = set(fiber, deadlineMillis)
      if (unset === undefined) return restore(self)
      return Effect.matchCauseEffect(restore(self), {
        onSuccess: (value) => {
          unset()
          return Exit.succeed(value)
        },
        onFailure: (cause) => {
          unset()
          return Exit.failCause(cause)
        }
      })
    })
  )
