import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as local from "./effect/local.js"
import type * as effect from "./effect/model.js"

/** The part of a program under one deadline. */
interface Region extends effect.Region {
  readonly deadlineMillis: number
  readonly outer?: Region
}

/** A fiber may still have a region that is over. Then the outer region applies. */
const open = (region: Region): Region => region.isOver && region.outer ? open(region.outer) : region

const current = local.make<Region>(
  "Deadline/current",
  { deadlineMillis: Infinity, isOver: false },
  // A fiber that outlives the region that forked it keeps the deadline.
  (region) => ({ ...open(region) })
)

/**
 * The absolute deadline of the fiber in monotonic milliseconds, `Infinity` if there is none.
 *
 * @internal
 */
export const of = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  open(fiber.getFiberRef(current)).deadlineMillis

/**
 * A region with the deadline; `undefined` if the fiber has an earlier one already.
 *
 * @internal
 */
export const region = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  deadlineMillis: number
): Region | undefined => {
  if (deadlineMillis === Infinity) return undefined
  const outer = open(fiber.getFiberRef(current))
  return outer.deadlineMillis <= deadlineMillis ? undefined : { deadlineMillis, outer, isOver: false }
}

/**
 * Runs the effect in the region, which its caller ends.
 *
 * @internal
 */
export const entering = <A, E, R>(region: Region | undefined, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  region === undefined ? self : local.entering(current, region, self)

/**
 * Like `Effect.locally`, but without a scope to acquire. An earlier deadline of the fiber stays.
 *
 * @internal
 */
export const locally = <A, E, R>(self: Effect.Effect<A, E, R>, deadlineMillis: number): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((fiber) => {
      const own = region(fiber, deadlineMillis)
      return own === undefined ? restore(self) : local.within(current, own, restore(self))
    })
  )
