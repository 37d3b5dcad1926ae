import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import type { AnyFiber, Restore } from "./fiber.js"
import { listen } from "./listen.js"

/** The fiber that runs an effect which needs R holds R; its type says `never`. */
const contextOf = <R>(parent: AnyFiber): Context.Context<R> => parent.context as Context.Context<R>

/**
 * An uninterruptible region of a fiber, with the context for its children.
 *
 * @internal
 */
export const masked = <A, E, R>(
  run: (restore: Restore, parent: AnyFiber, context: Context.Context<R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) => Effect.withFiber((parent) => run(restore, parent, contextOf(parent))))

/**
 * Starts a child at once, in a region that is uninterruptible.
 *
 * @internal
 */
export const fork = <A, E, R>(context: Context.Context<R>, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  Effect.runForkWith(context)(effect, { uninterruptible: true })

/**
 * The same, in the context of the parent.
 *
 * @internal
 */
export const start = <A, E, R>(parent: AnyFiber, effect: Effect.Effect<A, E, R>): Fiber.Fiber<A, E> =>
  fork(contextOf<R>(parent), effect)

/**
 * The exit of a child: a parent inherits nothing from it.
 *
 * @internal
 */
export const join = <A, E>(_context: unknown, _child: unknown, exit: Exit.Exit<A, E>): Effect.Effect<A, E> => exit

/**
 * Runs the effect in a fiber of its own. An interruption of the caller interrupts that fiber and waits for it.
 *
 * @internal
 */
export const run = <A, E, R>(make: (restore: Restore) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  masked((restore, parent) => {
    const child = start(parent, make(restore))
    return child.pollUnsafe() ?? Effect.flatMap(ended(child, restore), identity)
  })

/**
 * Waits for the end of a child in an uninterruptible region. An interruption of the caller interrupts the child.
 *
 * @internal
 */
export const ended = <A, E>(child: Fiber.Fiber<A, E>, restore: Restore): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.catchCause(
    listen(
      Effect.callback((resume) => {
        child.addObserver((exit) => resume(Exit.succeed(exit)))
      }),
      restore
    ),
    (cause) => {
      // Its annotations too: a server finds a client that went away by them.
      const reason = cause.reasons.find(Cause.isInterruptReason)
      child.interruptUnsafe(reason?.fiberId, reason && Cause.reasonAnnotations(reason))
      return Fiber.await(child)
    }
  )

/**
 * Like the effect, but an interruption of the caller does not wait for it.
 *
 * @internal
 */
export const disconnect = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  masked((restore, _, context) => {
    const child = fork(context, restore(self))
    return Effect.onInterrupt(restore(Fiber.join(child)), () => Effect.sync(() => child.interruptUnsafe()))
  })

/**
 * Runs an effect to its end within a step, in the context of the running fiber, including its clock. An effect that
 * must wait fails.
 *
 * @internal
 */
export const runInStep = <A, E>(effect: Effect.Effect<A, E>): Exit.Exit<A, E> =>
  Effect.runSyncExitWith(Fiber.getCurrent()?.context ?? Context.empty())(effect)

/**
 * The fiber of an effect that did not end within the step.
 *
 * @internal
 */
export const unfinished = <A, E>(exit: Exit.Exit<A, E>): Fiber.Fiber<A, E> | undefined => {
  if (Exit.isSuccess(exit)) return undefined
  const defect = Cause.squash(exit.cause)
  return Cause.isAsyncFiberError(defect) ? defect.fiber as Fiber.Fiber<A, E> : undefined
}
