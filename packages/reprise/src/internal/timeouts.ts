import * as Predicate from "effect/Predicate"

const tags = new Set<unknown>(["TimeoutException", "AttemptTimeout"])

/**
 * Whether the error says of itself that the time was up.
 *
 * @internal
 */
export const isTimeout = (error: unknown): boolean => Predicate.hasProperty(error, "_tag") && tags.has(error._tag)
