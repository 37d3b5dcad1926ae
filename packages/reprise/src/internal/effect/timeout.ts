import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as deadline from "../deadline.js"
import * as child from "./child.js"
import { type AnyFiber, childCount, maskIn, type Restore } from "./fiber.js"
import type { Limit } from "./model.js"
import * as timer from "./timer.js"

/** @internal */
export const timeoutFail = <A, E, R, E1>(
  self: Effect.Effect<A, E, R>,
  millis: number,
  onTimeout: () => E1,
  deadlineMillis = Infinity
): Effect.Effect<A, E | E1, R> =>
  Effect.withFiberRuntime((fiber, { runtimeFlags }) => {
    const run = (restore: Restore) =>
      Effect.withFiberRuntime<A, E | E1, R>((fiber) =>
        inPlace(self, fiber, restore, { millis, onTimeout, deadlineMillis }, identity)
      )
    return canBeTakenBack(fiber) ? maskIn(runtimeFlags, run) : child.run(run)
  })

/**
 * Whether a fiber may be interrupted for one effect and then continue. An interruption also goes to all forked fibers,
 * and in an interrupted fiber nothing is interruptible any more.
 */
const canBeTakenBack = (fiber: AnyFiber): boolean =>
  childCount(fiber) === 0 && Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))

/**
 * The effect in an uninterruptible step of a fiber, with a time limit if there is one, and then `end`.
 *
 * @internal
 */
export const limited = <A, E, R, E1, A2, E2>(
  self: Effect.Effect<A, E, R>,
  fiber: AnyFiber,
  restore: Restore,
  limit: Limit<E1>,
  end: (exit: Exit.Exit<A, E | E1>) => Effect.Effect<A2, E2>,
  /** For Effect 4, in which the effect always has a fiber of its own. */
  _outer?: Restore
): Effect.Effect<A2, E2, R> =>
  canBeTakenBack(fiber)
    ? inPlace(self, fiber, restore, limit, end)
    : Effect.matchCauseEffect(restore(timeoutFail(self, limit.millis, limit.onTimeout, limit.deadlineMillis)), {
      onSuccess: (value) => end(Exit.succeed(value)),
      onFailure: (cause) => end(Exit.failCause(cause))
    })

/**
 * Interrupts the fiber of the effect, and undoes the interruption afterwards. A separate fiber for every effect would
 * cost more than all else.
 */
const inPlace = <A, E, R, E1, A2, E2>(
  self: Effect.Effect<A, E, R>,
  fiber: AnyFiber,
  restore: Restore,
  { deadlineMillis, millis, onTimeout }: Limit<E1>,
  end: (exit: Exit.Exit<A, E | E1>) => Effect.Effect<A2, E2>
): Effect.Effect<A2, E2, R> => {
  let interruptor: FiberId.FiberId | undefined
  // Code that uses the deadline ends on its own, with a better reason.
  const stopTimer = timer.start(fiber, millis, () => {
    interruptor = FiberId.unsafeMake()
    fiber.unsafeInterruptAsFork(interruptor)
  }, deadlineMillis < Infinity)
  const region = deadline.region(fiber, deadlineMillis)
  const settle = (exit: Exit.Exit<A, E>): Effect.Effect<A2, E2> => {
    stopTimer()
    if (region !== undefined) region.isOver = true
    if (interruptor === undefined && childCount(fiber) === 0) return end(exit)
    const ended = endChildren(fiber, exit)
    return Effect.flatMap(
      Effect.exit(interruptor === undefined ? ended : takeBack(interruptor, ended, onTimeout)),
      end
    )
  }
  return Effect.matchCauseEffect(deadline.entering(region, restore(self)), {
    onSuccess: (value) => settle(Exit.succeed(value)),
    onFailure: (cause) => settle(Exit.failCause(cause))
  })
}

/** Ends the fibers that the effect has forked, as `Effect.timeoutFail` does. */
const endChildren = <A, E>(fiber: AnyFiber, exit: Exit.Exit<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(fiber.children, (children) => Effect.flatMap(Fiber.interruptAll(children), () => exit))

const takeBack = <A, E, E1>(
  interruptor: FiberId.FiberId,
  ended: Effect.Effect<A, E>,
  onTimeout: () => E1
): Effect.Effect<A, E | E1> =>
  Effect.flatMap(Effect.exit(ended), (exit) => {
    const result: Effect.Effect<A, E | E1> = Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)
      ? timeout(exit.cause, onTimeout)
      : exit
    return Effect.flatMap(
      FiberRef.update(FiberRef.interruptedCause, (cause) => without(cause, interruptor)),
      () => result
    )
  })

/** The interruptions of a fiber are one after the other. */
const without = (cause: Cause.Cause<never>, interruptor: FiberId.FiberId): Cause.Cause<never> => {
  if (cause._tag === "Interrupt") return cause.fiberId === interruptor ? Cause.empty : cause
  if (cause._tag !== "Sequential") return cause
  const left = without(cause.left, interruptor)
  const right = without(cause.right, interruptor)
  return Cause.isEmpty(left) ? right : Cause.isEmpty(right) ? left : Cause.sequential(left, right)
}

/** Keeps the defect of a finalizer that died during the interruption of the effect. */
const timeout = <E1>(cause: Cause.Cause<unknown>, onTimeout: () => E1): Effect.Effect<never, E1> =>
  Effect.suspend(() => {
    const error = Cause.fail(onTimeout())
    return Effect.failCause(Option.match(Cause.keepDefects(cause), {
      onNone: () => error,
      onSome: (defects) => Cause.sequential(error, defects)
    }))
  })
