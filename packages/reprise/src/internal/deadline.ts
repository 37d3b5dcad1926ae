import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as FiberRefs from "effect/FiberRefs"
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

/** What its type keeps to itself: a reference is set within the step that decides it, and set back without a copy of all others. */
interface FiberFields {
  readonly _fiberRefs: FiberRefs.FiberRefs
  readonly setFiberRef: <A>(ref: FiberRef.FiberRef<A>, value: A) => void
  readonly setFiberRefs: (refs: FiberRefs.FiberRefs) => void
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
  const before = fields._fiberRefs
  fields.setFiberRef(current, deadlineMillis)
  const after = fields._fiberRefs
  return () => {
    if (fields._fiberRefs === after) fields.setFiberRefs(before)
    else fields.setFiberRef(current, outer)
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
