import type * as AdaptiveLimiter from "./model.js"

/** @internal */
export interface Learning {
  /** The limit after one more sample. */
  readonly learn: (sample: AdaptiveLimiter.Sample) => number
  readonly hasLearned: () => boolean
}

/**
 * At least one: without a call nothing would ever be learned again.
 *
 * @internal
 */
export const limitOf = (limit: number): number => limit >= 1 ? Math.floor(limit) : 1

/** @internal */
export const learning = <S>(algorithm: AdaptiveLimiter.Algorithm<S>, initial: S): Learning => {
  let state = initial
  return {
    learn: (sample) => {
      state = algorithm.next(state, sample)
      return limitOf(algorithm.limit(state))
    },
    hasLearned: () => state !== initial
  }
}
