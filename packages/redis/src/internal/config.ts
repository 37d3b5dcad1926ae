import * as Config from "effect/Config"
import * as OptionsConfig from "reprise/OptionsConfig"
import type * as Redis from "../Redis.js"
import type * as RedisStore from "../RedisStore.js"
import * as settings from "./settings.js"

const optional = OptionsConfig.optional

const connectionVariables = {
  url: ["URL", Config.redacted()],
  username: ["USERNAME", optional(Config.redacted())],
  password: ["PASSWORD", optional(Config.redacted())],
  database: ["DATABASE", optional(Config.integer())],
  ca: ["TLS_CA", optional(Config.string())],
  commandTimeout: ["COMMAND_TIMEOUT", optional(Config.duration())],
  connectTimeout: ["CONNECT_TIMEOUT", optional(Config.duration())],
  startDegraded: ["START_DEGRADED", optional(Config.boolean())]
} as const

const storeVariables = {
  prefix: ["PREFIX", optional(Config.string())],
  syncInterval: ["SYNC_INTERVAL", optional(Config.duration())],
  timeout: ["TIMEOUT", optional(Config.duration())],
  keep: ["KEEP", optional(Config.duration())]
} as const

/** The connection and the stores over it can have the same prefix. */
const namesOf = (variables: OptionsConfig.Variables<object>) => Object.values(variables).map(([name]) => name)

/** @internal */
export const redis = (prefix?: string): Config.Config<Redis.Options> =>
  OptionsConfig.make({
    prefix,
    variables: connectionVariables,
    others: namesOf(storeVariables),
    options: ({ ca, ...rest }): Redis.Options => ({ ...rest, tls: ca === undefined ? ca : { ca } }),
    check: settings.decode
  })

/** @internal */
export const store = (
  prefix: string | undefined,
  check: (options: RedisStore.Options) => unknown
): Config.Config<RedisStore.Options> =>
  OptionsConfig.make({
    prefix,
    variables: storeVariables,
    others: namesOf(connectionVariables),
    blame: { keep: ["keep", "syncInterval"] },
    options: (values): RedisStore.Options => values,
    check
  })
