import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Breaker } from "../breaker/breaker.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import * as timer from "../effect/timer.js"
import * as answers from "./answers.js"
import { Bell } from "./bell.js"
import { Member } from "./breakerMember.js"
import { CircuitBreakerStore } from "./circuitStore.js"
import * as exchange_ from "./exchange.js"
import * as link_ from "./link.js"
import { listen } from "./listen.js"

/**
 * The breakers of this process that share their state, and what exchanges for all of them.
 *
 * @internal
 */
export interface Fleet {
  readonly store: CircuitBreakerStore.Service
  readonly link: link_.Link
  readonly bell: Bell
  readonly syncMillis: number
  readonly onStoreError: "local" | "reject"
  /** A name for a permit that nobody else has. */
  readonly token: () => string
  /** The scope has ended: each goes on by itself. */
  isOver: boolean
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
  Effect.map(Effect.zip(CircuitBreakerStore, link_.uniqueName), ([store, own]) => {
    let tokens = 0
    return {
      store,
      link: link_.make(what, store.timeout),
      bell: new Bell(),
      syncMillis: link_.syncMillis(store.syncInterval),
      onStoreError,
      token: () => `${own}-${++tokens}`,
      isOver: false
    }
  })

/** @internal */
export const join = (fleet: Fleet, breaker: Breaker): Member => {
  const member = breaker.shared = new Member(breaker, fleet)
  fleet.bell.ring()
  return member
}

/**
 * Waits until the breaker knows what the others know, but no longer than the store may take; `undefined` where it need not.
 *
 * @internal
 */
export const joined = ({ shared }: Breaker, now: number): Effect.Effect<void> | undefined => {
  if (!(shared instanceof Member) || shared.fleet.isOver) return undefined
  const waiting = shared.joining.wait(now)
  // It may have been made, and the bell rung, before it was kept.
  if (waiting !== undefined) shared.fleet.bell.ring()
  return waiting
}

/**
 * Exchanges for the breakers as long as the scope is open. When it ends, the store is told what it does not know yet.
 *
 * @internal
 */
export const run = (fleet: Fleet, breakers: () => Iterable<Breaker>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.suspend(() => {
    const members = () => Array.from(breakers(), ({ shared }) => shared).filter((shared) => shared instanceof Member)
    const rounds = Effect.forever(Effect.flatMap(
      Effect.catchAllCause(round(fleet, members), (cause) => Effect.logError("Sharing circuit breakers", cause)),
      // What rings while the store is away can wait.
      () => fleet.link.isUp ? fleet.bell.wait(fleet.syncMillis) : timer.sleep(fleet.syncMillis)
    ))
    const missed = Effect.sync(() => heed(fleet, members, { _tag: "Missed" }))
    const listening = listen(
      fleet.link,
      () => fleet.store.changes,
      answers.circuitChange,
      (change) => Effect.sync(() => heed(fleet, members, change)),
      missed
    )
    return Effect.zipRight(
      Effect.addFinalizer(() => disband(fleet, members())),
      Effect.forEach([rounds, listening], (task) => Effect.forkScoped(Effect.interruptible(task)), { discard: true })
    )
  })

const disband = (fleet: Fleet, members: ReadonlyArray<Member>): Effect.Effect<void> =>
  Effect.suspend(() => {
    fleet.isOver = true
    return Effect.zipRight(
      Effect.forEach(members, ({ joining }) => joining.end, { discard: true }),
      link_.farewell(
        fleet.link,
        link_.each(fleet.link, members, (member) =>
          Effect.catchAll(exchange_.leave(member), (error) =>
            member.failed(error)))
      )
    )
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

const round = ({ link }: Fleet, members: () => ReadonlyArray<Member>): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) =>
    link_.each(
      link,
      members().filter((member) => exchange_.isDue(member, now)),
      (member) =>
        Effect.zipRight(
          Effect.catchAll(exchange_.exchange(member), (error) => member.failed(error)),
          member.joining.end
        )
    ))
