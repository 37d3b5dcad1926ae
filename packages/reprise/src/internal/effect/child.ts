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
import * as fields from "./fiber.js"
import { listen } from "./listen.js"

/**
 * The runtime that runs effects as the parent would.
 *
 * @internal
 */
const runtimeOf = <R>(parent: fields.AnyFiber, runtimeFlags: RuntimeFlags.RuntimeFlags): Runtime.Runtime<R> =>
  // The fiber that runs an effect which needs R holds R; its type says `never`.
  Runtime.make({
    context: parent.currentContext as Context.Context<R>,
    runtimeFlags,
    fiberRefs: fields.fiberRefs(parent)
  })

/**
 * An uninterruptible region of a fiber, with the runtime for its children.
 *
 * @internal
 */
export const masked = <A, E, R>(
  run: (restore: fields.Restore, parent: fields.AnyFiber, runtime: Runtime.Runtime<R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime((parent, status) => run(restore, parent, runtimeOf<R>(parent, status.runtimeFlags)))
  )

/**
 * Starts a child at once, in a region that is uninterruptible.
 *
 * @internal
 */
export const fork = <A, E, R>(
  runtime: Runtime.Runtime<R>,
  effect: Effect.Effect<A, E, R>
): Fiber.RuntimeFiber<A, E> => Runtime.runFork(runtime, effect)

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

const hasChanged = (before: Runtime.Runtime<never>, child: fields.AnyFiber): boolean => {
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
export const run = <A, E, R>(make: (restore: fields.Restore) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  masked((restore, _, runtime) => {
    const child = fork(runtime, make(restore))
    const settle = (exit: Exit.Exit<A, E>) => join(runtime, child, exit)
    const exit = child.unsafePoll()
    return exit === null ? Effect.flatMap(ended(child, restore), settle) : settle(exit)
  })

/**
 * Waits for the end of a child in an uninterruptible region. An interruption of the caller interrupts the child.
 *
 * @internal
 */
export const ended = <A, E>(
  child: Fiber.RuntimeFiber<A, E>,
  restore: fields.Restore
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.catchAllCause(
    listen(Effect.async((resume) => child.addObserver((exit) => resume(Exit.succeed(exit)))), restore),
    () => Fiber.interrupt(child)
  )

/**
 * Like the effect, but an interruption of the caller does not wait for it.
 *
 * @internal
 */
export const disconnect: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.disconnect

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

/**
 * The fiber of an effect that did not end within the step.
 *
 * @internal
 */
export const unfinished = <A, E>(exit: Exit.Exit<A, E>): Fiber.RuntimeFiber<A, E> | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const defect = Cause.squash(exit.cause)
  return Runtime.isAsyncFiberException(defect) ? defect.fiber as Fiber.RuntimeFiber<A, E> : undefined
}
