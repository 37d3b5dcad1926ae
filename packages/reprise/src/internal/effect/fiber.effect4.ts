import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** @internal */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/**
 * Makes an effect interruptible in an uninterruptible region, if it was interruptible outside of it.
 *
 * @internal
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const mask: <A, E, R>(run: (restore: Restore) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.uninterruptibleMask

/**
 * The same: a mask costs less than to find out whether it is needed.
 *
 * @internal
 */
export const maskUnless = <A, E, R>(
  run: (restore: Restore) => Effect.Effect<A, E, R>,
  _unmasked: ((fiber: AnyFiber) => Effect.Effect<A, E, R> | undefined) | undefined
): Effect.Effect<A, E, R> => Effect.uninterruptibleMask(run)
