import * as Config from "effect/Config"
import type { RateLimiter } from "../../RateLimiter.js"

/** @internal */
export const config = (prefix?: string): Config.Config<RateLimiter.Options> => {
  const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)
  const options = Config.all({
    limit: Config.integer("LIMIT"),
    window: Config.duration("WINDOW"),
    burst: optional(Config.integer("BURST")),
    onExceeded: optional(Config.literal("delay", "fail")("ON_EXCEEDED")),
    maxQueued: optional(Config.integer("MAX_QUEUED"))
  })
  return prefix === undefined ? options : Config.nested(options, prefix)
}
