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
 * What the members of this process share that exchange with one store.
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
  /** The scope has ended: each goes on by itself. */
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
 * Waits until a member knows what the others know, but no longer than the store may take; `undefined` if nobody needs to wait.
 *
 * @internal
 */
export const joined = (crew: Crew<unknown>, joining: Joining, now: number): Effect.Effect<void> | undefined => {
  const waiting = crew.isOver ? undefined : joining.wait(now)
  // It may have been made, and the bell rung, before it was kept.
  if (waiting !== undefined) crew.bell.ring()
  return waiting
}

/**
 * What members do.
 *
 * @internal
 */
export interface Work<in M> {
  /** Whether there is something to tell or to ask. */
  readonly isDue: (member: M, now: number) => boolean
  readonly exchange: (member: M) => Effect.Effect<void, StoreError>
  /** Tells the store, before the member leaves, what the store does not know yet. */
  readonly leave: (member: M) => Effect.Effect<void, StoreError>
  readonly failed: (member: M, error: StoreError) => Effect.Effect<void>
}

/**
 * Exchanges for the members in one fiber as long as the scope is open.
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
    // What rings while the store is away can wait.
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
 * In a fiber that ends with the scope.
 *
 * @internal
 */
export const inScope = (task: Effect.Effect<never>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.forkScoped(Effect.interruptible(task)))
