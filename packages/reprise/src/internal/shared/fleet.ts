import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { oneOf } from "../../InvalidOption.js"
import type { Breaker } from "../breaker/breaker.js"
import * as answers from "./answers.js"
import { Member } from "./breakerMember.js"
import * as CircuitBreakerStore from "./circuitStore.js"
import * as crew from "./crew.js"
import * as exchange from "./exchange.js"
import { listen } from "./listen.js"

/**
 * The breakers of this process that share their state, and the data for their exchange.
 *
 * @internal
 */
export interface Fleet extends crew.Crew<CircuitBreakerStore.Service> {
  readonly onStoreError: "local" | "reject"
  /** Makes a unique name for a permit. */
  readonly token: () => string
}

/** @internal */
export const make = (
  what: string,
  onStoreError: Fleet["onStoreError"] = "local"
): Effect.Effect<Fleet, never, CircuitBreakerStore.CircuitBreakerStore> => {
  oneOf("onStoreError", onStoreError, ["local", "reject"])
  return Effect.map(crew.make(CircuitBreakerStore.CircuitBreakerStore, what), (own) => {
    let tokens = 0
    return { ...own, onStoreError, token: () => `${own.name}-${++tokens}` }
  })
}

/** @internal */
export const join = (fleet: Fleet, breaker: Breaker): Member => {
  const member = breaker.shared = new Member(breaker, fleet)
  fleet.bell.ring()
  return member
}

/**
 * Waits until the breaker has the state of the others, within the time of the store; `undefined` if no wait is needed.
 *
 * @internal
 */
export const joined = ({ shared }: Breaker, now: number): Effect.Effect<void> | undefined =>
  shared instanceof Member ? crew.joined(shared.fleet, shared.joining, now) : undefined

const work: crew.Work<Member> = {
  isDue: exchange.isDue,
  exchange: exchange.exchange,
  leave: exchange.leave,
  failed: (member, error) => member.failed(error)
}

/**
 * Exchanges for the breakers while the scope is open, and subscribes to the store. When the scope ends, it sends the
 * last reports.
 *
 * @internal
 */
export const run = (fleet: Fleet, breakers: () => Iterable<Breaker>): Effect.Effect<void, never, Scope.Scope> => {
  const members = () => Array.from(breakers(), ({ shared }) => shared).filter((shared) => shared instanceof Member)
  const heed = (change: CircuitBreakerStore.Change) => Effect.sync(() => mark(fleet, members(), change))
  const listening = listen(fleet.link, () => fleet.store.changes, answers.circuitChange, heed, heed({ _tag: "Missed" }))
  return Effect.zipRight(crew.run(fleet, members, work), crew.inScope(listening))
}

const mark = (fleet: Fleet, members: ReadonlyArray<Member>, change: CircuitBreakerStore.Change): void => {
  for (const member of members) {
    if (change._tag === "Changed" && (change.key !== member.self.key || isKnown(member, change.version))) continue
    member.isDue = true
    fleet.bell.ring()
  }
}

const isKnown = ({ version }: Member, { epoch, generation }: CircuitBreakerStore.Version): boolean =>
  version.epoch === epoch && version.generation >= generation
