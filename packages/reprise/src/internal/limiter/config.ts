import * as Config from "effect/Config"
import * as InvalidOption from "../../InvalidOption.js"
import { behind, optional } from "../effect/config.js"
import * as algorithms from "./algorithms.js"
import type { AdaptiveLimiter } from "./model.js"

/** @internal */
export const config = (prefix?: string): Config.Config<AdaptiveLimiter.Options<number>> => {
  const all = Config.all({
    min: optional(Config.integer("MIN_LIMIT")),
    max: optional(Config.integer("MAX_LIMIT")),
    initial: optional(Config.integer("INITIAL_LIMIT")),
    backoff: optional(Config.number("BACKOFF")),
    timeout: optional(Config.duration("TIMEOUT")),
    maxQueued: optional(Config.integer("MAX_QUEUED")),
    queueTimeout: optional(Config.duration("QUEUE_TIMEOUT"))
  })
  const options = Config.mapOrFail(
    all,
    ({ maxQueued, queueTimeout, ...aimd }) =>
      InvalidOption.asConfigError(() => ({ algorithm: algorithms.aimd(aimd), maxQueued, queueTimeout }))
  )
  return behind(prefix, options)
}
