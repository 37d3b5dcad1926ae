import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { CircuitOpen } from "../../CircuitBreaker.js"
import { type Breaker, type Era, modify, nowMillis, open, overdue, reject } from "./breaker.js"
import type { Entry, InFlight } from "./inFlight.js"
import * as Machine from "./machine.js"
import type { Settings } from "./settings.js"

/** @internal */
export interface Handlers {
  readonly onSuccess: <A>(value: A) => Effect.Effect<A>
  readonly onFailure: <E>(cause: Cause.Cause<E>) => Effect.Effect<never, E>
}

interface HandlersOf<A, E> {
  readonly onSuccess: (value: A) => Effect.Effect<A>
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<never, E>
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const protect = <A, E, R>(self: Breaker, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> =>
  Effect.flatMap(Ref.get(self.era), (era): Effect.Effect<A, E | CircuitOpen, R> => {
    if (needsNoPermit(self, era)) {
      // No mask: an interruption skips the handlers, and says nothing about the dependency.
      const handlers: HandlersOf<A, E> = era.handlers ??= makeHandlers(self, era)
      return Effect.matchCauseEffect(effect, handlers)
    }
    const { state } = era
    if (state._tag === "Open" && era.holds.size === 0) {
      const now = nowMillis()
      if (now < state.untilMillis && now >= state.openedAtMillis) {
        return Exit.fail(reject(self, era, state.untilMillis - now))
      }
    }
    return Effect.uninterruptibleMask((restore) => guarded(self, effect, restore))
  })

const needsNoPermit = ({ shadow }: Breaker, { holds, isDisabled, settings, state }: Era): boolean =>
  state._tag === "Closed" && state.ramp === undefined && settings.reads !== "durations" && !settings.isCounted &&
  holds.size === 0 && !isDisabled && shadow === undefined

const none: Machine.Overdue = () => 0

const makeHandlers = (self: Breaker, { settings, state }: Era): Handlers => {
  const { box } = state as Machine.Closed
  const settled = <A, E>(outcome: Machine.Outcome, exit: Exit.Exit<A, E>): Effect.Effect<A, E> => {
    if (outcome === "ignored" || outcome === "interrupted") return exit
    const now = settings.reads === "nothing" ? 0 : nowMillis()
    box.window.record(outcome, now, 0)
    const trip = box.window.tripped(now, none)
    return trip === undefined
      ? exit
      : Effect.zipRight(open(self, state.generation, trip, now || nowMillis(), errorOf(exit)), exit)
  }
  return {
    onSuccess: (value) => {
      const exit = Exit.succeed(value)
      if (!settings.judgesSuccess) return settled("success", exit)
      const [outcome, judged] = judge(settings, exit)
      return settled(outcome, judged)
    },
    onFailure: (cause) => {
      const [outcome, judged] = judge(settings, Exit.failCause(cause))
      return settled(outcome, judged)
    }
  }
}

const errorOf = <A, E>(exit: Exit.Exit<A, E>): Option.Option<E> =>
  Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()

/** A judge that throws is a defect of the call, which has failed then. */
const judge = <A, E>(
  settings: Settings,
  exit: Exit.Exit<A, E>
): readonly [outcome: Machine.Outcome, exit: Exit.Exit<A, E>] => {
  try {
    return [settings.outcome(exit), exit]
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
  readonly startMillis: number
  readonly inFlight: InFlight | undefined
  readonly entry: Entry | undefined
  isSettled: boolean
  /** The same for the shadow, which lets every call through and only notes what it would have done. */
  readonly shadow: Admitted | undefined
}

const guarded = <A, E, R>(
  self: Breaker,
  effect: Effect.Effect<A, E, R>,
  restore: Restore
): Effect.Effect<A, E | CircuitOpen, R> =>
  Effect.flatMap(
    Effect.zip(admit(self, restore), Ref.get(self.era)),
    ([admitted, { settings }]) =>
      settings.probe !== undefined && admitted.permit.lease > 0
        ? Effect.zipRight(
          probe(self, admitted, restore(settings.probe) as Effect.Effect<unknown, unknown>),
          Effect.suspend(() => guarded(self, effect, restore))
        )
        : Effect.flatMap(Effect.exit(restore(effect)), (exit) => settle(self, admitted, exit))
  )

/** A probe of the breaker's own decides, and then the call is asked about anew. */
const probe = (self: Breaker, admitted: Admitted, effect: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
  Effect.flatMap(Effect.exit(effect), (exit) =>
    Effect.zipRight(
      Effect.exit(settle(self, admitted, exit)),
      Exit.isFailure(exit) && Cause.isInterrupted(exit.cause) ? Effect.interrupt : Effect.void
    ))

type Decision =
  | { readonly _tag: "Admitted"; readonly admitted: Admitted }
  | { readonly _tag: "Trip"; readonly generation: number; readonly trip: Machine.Trip }
  | { readonly _tag: "Reject"; readonly error: CircuitOpen }
  | { readonly _tag: "Wait"; readonly millis: number }

/** @internal */
export const admit = (self: Breaker, restore: Restore): Effect.Effect<Admitted, CircuitOpen> =>
  Effect.flatMap(
    Clock.currentTimeMillis,
    (now) =>
      Effect.flatMap(modify(self, now, (era) => decide(self, era, now)), (decision) => {
        switch (decision._tag) {
          case "Admitted":
            return self.shadow === undefined
              ? Effect.succeed(decision.admitted)
              : Effect.map(Effect.option(admit(self.shadow, restore)), (shadow) => ({
                ...decision.admitted,
                shadow: Option.getOrUndefined(shadow)
              }))
          case "Trip":
            return Effect.zipRight(
              open(self, decision.generation, decision.trip, now, Option.none()),
              Effect.suspend(() => admit(self, restore))
            )
          case "Reject":
            return Effect.fail(decision.error)
          case "Wait":
            return Effect.zipRight(wait(self, restore, decision.millis), Effect.suspend(() => admit(self, restore)))
        }
      })
  )

const decide = (self: Breaker, era: Era, now: number): readonly [Decision, Partial<Era> | undefined] => {
  const { settings, state } = era
  if (era.holds.size > 0) return [{ _tag: "Reject", error: reject(self, era, Infinity) }, undefined]
  if (state._tag === "Closed" && era.inFlight !== undefined && !era.isDisabled) {
    const trip = state.box.window.tripped(now, overdue(era, now))
    if (trip !== undefined) return [{ _tag: "Trip", generation: state.generation, trip }, undefined]
  }
  const [verdict, next] = Machine.admit(state, now, settings)
  const changes = next === state ? undefined : { state: next }
  if (verdict._tag === "Run") {
    self.running++
    const { inFlight } = era
    const entry = next._tag === "Closed" ? inFlight?.add(now) : undefined
    const admitted = { permit: verdict.permit, startMillis: now, inFlight, entry, isSettled: false, shadow: undefined }
    return [{ _tag: "Admitted", admitted }, changes]
  }
  return verdict._tag === "Full" && self.waiting < settings.maxWaiting
    ? [{ _tag: "Wait", millis: verdict.retryAfterMillis }, changes]
    : [{ _tag: "Reject", error: reject(self, { ...era, state: next }, verdict.retryAfterMillis) }, changes]
}

/** Until a permit may be free: something has changed, or a lease has ended. */
const wait = (self: Breaker, restore: Restore, millis: number): Effect.Effect<void> =>
  Effect.suspend(() => {
    self.waiting++
    const change = self.change ??= Deferred.unsafeMake<void>(FiberId.none)
    return Effect.ensuring(
      restore(Effect.raceFirst(Deferred.await(change), Effect.sleep(Duration.millis(Math.max(millis, 1))))),
      Effect.sync(() => self.waiting--)
    )
  })

/** @internal */
export const settle = <A, E>(self: Breaker, admitted: Admitted, exit: Exit.Exit<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (admitted.isSettled) return exit
    admitted.isSettled = true
    return Effect.flatMap(
      modify(self, now, (era) => settleIn(self, era, admitted, exit, now)),
      ([trip, judged]) => {
        const opened = trip === undefined
          ? Effect.void
          : open(self, admitted.permit.generation, trip, now, errorOf(exit))
        const shadowed = self.shadow !== undefined && admitted.shadow !== undefined
          ? Effect.exit(settle(self.shadow, admitted.shadow, exit))
          : Effect.void
        return Effect.zipRight(opened, Effect.zipRight(shadowed, judged))
      }
    )
  })

const settleIn = <A, E>(
  self: Breaker,
  era: Era,
  { entry, inFlight, permit, startMillis }: Admitted,
  exit: Exit.Exit<A, E>,
  now: number
): readonly [readonly [Machine.Trip | undefined, Exit.Exit<A, E>], Partial<Era> | undefined] => {
  self.running--
  if (entry !== undefined) inFlight?.remove(entry)
  const [outcome, judged] = judge(era.settings, exit)
  const took = Math.max(now - startMillis, 0)
  const [trip, state] = Machine.settle(era.state, permit, outcome, now, took, era.settings, overdue(era, now))
  return [[era.isDisabled ? undefined : trip, judged], state === era.state ? undefined : { state }]
}
