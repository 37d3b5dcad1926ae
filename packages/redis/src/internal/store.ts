import { StoreError } from "reprise/StoreError"
import type { RedisError } from "../Redis.js"
import * as failure from "./failure.js"

/** What the stores have in common. */
export interface StoreSettings {
  /** What the name of every key and channel begins with. */
  readonly prefix: string
  readonly syncMillis: number
  readonly timeoutMillis: number
  /** How long what nobody asks for is kept. */
  readonly keepMillis: number
}

/**
 * Changes whenever what is written under a key does, so that processes of two releases do not read what is not for them.
 *
 * @internal
 */
export const format = 1

/**
 * The name of what is kept for a key. All that belongs to a key is in one slot of a cluster.
 *
 * @internal
 */
export const keyOf = ({ prefix }: StoreSettings, kind: string, key: string): string =>
  `${prefix}:${kind}:${format}:{${key}}`

/** @internal */
export const channelOf = ({ prefix }: StoreSettings, kind: string): string => `${prefix}:${kind}:${format}`

/**
 * Lua that says what time it is `now`, in epoch milliseconds: by the clock of Redis, so that all processes agree.
 *
 * @internal
 */
export const serverTime = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * The server is away, or it is there and did not do it: for this key, as far as one can tell.
 *
 * @internal
 */
export const failed = (error: RedisError): StoreError =>
  new StoreError({
    reason: error.reason === "node" || !failure.isOfServer(error) ? "refused" : "unavailable",
    description: error.message
  })
