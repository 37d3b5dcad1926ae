import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"

/**
 * The time of a fiber, within the step that asks: `Clock.currentTimeMillis` is operations of its own.
 *
 * @internal
 */
export const nowMillis = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeMillis()
