/**
 * The own share of a group of calls: of the permits and of the queue.
 *
 * @internal
 */
export interface Share {
  readonly share: number
  /** The number of calls of the group that may always run, and the number that may always wait. */
  guaranteed: number
  guaranteedQueued: number
  readonly waiting: { readonly size: number }
}

/** @internal */
export const guarantee = (groups: ReadonlyArray<Share>, limit: number, maxQueued: number): void => {
  for (const group of groups) {
    group.guaranteed = part(limit, group)
    group.guaranteedQueued = part(maxQueued, group)
  }
}

/** 0.28 of 25 is 7.000000000000001. */
const part = (of: number, { share }: Share): number => share === 0 ? 0 : Math.ceil(of * share - 1e-9)

const borrowed = ({ guaranteedQueued, waiting }: Share): number => waiting.size - guaranteedQueued

/**
 * The group with the most waiting calls beyond its own places.
 *
 * @internal
 */
export const mostBorrowing = <S extends Share>(groups: ReadonlyArray<S>): S | undefined => {
  let most: S | undefined
  for (const group of groups) if (most === undefined || borrowed(group) > borrowed(most)) most = group
  return most
}

/**
 * The group that gives a place in the full queue to one that waits in fewer places than its own.
 *
 * @internal
 */
export const lender = <S extends Share>(groups: ReadonlyArray<S>, group: S): S | undefined => {
  if (borrowed(group) >= 0) return undefined
  const most = mostBorrowing(groups)
  return most !== undefined && borrowed(most) > 0 ? most : undefined
}
