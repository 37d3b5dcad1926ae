import type * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../StoreError.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import * as timer from "../effect/timer.js"
import { Bell } from "./bell.js"
import type { Joining } from "./joining.js"
import * as link_ from "./link.js"

interface Store {
  readonly timeout: Duration.Duration
  readonly syncInterval: Duration.Duration
}

/**
 * The data that the members of this process share to exchange with one store.
 *
 * @internal
 */
export interface Crew<out S> {
  readonly store: S
  readonly link: link_.Link
  readonly bell: Bell
  /** A name that no other process has. */
  readonly name: string
  readonly syncMillis: number
  /** The scope has ended, and each member works alone. */
  isOver: boolean
}

/** @internal */
export const make = <I, S extends Store>(tag: Context.Tag<I, S>, what: string): Effect.Effect<Crew<S>, never, I> =>
  Effect.flatMap(tag, (store) =>
    Effect.map(link_.uniqueName, (name) => ({
      store,
      link: link_.make(what, store.timeout),
      bell: new Bell(),
      name,
      syncMillis: link_.syncMillis(store.syncInterval),
      isOver: false
    })))

/**
 * Waits until a member has the state of the others, within the time of the store; `undefined` if no wait is needed.
 *
 * @internal
 */
export const joined = (crew: Crew<unknown>, joining: Joining, now: number): Effect.Effect<void> | undefined => {
  const waiting = crew.isOver ? undefined : joining.wait(now)
  // The member may exist, and the bell may have rung, before it was stored.
  if (waiting !== undefined) crew.bell.ring()
  return waiting
}

/**
 * The operations of members.
 *
 * @internal
 */
export interface Work<in M> {
  /** Whether there is something to report or to request. */
  readonly isDue: (member: M, now: number) => boolean
  readonly exchange: (member: M) => Effect.Effect<void, StoreError>
  /** Sends the last report of the member. */
  readonly leave: (member: M) => Effect.Effect<void, StoreError>
  readonly failed: (member: M, error: StoreError) => Effect.Effect<void>
}

/**
 * Exchanges for the members in one fiber while the scope is open.
 *
 * @internal
 */
export const run = <M extends { readonly joining: Joining }>(
  crew: Crew<unknown>,
  members: () => ReadonlyArray<M>,
  work: Work<M>
): Effect.Effect<void, never, Scope.Scope> => {
  const { bell, link, syncMillis } = crew
  const round = Effect.flatMap(currentMonotonicMillis, (now) =>
    link_.each(
      link,
      members().filter((member) => work.isDue(member, now)),
      (member) =>
        Effect.zipRight(
          Effect.catchAll(work.exchange(member), (error) => work.failed(member, error)),
          member.joining.end
        )
    ))
  const rounds = Effect.forever(Effect.zipRight(
    Effect.catchAllCause(round, (cause) => Effect.logError(`${link.what}: sharing`, cause)),
    // A ring while the store is away can wait.
    Effect.suspend(() => link.isUp ? bell.wait(syncMillis) : timer.sleep(syncMillis))
  ))
  const disband = Effect.suspend(() => {
    crew.isOver = true
    const all = members()
    const leave = (member: M) => Effect.catchAll(work.leave(member), (error) => work.failed(member, error))
    return Effect.zipRight(
      Effect.forEach(all, ({ joining }) => joining.end, { discard: true }),
      link_.farewell(link, link_.each(link, all, leave))
    )
  })
  return Effect.zipRight(Effect.addFinalizer(() => disband), inScope(rounds))
}

/**
 * Runs in a fiber that ends with the scope.
 *
 * @internal
 */
export const inScope = (task: Effect.Effect<never>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.forkScoped(Effect.interruptible(task)))
