import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import { StoreError } from "reprise/StoreError"
import type { Reply } from "../Redis.js"

/**
 * The reply of a script: the state of the breaker, or the reason why it is not readable. The state has the permit if
 * the script requests one.
 *
 * @internal
 */
export type Answer = CircuitBreakerStore.Admission | StoreError

/** Other values that the key may hold. No error shows them: they may belong to another program. */
const unreadable = new Map<Reply, string>([
  ["type", "the key holds a value that is not a hash"],
  ["format", "the value of the key comes from another version or another program"],
  ["state", "the value of the key has an unknown state"],
  ["field", "the value of the key lacks a field, or has text in place of a number"]
])

const list = (reply: Reply | undefined): ReadonlyArray<Reply> => Array.isArray(reply) ? reply : []

/** The script sends numbers as text, because Redis would cut off their fractions. */
const numbers = (replies: ReadonlyArray<Reply>): ReadonlyArray<number> | undefined => {
  const all = replies.map((reply) => Predicate.isString(reply) && reply !== "" ? Number(reply) : NaN)
  return all.every(Number.isFinite) ? all : undefined
}

const state = (
  tag: Reply | undefined,
  { openMillis, trip, trips }: Omit<CircuitBreakerStore.Open, "_tag">
): CircuitBreakerStore.State | undefined => {
  switch (tag) {
    case "Closed":
      return { _tag: tag }
    case "Open":
      return { _tag: tag, openMillis, trips, trip }
    case "HalfOpen":
      return { _tag: tag, trips, trip }
    default:
      return undefined
  }
}

/** The fields in the order of the script's reply. */
const admission = (
  [tag, granted, rule, rest, names, counts]: ReadonlyArray<Reply>
): CircuitBreakerStore.Admission | undefined => {
  const all = numbers(list(rest))
  const sums = numbers(list(counts))
  if (all?.length !== 8 || sums?.length !== list(names).length || !Predicate.isString(rule)) return undefined
  const [retryAfterMillis = 0, openMillis = 0, epoch = 0, generation = 0, trips = 0, ...trip] = all
  const [calls = 0, failures = 0, slow = 0] = trip
  const found = state(tag, { openMillis, trips, trip: { rule, calls, failures, slow } })
  return found && {
    isGranted: granted === "granted",
    retryAfterMillis,
    standing: {
      version: { epoch, generation },
      state: found,
      counts: Object.fromEntries(list(names).map((name, i) => [String(name), sums[i] ?? 0]))
    }
  }
}

/**
 * `None` for a reply that no script of this version sends.
 *
 * @internal
 */
export const decode = (reply: Reply): Option.Option<Answer> => {
  const [first, kind = ""] = list(reply)
  if (first !== "unreadable") return Option.fromNullable(admission(list(reply)))
  return Option.map(
    Option.fromNullable(unreadable.get(kind)),
    (description) => new StoreError({ reason: "unreadable", description })
  )
}
