import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as fields from "./fiber.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * The runtime that runs effects as the parent would.
 *
 * @internal
 */
export const runtimeOf = <R>(
  parent: Fiber.RuntimeFiber<unknown, unknown>,
  runtimeFlags: RuntimeFlags.RuntimeFlags
): Runtime.Runtime<R> =>
  // The fiber that runs an effect which needs R holds R; its type says `never`.
  Runtime.make({
    context: parent.currentContext as Context.Context<R>,
    runtimeFlags,
    fiberRefs: fields.fiberRefs(parent)
  })

/**
 * The exit of a child, with its changes of references. To inherit costs a quarter of the whole, and few effects have
 * changes.
 *
 * @internal
 */
export const join = <A, E, R>(
  before: Runtime.Runtime<R>,
  child: Fiber.RuntimeFiber<A, E>,
  exit: Exit.Exit<A, E>
): Effect.Effect<A, E> =>
  Exit.isSuccess(exit) && hasChanged(before, child) ? Effect.flatMap(child.inheritAll, () => exit) : exit

const notInherited = RuntimeFlags.Interruption | RuntimeFlags.WindDown

const hasChanged = (before: Runtime.Runtime<never>, child: Fiber.RuntimeFiber<unknown, unknown>): boolean => {
  if (((fields.runtimeFlags(child) ^ before.runtimeFlags) & ~notInherited) !== 0) return true
  let changed = false
  fields.fiberRefs(child).locals.forEach(([[, value]], ref) => {
    const old: unknown = FiberRefs.getOrDefault(before.fiberRefs, ref)
    // A reference that was set and reset has not changed, and the flags were compared above.
    if (value !== old && ref !== FiberRef.currentRuntimeFlags) changed ||= !fields.isKept(ref, old, value)
  })
  return changed
}

/**
 * Runs the effect in a fiber of its own. An interruption of the caller interrupts that fiber and waits for it.
 *
 * @internal
 */
export const run = <A, E, R>(make: (restore: Restore) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<A, E, R>((parent, status) => {
      const runtime = runtimeOf<R>(parent, status.runtimeFlags)
      const child = Runtime.runFork(runtime, make(restore))
      const exit = child.unsafePoll()
      return exit === null ? wait(restore, runtime, child) : join(runtime, child, exit)
    })
  )

const wait = <A, E, R>(
  restore: Restore,
  runtime: Runtime.Runtime<R>,
  child: Fiber.RuntimeFiber<A, E>
): Effect.Effect<A, E> => {
  let listening = false
  const ended = Effect.async<Exit.Exit<A, E>>((resume) => child.addObserver((exit) => resume(Exit.succeed(exit))))
  const settle = (exit: Exit.Exit<A, E>) => join(runtime, child, exit)
  const passOn = Effect.suspend(() => Effect.flatMap(Fiber.interrupt(child), settle))
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

/**
 * Runs an effect to its end within a step, in the context of the running fiber, including its clock. An effect that
 * must wait fails.
 *
 * @internal
 */
export const runInStep = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> =>
  Option.match(Fiber.getCurrentFiber(), {
    onNone: () => Effect.runSyncExit(effect),
    onSome: (fiber) => Runtime.runSyncExit(runtimeOf<never>(fiber, Runtime.defaultRuntimeFlags), effect)
  })
