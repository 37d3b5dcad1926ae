import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import * as deadline from "../deadline.js"
import { monotonicMillis } from "../effect/clock.js"
import * as timer from "../effect/timer.js"

/** The most time for the decision of a schedule. */
const maxMillis = 1_000

/**
 * Runs an effect of the program that makes a decision. It does not wait for a result that is ready at once.
 *
 * It returns `otherwise` if the effect fails, is interrupted, takes longer than a second, or would outlast the deadline
 * of the call.
 *
 * @internal
 */
export const bounded = <A, R>(
  context: Context.Context<R>,
  decision: Effect.Effect<A, unknown, R>,
  otherwise: A
): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => {
    const child = Runtime.runFork(
      Runtime.make({ context, runtimeFlags: Runtime.defaultRuntimeFlags, fiberRefs: fiber.getFiberRefs() }),
      decision
    )
    const exit = child.unsafePoll()
    if (exit !== null) return Exit.succeed(Exit.isSuccess(exit) ? exit.value : otherwise)
    const ended = Deferred.unsafeMake<A, unknown>(FiberId.none)
    child.addObserver((exit) => Deferred.unsafeDone(ended, exit))
    const millis = Math.max(Math.min(deadline.of(fiber) - monotonicMillis(fiber), maxMillis), 0)
    const stop = timer.start(fiber, millis, () => Deferred.unsafeDone(ended, Exit.succeed(otherwise)))
    return Effect.map(Effect.exit(Effect.interruptible(Deferred.await(ended))), (exit) => {
      stop()
      child.unsafeInterruptAsFork(fiber.id())
      return Exit.isSuccess(exit) ? exit.value : otherwise
    })
  })
