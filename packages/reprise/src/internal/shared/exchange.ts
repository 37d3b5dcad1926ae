import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import type { CircuitBreakerStore } from "../../CircuitBreakerStore.js"
import type { StoreError } from "../../StoreError.js"
import { current, type Era, open, overdue } from "../breaker/breaker.js"
import type * as Machine from "../breaker/machine.js"
import * as settings_ from "../breaker/settings.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import { adopt, asking } from "./adopt.js"
import { type Member, probing, type Settled } from "./breakerMember.js"
import * as link from "./link.js"
import * as tally from "./tally.js"
import { isSame } from "./version.js"

type Standing = CircuitBreakerStore.Standing

/** How many intervals a member without news waits until it looks whether it has missed some. */
const quietIntervals = 10

/**
 * Whether there is something to tell or to ask.
 *
 * @internal
 */
export const isDue = (member: Member, now: number): boolean => {
  const era = current(member.self) ?? Effect.runSync(Ref.get(member.self.era))
  if (era.isDisabled) return false
  if (member.isDue || member.settlements.length > 0 || member.orphans.length > 0) return true
  if (era.state.generation !== member.adopted) return true
  const { fleet: { syncMillis } } = member
  const isQuiet = era.state._tag === "Closed" && tally.of(era.state.box.window)?.isEmpty !== false
  const passed = now - member.exchangedMillis
  // A clock that stepped back must not end it.
  return passed < 0 || passed >= (isQuiet ? quietIntervals * syncMillis : syncMillis)
}

/**
 * Tells the store what it has to know, in the order in which it happened, and takes over what it says.
 *
 * @internal
 */
export const exchange = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    member.exchangedMillis = yield* currentMonotonicMillis
    member.isDue = false
    yield* giveBack(member)
    yield* settle(member)
    const era = yield* Ref.get(member.self.era)
    yield* era.state.generation === member.adopted ? sync(member, era) : push(member, era)
  })

const ask = (
  member: Member,
  question: Effect.Effect<Standing, StoreError>
): Effect.Effect<Standing, StoreError> =>
  Effect.flatMap(Ref.get(member.self.era), (era) => {
    const asked = asking(member, era)
    return Effect.tap(link.ask(member.fleet.link, question), (standing) => adopt(member, asked, standing))
  })

/** A permit that may have been given is asked for again, to know that it is there, and then given back. */
const giveBack = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.whileLoop({
    while: () => member.orphans.length > 0,
    body: () => {
      const { fleet: { store }, orphans: [token = ""], self: { key } } = member
      return Effect.flatMap(Ref.get(member.self.era), ({ settings }) => {
        const request = { token, ...probing(settings) }
        return Effect.flatMap(link.ask(member.fleet.link, store.admit(key, request)), ({ isGranted, standing }) =>
          isGranted
            ? ask(
              member,
              store.settle(key, { ...request, version: standing.version, outcome: "ignored", openMillis: 0 })
            )
            : Effect.void)
      })
    },
    step: () =>
      member.orphans.shift()
  })

const settle = (member: Member): Effect.Effect<void, StoreError> =>
  Effect.whileLoop({
    while: () => member.settlements.length > 0,
    body: () => settleOne(member, member.settlements[0]!),
    step: () => member.settlements.shift()
  })

const settleOne = (
  member: Member,
  { generation, outcome, token, version }: Settled
): Effect.Effect<Standing, StoreError> =>
  Effect.flatMap(
    Effect.zip(Ref.get(member.self.era), currentMonotonicMillis),
    ([{ opening, settings, state }, now]) =>
      Effect.flatMap(
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
          const settlement = { token, version, outcome, openMillis, ...probing(settings) }
          return ask(member, member.fleet.store.settle(member.self.key, settlement))
        }
      )
  )

const unknownProbe: Machine.Trip = { rule: "probe", calls: 1, failures: 1, slow: 0 }

/** What has come about here. */
const push = (member: Member, { state }: Era): Effect.Effect<Standing, StoreError> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const { fleet: { store }, self: { key }, version } = member
    if (state._tag === "Closed") return ask(member, store.close(key, version))
    const openMillis = state._tag === "Open" ? Math.max(state.untilMillis - now, 0) : 0
    const { trip, trips } = state
    return ask(member, store.trip(key, { version, trip, openMillis, trips }))
  })

const sync = (member: Member, { state }: Era): Effect.Effect<void, StoreError> => {
  const { fleet: { link: { isUp }, store }, self: { key }, version } = member
  const own = state._tag === "Closed" ? tally.of(state.box.window) : undefined
  const counted = own?.take() ?? {}
  // What it has counted while the store was away is old.
  const counts = isUp ? counted : {}
  return Effect.flatMap(ask(member, store.sync(key, { version, counts })), (standing) => {
    const others = isSame(standing.version, version) ? tally.minus(standing.counts, member.seen, counts) : {}
    member.seen = standing.counts
    return own === undefined ? Effect.void : hear(member, state.generation, own, others)
  })
}

/** What the others have seen may be enough to trip. */
const hear = (
  member: Member,
  generation: number,
  own: tally.Tally,
  others: CircuitBreakerStore.Counts
): Effect.Effect<void> =>
  Effect.flatMap(Effect.zip(Ref.get(member.self.era), currentMonotonicMillis), ([era, now]) => {
    const { state } = era
    if (state._tag !== "Closed" || state.generation !== generation) return Effect.void
    tally.replay(own, others, now)
    const trip = state.box.window.tripped(now, overdue(era, now))
    return trip === undefined ? Effect.void : open(member.self, generation, trip, now, Option.none())
  })
