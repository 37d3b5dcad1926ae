import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as local from "../effect/local.js"
import type { Reason } from "./model.js"

/**
 * The reason why one step of a schedule waits or stops.
 *
 * A decision of a schedule has no field for a reason, and any of Effect's own combinators may sit between ours and the
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
  /** Whether the step only asks the filters. Then every other combinator leaves it as it is. */
  readonly isAsked: boolean
}

const make = (isAccepted: boolean, isNamed = false, isAsked = false): Reasons => ({
  wait: "backoff",
  stop: "schedule",
  isAccepted,
  isNamed,
  isAsked
})

/** `undefined` in a schedule that no loop of ours runs. */
const ref = local.make<Reasons | undefined>("Retry/reasons", undefined)

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
    return Effect.map(local.during(ref, own, step), (result) => [result, own] as const)
  })

/**
 * Runs a trial step, and returns whether a filter of the schedule names the input. A filter that accepts the input ends the trial. The
 * rest of the schedule need not accept it.
 *
 * @internal
 */
export const asking = <E, R>(trial: Effect.Effect<unknown, E, R>): Effect.Effect<boolean, never, R> =>
  Effect.suspend(() => {
    const own = make(false, false, true)
    const ignored = Effect.catchAllDefect(Effect.ignore(trial), () => Effect.void)
    return Effect.map(local.during(ref, own, ignored), () => own.isNamed)
  })

/**
 * The reasons of the running step. A step outside of our loops writes there without effect.
 *
 * @internal
 */
export const current = (): Reasons => Option.getOrUndefined(Fiber.getCurrentFiber())?.getFiberRef(ref) ?? make(false)

/** @internal */
export const stop = (reason: Reason): Effect.Effect<void> =>
  Effect.sync(() => {
    current().stop = reason
  })

/**
 * Runs the step of a schedule whose filter has decided.
 *
 * @internal
 */
export const accepting = <A, E, R, B, E1>(
  isNamed: boolean,
  step: () => Effect.Effect<A, E, R>,
  asked: () => Effect.Effect<B, E1>
): Effect.Effect<A | B, E | E1, R> =>
  Effect.withFiberRuntime<A | B, E | E1, R>((fiber) => {
    const reasons = fiber.getFiberRef(ref)
    if (reasons === undefined) return local.during(ref, make(true, isNamed), step())
    reasons.isAccepted = true
    reasons.isNamed = isNamed || reasons.isAsked && reasons.isNamed
    return reasons.isAsked ? asked() : step()
  })
