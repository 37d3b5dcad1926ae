import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as deadline from "../deadline.js"
import * as child from "./child.js"
import * as fields from "./fiber.js"
import type { Limit } from "./model.js"
import * as timer from "./timer.js"

/** @internal */
export const timeoutFail = <A, E, R, E1>(
  self: Effect.Effect<A, E, R>,
  millis: number,
  onTimeout: () => E1,
  deadlineMillis = Infinity
): Effect.Effect<A, E | E1, R> =>
  fields.mask((restore, fiber) => limited(self, fiber, restore, { millis, onTimeout, deadlineMillis }, identity))

/**
 * The effect in an uninterruptible step of a fiber, with a time limit if there is one, and then `end`. `outer` makes an
 * effect interruptible if it was outside of that step; `restore` may keep the effect uninterruptible.
 *
 * @internal
 */
export const limited = <A, E, R, E1, A2, E2>(
  self: Effect.Effect<A, E, R>,
  fiber: fields.AnyFiber,
  restore: fields.Restore,
  limit: Limit<E1>,
  end: (exit: Exit.Exit<A, E | E1>) => Effect.Effect<A2, E2>,
  outer: fields.Restore = restore
): Effect.Effect<A2, E2, R> =>
  fields.canBeCut(fiber)
    ? inPlace(self, fiber, restore, limit, end)
    : fields.withExit(outer(apart(self, limit, restore === outer)), end)

/** The effect in a fiber of its own. */
const apart = <A, E, R, E1>(
  self: Effect.Effect<A, E, R>,
  limit: Limit<E1>,
  isRestored: boolean
): Effect.Effect<A, E | E1, R> =>
  child.run((restore) =>
    Effect.withFiberRuntime<A, E | E1, R>((fiber) =>
      inPlace(self, fiber, isRestored ? restore : identity, limit, identity)
    )
  )

/**
 * Interrupts the fiber of the effect, and undoes the interruption afterwards. A separate fiber for every effect would
 * cost more than all else.
 */
const inPlace = <A, E, R, E1, A2, E2>(
  self: Effect.Effect<A, E, R>,
  fiber: fields.AnyFiber,
  restore: fields.Restore,
  { deadlineMillis, millis, onTimeout }: Limit<E1>,
  end: (exit: Exit.Exit<A, E | E1>) => Effect.Effect<A2, E2>
): Effect.Effect<A2, E2, R> => {
  let cut: fields.Cut | undefined
  // Code that uses the deadline ends on its own, with a better reason.
  const stopTimer = timer.start(fiber, millis, () => {
    cut = fields.makeCut()
    fields.interrupt(fiber, cut)
  }, deadlineMillis < Infinity)
  const region = deadline.region(fiber, deadlineMillis)
  const settle = (exit: Exit.Exit<A, E>): Effect.Effect<A2, E2> => {
    stopTimer()
    if (region !== undefined) region.isOver = true
    if (cut === undefined && fields.childCount(fiber) === 0) return end(exit)
    // `Effect.timeoutFail` also ends the fibers that the effect has forked.
    const ended = Effect.flatMap(fields.endChildren(fiber), () => exit)
    return Effect.flatMap(Effect.exit(cut === undefined ? ended : takeBack(fiber, cut, ended, onTimeout)), end)
  }
  return fields.withExit(deadline.entering(region, restore(self)), settle)
}

const takeBack = <A, E, E1>(
  fiber: fields.AnyFiber,
  cut: fields.Cut,
  ended: Effect.Effect<A, E>,
  onTimeout: () => E1
): Effect.Effect<A, E | E1> =>
  Effect.flatMap(Effect.exit(ended), (exit) => {
    const result: Effect.Effect<A, E | E1> = Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)
      ? timeout(exit.cause, onTimeout)
      : exit
    return Effect.flatMap(fields.takeBack(fiber, cut), () => result)
  })

/** Keeps the defect of a finalizer that died during the interruption of the effect. */
const timeout = <E1>(cause: Cause.Cause<unknown>, onTimeout: () => E1): Effect.Effect<never, E1> =>
  Effect.suspend(() => {
    const error = Cause.fail(onTimeout())
    return Effect.failCause(Option.match(Cause.keepDefects(cause), {
      onNone: () => error,
      onSome: (defects) => Cause.sequential(error, defects)
    }))
  })
