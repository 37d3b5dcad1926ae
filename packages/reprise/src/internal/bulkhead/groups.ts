import type { Waiter } from "./gate.js"
import * as waiters from "./waiters.js"

/**
 * Calls that have a share of the permits, and of the queue, for themselves.
 *
 * @internal
 */
export interface Group<E> {
  readonly name: string | undefined
  readonly share: number
  /** How many of them may run, and how many may wait, whatever the others do. */
  guaranteed: number
  guaranteedQueued: number
  running: number
  readonly waiting: waiters.Waiters<Waiter<E>>
}

/** @internal */
export const group = <E>(name: string | undefined, share: number, order: waiters.Order): Group<E> => ({
  name,
  share,
  guaranteed: 0,
  guaranteedQueued: 0,
  running: 0,
  waiting: new waiters.Waiters(order)
})

/** @internal */
export const guarantee = <E>(groups: ReadonlyArray<Group<E>>, limit: number, maxQueued: number): void => {
  for (const group of groups) {
    group.guaranteed = part(limit, group)
    group.guaranteedQueued = part(maxQueued, group)
  }
}

/** 0.28 of 25 is 7.000000000000001. */
const part = <E>(of: number, { share }: Group<E>): number => share === 0 ? 0 : Math.ceil(of * share - 1e-9)

const borrowed = <E>({ guaranteedQueued, waiting }: Group<E>): number => waiting.size - guaranteedQueued

/**
 * The group that waits in most places beyond its own.
 *
 * @internal
 */
export const mostBorrowing = <E>(groups: ReadonlyArray<Group<E>>): Group<E> | undefined => {
  let most: Group<E> | undefined
  for (const group of groups) if (most === undefined || borrowed(group) > borrowed(most)) most = group
  return most
}

/**
 * The group that gives a place in the full queue to one that waits in fewer places than its own.
 *
 * @internal
 */
export const lender = <E>(groups: ReadonlyArray<Group<E>>, group: Group<E>): Group<E> | undefined => {
  if (borrowed(group) >= 0) return undefined
  const most = mostBorrowing(groups)
  return most !== undefined && borrowed(most) > 0 ? most : undefined
}
