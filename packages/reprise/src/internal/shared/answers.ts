import { maxDelayMillis } from "../../InvalidOption.js"
import { StoreError } from "../../StoreError.js"
import type * as RetryBudgetStore from "./budgetStore.js"
import type * as CircuitBreakerStore from "./circuitStore.js"
import type * as RetryAfterStore from "./pauseStore.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** The longest time that a store may keep a circuit open: three thousand years, as in Redis. */
export const longestMillis = 1e14

/** The sum of the durations in a fleet is larger than the number of its calls. */
const maxSum = 1e18

/** A record has a few counts: an outcome with a limit, and its time. */
const maxNames = 1_000

/** Tokens have no bound of their own. */
const maxTokens = 1e15

/** The store may be the user's own, so the message shows only numbers of a bad value. */
const refuse = (what: string, value: unknown): never => {
  const got = typeof value === "number" ? String(value) : value === null ? "null" : typeof value
  throw new StoreError({ reason: "unreadable", description: `the answer of the store is refused: ${what} is ${got}` })
}

/** All fields of all answers. */
type Field =
  | keyof CircuitBreakerStore.Admission
  | keyof CircuitBreakerStore.Standing
  | keyof CircuitBreakerStore.Version
  | keyof CircuitBreakerStore.Open
  | keyof CircuitBreakerStore.Trip["trip"]
  | keyof RetryBudgetStore.Standing
  | keyof RetryAfterStore.Announcement

const object = (what: string, value: unknown): { readonly [name in Field]?: unknown } =>
  // The seam between an answer of any type and its fields, which are checked one by one.
  typeof value === "object" && value !== null ? value : refuse(what, value)

const number = (what: string, value: unknown, min: number, max = Number.MAX_SAFE_INTEGER): number =>
  typeof value === "number" && value >= min && value <= max ? value : refuse(what, value)

const whole = (what: string, value: unknown, min: number): number => {
  const found = number(what, value, min)
  return Number.isInteger(found) ? found : refuse(what, value)
}

const string = (what: string, value: unknown): string => typeof value === "string" ? value : refuse(what, value)

const version = (value: unknown): CircuitBreakerStore.Version => {
  const { epoch, generation } = object("version", value)
  return { epoch: number("version.epoch", epoch, 0), generation: whole("version.generation", generation, 0) }
}

const tripOf = (value: unknown): CircuitBreakerStore.Trip["trip"] => {
  const { calls, failures, rule, slow } = object("state.trip", value)
  return {
    rule: string("state.trip.rule", rule),
    calls: number("state.trip.calls", calls, 0, maxSum),
    failures: number("state.trip.failures", failures, 0, maxSum),
    slow: number("state.trip.slow", slow, 0, maxSum)
  }
}

const state = (value: unknown): CircuitBreakerStore.State => {
  const { _tag, openMillis, trip, trips } = object("state", value)
  switch (_tag) {
    case "Closed":
      return { _tag }
    case "Open":
      return {
        _tag,
        openMillis: number("state.openMillis", openMillis, 0, longestMillis),
        trips: whole("state.trips", trips, 1),
        trip: tripOf(trip)
      }
    case "HalfOpen":
      return { _tag, trips: whole("state.trips", trips, 1), trip: tripOf(trip) }
    default:
      return refuse("state._tag", _tag)
  }
}

const counts = (value: unknown): CircuitBreakerStore.Counts => {
  const entries = Object.entries(object("counts", value))
  if (entries.length > maxNames) return refuse("the number of counts", entries.length)
  return Object.fromEntries(entries.map(([name, sum]) => [
    name,
    number("a count", sum, 0, name.endsWith(" ms") ? maxSum : Number.MAX_SAFE_INTEGER)
  ]))
}

/** Checks the state of a circuit. */
export const standing = (value: unknown): CircuitBreakerStore.Standing => {
  const found = object("it", value)
  return { version: version(found.version), state: state(found.state), counts: counts(found.counts) }
}

/** Checks whether a probe may go. */
export const admission = (value: unknown): CircuitBreakerStore.Admission => {
  const { isGranted, retryAfterMillis, standing: found } = object("it", value)
  return {
    isGranted: typeof isGranted === "boolean" ? isGranted : refuse("isGranted", isGranted),
    retryAfterMillis: number("retryAfterMillis", retryAfterMillis, 0, Infinity),
    standing: standing(found)
  }
}

/** Checks the sums of a budget. */
export const sums = (value: unknown): RetryBudgetStore.Standing => {
  const { calls, members, reserved, spent, wanted } = object("it", value)
  return {
    members: whole("members", members, 1),
    calls: number("calls", calls, 0),
    wanted: number("wanted", wanted, 0),
    reserved: number("reserved", reserved, 0, maxTokens),
    spent: number("spent", spent, -maxTokens, maxTokens)
  }
}

const pause = (value: unknown): RetryAfterStore.Pause => {
  const { key, millis } = object("a pause", value)
  return { key: string("pause.key", key), millis: number("pause.millis", millis, 0, maxDelayMillis) }
}

/** Checks the first `limit` pauses. It leaves invalid ones out, and `onRefused` gets the last of them. */
export const pauses =
  (limit: number, onRefused: (error: unknown) => void) => (value: unknown): ReadonlyArray<RetryAfterStore.Pause> =>
    Array.isArray(value)
      ? value.slice(0, limit).flatMap((one: unknown) => {
        try {
          return [pause(one)]
        } catch (error) {
          onRefused(error)
          return []
        }
      })
      : refuse("the list of pauses", value)

/** Checks a change of a circuit. */
export const circuitChange = (value: unknown): CircuitBreakerStore.Change => {
  const found = object("a change", value)
  if (found._tag === "Missed") return { _tag: "Missed" }
  if (found._tag !== "Changed") return refuse("change._tag", found._tag)
  return { _tag: "Changed", key: string("change.key", found.key), version: version(found.version) }
}

/** Checks a published pause. */
export const pauseChange = (value: unknown): RetryAfterStore.Change => {
  const found = object("a change", value)
  if (found._tag === "Missed") return { _tag: "Missed" }
  if (found._tag !== "Paused") return refuse("change._tag", found._tag)
  return { _tag: "Paused", ...pause(value), member: string("change.member", found.member) }
}

/** For operations without an answer. */
export const nothing = (): void => {}
