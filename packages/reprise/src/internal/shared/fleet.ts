import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CircuitBreakerStore } from "../../CircuitBreakerStore.js"
import type { StoreError } from "../../StoreError.js"
import type { Breaker } from "../breaker/breaker.js"
import * as Driver from "../driver.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import { Bell } from "./bell.js"
import { Member } from "./breakerMember.js"
import * as exchange_ from "./exchange.js"
import { each, Link } from "./link.js"
import * as name from "./name.js"

/**
 * The breakers of this process that share their state, and what exchanges for all of them.
 *
 * @internal
 */
export interface Fleet {
  readonly store: CircuitBreakerStore.Service
  readonly link: Link
  readonly bell: Bell
  readonly syncMillis: number
  readonly onStoreError: "local" | "reject"
  /** A name for a permit that nobody else has. */
  readonly token: () => string
}

/**
 * One fiber, and one that listens, for as long as the scope is open.
 *
 * @internal
 */
export const make = (
  what: string,
  onStoreError: Fleet["onStoreError"] = "local"
): Effect.Effect<Fleet, never, CircuitBreakerStore> =>
  Effect.map(Effect.zip(CircuitBreakerStore, name.unique), ([store, own]) => {
    let tokens = 0
    return {
      store,
      link: new Link(what, Duration.toMillis(store.timeout)),
      bell: new Bell(),
      syncMillis: Duration.toMillis(store.syncInterval),
      onStoreError,
      token: () => `${own}-${++tokens}`
    }
  })

/** @internal */
export const join = (fleet: Fleet, breaker: Breaker): Breaker => {
  breaker.shared = new Member(breaker, fleet)
  fleet.bell.ring()
  return breaker
}

/**
 * Exchanges for the breakers as long as the scope is open.
 *
 * @internal
 */
export const run = (fleet: Fleet, breakers: () => Iterable<Breaker>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const members = () => Array.from(breakers(), ({ shared }) => shared).filter((shared) => shared instanceof Member)
    const rounds = Effect.forever(Effect.flatMap(
      Effect.catchAllCause(round(fleet, members), (cause) => Effect.logError("Sharing circuit breakers", cause)),
      // What rings while the store is away can wait.
      () => fleet.link.isUp ? fleet.bell.wait(fleet.syncMillis) : Driver.sleep(fleet.syncMillis)
    ))
    const listening = Stream.runForEach(
      fleet.store.changes,
      (change) => Effect.sync(() => heed(fleet, members, change))
    )
    return Effect.all([rounds, listening].map((task) => Effect.forkScoped(Effect.interruptible(task))), {
      discard: true
    })
  })

const heed = (
  fleet: Fleet,
  members: () => ReadonlyArray<Member>,
  change: CircuitBreakerStore.Change
): void => {
  for (const member of members()) {
    if (change._tag === "Changed" && (change.key !== member.self.key || isKnown(member, change.version))) continue
    member.isDue = true
    fleet.bell.ring()
  }
}

const isKnown = ({ version }: Member, { epoch, generation }: CircuitBreakerStore.Version): boolean =>
  version.epoch === epoch && version.generation >= generation

const failed = (member: Member, error: StoreError): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (error.reason === "unavailable") {
      member.isDue = true
      return Effect.void
    }
    if (member.isUnreadable) return Effect.void
    member.isUnreadable = true
    return Effect.logWarning(`The circuit "${member.self.key}" is not shared. ${error.message}`)
  })

const round = ({ link }: Fleet, members: () => ReadonlyArray<Member>): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) =>
    each(
      link,
      members().filter((member) => exchange_.isDue(member, now)),
      (member) => Effect.catchAll(exchange_.exchange(member), (error) => failed(member, error))
    ))
