/**
 * A timeout that costs a fraction of `Effect.timeout` while it does not fire.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as FiberRefs from "effect/FiberRefs"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as timer from "./internal/timer.js"
import * as InvalidOption from "./InvalidOption.js"

/**
 * @since 0.1.0
 */
export declare namespace Timeout {
  /**
   * @since 0.1.0
   * @category options
   */
  export interface Options<E> {
    /** How long the effect may take: longer than zero, at most 2^31-1 ms. */
    readonly duration: Duration.DurationInput
    /** The error to fail with. */
    readonly onTimeout: () => E
  }
}

/**
 * Interrupts the effect after `duration` and fails with what `onTimeout` returns, with the meaning of
 * `Effect.timeoutFail`: the interruption is awaited, so that nothing of the effect is left running.
 *
 * It runs the effect in one child fiber instead of racing two, and sets no timer where the effect ends at once. A result
 * that is there when the interruption arrives is not thrown away. Throws `InvalidOption` for a duration out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Timeout from "reprise/Timeout"
 *
 * const program = Effect.never.pipe(
 *   Timeout.timeoutFail({ duration: "10 millis", onTimeout: () => "too slow" }),
 *   Effect.flip
 * )
 *
 * Effect.runPromise(program).then(console.log) // => too slow
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const timeoutFail: {
  <E1>(options: Timeout.Options<E1>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E1, R>
  <A, E, R, E1>(self: Effect.Effect<A, E, R>, options: Timeout.Options<E1>): Effect.Effect<A, E | E1, R>
} = dual(
  2,
  <A, E, R, E1>(self: Effect.Effect<A, E, R>, options: Timeout.Options<E1>): Effect.Effect<A, E | E1, R> => {
    const millis = InvalidOption.millis("duration", options.duration, { moreThan: 0 })
    return Effect.uninterruptibleMask((restore) =>
      Effect.withFiberRuntime<A, E | E1, R>((parent, status) => {
        const runtime = Runtime.make({
          // The fiber that runs an effect which needs R holds R; its type says `never`.
          context: parent.currentContext as Context.Context<R>,
          runtimeFlags: status.runtimeFlags,
          fiberRefs: parent.getFiberRefs()
        })
        const child = Runtime.runFork(runtime, restore(self))
        const exit = child.unsafePoll()
        return exit === null
          ? race(restore, parent, runtime, child, millis, options.onTimeout)
          : join(runtime, child, exit)
      })
    )
  }
)

/** To inherit costs a quarter of the whole, and few effects leave behind anything to inherit. */
const join = <A, E, R>(
  before: Runtime.Runtime<R>,
  child: Fiber.RuntimeFiber<A, E>,
  exit: Exit.Exit<A, E>
): Effect.Effect<A, E> =>
  Exit.isSuccess(exit) && hasChanged(before.fiberRefs, child.getFiberRefs())
    ? Effect.zipRight(child.inheritAll, exit)
    : exit

const notInherited = RuntimeFlags.Interruption | RuntimeFlags.WindDown

const hasChanged = (before: FiberRefs.FiberRefs, after: FiberRefs.FiberRefs): boolean => {
  if (before.locals.size !== after.locals.size) return true
  for (const [ref, stack] of after.locals) {
    const old = before.locals.get(ref)
    if (old === stack) continue
    if (old === undefined) return true
    const oldValue = old[0][1]
    const value = stack[0][1]
    // Every fiber writes these two anew, and a part of the flags is never inherited.
    if (ref === FiberRef.currentContext && oldValue === value) continue
    if (ref === FiberRef.currentRuntimeFlags && ((oldValue ^ value) & ~notInherited) === 0) continue
    return true
  }
  return false
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
  const ended = Effect.async<Exit.Exit<A, E>>((resume) => child.addObserver((exit) => resume(Effect.succeed(exit))))
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
