import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Either from "effect/Either"
import * as InvalidOption from "../../InvalidOption.js"
import { behind, optional } from "../effect/config.js"
import { QuantileDelay } from "./delay.js"
import type { Hedge } from "./model.js"

/** @internal */
export const config = (prefix?: string): Config.Config<Hedge.Options> => {
  const all = Config.all({
    after: optional(Config.duration("AFTER")),
    quantile: optional(Config.number("QUANTILE")),
    min: optional(Config.duration("MIN_AFTER")),
    max: optional(Config.duration("MAX_AFTER")),
    maxHedges: optional(Config.integer("MAX_HEDGES"))
  })
  const options = Config.mapOrFail(
    all,
    ({ after, max, maxHedges, min, quantile }): Either.Either<Hedge.Options, ConfigError.ConfigError> => {
      if (quantile !== undefined) {
        return InvalidOption.asConfigError(() => ({
          after: new QuantileDelay({ quantile, min, max, initial: after }),
          maxHedges
        }))
      }
      return after === undefined
        ? Either.left(ConfigError.MissingData(["AFTER"], "Expected AFTER or QUANTILE to exist"))
        : Either.right({ after, maxHedges })
    }
  )
  return behind(prefix, options)
}
