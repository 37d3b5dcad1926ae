import * as Config from "effect/Config"
import type * as Redis from "../Redis.js"
import type * as RedisStore from "../RedisStore.js"

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.withDefault(config, undefined)

const behind = <A>(prefix: string | undefined, config: Config.Config<A>): Config.Config<A> =>
  prefix === undefined ? config : Config.nested(config, prefix)

/** @internal */
export const redis = (prefix?: string): Config.Config<Redis.Options> => {
  const names = Config.all({
    url: Config.redacted("URL"),
    username: optional(Config.redacted("USERNAME")),
    password: optional(Config.redacted("PASSWORD")),
    database: optional(Config.integer("DATABASE")),
    ca: optional(Config.string("TLS_CA")),
    commandTimeout: optional(Config.duration("COMMAND_TIMEOUT")),
    connectTimeout: optional(Config.duration("CONNECT_TIMEOUT")),
    startDegraded: optional(Config.boolean("START_DEGRADED"))
  })
  const options = Config.map(
    names,
    ({ ca, ...rest }): Redis.Options => ({ ...rest, tls: ca === undefined ? ca : { ca } })
  )
  return behind(prefix, options)
}

/** @internal */
export const store = (prefix?: string): Config.Config<RedisStore.Options> => {
  const options = Config.all({
    prefix: optional(Config.string("PREFIX")),
    syncInterval: optional(Config.duration("SYNC_INTERVAL")),
    timeout: optional(Config.duration("TIMEOUT")),
    keep: optional(Config.duration("KEEP"))
  })
  return behind(prefix, options)
}
