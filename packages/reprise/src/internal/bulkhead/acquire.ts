import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as deadline from "../deadline.js"
import { monotonicMillis } from "../effect/clock.js"
import * as timer from "../timer.js"
import type { Gate, Waiter } from "./gate.js"
import type { Group } from "./groups.js"

/** @internal */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/**
 * Waits for a permit, in what is uninterruptible but for the wait: it ends with a permit, or fails without one.
 *
 * @internal
 */
export const acquire = <E>(
  gate: Gate<E>,
  group: Group<E>,
  priority: number,
  restore: Restore
): Effect.Effect<void, E> =>
  Effect.withFiberRuntime<void, E>((fiber) => {
    if (gate.tryEnter(group)) return Exit.void
    if (!gate.hasRoom(group, priority)) return gate.refuse(group, "full")
    const deadlineMillis = deadline.of(fiber)
    const leftMillis = deadlineMillis === Infinity ? Infinity : deadlineMillis - monotonicMillis(fiber)
    if (leftMillis <= 0) return gate.refuse(group, "deadline")
    const waiter = gate.enqueue(group, priority, fiber, deadlineMillis)
    limitWait(gate, waiter, leftMillis)
    return Effect.matchCauseEffect(restore(waiter.settled), {
      onSuccess: () => Exit.void,
      onFailure: (cause) => {
        gate.leave(waiter)
        return Exit.failCause(cause)
      }
    })
  })

const limitWait = <E>(gate: Gate<E>, waiter: Waiter<E>, leftMillis: number): void => {
  const millis = Math.min(leftMillis, gate.queueTimeoutMillis)
  if (millis === Infinity) return
  const reason = leftMillis <= gate.queueTimeoutMillis ? "deadline" : "timeout"
  waiter.stopTimer = timer.start(waiter.fiber, millis, () => gate.reject(waiter, reason))
}
