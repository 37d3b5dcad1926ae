import * as Effect from "effect/Effect"
import * as local from "../effect/local.js"
import type * as effect from "../effect/model.js"

/**
 * Set around an attempt of an outer loop. A fiber may live longer than the attempt that began it, and then its own
 * loops are not nested.
 *
 * @internal
 */
export const current = local.make<effect.Region | undefined>("Retry/nested", undefined)

/** @internal */
export const isSuppressed = (mark: effect.Region | undefined): boolean => mark !== undefined && !mark.isOver

/** @internal */
export const suppress = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((fiber) =>
      isSuppressed(fiber.getFiberRef(current))
        ? restore(self)
        : local.within(current, { isOver: false }, restore(self))
    )
  )

/** @internal */
export const allow = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    isSuppressed(fiber.getFiberRef(current)) ? local.locally(self, current, undefined) : self
  )
