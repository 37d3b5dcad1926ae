import * as Effect from "effect/Effect"
import { type Era, modify } from "../breaker/breaker.js"
import * as Machine from "../breaker/machine.js"
import * as settings_ from "../breaker/settings.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import type { Member } from "./breakerMember.js"
import * as CircuitBreakerStore from "./circuitStore.js"

/** Redis came back empty, or a replica without the last changes took over. */
const isLost = (before: CircuitBreakerStore.Version, now: CircuitBreakerStore.Version): boolean =>
  before.epoch !== 0 && (now.epoch !== before.epoch || now.generation < before.generation)

/** Not a generation: the member must report again. */
const lost = -1

/** The other members had the same state when it was lost, so no member has opened the circuit since. */
const isUntold = (before: CircuitBreakerStore.Version, now: CircuitBreakerStore.Version): boolean =>
  now.generation <= 1 || CircuitBreakerStore.isSameVersion(before, now)

/**
 * The local state at the time of a request. A late answer after a newer one has no effect. A local change since the
 * request must first go to the store.
 *
 * @internal
 */
export interface Asked {
  readonly number: number
  readonly generation: number
}

/** @internal */
export const asking = (member: Member, { state }: Era): Asked => ({
  number: ++member.asked,
  generation: state.generation
})

/**
 * Brings the local breaker to the state of the store.
 *
 * @internal
 */
export const adopt = (
  member: Member,
  asked: Asked,
  { state, version }: CircuitBreakerStore.Standing
): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const { settings, state: own } = member.self.era.current
    const isOther = state._tag === "Open" && !(own._tag !== "Closed" && own.trips === state.trips)
    const opening: Effect.Effect<settings_.Opening | undefined> = isOther
      ? settings_.openingAfter(settings, state.trips, state.trip, now)
      : Effect.succeed(undefined)
    return Effect.flatMap(opening, (opening) =>
      modify(member.self, now, (era) => {
        if (asked.number < member.answered || asked.generation !== era.state.generation) return undefined
        member.answered = asked.number
        const before = member.version
        member.version = version
        if (!CircuitBreakerStore.isSameVersion(before, version)) member.seen = {}
        // The store no longer has it, so the member reports it again.
        const isUnknown = isLost(before, version) || member.adopted === lost && isUntold(before, version)
        if (state._tag === "Closed" && era.state._tag !== "Closed" && isUnknown) {
          member.adopted = lost
          member.fleet.bell.ring()
          return undefined
        }
        const next = era.isDisabled
          ? undefined
          : taken(
            era,
            state,
            CircuitBreakerStore.isSameVersion(before, version),
            era.state.generation === member.adopted,
            now
          )
        member.adopted = (next ?? era.state).generation
        return next && { state: next, opening: opening ?? era.opening }
      }))
  })

/**
 * Takes over the version without the state, because a local change must first go to the store.
 *
 * @internal
 */
export const note = (member: Member, { number }: Asked, { version }: CircuitBreakerStore.Standing): void => {
  member.answered = Math.max(member.answered, number)
  if (!CircuitBreakerStore.isSameVersion(member.version, version)) member.seen = {}
  member.version = version
}

/** The new state; `undefined` if it does not change. */
const taken = (
  { settings, state: own }: Era,
  state: CircuitBreakerStore.State,
  isSame: boolean,
  isKnown: boolean,
  now: number
): Machine.State | undefined => {
  const generation = own.generation + 1
  switch (state._tag) {
    case "Closed":
      return own._tag === "Closed" ? undefined : Machine.recovered(own, settings, now)
    case "Open": {
      // The rest of that open time is known. The clock of the store may have been set since.
      if (own._tag === "Open" && isSame && isKnown) return undefined
      const { openMillis, trip, trips } = state
      const untilMillis = now + openMillis
      return own._tag === "Open"
        ? { ...own, untilMillis, trips, trip }
        : { _tag: "Open", generation, openedAtMillis: now, untilMillis, trips, trip }
    }
    case "HalfOpen": {
      if (own._tag === "HalfOpen" && isSame && isKnown) return undefined
      // A member that has not seen it open does not have its open time.
      const last = own._tag === "Closed" ? { openedAtMillis: now, openMillis: 0 } : own
      const { openedAtMillis } = last
      const untilMillis = "untilMillis" in last ? last.untilMillis : openedAtMillis + last.openMillis
      const { trip, trips } = state
      return Machine.halfOpen({ generation: own.generation, openedAtMillis, untilMillis, trip, trips })
    }
  }
}
