import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"

/**
 * Set around what already is an attempt of an outer loop. A fiber may outlive the attempt that began it, and then its own
 * loops are nested in nothing.
 *
 * @internal
 */
export interface Mark {
  isOver: boolean
}

/** @internal */
export const current: FiberRef.FiberRef<Mark | undefined> = globalValue(
  Symbol.for("reprise/Retry/nested"),
  // What runs within an attempt never changes what is around it.
  () => FiberRef.unsafeMake<Mark | undefined>(undefined, { join: (own) => own })
)

/** @internal */
export const isSuppressed = (mark: Mark | undefined): boolean => mark !== undefined && !mark.isOver

/** @internal */
export const suppress = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((fiber) => {
      if (isSuppressed(fiber.getFiberRef(current))) return restore(self)
      const mark: Mark = { isOver: false }
      // It is not set back: that costs as much again, and a mark that is over says nothing.
      return Effect.zipRight(FiberRef.set(current, mark), ending(mark, restore(self)))
    })
  )

const ending = <A, E, R>(mark: Mark, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(self, {
    onSuccess: (value) => {
      mark.isOver = true
      return Exit.succeed(value)
    },
    onFailure: (cause) => {
      mark.isOver = true
      return Exit.failCause(cause)
    }
  })

/** @internal */
export const allow = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber) =>
    isSuppressed(fiber.getFiberRef(current)) ? Effect.locally(self, current, undefined) : self
  )
