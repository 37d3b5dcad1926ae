import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as MutableRef from "effect/MutableRef"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as Ref from "effect/Ref"
import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"
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
  rejected = 0
  downMillis = 0
  downSinceMillis = 0
  shared: Shared | undefined = undefined

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
      opening: settings_.firstOpening(settings),
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

/**
 * The time of the running fiber. `Clock.currentTimeMillis` takes two operations more, which is half of what a call through
 * a closed breaker costs.
 *
 * @internal
 */
export const nowMillis = (fiber = Option.getOrUndefined(Fiber.getCurrentFiber())): number => {
  const services = fiber?.currentDefaultServices ?? DefaultServices.liveServices
  return Context.unsafeGet(services, Clock.Clock).unsafeCurrentTimeMillis()
}

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

/** A new generation begins with nobody in flight, and a closed breaker at the start of its schedule. */
const succeeding = (before: Era, after: Era): Era => {
  if (after.state.generation === before.state.generation) return after
  const inFlight = after.settings.makeInFlight?.()
  return after.state._tag === "Closed"
    ? { ...after, inFlight, opening: settings_.firstOpening(after.settings) }
    : { ...after, inFlight }
}

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
  if (before.state._tag === "Closed" && after.state._tag !== "Closed") self.downSinceMillis = after.state.openedAtMillis
  if (before.state._tag !== "Closed" && after.state._tag === "Closed") {
    self.downMillis += Math.max(now - self.downSinceMillis, 0)
  }
  if (from === to) return
  const { generation } = after.state
  const trip = after.state._tag === "Closed" ? undefined : after.state.trip
  for (const listener of self.listeners) listener({ key: self.key, from, to, generation, atMillis: now, trip })
}

/**
 * Opens it for as long as the schedule says, unless something else has happened since `generation`.
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
  Effect.uninterruptible(Effect.flatMap(Ref.get(self.era), ({ opening, settings }) =>
    Effect.flatMap(
      settings_.nextOpening(settings, opening, now, { ...trip, error, retryAfter: hint(error) }),
      (opening) =>
        modify(self, now, (era) => {
          const state = Machine.open(era.state, generation, trip, now, opening.lastMillis)
          return [undefined, state === era.state ? undefined : { state, opening }]
        })
    )))

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
    openedAtMillis: state._tag === "Closed" ? undefined : state.openedAtMillis,
    trip: state._tag === "Closed" ? undefined : state.trip
  })
}
