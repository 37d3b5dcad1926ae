// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * The own share of a group of calls: of the permits and of the queue.
 */
export interface Share {
  readonly share: number
  /** The number of calls of the group that may always run, and the number that may always wait. */
  guaranteed: number
  guaranteedQueued: number
  readonly waiting: { readonly size: number }
}

export const guarantee = (groups: ReadonlyArray<Share>, limit: number, maxQueued: number): void => {
  for (const group of groups) {
    group.guaranteed = part(limit, group)
    group.guaranteedQueued = part(maxQueued, group)
  }
}

/** 0.28 of 25 is 7.000000000000001. */
const part = (of: number, { share }: Share): number => Math.max(Math.ceil(of * share - 1e-9), 0)

const borrowed = ({ guaranteedQueued, waiting }: Share): number => waiting.size - guaranteedQueued

/**
 * The waiting group with the most waiting calls beyond its own places. At least one group must wait.
 */
export const mostBorrowing = <S extends Share>(groups: ReadonlyArray<S>): S =>
  groups.filter(({ waiting }) => waiting.size > 0)
    .reduce((most, group) => borrowed(group) > borrowed(most) ? group : most)

/**
 * The group that gives a place in the full queue to one that waits in fewer places than its own.
 */
export const lender = <S extends Share>(groups: ReadonlyArray<S>, group: S): S | undefined => {
  if (borrowed(group) >= 0) return undefined
  // A group has own places only if the queue has places, and calls wait in all of them.
  const most = mostBorrowing(groups)
  return borrowed(most) > 0 ? most : undefined
}
