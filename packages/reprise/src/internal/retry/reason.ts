import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Reason } from "./model.js"

/**
 * Why the last step of a schedule waits or stops. A `ScheduleDecision` has no room for a reason, and any of Effect's
 * own combinators may sit between ours and the retry loop, so it travels beside the decision.
 *
 * @internal
 */
export interface Reasons {
  readonly wait: Reason
  readonly stop: Reason
}

const initial: Reasons = { wait: "backoff", stop: "schedule" }

const ref = globalValue(Symbol.for("reprise/Retry/reasons"), () => FiberRef.unsafeMake(initial))

/**
 * Runs a step and tells what it said. A step may itself run a retry: what that says stays inside.
 *
 * @internal
 */
export const during = <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, Reasons], E, R> =>
  Effect.flatMap(
    FiberRef.getAndSet(ref, initial),
    (outer) =>
      Effect.flatMap(
        step,
        (stepped) => Effect.map(FiberRef.getAndSet(ref, outer), (reasons) => [stepped, reasons] as const)
      )
  )

/** @internal */
export const wait = (reason: Reason): Effect.Effect<void> =>
  FiberRef.update(ref, (reasons) => ({ ...reasons, wait: reason }))

/** @internal */
export const stop = (reason: Reason): Effect.Effect<void> =>
  FiberRef.update(ref, (reasons) => ({ ...reasons, stop: reason }))
