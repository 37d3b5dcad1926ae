import * as Config from "effect/Config"
import * as InvalidOption from "reprise/InvalidOption"
import type { RedisStore } from "../RedisStore.js"
import { behind, optional } from "./config.js"
import type { StoreSettings } from "./storeSettings.js"

const text = (option: string, value: string): string => {
  if (value !== "") return value
  throw new InvalidOption.InvalidOption({ option, value, expected: "a text that is not empty" })
}

/**
 * Throws `InvalidOption` for an option out of range.
 *
 * @internal
 */
export const decode = (options: RedisStore.Options): StoreSettings => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { min: 1 })
  return {
    prefix: text("prefix", options.prefix ?? "reprise"),
    syncMillis,
    timeoutMillis: InvalidOption.millis("timeout", options.timeout ?? "250 millis", { min: 1 }),
    // What is asked for in every interval must not be gone at the next.
    keepMillis: InvalidOption.millis("keep", options.keep ?? "1 hour", { moreThan: syncMillis })
  }
}

/** @internal */
export const config = (prefix?: string): Config.Config<RedisStore.Options> => {
  const options = Config.all({
    prefix: optional(Config.string("PREFIX")),
    syncInterval: optional(Config.duration("SYNC_INTERVAL")),
    timeout: optional(Config.duration("TIMEOUT")),
    keep: optional(Config.duration("KEEP"))
  })
  return behind(prefix, options)
}
