import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StoreError } from "../../StoreError.js"
import { type Era, open, overdue } from "../breaker/breaker.js"
import type * as Machine from "../breaker/machine.js"
import * as settings_ from "../breaker/settings.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import { adopt, asking, note } from "./adopt.js"
import * as answers from "./answers.js"
import { type Member, probing, quietIntervals, type Settled } from "./breakerMember.js"
import * as CircuitBreakerStore from "./circuitStore.js"
import * as link from "./link.js"
import * as newcomer from "./newcomer.js"
import * as tally from "./tally.js"

type Standing = CircuitBreakerStore.Standing

/** The limit for a store that answers every request with news. */
const maxExchanges = 20

/**
 * Whether there is something to report or to request.
 *
 * @internal
 */
export const isDue = (member: Member, now: number): boolean => {
  const era = member.self.era.current
  if (era.isDisabled) return false
  const { fleet: { syncMillis } } = member
  if (hasNews(member, era)) {
    return member.exchanges < maxExchanges || Math.abs(now - member.exchangesSinceMillis) >= syncMillis
  }
  const passed = now - member.exchangedMillis
  // A clock that moved backwards must not end it.
  return passed < 0 || passed >= (hasCounted(era) ? syncMillis : quietIntervals * syncMillis)
}

/** Whether other members may wait for a report of this one. */
const hasNews = ({ adopted, isDue, orphans, settlements }: Member, { state }: Era): boolean =>
  isDue || settlements.size > 0 || orphans.size > 0 || state.generation !== adopted

const hasCounted = ({ state }: Era): boolean => state._tag === "Closed" && tally.of(state.box.window)?.isEmpty === false

/**
 * Sends all changes to the store, in the order in which they happened, and takes over its answers.
 *
 * @internal
 */
export const exchange = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    begin(member, yield* currentMonotonicMillis)
    yield* settle(member)
    const era = member.self.era.current
    // Changes first: the request for a permit that may exist changes the state.
    if (era.state.generation !== member.adopted) {
      yield* push(member, era)
      yield* giveBack(member)
    } else {
      yield* giveBack(member)
      yield* sync(member, member.self.era.current)
    }
    member.isRefused = false
  })

const begin = (member: Member, now: number): void => {
  member.exchangedMillis = now
  member.isDue = false
  if (Math.abs(now - member.exchangesSinceMillis) >= member.fleet.syncMillis) {
    member.exchangesSinceMillis = now
    member.exchanges = 0
  }
  member.exchanges++
}

/**
 * Sends the last report of the member.
 *
 * @internal
 */
export const leave = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    member.returnLeases()
    member.isDue = false
    const era = member.self.era.current
    if (era.isDisabled || !(hasNews(member, era) || hasCounted(era))) return
    yield* exchange(member)
    yield* part(member)
  })

/** Reports the number of failures in a row for new members. */
const part = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.suspend(() => {
    const { state } = member.self.era.current
    if (state._tag !== "Closed" || tally.of(state.box.window) === undefined) return Effect.void
    const { fleet: { store }, seen, self: { key }, version } = member
    const counts = newcomer.parting(state.box.window, seen)
    return Object.keys(counts).length === 0
      ? Effect.void
      : Effect.asVoid(ask(member, () => store.sync(key, { version, counts })))
  })

const ask = (
  member: Member,
  question: () => Effect.Effect<Standing, StoreError>,
  isOld = false
): Effect.Effect<Standing, StoreError> =>
  Effect.suspend(() => {
    const asked = asking(member, member.self.era.current)
    return Effect.tap(
      link.ask(member.fleet.link, question, answers.standing),
      (standing) => isOld ? Effect.sync(() => note(member, asked, standing)) : adopt(member, asked, standing)
    )
  })

/** Requests a permit again that the store may have given, to be sure that it exists, and then returns it. */
const giveBack = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.forEach([...member.orphans], (token) =>
    Effect.suspend(() => {
      const { fleet: { store }, self: { era, key } } = member
      const request = { token, ...probing(era.current.settings) }
      return Effect.tap(
        Effect.flatMap(
          link.ask(member.fleet.link, () => store.admit(key, request), answers.admission),
          ({ isGranted, standing: { version } }) =>
            isGranted
              ? ask(member, () => store.settle(key, { ...request, version, outcome: "ignored", openMillis: 0 }))
              : Effect.void
        ),
        () => Effect.sync(() => member.orphans.delete(token))
      )
    }), { discard: true })

const settle = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.forEach(
    [...member.settlements],
    (settled) => Effect.tap(settleOne(member, settled), () => Effect.sync(() => member.settlements.delete(settled))),
    { discard: true }
  )

const settleOne = (
  member: Member,
  { generation, outcome, token, version }: Settled
): Effect.Effect<Standing, StoreError> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const { opening, settings, state } = member.self.era.current
    return Effect.flatMap(
      outcome !== "failure"
        ? Effect.succeed(0)
        : state._tag === "Open" && state.generation === generation + 1
        // It is open here already, because of that probe.
        ? Effect.succeed(Math.max(state.untilMillis - now, 0))
        : Effect.map(
          settings_.nextOpening(settings, opening, now, {
            ...unknownProbe,
            error: Option.none(),
            retryAfter: Option.none()
          }),
          ({ lastMillis }) => lastMillis
        ),
      (openMillis) => {
        const settlement = { token, version, outcome, openMillis: bounded(openMillis), ...probing(settings) }
        // The state has changed here since that probe, by an operator.
        const isOld = state.generation !== member.adopted && state.generation > generation + 1
        return ask(member, () => member.fleet.store.settle(member.self.key, settlement), isOld)
      }
    )
  })

/** Limits the time to the range that the store accepts. */
const bounded = (openMillis: number): number => Math.min(openMillis, answers.longestMillis)

const unknownProbe: Machine.Trip = { rule: "probe", calls: 1, failures: 1, slow: 0 }

/** Sends the local change. */
const push = (member: Member, { state }: Era): Effect.Effect<Standing, StoreError> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const { fleet: { store }, self: { key }, version } = member
    if (state._tag === "Closed") return ask(member, () => store.close(key, version))
    const openMillis = state._tag === "Open" ? Math.max(state.untilMillis - now, 0) : 0
    const { trip, trips } = state
    return ask(member, () => store.trip(key, { version, trip, openMillis: bounded(openMillis), trips }))
  })

const sync = (member: Member, { state }: Era): Effect.Effect<void, StoreError> => {
  const { fleet: { link: { isUp }, store }, hasLooked, seen, self: { key }, version } = member
  const own = state._tag === "Closed" ? tally.of(state.box.window) : undefined
  const counted = own?.take() ?? {}
  // Its counts from the time without the store are old.
  const counts = isUp ? counted : {}
  return Effect.flatMap(ask(member, () => store.sync(key, { version, counts })), (standing) => {
    member.seen = standing.counts
    member.hasLooked = true
    if (own === undefined) return Effect.void
    const isSame = CircuitBreakerStore.isSameVersion(standing.version, version)
    const isFirst = CircuitBreakerStore.isSameVersion(version, CircuitBreakerStore.noVersion)
    const others = tally.minus(standing.counts, isSame ? seen : {}, isSame || isFirst ? counts : {})
    // All counts since its last exchange, even if there was no record then.
    const isNew = isSame || (isFirst && hasLooked)
    return hear(member, state.generation, (window, now) =>
      isNew
        ? window.recordAll(tally.batches(others), now)
        : newcomer.record(window, others, counted, now))
  })
}

/** The counts of the other members may be enough to trip. */
const hear = (
  member: Member,
  generation: number,
  record: (window: Machine.Window, now: number) => void
): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const era = member.self.era.current
    const { state } = era
    if (state._tag !== "Closed" || state.generation !== generation) return Effect.void
    const { window } = state.box
    record(window, now)
    const trip = window.tripped(now, overdue(era, now))
    return trip === undefined ? Effect.void : open(member.self, generation, trip, now, Option.none())
  })
