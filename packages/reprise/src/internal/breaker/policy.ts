import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { currentMonotonicMillis } from "../effect/clock.js"
import type { Restore } from "../effect/fiber.js"
import * as Policy from "../shell/model.js"
import { working } from "../shell/wait.js"
import type { Snapshot, Source } from "../telemetry/event.js"
import { Breaker, change, circuitOpen, commit, type Era, nameOf, opened, overdue, refine, reject } from "./breaker.js"
import * as Machine from "./machine.js"
import type { CircuitOpen } from "./model.js"
import type { Settings } from "./settings.js"
import { Permit, Plain } from "./tickets.js"

type Decision = Policy.Decision<CircuitOpen>

/**
 * The policy. It decides with the machine, and never waits itself.
 *
 * @internal
 */
export class BreakerPolicy extends Breaker implements Policy.Policy<CircuitOpen> {
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly kind = "judge"

  /** Most breakers are closed and do not count calls in flight, and then they hold nothing. */
  get holds(): boolean {
    return this.isCounted || this.shadow !== undefined || this.era.current.settings.reads === "durations"
  }

  get source(): Source {
    return this
  }

  get policy(): string {
    return "circuitBreaker"
  }

  rejectionAt(millis: number): CircuitOpen | undefined {
    const era = this.era.current
    if (era.holds.size > 0) return circuitOpen(this, era, Infinity)
    const leftMillis = era.state._tag === "Open" ? era.state.untilMillis - millis : 0
    return leftMillis > 0 ? circuitOpen(this, era, leftMillis) : undefined
  }

  inspect(nowMillis: number): Snapshot {
    const era = this.era.current
    const { state } = era
    const millis = state._tag === "Closed" ? 0 : Math.max(nowMillis - this.downSinceMillis, 0)
    const { key, running, waiting } = this
    return { policy: this.policy, key, state: nameOf(era), millis, running, waiting }
  }

  decide(call: Policy.Call): Decision {
    const era = this.era.current
    if (needsNoPermit(this, era)) return era.plain ??= new Plain(this, era.state.generation)
    return this.shared?.decide(era, call) ?? decideLocally(this, era, call)
  }
}

const needsNoPermit = ({ shadow, shared }: Breaker, { holds, isDisabled, settings, state }: Era): boolean =>
  Machine.admitsAll(state) && settings.reads !== "durations" && holds.size === 0 && !isDisabled &&
  shadow === undefined && shared?.isJoining !== true

/**
 * Decides with the state of this process only.
 *
 * @internal
 */
export const decideLocally = (self: Breaker, era: Era, call: Policy.Call): Decision => {
  const { settings, state } = era
  if (era.holds.size > 0) return rejected(self, era, Infinity)
  const { nowMillis } = call
  if (state._tag === "Closed" && era.inFlight !== undefined && !era.isDisabled) {
    const trip = state.box.window.tripped(nowMillis, overdue(era, nowMillis))
    if (trip !== undefined) return tripped(self, era, trip, nowMillis)
  }
  const [verdict, next] = Machine.admit(state, nowMillis, settings)
  switch (verdict._tag) {
    case "Run":
      return admitted(self, era, verdict.permit)
    case "Reject":
      if (next !== state) commit(self, nowMillis, { state: next })
      return rejected(self, self.era.current, verdict.retryAfterMillis)
    case "Full":
      if (next !== state) commit(self, nowMillis, { state: next })
      return full(self, self.era.current, verdict.retryAfterMillis)
  }
}

const admitted = (self: Breaker, era: Era, { lease }: Machine.Permit): Decision => {
  const { probe } = era.settings
  return lease !== 0 && probe !== undefined
    ? waiting(self, era, (call) => probing(self, take(self, call), probe))
    : { _tag: "Admit", holds: true, take: (call) => take(self, call) }
}

/** Runs in the same step as the decision, so that the machine admits the call again. */
const take = (self: Breaker, call: Policy.Call): Permit => {
  const { nowMillis } = call
  const era = self.era.current
  const [verdict, next] = Machine.admit(era.state, nowMillis, era.settings)
  if (verdict._tag !== "Run") throw new Error("the state has changed between a decision and its step")
  if (next !== era.state) commit(self, nowMillis, { state: next })
  return letThrough(self, era, verdict.permit, call, next._tag === "Closed")
}

/** @internal */
export const letThrough = (
  self: Breaker,
  { inFlight }: Era,
  permit: Machine.Permit,
  call: Policy.Call,
  isWatched: boolean
): Permit => {
  const { nowMillis } = call
  self.running++
  self.admitted++
  const { shadow } = self
  // It admits every call, and only records what it would have done.
  const decision = shadow === undefined ? undefined : decideLocally(shadow, shadow.era.current, call)
  const noted = decision?._tag === "Admit" ? decision.take(call) : undefined
  return new Permit(self, permit, nowMillis, inFlight, isWatched ? inFlight?.add(nowMillis) : undefined, noted)
}

/** @internal */
export const rejected = (self: Breaker, era: Era, retryAfterMillis: number): Policy.Reject<CircuitOpen> => ({
  _tag: "Reject",
  error: reject(self, era, retryAfterMillis)
})

const waiting = (
  self: Breaker,
  era: Era,
  enter: (call: Policy.Call) => Policy.Turn<CircuitOpen>,
  millis = 0
): Policy.Wait<CircuitOpen> => ({ _tag: "Wait", enter, refuse: () => reject(self, era, millis) })

/**
 * Every probe is out: the call waits until a permit may be free, if calls may wait.
 *
 * @internal
 */
export const full = (self: Breaker, era: Era, millis: number): Decision =>
  self.waiting >= era.settings.maxWaiting
    ? rejected(self, era, millis)
    : waiting(self, era, ({ nowMillis }) => new Queued(self, nowMillis + Math.max(millis, 1)), millis)

/** Slow calls have tripped the breaker. It opens at once, and the call decides again when its schedule has decided. */
const tripped = (self: Breaker, era: Era, trip: Machine.Trip, nowMillis: number): Decision => {
  change(self, nowMillis, (era) => opened(era, era.state.generation, trip, nowMillis))
  const { generation } = self.era.current.state
  return waiting(
    self,
    era,
    () => working(Effect.uninterruptible(refine(self, generation, trip, nowMillis, Option.none())))
  )
}

/** A call that waits for a permit. */
class Queued implements Policy.Turn<CircuitOpen> {
  onWake: (() => void) | undefined
  private isWoken = false
  private hasLeft = false

  constructor(private readonly self: Breaker, readonly untilMillis: number) {
    self.waiting++
    self.waiters = (self.waiters ?? new Set()).add(this)
  }

  wake(): void {
    this.isWoken = true
    this.onWake?.()
  }

  poll(nowMillis: number, isPastDeadline: boolean): "again" | Policy.Reject<CircuitOpen> | undefined {
    const leftMillis = this.untilMillis - nowMillis
    if (!this.isWoken && !isPastDeadline && leftMillis > 0) return undefined
    this.leave()
    return isPastDeadline ? rejected(this.self, this.self.era.current, Math.max(leftMillis, 0)) : "again"
  }

  leave(): void {
    if (this.hasLeft) return
    this.hasLeft = true
    this.self.waiting--
    this.self.waiters?.delete(this)
  }
}

/** A probe of the breaker's own. The call with the permit runs it, and then all policies decide again. */
const probing = (
  self: Breaker,
  permit: Permit,
  probe: NonNullable<Settings["probe"]>
): Policy.Turn<CircuitOpen> =>
  working(
    Effect.uninterruptibleMask((restore) => runProbe(self, permit, probe, restore)),
    () => permit.withdraw()
  )

/** @internal */
export const runProbe = (
  self: Breaker,
  permit: Permit,
  probe: NonNullable<Settings["probe"]>,
  restore: Restore
): Effect.Effect<void, unknown> =>
  Effect.flatMap(
    Effect.exit(restore(provided(probe, self.era.current.settings))),
    (exit) =>
      Effect.flatMap(currentMonotonicMillis, (now) =>
        Effect.flatMap(permit.end(outcomeOfProbe(exit), exit, now) ?? Effect.void, () => Exit.asVoid(exit)))
  )

/** Does not use `Effect.provide`, whose module includes layers too. */
const provided = (
  probe: NonNullable<Settings["probe"]>,
  { context }: Settings
): Effect.Effect<unknown, unknown> =>
  Effect.mapInputContext(probe, (own: Context.Context<never>) => Context.merge(own, context))

/** A probe is not a call: every failure of it counts, of any type. */
const outcomeOfProbe = (exit: Exit.Exit<unknown, unknown>): Machine.Outcome =>
  Exit.isSuccess(exit) ? "success" : Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "failure"

/**
 * Fails for a call that would be rejected, and admits nothing.
 *
 * @internal
 */
export const failIfOpen = (self: Breaker): Effect.Effect<void, CircuitOpen> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const era = self.era.current
    if (era.holds.size > 0) return Effect.fail(reject(self, era, Infinity))
    const leftMillis = era.state._tag === "Open" ? era.state.untilMillis - now : 0
    return leftMillis > 0 ? Effect.fail(reject(self, era, leftMillis)) : Effect.void
  })
