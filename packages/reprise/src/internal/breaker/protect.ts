import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as FiberStatus from "effect/FiberStatus"
import { identity } from "effect/Function"
import * as Ref from "effect/Ref"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type { CircuitOpen } from "../../CircuitBreaker.js"
import { monotonicMillis } from "../effect/clock.js"
import { type Breaker, current, type Era, open, reject } from "./breaker.js"
import type * as Machine from "./machine.js"
import { admit, type Admitted, errorOf, judge, type Restore, settle } from "./permits.js"

/** @internal */
export interface Handlers {
  readonly onSuccess: <A>(value: A) => Effect.Effect<A>
  readonly onFailure: <E>(cause: Cause.Cause<E>) => Effect.Effect<never, E>
}

interface HandlersOf<A, E> {
  readonly onSuccess: (value: A) => Effect.Effect<A>
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<never, E>
}

/** @internal */
export const protect = <A, E, R>(self: Breaker, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | CircuitOpen, R> =>
  Effect.withFiberRuntime((fiber, status) => {
    const era = current(self)
    return era === undefined
      ? Effect.flatMap(Ref.get(self.era), (era) => protectIn(era, self, effect, fiber, status))
      : protectIn(era, self, effect, fiber, status)
  })

const protectIn = <A, E, R>(
  era: Era,
  self: Breaker,
  effect: Effect.Effect<A, E, R>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  { runtimeFlags }: FiberStatus.Running
): Effect.Effect<A, E | CircuitOpen, R> => {
  const isInterruptible = RuntimeFlags.interruption(runtimeFlags)
  if (needsNoPermit(self, era)) {
    self.admitted++
    const handlers: HandlersOf<A, E> = era.handlers ??= makeHandlers(self, era)
    // No mask: an interruption skips the handlers, and says nothing about the dependency.
    if (!self.isCounted) return Effect.matchCauseEffect(effect, handlers)
    return isInterruptible
      ? Effect.uninterruptible(counted(self, Effect.interruptible(effect), handlers))
      : counted(self, effect, handlers)
  }
  const left = leftMillis(era, monotonicMillis(fiber))
  if (left > 0) return Exit.fail(reject(self, era, left))
  // `Effect.uninterruptibleMask` in fewer operations.
  return isInterruptible
    ? Effect.uninterruptible(guarded(self, effect, Effect.interruptible))
    : guarded(self, effect, identity)
}

/** For how long it rejects every call; 0 if a clock that stepped back has to be seen to first. */
const leftMillis = ({ holds, state }: Era, now: number): number => {
  if (holds.size > 0) return Infinity
  return state._tag === "Open" && now >= state.openedAtMillis ? state.untilMillis - now : 0
}

/**
 * Rejects what would be rejected, and admits nothing.
 *
 * @internal
 */
export const failIfOpen = (self: Breaker): Effect.Effect<void, CircuitOpen> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.flatMap(Ref.get(self.era), (era) => {
      const left = leftMillis(era, monotonicMillis(fiber))
      return left > 0 ? Effect.fail(reject(self, era, left)) : Effect.void
    })
  )

const needsNoPermit = ({ shadow, shared }: Breaker, { holds, isDisabled, settings, state }: Era): boolean =>
  state._tag === "Closed" && state.ramp === undefined && settings.reads !== "durations" &&
  holds.size === 0 && !isDisabled && shadow === undefined && shared?.isJoining !== true

const counted = <A, E, R>(
  self: Breaker,
  effect: Effect.Effect<A, E, R>,
  handlers: HandlersOf<A, E>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    self.running++
    return Effect.matchCauseEffect(effect, handlers)
  })

const none: Machine.Overdue = () => 0

const makeHandlers = (self: Breaker, { settings, state }: Era): Handlers => {
  const { box } = state as Machine.Closed
  const settled = <A, E>(outcome: Machine.Outcome, exit: Exit.Exit<A, E>): Effect.Effect<A, E> => {
    if (self.isCounted) self.running--
    if (outcome === "ignored" || outcome === "interrupted") return exit
    if (outcome === "failure") self.failed++
    const now = box.readsClock ?? settings.reads !== "nothing" ? monotonicMillis() : 0
    box.window.record(outcome, now, 0)
    const trip = box.window.tripped(now, none)
    return trip === undefined
      ? exit
      : Effect.flatMap(open(self, state.generation, trip, now || monotonicMillis(), errorOf(exit)), () => exit)
  }
  return {
    onSuccess: (value) => {
      const exit = Exit.succeed(value)
      if (settings.outcome === undefined) return settled("success", exit)
      const [outcome, judged] = judge(settings, exit)
      return settled(outcome, judged)
    },
    onFailure: (cause) => {
      const [outcome, judged] = judge(settings, Exit.failCause(cause))
      return settled(outcome, judged)
    }
  }
}

/** A probe of the breaker's own is no call: whatever it fails with, it has failed. */
const judgeProbe: typeof judge = (_, exit) => [
  Exit.isSuccess(exit) ? "success" : Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failure",
  exit
]

const guarded = <A, E, R>(
  self: Breaker,
  effect: Effect.Effect<A, E, R>,
  restore: Restore
): Effect.Effect<A, E | CircuitOpen, R> =>
  Effect.flatMap(admit(self, restore), (admitted) => {
    const { permit, probe } = admitted
    return permit.lease === 0 || probe === undefined
      ? Effect.matchCauseEffect(restore(effect), {
        onSuccess: (value) => settle(self, admitted, Exit.succeed(value)),
        onFailure: (cause) => settle(self, admitted, Exit.failCause(cause))
      })
      : Effect.flatMap(
        runProbe(self, admitted, restore(probe) as Effect.Effect<unknown, unknown>),
        () => guarded(self, effect, restore)
      )
  })

/** A probe of the breaker's own decides, and then the call is asked about anew. */
const runProbe = (self: Breaker, admitted: Admitted, probe: Effect.Effect<unknown, unknown>): Effect.Effect<void> =>
  Effect.flatMap(Effect.exit(probe), (exit) =>
    Effect.flatMap(
      Effect.exit(settle(self, admitted, exit, judgeProbe)),
      () => Exit.isFailure(exit) && Cause.isInterrupted(exit.cause) ? Effect.interrupt : Effect.void
    ))
