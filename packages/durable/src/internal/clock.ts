import * as Clock from "effect/Clock"

/**
 * The wall clock: dates of a durable call are read by other processes.
 *
 * @internal
 */
export const currentWallMillis = Clock.currentTimeMillis
