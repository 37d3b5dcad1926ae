import * as Config from "effect/Config"
import type { RateLimiter } from "../../RateLimiter.js"
import { behind, optional } from "../config.js"

/** @internal */
export const config = (prefix?: string): Config.Config<RateLimiter.Options> => {
  const options = Config.all({
    limit: Config.integer("LIMIT"),
    window: Config.duration("WINDOW"),
    burst: optional(Config.integer("BURST")),
    onExceeded: optional(Config.literal("delay", "fail")("ON_EXCEEDED")),
    maxQueued: optional(Config.integer("MAX_QUEUED"))
  })
  return behind(prefix, options)
}
