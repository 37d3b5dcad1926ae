import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
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
      const runtime = Runtime.make({
        // The fiber that runs an effect which needs R holds R; its type says `never`.
        context: parent.currentContext as Context.Context<R>,
        runtimeFlags: status.runtimeFlags,
        fiberRefs: withDeadline(parent, deadlineMillis)
      })
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

/**
 * A fiber and a reference in fields that their types keep to themselves, so each may be missing one day. To ask a fiber for
 * its references makes it copy them all, to write down its runtime flags.
 */
interface FiberFields {
  readonly _fiberRefs?: FiberRefs.FiberRefs
  readonly currentRuntimeFlags?: RuntimeFlags.RuntimeFlags
}
interface RefFields {
  readonly join?: (parentValue: unknown, childValue: unknown) => unknown
}

const fiberRefs = (fiber: Fiber.RuntimeFiber<unknown, unknown>): FiberRefs.FiberRefs =>
  (fiber as FiberFields)._fiberRefs ?? fiber.getFiberRefs()

/** To inherit costs a quarter of the whole, and few effects leave behind anything to inherit. */
const join = <A, E, R>(
  before: Runtime.Runtime<R>,
  child: Fiber.RuntimeFiber<A, E>,
  exit: Exit.Exit<A, E>
): Effect.Effect<A, E> =>
  Exit.isSuccess(exit) && hasChanged(before, child) ? Effect.zipRight(child.inheritAll, exit) : exit

const notInherited = RuntimeFlags.Interruption | RuntimeFlags.WindDown

const hasChanged = (before: Runtime.Runtime<never>, child: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  const flags = (child as FiberFields).currentRuntimeFlags
  if (flags === undefined || ((flags ^ before.runtimeFlags) & ~notInherited) !== 0) return true
  let changed = false
  fiberRefs(child).locals.forEach(([[, value]], ref) => {
    const old: unknown = FiberRefs.getOrDefault(before.fiberRefs, ref)
    // What was set and set back is no change, and the flags were compared above.
    if (value !== old && ref !== FiberRef.currentRuntimeFlags) changed ||= takesBack(ref, old, value)
  })
  return changed
}

/** A fork may change what the parent never takes back: the scope of forks, in everything that runs concurrently. */
const takesBack = (ref: object, old: unknown, value: unknown): boolean => (ref as RefFields).join?.(old, value) !== old

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
