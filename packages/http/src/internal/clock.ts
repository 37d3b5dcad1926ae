import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Deadline from "reprise/Deadline"

/**
 * The time for waits, durations and ends, within a step of the given fiber.
 *
 * @internal
 */
export const monotonicMillis = Deadline.unsafeNow

/**
 * The same, not rounded.
 *
 * @internal
 */
export const exactMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Number(Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos()) / 1e6

/** @internal */
export const currentMonotonicMillis = Deadline.now

/**
 * For dates that the headers of others are measured against.
 *
 * @internal
 */
export const currentWallMillis = Clock.currentTimeMillis

/**
 * The same within the step of a fiber.
 *
 * @internal
 */
export const wallMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Context.get(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis()
