import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { CircuitOpen } from "../../CircuitBreaker.js"
import * as deadline from "../deadline.js"
import { monotonicMillis } from "../effect/clock.js"
import * as timer from "../timer.js"
import { type Breaker, type Era, modify, opened, openingOf, overdue, refine, reject } from "./breaker.js"
import type { Entry, InFlight } from "./inFlight.js"
import * as Machine from "./machine.js"
import { outcomeOf, type Settings } from "./settings.js"

/** @internal */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const errorOf = <A, E>(exit: Exit.Exit<A, E>): Option.Option<E> =>
  Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()

/**
 * A judge that throws is a defect of the call, which has failed then.
 *
 * @internal
 */
export const judge = <A, E>(
  settings: Settings,
  exit: Exit.Exit<A, E>
): readonly [outcome: Machine.Outcome, exit: Exit.Exit<A, E>] => {
  try {
    return [outcomeOf(settings, exit), exit]
  } catch (defect) {
    return ["failure", Exit.die(defect)]
  }
}

/**
 * A call that was let through: what `settle` has to be given back.
 *
 * @internal
 */
export interface Admitted {
  readonly permit: Machine.Permit
  /** What probes in place of the call. */
  readonly probe: Settings["probe"]
  readonly startMillis: number
  readonly inFlight: InFlight | undefined
  readonly entry: Entry | undefined
  isSettled: boolean
  /** The same for the shadow, which lets every call through and only notes what it would have done. */
  readonly shadow: Admitted | undefined
}

/** @internal */
export type Decision =
  | { readonly _tag: "Admitted"; readonly admitted: Admitted }
  | { readonly _tag: "Trip"; readonly generation: number; readonly trip: Machine.Trip }
  | { readonly _tag: "Reject"; readonly error: CircuitOpen }
  | { readonly _tag: "Wait"; readonly turn: Deferred.Deferred<void>; readonly millis: number }

type Waiting = Extract<Decision, { readonly _tag: "Wait" }>

/** @internal */
export const admit = (self: Breaker, restore: Restore): Effect.Effect<Admitted, CircuitOpen> =>
  self.shared === undefined ? admitLocally(self, restore) : self.shared.admit(restore)

/**
 * Asks nobody but this process.
 *
 * @internal
 */
export const admitLocally = (self: Breaker, restore: Restore): Effect.Effect<Admitted, CircuitOpen> =>
  Effect.withFiberRuntime((fiber) => {
    const now = monotonicMillis(fiber)
    const deadlineMillis = deadline.of(fiber)
    return Effect.flatMap(
      modify(self, now, (era) => decide(self, era, now, deadlineMillis)),
      (decision) => carryOut(self, restore, decision, now)
    )
  })

/** @internal */
export const carryOut = (
  self: Breaker,
  restore: Restore,
  decision: Decision,
  now: number
): Effect.Effect<Admitted, CircuitOpen> => {
  switch (decision._tag) {
    case "Admitted":
      return self.shadow === undefined
        ? Exit.succeed(decision.admitted)
        : Effect.map(Effect.exit(admit(self.shadow, restore)), (shadow) => ({
          ...decision.admitted,
          shadow: Exit.isSuccess(shadow) ? shadow.value : undefined
        }))
    case "Trip":
      return Effect.flatMap(
        refine(self, decision.generation, decision.trip, now, Option.none()),
        () => admit(self, restore)
      )
    case "Reject":
      return Effect.fail(decision.error)
    case "Wait":
      return Effect.flatMap(wait(self, restore, decision), () => admit(self, restore))
  }
}

const decide = (
  self: Breaker,
  era: Era,
  now: number,
  deadlineMillis: number
): readonly [Decision, Partial<Era> | undefined] => {
  const { settings, state } = era
  if (era.holds.size > 0) return [{ _tag: "Reject", error: reject(self, era, Infinity) }, undefined]
  if (state._tag === "Closed" && era.inFlight !== undefined && !era.isDisabled) {
    const trip = state.box.window.tripped(now, overdue(era, now))
    if (trip !== undefined) {
      return [{ _tag: "Trip", generation: state.generation + 1, trip }, opened(era, state.generation, trip, now)]
    }
  }
  const [verdict, next] = Machine.admit(state, now, settings)
  const changes = next === state ? undefined : { state: next }
  switch (verdict._tag) {
    case "Run":
      return [letThrough(self, era, verdict.permit, now, next._tag === "Closed"), changes]
    case "Reject":
      return [{ _tag: "Reject", error: reject(self, { ...era, state: next }, verdict.retryAfterMillis) }, changes]
    case "Full":
      return [onFull(self, { ...era, state: next }, verdict.retryAfterMillis, now, deadlineMillis), changes]
  }
}

/** @internal */
export const letThrough = (
  self: Breaker,
  { inFlight, settings: { probe } }: Era,
  permit: Machine.Permit,
  now: number,
  isWatched: boolean
): Decision => {
  self.running++
  self.admitted++
  const entry = isWatched ? inFlight?.add(now) : undefined
  const admitted = { permit, probe, startMillis: now, inFlight, entry, isSettled: false, shadow: undefined }
  return { _tag: "Admitted", admitted }
}

/**
 * Every probe is out.
 *
 * @internal
 */
export const onFull = (self: Breaker, era: Era, millis: number, now: number, deadlineMillis: number): Decision =>
  self.waiting < era.settings.maxWaiting && now < deadlineMillis
    ? toWait(self, Math.min(millis, deadlineMillis - now))
    : { _tag: "Reject", error: reject(self, era, millis) }

/** In the step that decides it: what changes right afterwards has to be heard. */
const toWait = (self: Breaker, millis: number): Waiting => {
  self.waiting++
  const turn = Deferred.unsafeMake<void>(FiberId.none)
  self.waiters = (self.waiters ?? new Set()).add(turn)
  return { _tag: "Wait", turn, millis }
}

/** Until a permit may be free: something has changed, or a lease has ended; or until the deadline. */
const wait = (self: Breaker, restore: Restore, { millis, turn }: Waiting): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const stop = timer.start(fiber, Math.max(millis, 1), () => Deferred.unsafeDone(turn, Exit.void))
    return Effect.flatMap(Effect.exit(restore(Deferred.await(turn))), (exit) => {
      stop()
      self.waiting--
      self.waiters?.delete(turn)
      return exit
    })
  })

/** @internal */
export const settle = <A, E>(
  self: Breaker,
  admitted: Admitted,
  exit: Exit.Exit<A, E>,
  judgeExit = judge
): Effect.Effect<A, E> =>
  Effect.withFiberRuntime((fiber) => {
    if (admitted.isSettled) return exit
    admitted.isSettled = true
    const now = monotonicMillis(fiber)
    return Effect.flatMap(
      modify(self, now, (era) => settleIn(self, era, admitted, judgeExit(era.settings, exit), now)),
      ([trip, judged]) => {
        if (trip === undefined && admitted.shadow === undefined) return judged
        const opened = trip === undefined
          ? Effect.void
          : refine(self, admitted.permit.generation + 1, trip, now, errorOf(exit))
        const shadowed = self.shadow !== undefined && admitted.shadow !== undefined
          ? Effect.exit(settle(self.shadow, admitted.shadow, exit))
          : Effect.void
        return Effect.flatMap(opened, () => Effect.flatMap(shadowed, () => judged))
      }
    )
  })

const settleIn = <A, E>(
  self: Breaker,
  era: Era,
  { entry, inFlight, permit, startMillis }: Admitted,
  [outcome, judged]: ReturnType<typeof judge<A, E>>,
  now: number
): readonly [readonly [Machine.Trip | undefined, Exit.Exit<A, E>], Partial<Era> | undefined] => {
  self.running--
  if (outcome === "failure") self.failed++
  if (entry !== undefined) inFlight?.remove(entry)
  const took = Math.max(now - startMillis, 0)
  if (permit.lease !== 0) self.shared?.settled(era, permit, outcome, took)
  const opening = openingOf(era, now)
  const late = overdue(era, now)
  const [trip, state] = Machine.settle(era.state, permit, outcome, now, took, era.settings, late, opening.lastMillis)
  if (era.isDisabled || state === era.state) return [[undefined, judged], undefined]
  return [[trip, judged], trip === undefined ? { state } : { state, opening }]
}
