import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Reason } from "./model.js"

/**
 * The reason why one step of a schedule waits or stops.
 *
 * A `ScheduleDecision` has no field for a reason, and any of Effect's own combinators may sit between ours and the
 * retry loop. So the reason is stored beside the decision.
 *
 * @internal
 */
export interface Reasons {
  wait: Reason
  stop: Reason
  /** Whether a filter has decided that another attempt can succeed: filters within it do not change that. */
  isAccepted: boolean
  /** Whether that filter names the error, and so means it. */
  isNamed: boolean
}

const make = (isAccepted: boolean, isNamed = false): Reasons => ({
  wait: "backoff",
  stop: "schedule",
  isAccepted,
  isNamed
})

/** `undefined` in a schedule that no loop of ours runs. */
const ref = globalValue(
  Symbol.for("reprise/Retry/reasons"),
  () => FiberRef.unsafeMake<Reasons | undefined>(undefined)
)

/**
 * Runs a step and returns its reasons too. The reasons of a retry inside the step do not leave it.
 *
 * @internal
 */
export const during = <A, E, R>(
  step: Effect.Effect<A, E, R>,
  isAccepted: boolean
): Effect.Effect<readonly [A, Reasons], E, R> =>
  Effect.suspend(() => {
    const own = make(isAccepted)
    return Effect.map(within(own, step), (result) => [result, own] as const)
  })

const within = <A, E, R>(reasons: Reasons, step: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    FiberRef.getAndSet(ref, reasons),
    (outer) => Effect.flatMap(step, (result) => Effect.as(FiberRef.set(ref, outer), result))
  )

const update = (change: (reasons: Reasons) => void): Effect.Effect<void> =>
  Effect.map(FiberRef.get(ref), (reasons) => {
    if (reasons !== undefined) change(reasons)
  })

/** @internal */
export const wait = (reason: Reason): Effect.Effect<void> =>
  update((reasons) => {
    reasons.wait = reason
  })

/** @internal */
export const stop = (reason: Reason): Effect.Effect<void> =>
  update((reasons) => {
    reasons.stop = reason
  })

/** @internal */
export const isAccepted: Effect.Effect<boolean> = Effect.map(
  FiberRef.get(ref),
  (reasons) => reasons?.isAccepted === true
)

/**
 * Runs the step of a schedule whose filter has decided.
 *
 * @internal
 */
export const accepting = <A, E, R>(step: Effect.Effect<A, E, R>, isNamed: boolean): Effect.Effect<A, E, R> =>
  Effect.flatMap(FiberRef.get(ref), (reasons) => {
    if (reasons === undefined) return within(make(true, isNamed), step)
    reasons.isAccepted = true
    reasons.isNamed = isNamed
    return step
  })
