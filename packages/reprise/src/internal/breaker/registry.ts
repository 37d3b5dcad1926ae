import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type * as Types from "effect/Types"
import { KeyedImpl } from "../keyed/entries.js"
import * as keyed from "../keyed/keyed.js"
import type { Standing } from "../standing.js"
import { type Breaker, type Era, openingOf, overdue, type Owner } from "./breaker.js"
import * as controls from "./controls.js"
import * as make_ from "./make.js"
import type * as CircuitBreaker from "./model.js"
import * as CircuitBreakers from "./registryModel.js"
import type { Settings } from "./settings.js"

/** @internal */
export class Registry<K> extends KeyedImpl<K, Breaker> implements CircuitBreakers.CircuitBreakers<K>, Owner {
  readonly [CircuitBreakers.TypeId]: Types.Invariant<K> = identity
  readonly listeners = new Set<(change: readonly [key: K, transition: CircuitBreaker.Transition]) => void>()

  own(key: K, breaker: Breaker): Breaker {
    breaker.owner = this
    breaker.ownKey = key
    return breaker
  }

  changed(breaker: Breaker, transition: CircuitBreaker.Transition): void {
    if (this.listeners.size === 0) return
    // It was made by `own` with a key of this type.
    const key = breaker.ownKey as K
    const kept = Option.getOrUndefined(MutableHashMap.get(this.entries, key))
    // A breaker without room in the registry is in no list either.
    if (kept?.value === breaker) { for (const listener of this.listeners) listener([key, transition]) }
  }
}

/** A breaker with a listener, or one that an operator has changed, is in use. */
const standingOf = (breaker: Breaker, nowMillis: number): Standing => {
  const era = breaker.era.current
  const isInUse = breaker.running + breaker.waiting + breaker.listeners.length + era.holds.size > 0
  if (isInUse || era.isDisabled || breaker.shared?.hasNews() === true) return "busy"
  const { shadow } = breaker
  const isNew = !make_.reconfigured.has(breaker) && isAsMade(era, nowMillis) &&
    (shadow === undefined || standingOf(shadow, nowMillis) === "new")
  return isNew ? "new" : "changed"
}

/** A new breaker has no successes either, but the lack of successes does not delay a trip. */
const isAsMade = (era: Era, nowMillis: number): boolean => {
  const { settings, state } = era
  // Soon after an opening, the next one would be longer than that of a new breaker.
  if (state._tag !== "Closed" || openingOf(era, nowMillis) !== settings.first) return false
  if (state.ramp !== undefined && nowMillis - state.ramp.startMillis < rampMillis(settings)) return false
  const { window } = state.box
  if (window.hasChanged?.() === true) return false
  const { failures, slow } = window.counts(nowMillis, overdue(era, nowMillis))
  return failures + slow === 0
}

const rampMillis = ({ ramp }: Settings): number => ramp.reduce((sum, { millis }) => sum + millis, 0)

/** @internal */
export const make = <K, R>(
  options: CircuitBreakers.Options<K, R>,
  join: (breaker: Breaker) => Breaker = identity,
  ready?: (breaker: Breaker, now: number) => Effect.Effect<void> | undefined
): Effect.Effect<Registry<K>, never, R> => {
  const { breaker, name = String } = options
  const bounds = keyed.bounds(options)
  const build = (options: CircuitBreaker.Options<R>) =>
    // As in `make` of a breaker: what the options require is in the context.
    make_.build(options as CircuitBreaker.Options<unknown>, true) as Effect.Effect<
      (key: string) => Breaker,
      never,
      R
    >
  const registry = (make: (key: K) => Effect.Effect<Breaker>) => {
    const made: Registry<K> = new Registry(
      (key: K) => Effect.map(make(key), (breaker) => join(made.own(key, breaker))),
      standingOf,
      ...bounds,
      "The circuit breakers",
      ready
    )
    return made
  }
  return typeof breaker === "function"
    ? Effect.map(
      Effect.context<R>(),
      (context) =>
        registry((key) =>
          Effect.provide(Effect.map(Effect.suspend(() => build(breaker(key))), (make) => make(name(key))), context)
        )
    )
    : Effect.map(build(breaker), (make) => registry((key) => Effect.sync(() => make(name(key)))))
}

/** @internal */
export const snapshots = <K>(
  self: Registry<K>
): Effect.Effect<ReadonlyArray<readonly [key: K, snapshot: CircuitBreaker.Snapshot]>> =>
  Effect.suspend(() =>
    Effect.forEach(
      keyed.entries(self),
      ([key, breaker]) => Effect.map(controls.snapshot(breaker), (snapshot) => [key, snapshot] as const)
    )
  )
