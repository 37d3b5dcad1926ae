import { StoreError } from "reprise/StoreError"
import type { RedisError } from "../Redis.js"
import * as failure from "./failure.js"

/** The settings that all stores share. */
export interface StoreSettings {
  /** The start of the name of every key and channel. */
  readonly prefix: string
  readonly syncMillis: number
  readonly timeoutMillis: number
  /** The time for which Redis keeps an unused key. */
  readonly keepMillis: number
}

/**
 * Changes with the format of the values, so that a process never reads a value of another release.
 *
 * @internal
 */
export const format = 1

/**
 * The name of the value of a key. All names of a key are in one slot of a cluster.
 *
 * @internal
 */
export const keyOf = ({ prefix }: StoreSettings, kind: string, key: string): string =>
  `${prefix}:${kind}:${format}:{${key}}`

/** @internal */
export const channelOf = ({ prefix }: StoreSettings, kind: string): string => `${prefix}:${kind}:${format}`

/**
 * Lua that sets `now` in epoch milliseconds, by the clock of Redis, so that all processes agree.
 *
 * @internal
 */
export const serverTime = `
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * The error of a store for an error of Redis: the server is away, or it refused the operation for this key.
 *
 * @internal
 */
export const failed = (error: RedisError): StoreError =>
  new StoreError({
    reason: error.reason === "node" || !failure.isOfServer(error) ? "refused" : "unavailable",
    description: error.message
  })
