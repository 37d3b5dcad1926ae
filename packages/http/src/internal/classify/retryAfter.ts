import type * as Headers from "@effect/platform/Headers"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as httpDate from "./httpDate.js"
import { longestReset } from "./rateLimitField.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface ParseOptions {
  /** The time of this machine, in milliseconds since the epoch. */
  readonly nowMillis: number
  /**
   * The time of the server: the response's `Date` header, plus its `Age` if a cache answered, in milliseconds since the
   * epoch. Default: `nowMillis`.
   */
  readonly dateMillis?: number | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface HeadersOptions {
  /** The time of this machine, in milliseconds since the epoch. It is used if the response has no valid `Date`. */
  readonly nowMillis: number
}

// A value is read as a whole: no sign, exponent, radix prefix, list or unit.
const decimal = /^[ \t]*(\d+(?:\.\d{1,32})?)[ \t]*$/
/** RFC 9111 section 1.2.2 gives a number of seconds at most 2^31. */
const age = /^[ \t]*(\d{1,10})[ \t]*$/

const read = (grammar: RegExp, value: string | undefined): number | undefined => {
  const digits = value === undefined ? undefined : grammar.exec(value)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

// Rounded up: a fraction of a millisecond too early is refused again.
const wait = (millis: number): Option.Option<Duration.Duration> =>
  Option.some(Duration.millis(millis > 0 ? Math.min(Math.ceil(millis), maxDelayMillis) : 0))

/** @internal */
export const parseHttpDate = (value: string, nowMillis: number): Option.Option<number> =>
  Option.fromNullable(httpDate.parseHttpDate(value, nowMillis))

/** @internal */
export const parse = (value: string, options: ParseOptions): Option.Option<Duration.Duration> => {
  const seconds = read(decimal, value)
  if (seconds !== undefined) return wait(seconds * 1000)
  const { dateMillis, nowMillis } = options
  const reference = dateMillis !== undefined && Number.isFinite(dateMillis) ? dateMillis : nowMillis
  return Option.flatMap(parseHttpDate(value, reference), (millis) => wait(millis - reference))
}

/** Each header with the time at which the quota is full again, and the header with the rest of the quota. */
const resetHeaders = [
  ["ratelimit-reset", "ratelimit-remaining"],
  ["x-ratelimit-reset-after", "x-ratelimit-remaining"],
  ["x-ratelimit-reset", "x-ratelimit-remaining"],
  ["x-rate-limit-reset", "x-rate-limit-remaining"]
] as const

// 10^9 seconds is 31 years as a wait and 2001-09-09 as a time; 10^12 milliseconds is the same day.
const resetMillis = (reset: number, referenceMillis: number): number => {
  if (reset >= 1e12) return reset - referenceMillis
  return reset >= 1e9 ? reset * 1000 - referenceMillis : reset * 1000
}

const fromRateLimit = (
  headers: Headers.Headers,
  referenceMillis: number,
  /** The rest of a quota if the server does not send it: nothing, in a response that rejects the request. */
  unsaid: number
): Option.Option<Duration.Duration> => {
  const seconds = longestReset(headers["ratelimit"] ?? "", unsaid)
  if (seconds !== undefined) return wait(seconds * 1000)
  for (const [resetHeader, remainingHeader] of resetHeaders) {
    const reset = read(decimal, headers[resetHeader])
    const remaining = read(decimal, headers[remainingHeader]) ?? unsaid
    if (reset !== undefined && remaining === 0) {
      return wait(resetMillis(reset, referenceMillis))
    }
  }
  return Option.none()
}

/** @internal */
export const fromHeaders = (
  headers: Headers.Headers,
  options: HeadersOptions
): Option.Option<Duration.Duration> => {
  const { nowMillis } = options
  const millis = read(decimal, headers["retry-after-ms"])
  if (millis !== undefined) return wait(millis)
  const dateMillis = dateOf(headers, nowMillis)
  const retryAfter = headers["retry-after"]
  if (retryAfter !== undefined) return parse(retryAfter, { nowMillis, dateMillis })
  return headers["retry-after-ms"] === undefined ? fromRateLimit(headers, dateMillis ?? nowMillis, 0) : Option.none()
}

const maxAgeSeconds = 2 ** 31

/** The time on the server's clock when the response arrives. */
const dateOf = (headers: Headers.Headers, nowMillis: number): number | undefined => {
  const date = headers["date"]
  const dateMillis = date === undefined ? undefined : httpDate.parseHttpDate(date, nowMillis)
  const ageSeconds = read(age, headers["age"]) ?? 0
  return dateMillis === undefined || ageSeconds > maxAgeSeconds ? dateMillis : dateMillis + ageSeconds * 1000
}

/** @internal */
export const untilReplenished = (
  headers: Headers.Headers,
  { nowMillis }: HeadersOptions
): Option.Option<Duration.Duration> => fromRateLimit(headers, dateOf(headers, nowMillis) ?? nowMillis, Infinity)

/** @internal */
export const shouldRetry = (headers: Headers.Headers): Option.Option<boolean> => {
  const said = /^[ \t]*(true|false)[ \t]*$/.exec(headers["x-should-retry"] ?? "")?.[1]
  return said === undefined ? Option.none() : Option.some(said === "true")
}
