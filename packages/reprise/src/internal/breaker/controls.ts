import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as InvalidOption from "../../InvalidOption.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import { retryAfter } from "../errors.js"
import { type Breaker, change as change_, type Era, nameOf, noHolds, open, openingOf, overdue } from "./breaker.js"
import * as Machine from "./machine.js"
import type * as CircuitBreaker from "./model.js"

const change = (self: Breaker, f: (era: Era, now: number) => Partial<Era> | undefined): Effect.Effect<void> =>
  Effect.map(currentMonotonicMillis, (now) => void change_(self, now, (era) => f(era, now)))

const closed = ({ settings, state }: Era, now: number): Machine.Closed =>
  Machine.closed(state.generation + 1, settings, now)

/** @internal */
export const isolate = (self: Breaker): Effect.Effect<CircuitBreaker.Isolation> =>
  Effect.suspend(() => {
    const isolation: CircuitBreaker.Isolation = {
      release: change(self, ({ holds }) =>
        holds.has(isolation)
          ? { holds: new Set([...holds].filter((hold) => hold !== isolation)) }
          : undefined)
    }
    return Effect.as(change(self, ({ holds }) => ({ holds: new Set([...holds, isolation]) })), isolation)
  })

/** @internal */
export const setDisabled = (self: Breaker, isDisabled: boolean): Effect.Effect<void> =>
  change(self, (era, now) => era.isDisabled === isDisabled ? undefined : { isDisabled, state: closed(era, now) })

/** @internal */
export const close = (self: Breaker): Effect.Effect<void> =>
  change(
    self,
    ({ settings, state }, now) => state._tag === "Closed" ? undefined : { state: Machine.closing(state, settings, now) }
  )

/** @internal */
export const reset = (self: Breaker): Effect.Effect<void> =>
  change(self, (era, now) => ({ holds: noHolds, isDisabled: false, state: closed(era, now) }))

const byHand: Machine.Trip = { rule: "manual", calls: 0, failures: 0, slow: 0 }

/** @internal */
export const trip = (self: Breaker, openFor: Duration.DurationInput | undefined): Effect.Effect<void> => {
  const millis = openFor === undefined ? undefined : InvalidOption.millis("openFor", openFor, { min: 0 })
  return millis === undefined
    ? Effect.flatMap(
      currentMonotonicMillis,
      (now) => open(self, self.era.current.state.generation, byHand, now, Option.none())
    )
    : change(self, (era, now) => {
      if (era.isDisabled || era.state._tag === "Open") return undefined
      const state = Machine.open(era.state, era.state.generation, byHand, now, millis)
      return { state, opening: openingOf(era, now) }
    })
}

/** @internal */
export const snapshot = (self: Breaker): Effect.Effect<CircuitBreaker.Snapshot> =>
  Effect.flatMap(currentMonotonicMillis, (now) =>
    Effect.map(self.era.get, (era) => ({
      ...details(era, now),
      openedAtMillis: self.openedAtMillis,
      key: self.key,
      state: nameOf(era),
      generation: era.state.generation,
      waiting: self.waiting,
      admitted: self.admitted,
      failed: self.failed,
      rejected: self.rejected,
      downMillis: self.downMillis + (era.state._tag === "Closed" ? 0 : Math.max(now - self.downSinceMillis, 0))
    })))

const details = (era: Era, now: number) => {
  const { state } = era
  const up = { probes: 0, trips: 0, trip: undefined, retryAfter: Option.none() }
  if (state._tag === "Closed") return { ...up, ...state.box.window.counts(now, overdue(era, now)) }
  const { openedAtMillis, trip, trips } = state
  const down = { calls: 0, failures: 0, slow: 0, trips, trip }
  if (state._tag === "Open") {
    // A clock that moved backwards does not extend it.
    const left = state.untilMillis - Math.max(now, openedAtMillis)
    return { ...down, probes: 0, retryAfter: retryAfter(Math.max(left, 0)) }
  }
  const held = state.leases.filter(({ untilMillis }) => untilMillis > now)
  return { ...down, probes: held.length, retryAfter: Option.none() }
}
