import * as Clock from "effect/Clock"
import * as Deadline from "reprise/Deadline"

/**
 * For whatever waits, lasts or ends, within the step of a fiber that asks.
 *
 * @internal
 */
export const monotonicMillis = Deadline.unsafeNow

/** @internal */
export const currentMonotonicMillis = Deadline.now

/**
 * For dates that the headers of others are measured against.
 *
 * @internal
 */
export const currentWallMillis = Clock.currentTimeMillis
