import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { globalValue } from "effect/GlobalValue"

/** What runs under one deadline. */
interface Region {
  readonly deadlineMillis: number
  readonly outer?: Region
  isOver?: boolean
}

/** A fiber may go on to carry a region that is over, and is then where it was before. */
const open = (region: Region): Region => region.isOver && region.outer ? open(region.outer) : region

const current: FiberRef.FiberRef<Region> = globalValue(
  Symbol.for("reprise/Deadline/current"),
  () =>
    FiberRef.unsafeMake<Region>({ deadlineMillis: Infinity }, {
      // A fiber that goes on after the region that it was forked in keeps the deadline.
      fork: (region) => ({ ...open(region) }),
      // What runs below a deadline never changes the one above it.
      join: (own) => own
    })
)

/**
 * The absolute deadline of the fiber that asks in monotonic milliseconds, `Infinity` where there is none.
 *
 * @internal
 */
export const of = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  open(fiber.getFiberRef(current)).deadlineMillis

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
  const outer = open(fiber.getFiberRef(current))
  if (outer.deadlineMillis <= deadlineMillis) return undefined
  const fields = fiber as unknown as FiberFields
  const region: Region = { deadlineMillis, outer, isOver: false }
  const before = fields._fiberRefs
  const after = entered(before, fiber, region)
  fields._fiberRefs = after
  return () => {
    region.isOver = true
    if (fields._fiberRefs === after) fields._fiberRefs = before
  }
}

/** `FiberRefs.updateAs`, but for its copy of the map by way of an iterator, which allocates as much again. */
const entered = (
  { locals }: FiberRefs.FiberRefs,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  region: Region
): FiberRefs.FiberRefs => {
  const copy: typeof locals = new Map()
  locals.forEach((stack, ref) => copy.set(ref, stack))
  // What those had that it was forked by is for a join to compare, and no join changes this reference.
  copy.set(current, [[fiber.id(), region]])
  return FiberRefs.unsafeMake(copy)
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
