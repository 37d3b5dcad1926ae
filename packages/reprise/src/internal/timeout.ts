import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { fiberRefs, join, runtimeOf } from "./child.js"
import * as deadline from "./deadline.js"
import * as timer from "./timer.js"

/** @internal */
export const timeoutFail = <A, E, R, E1>(
  self: Effect.Effect<A, E, R>,
  millis: number,
  onTimeout: () => E1,
  deadlineMillis?: number
): Effect.Effect<A, E | E1, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<A, E | E1, R>((parent, status) => {
      const runtime = runtimeOf<R>(parent, status.runtimeFlags, withDeadline(parent, deadlineMillis))
      const child = Runtime.runFork(runtime, restore(self))
      const exit = child.unsafePoll()
      return exit === null
        ? race(restore, parent, runtime, child, millis, onTimeout)
        : join(runtime, child, exit)
    })
  )

const withDeadline = (
  parent: Fiber.RuntimeFiber<unknown, unknown>,
  deadlineMillis: number | undefined
): FiberRefs.FiberRefs => {
  const refs = fiberRefs(parent)
  return deadlineMillis === undefined || deadlineMillis >= parent.getFiberRef(deadline.current)
    ? refs
    : FiberRefs.updateAs(refs, { fiberId: parent.id(), fiberRef: deadline.current, value: deadlineMillis })
}

const race = <A, E, R, E1>(
  restore: <B, E2, R2>(effect: Effect.Effect<B, E2, R2>) => Effect.Effect<B, E2, R2>,
  parent: Fiber.RuntimeFiber<unknown, unknown>,
  runtime: Runtime.Runtime<R>,
  child: Fiber.RuntimeFiber<A, E>,
  millis: number,
  onTimeout: () => E1
): Effect.Effect<A, E | E1> => {
  let timedOut = false
  let listening = false
  const stopTimer = timer.start(parent, runtime, millis, () => {
    timedOut = true
    child.unsafeInterruptAsFork(parent.id())
  })
  const ended = Effect.async<Exit.Exit<A, E>>((resume) => child.addObserver((exit) => resume(Exit.succeed(exit))))
  const settle = (exit: Exit.Exit<A, E>): Effect.Effect<A, E | E1> => {
    stopTimer()
    return timedOut && Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)
      ? timeout(exit.cause, onTimeout)
      : join(runtime, child, exit)
  }
  const passOn = Effect.suspend(() => {
    stopTimer()
    return Effect.flatMap(Fiber.interrupt(child), (exit) => join(runtime, child, exit))
  })
  // What is uninterruptible here may be interruptible in the child: it has to hear of it. But where the interruption came
  // first, the effect is a finalizer, which runs to its end.
  const listen = Effect.suspend(() => {
    listening = true
    return ended
  })
  return Effect.matchCauseEffect(Effect.interruptible(listen), {
    onSuccess: settle,
    onFailure: () =>
      listening ? passOn : Effect.matchCauseEffect(restore(ended), { onSuccess: settle, onFailure: () => passOn })
  })
}

/** A finalizer that died while the effect was being interrupted must not go unseen. */
const timeout = <E1>(cause: Cause.Cause<unknown>, onTimeout: () => E1): Effect.Effect<never, E1> => {
  const error = Cause.fail(onTimeout())
  return Effect.failCause(Option.match(Cause.keepDefects(cause), {
    onNone: () => error,
    onSome: (defects) => Cause.sequential(error, defects)
  }))
}
