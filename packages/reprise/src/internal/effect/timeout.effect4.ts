import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as deadline from "../deadline.js"
import * as child from "./child.js"
import { exactMillis } from "./clock.js"
import type { AnyFiber, Restore } from "./fiber.js"
import type { Limit } from "./model.js"
import * as timer from "./timer.js"

// `Effect.timeoutOrElse` cannot replace it: that has two fibers, interrupts what is uninterruptible, and loses the defect of a
// finalizer and the order of timers that are due at the same moment.

/** @internal */
export const timeoutFail = <A, E, R, E1>(
  self: Effect.Effect<A, E, R>,
  millis: number,
  onTimeout: () => E1,
  deadlineMillis = Infinity
): Effect.Effect<A, E | E1, R> =>
  child.masked((restore, fiber) => limited(self, fiber, restore, { millis, onTimeout, deadlineMillis }, identity))

/**
 * The effect in an uninterruptible step of a fiber, with a time limit, and then `end`. The effect has a fiber of its
 * own. `outer` makes an effect interruptible if it was outside of that step.
 *
 * @internal
 */
export const limited = <A, E, R, E1, A2, E2>(
  self: Effect.Effect<A, E, R>,
  fiber: AnyFiber,
  restore: Restore,
  { deadlineMillis, millis, onTimeout }: Limit<E1>,
  end: (exit: Exit.Exit<A, E | E1>) => Effect.Effect<A2, E2>,
  outer: Restore = restore
): Effect.Effect<A2, E2, R> => {
  const clock = fiber.getRef(Clock.Clock)
  const beganMillis = exactMillis(clock)
  const region = deadline.region(fiber, deadlineMillis)
  const running = child.start(fiber, deadline.entering(region, restore(self)))
  const settle = (exit: Exit.Exit<A, E | E1>) => {
    if (region !== undefined) region.isOver = true
    return end(exit)
  }
  const exit = running.pollUnsafe()
  if (exit !== undefined) return settle(exit)
  let isTimeout = false
  const passedMillis = Math.floor(exactMillis(clock) - beganMillis)
  // Code that uses the deadline ends on its own, with a better reason.
  const stopTimer = timer.start(fiber, passedMillis < 1 ? millis : Math.max(millis - passedMillis, 1), () => {
    isTimeout = true
    running.interruptUnsafe(fiber.id)
  }, deadlineMillis < Infinity)
  return Effect.flatMap(child.ended(running, outer), (exit) => {
    stopTimer()
    return settle(isTimeout && Exit.isFailure(exit) ? timedOut(exit, onTimeout) : exit)
  })
}

/** Keeps the defect of a finalizer that died during the interruption of the effect. */
const timedOut = <A, E, E1>(exit: Exit.Failure<A, E>, onTimeout: () => E1): Exit.Exit<A, E | E1> => {
  if (!Cause.hasInterrupts(exit.cause)) return exit
  try {
    const defects = Cause.fromReasons<never>(exit.cause.reasons.filter(Cause.isDieReason))
    return Exit.failCause(Cause.combine(Cause.fail(onTimeout()), defects))
  } catch (defect) {
    return Exit.die(defect)
  }
}
