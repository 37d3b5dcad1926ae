import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import { wallAheadMillis } from "../effect/clock.js"
import { LocalRef } from "../effect/localRef.js"
import { retryAfter, withoutStack } from "../errors.js"
import type * as Policy from "../shell/model.js"
import * as telemetry from "../telemetry/current.js"
import type { InFlight } from "./inFlight.js"
import * as Machine from "./machine.js"
import * as CircuitBreaker from "./model.js"
import * as settings_ from "./settings.js"

/**
 * All state that changes in one step: the value of the `Ref`.
 *
 * @internal
 */
export interface Era {
  readonly settings: settings_.Settings
  readonly state: Machine.State
  /** The isolations. */
  readonly holds: ReadonlySet<unknown>
  readonly isDisabled: boolean
  readonly opening: settings_.Opening
  /** The running calls of this generation, if the rule needs them. */
  readonly inFlight: InFlight | undefined
  /** The ticket for calls of a closed breaker without a permit: made once for all of them, with the first. */
  plain: Policy.Admit | undefined
}

/**
 * The link of a breaker to those of other processes with the same state.
 *
 * @internal
 */
export interface Shared {
  /** Whether it does not have the state of the others yet: then a call must wait. */
  readonly isJoining: boolean
  /** `undefined` if the breaker decides alone. */
  readonly decide: (era: Era, call: Policy.Call) => Policy.Decision<CircuitBreaker.CircuitOpen> | undefined
  /** A probe has ended. */
  readonly settled: (era: Era, permit: Machine.Permit, outcome: Machine.Outcome, durationMillis: number) => void
  /** Receives each change of the state, local or not. */
  readonly changed: (era: Era) => void
  /** Whether there is a change that the others have not received. */
  readonly hasNews: () => boolean
}

/**
 * Receives the transitions of all breakers that it has made.
 *
 * @internal
 */
export interface Owner {
  readonly changed: (breaker: Breaker, transition: CircuitBreaker.Transition) => void
}

/** @internal */
export abstract class Breaker extends Pipeable.Class() implements CircuitBreaker.CircuitBreaker {
  abstract readonly [Policy.TypeId]: typeof Policy.TypeId
  abstract readonly kind: "judge"
  abstract get holds(): boolean
  abstract decide(call: Policy.Call): Policy.Decision<CircuitBreaker.CircuitOpen>
  readonly [CircuitBreaker.TypeId]: typeof CircuitBreaker.TypeId = CircuitBreaker.TypeId
  readonly era: LocalRef<Era>
  listeners: ReadonlyArray<(transition: CircuitBreaker.Transition) => void> = []
  /** The calls that wait for a permit, and their wake-up. */
  waiting = 0
  waiters: Set<{ readonly wake: () => void }> | undefined
  running = 0
  admitted = 0
  failed = 0
  rejected = 0
  downMillis = 0
  downSinceMillis = 0
  /** The start of the open time, as a date. */
  openedAtMillis: number | undefined
  shared: Shared | undefined = undefined
  /** Its registry, and its key there. */
  owner: Owner | undefined = undefined
  ownKey: unknown = undefined

  constructor(
    readonly key: string,
    settings: settings_.Settings,
    now: number,
    /** Whether the calls in flight are counted for any rule. */
    readonly isCounted: boolean,
    readonly shadow: Breaker | undefined,
    /** Whether it is a shadow, which rejects nothing and emits no events. */
    readonly isShadow = false
  ) {
    super()
    this.era = new LocalRef<Era>({
      settings,
      state: Machine.closed(0, settings, now),
      holds: noHolds,
      isDisabled: false,
      opening: settings.first,
      inFlight: settings.makeInFlight?.(),
      plain: undefined
    })
  }
}

/** @internal */
export const noHolds: ReadonlySet<unknown> = new Set()

/** @internal */
export const nameOf = ({ holds, isDisabled, state }: Era): CircuitBreaker.State =>
  holds.size > 0 ? "Isolated" : isDisabled ? "Disabled" : state._tag

const none: Machine.Overdue = () => 0

const overdueOf = (inFlight: InFlight, now: number): Machine.Overdue => (limitMillis) =>
  inFlight.overdue(limitMillis, now)

/** @internal */
export const overdue = (era: Era, now: number): Machine.Overdue =>
  era.inFlight === undefined ? none : overdueOf(era.inFlight, now)

/**
 * Decides and changes in one step. Returns whether there was a change.
 *
 * @internal
 */
export const change = (self: Breaker, now: number, f: (era: Era) => Partial<Era> | undefined): boolean => {
  const changes = f(self.era.current)
  if (changes !== undefined) commit(self, now, changes)
  return changes !== undefined
}

/**
 * Commits the change before waiting calls and listeners receive it.
 *
 * @internal
 */
export const commit = (self: Breaker, now: number, changes: Partial<Era>): void => {
  const before = self.era.current
  self.era.current = succeeding(before, { ...before, ...changes, plain: undefined })
  announce(self, before, self.era.current, now)
}

/** @internal */
export const modify = (...args: Parameters<typeof change>): Effect.Effect<boolean> => Effect.sync(() => change(...args))

/** A new generation begins without calls in flight. */
const succeeding = (before: Era, after: Era): Era =>
  after.state.generation === before.state.generation ? after : { ...after, inFlight: after.settings.makeInFlight?.() }

/** After any change, the waiting calls decide again. */
const wake = (self: Breaker): void => {
  const { waiters } = self
  self.waiters = undefined
  waiters?.forEach((turn) => turn.wake())
}

const announce = (self: Breaker, before: Era, after: Era, now: number): void => {
  wake(self)
  self.shared?.changed(after)
  const from = nameOf(before)
  const to = nameOf(after)
  if (openedAtMillis(before) !== openedAtMillis(after)) {
    self.openedAtMillis = after.state._tag === "Closed" ? undefined : dated(after.state.openedAtMillis)
  }
  if (before.state._tag === "Closed" && after.state._tag !== "Closed") self.downSinceMillis = after.state.openedAtMillis
  if (before.state._tag !== "Closed" && after.state._tag === "Closed") {
    self.downMillis += Math.max(now - self.downSinceMillis, 0)
  }
  if (from === to) return
  const { generation } = after.state
  const trip = after.state._tag === "Closed" ? undefined : after.state.trip
  const transition: CircuitBreaker.Transition = { key: self.key, from, to, generation, atMillis: dated(now), trip }
  if (!self.isShadow) telemetry.emit({ _tag: "CircuitTransition", key: self.key, from, to, generation, trip })
  self.owner?.changed(self, transition)
  for (const listener of self.listeners) listener(transition)
}

const openedAtMillis = ({ state }: Era): number | undefined =>
  state._tag === "Closed" ? undefined : state.openedAtMillis

const dated = (millis: number): number => millis + wallAheadMillis()

/**
 * The position in the schedule of open times: its start, unless the breaker has opened recently.
 *
 * @internal
 */
export const openingOf = ({ opening, settings, state }: Era, now: number): settings_.Opening =>
  Machine.tripsInARow(state, now) === 0 ? settings.first : opening

/**
 * The open state, unless the state has changed since `generation`.
 *
 * @internal
 */
export const opened = (era: Era, generation: number, trip: Machine.Trip, now: number): Partial<Era> | undefined => {
  const opening = openingOf(era, now)
  const state = Machine.open(era.state, generation, trip, now, opening.lastMillis)
  return state === era.state || era.isDisabled ? undefined : { state, opening }
}

/**
 * Opens it, unless the state has changed since `generation`.
 *
 * @internal
 */
export const open = (
  self: Breaker,
  generation: number,
  trip: Machine.Trip,
  now: number,
  error: Option.Option<unknown>
): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.flatMap(
    modify(self, now, (era) => opened(era, generation, trip, now)),
    (isOpened) => isOpened ? refine(self, generation + 1, trip, now, error) : Effect.void
  ))

/**
 * Sets the open time from the schedule. Until the schedule has decided, the breaker is open for the last open time and
 * rejects calls.
 *
 * @internal
 */
export const refine = (
  self: Breaker,
  generation: number,
  trip: Machine.Trip,
  now: number,
  error: Option.Option<unknown>
): Effect.Effect<void> =>
  Effect.flatMap(self.era.get, ({ opening, settings }) =>
    Effect.flatMap(
      settings_.nextOpening(settings, opening, now, { ...trip, error, retryAfter: hint(error) }),
      (opening) =>
        modify(self, now, (era) => {
          const state = Machine.refine(era.state, generation, opening.lastMillis)
          return state === era.state ? undefined : { state, opening }
        })
    ))

const hint = (error: Option.Option<unknown>): Option.Option<Duration.Duration> => {
  const said = (Option.getOrUndefined(error) as { readonly retryAfter?: unknown } | null | undefined)?.retryAfter
  return Option.isOption(said) ? Option.filter(said, Duration.isDuration) : Option.none()
}

/** @internal */
export const reject = (self: Breaker, era: Era, retryAfterMillis: number): CircuitBreaker.CircuitOpen => {
  self.rejected++
  return circuitOpen(self, era, retryAfterMillis)
}

/** @internal */
export const circuitOpen = withoutStack(
  CircuitBreaker.CircuitOpen,
  function(self: Breaker, era: Era, retryAfterMillis: number) {
    const { state } = era
    this._tag = "CircuitOpen"
    this.key = self.key
    this.state = nameOf(era)
    this.retryAfter = retryAfter(retryAfterMillis)
    this.openedAtMillis = self.openedAtMillis
    this.trip = state._tag === "Closed" ? undefined : state.trip
  }
)
