import type { Standing } from "../standing.js"
import type * as AdaptiveLimiter from "./model.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export interface Learning {
  /** The limit after one more sample. */
  readonly learn: (sample: AdaptiveLimiter.Sample) => number
  /** The standing without running or waiting calls. */
  readonly standing: () => Exclude<Standing, "busy">
}

/** At least one, because without calls the limiter would never learn again. `NaN` counts as one. */
export const limitOf = (limit: number): number => Math.max(Math.floor(limit) || 1, 1)

export const learning = <S>(algorithm: AdaptiveLimiter.Algorithm<S>, initial: S): Learning => {
  let state = initial
  const isLowered = () => algorithm.limit(state) < algorithm.limit(initial)
  return {
    learn: (sample) => {
      state = algorithm.next(state, sample)
      return limitOf(algorithm.limit(state))
    },
    standing: () => state === initial ? "new" : isLowered() ? "changed" : "replaceable"
  }
}
