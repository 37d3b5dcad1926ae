import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as MutableRef from "effect/MutableRef"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as Ref from "effect/Ref"
import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"
import { wallAheadMillis } from "../effect/clock.js"
import type { InFlight } from "./inFlight.js"
import * as Machine from "./machine.js"
import type { Admitted, Restore } from "./permits.js"
import type { Handlers } from "./protect.js"
import * as settings_ from "./settings.js"

// Not marked internal: the declarations of CircuitBreaker refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreaker")

/**
 * Everything that changes in one step: the value of the `Ref`.
 *
 * @internal
 */
export interface Era {
  readonly settings: settings_.Settings
  readonly state: Machine.State
  /** Those who have isolated it. */
  readonly holds: ReadonlySet<unknown>
  readonly isDisabled: boolean
  readonly opening: settings_.Opening
  /** The calls of this generation that are running, where the rule asks for them. */
  readonly inFlight: InFlight | undefined
  /** What becomes of the calls of a closed breaker that need no permit: made once for all of them, with the first. */
  handlers: Handlers | undefined
}

/**
 * What a breaker asks and tells that shares its state with those of other processes.
 *
 * @internal
 */
export interface Shared {
  /** It does not know yet how things are with the others: a call has to ask. */
  readonly isJoining: boolean
  readonly admit: (restore: Restore) => Effect.Effect<Admitted, CircuitOpen>
  /** A probe has ended. */
  readonly settled: (era: Era, permit: Machine.Permit, outcome: Machine.Outcome, durationMillis: number) => void
  /** Something has changed, whoever did it. */
  readonly changed: (era: Era) => void
  /** Whether there is something that the others have not been told. */
  readonly hasNews: () => boolean
}

/**
 * Hears of the transitions of all breakers that it has made.
 *
 * @internal
 */
export interface Owner {
  readonly changed: (breaker: Breaker, transition: CircuitBreaker.Transition) => void
}

/** @internal */
export class Breaker extends Pipeable.Class() implements CircuitBreaker {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly era: Ref.Ref<Era>
  listeners: ReadonlyArray<(transition: CircuitBreaker.Transition) => void> = []
  /** Calls that wait for a permit, and what wakes them. */
  waiting = 0
  waiters: Set<Deferred.Deferred<void>> | undefined
  running = 0
  admitted = 0
  failed = 0
  rejected = 0
  downMillis = 0
  downSinceMillis = 0
  /** When it opened, as people would say. */
  openedAtMillis: number | undefined
  shared: Shared | undefined = undefined
  /** The registry that it belongs to, and the key that it has there. */
  owner: Owner | undefined = undefined
  ownKey: unknown = undefined

  constructor(
    readonly key: string,
    settings: settings_.Settings,
    now: number,
    /** Whether the calls in flight are counted, whatever the rule. */
    readonly isCounted: boolean,
    readonly shadow: Breaker | undefined
  ) {
    super()
    this.era = Ref.unsafeMake<Era>({
      settings,
      state: Machine.closed(0, settings, now),
      holds: noHolds,
      isDisabled: false,
      opening: settings.first,
      inFlight: settings.makeInFlight?.(),
      handlers: undefined
    })
  }
}

/** The value of a `Ref` is in a field that its type keeps to itself, so it may be elsewhere one day. */
interface RefFields {
  readonly ref?: MutableRef.MutableRef<Era>
}

/**
 * The era, within the step that asks, where it is to be had: `Ref.get` is an operation of its own.
 *
 * @internal
 */
export const current = ({ era }: Breaker): Era | undefined => (era as RefFields).ref?.current

/** @internal */
export const noHolds: ReadonlySet<unknown> = new Set()

/** @internal */
export const nameOf = ({ holds, isDisabled, state }: Era): CircuitBreaker.State =>
  holds.size > 0 ? "Isolated" : isDisabled ? "Disabled" : state._tag

/** @internal */
export const overdue = ({ inFlight }: Era, now: number): Machine.Overdue => (limitMillis) =>
  inFlight === undefined ? 0 : inFlight.overdue(limitMillis, now)

/**
 * Decides and changes in one step, and tells everybody who waits or listens, in the order of the changes.
 *
 * @internal
 */
export const modify = <A>(
  self: Breaker,
  now: number,
  f: (era: Era) => readonly [result: A, changes: Partial<Era> | undefined]
): Effect.Effect<A> =>
  Ref.modify(self.era, (era) => {
    const [result, changes] = f(era)
    if (changes === undefined) return [result, era]
    const next = succeeding(era, { ...era, ...changes, handlers: undefined })
    announce(self, era, next, now)
    return [result, next]
  })

/** A new generation begins with nobody in flight. */
const succeeding = (before: Era, after: Era): Era =>
  after.state.generation === before.state.generation ? after : { ...after, inFlight: after.settings.makeInFlight?.() }

/** The calls that wait ask anew, whatever has changed. */
const wake = (self: Breaker): void => {
  const { waiters } = self
  self.waiters = undefined
  waiters?.forEach((turn) => Deferred.unsafeDone(turn, Exit.void))
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
  self.owner?.changed(self, transition)
  for (const listener of self.listeners) listener(transition)
}

const openedAtMillis = ({ state }: Era): number | undefined =>
  state._tag === "Closed" ? undefined : state.openedAtMillis

const dated = (millis: number): number => millis + wallAheadMillis()

/**
 * Where the schedule of open times goes on: at its start, unless the breaker has opened not long ago.
 *
 * @internal
 */
export const openingOf = ({ opening, settings, state }: Era, now: number): settings_.Opening =>
  Machine.tripsInARow(state, now) === 0 ? settings.first : opening

/**
 * Open, unless something else has happened since `generation`.
 *
 * @internal
 */
export const opened = (era: Era, generation: number, trip: Machine.Trip, now: number): Partial<Era> | undefined => {
  const opening = openingOf(era, now)
  const state = Machine.open(era.state, generation, trip, now, opening.lastMillis)
  return state === era.state || era.isDisabled ? undefined : { state, opening }
}

/**
 * Opens it, unless something else has happened since `generation`.
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
    modify(self, now, (era) => {
      const changes = opened(era, generation, trip, now)
      return [changes !== undefined, changes]
    }),
    (isOpened) => isOpened ? refine(self, generation + 1, trip, now, error) : Effect.void
  ))

/**
 * It is open, for as long as it was the last time: calls are rejected while the schedule says for how long it is to be.
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
  Effect.flatMap(Ref.get(self.era), ({ opening, settings }) =>
    Effect.flatMap(
      settings_.nextOpening(settings, opening, now, { ...trip, error, retryAfter: hint(error) }),
      (opening) =>
        modify(self, now, (era) => {
          const state = Machine.refine(era.state, generation, opening.lastMillis)
          return [undefined, state === era.state ? undefined : { state, opening }]
        })
    ))

const hint = (error: Option.Option<unknown>): Option.Option<Duration.Duration> => {
  const said = (Option.getOrUndefined(error) as { readonly retryAfter?: unknown } | null | undefined)?.retryAfter
  return Option.isOption(said) ? Option.filter(said, Duration.isDuration) : Option.none()
}

/** @internal */
export const reject = (self: Breaker, era: Era, retryAfterMillis: number): CircuitOpen => {
  self.rejected++
  const { settings, state } = era
  return settings.reject({
    key: self.key,
    state: nameOf(era),
    retryAfter: Duration.millis(retryAfterMillis),
    openedAtMillis: self.openedAtMillis,
    trip: state._tag === "Closed" ? undefined : state.trip
  })
}
