/**
 * Parses `Retry-After` and similar headers, in which a server says how long to wait.
 *
 * No parser throws. A value outside the grammar is `None`, and the client's own backoff applies. Every duration is at
 * least zero and at most 2^31-1 ms (24.8 days), the limit of a timer.
 *
 * @since 3.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import type * as Duration from "effect/Duration"
import type * as Option from "effect/Option"
import * as internal from "./internal/classify/retryAfter.js"
import type { HeadersOptions, ParseOptions } from "./internal/classify/retryAfter.js"

export type { HeadersOptions, ParseOptions } from "./internal/classify/retryAfter.js"

/**
 * Parses an HTTP-date (RFC 9110 section 5.6.7) to milliseconds since the epoch.
 *
 * 1. It reads all three forms, always in GMT and independent of the time zone of the process: IMF-fixdate (`Sun, 06 Nov
 *    1994 08:49:37 GMT`), RFC 850 (`Sunday, 06-Nov-94 08:49:37 GMT`) and asctime (`Sun Nov 6 08:49:37 1994`). They are
 *    case-sensitive, as the RFC says.
 * 2. A day that the month does not have is `None`. A leap second (`:60`) is the second after `:59`.
 * 3. A two-digit year is the latest one that is not more than 50 years after `nowMillis`, as the RFC says.
 * 4. The name of the day must be one of the seven, but may be the wrong one. It adds nothing to the date, and to ignore
 *    the date of an overloaded server does more harm.
 *
 * @example
 * ```ts
 * import { Option } from "effect"
 * import * as RetryAfter from "@reprise/http/RetryAfter"
 *
 * const parsed = RetryAfter.parseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT", 0)
 *
 * console.log(Option.getOrThrow(parsed)) // => 784111777000
 * ```
 *
 * @since 3.1.0
 * @category parsers
 */
export const parseHttpDate: (value: string, nowMillis: number) => Option.Option<number> = internal.parseHttpDate

/**
 * Parses the value of a `Retry-After` header (RFC 9110 section 10.2.3): a number of seconds, or an HTTP-date.
 *
 * The RFC has only whole numbers, but many servers send a decimal fraction, such as `2.0`: the parser accepts it. The
 * grammar is strict otherwise. The parser drops blanks around the value. Examples of `None` are `+5`, `-5`, `.5`, `5.`,
 * `1,5`, `0x10`, `1e3`, and `7, 9` (two joined headers). So are an ISO 8601 date, `soon` and the empty string.
 *
 * The parser measures a date against the server's own clock (`dateMillis`) if it is known, so that a skewed local clock
 * does no harm. A date in the past is a wait of zero.
 *
 * @example
 * ```ts
 * import { Duration, Option } from "effect"
 * import * as RetryAfter from "@reprise/http/RetryAfter"
 *
 * const show = (value: string) =>
 *   Option.match(RetryAfter.parse(value, { nowMillis: 784111777000 }), { onNone: () => "none", onSome: Duration.format })
 *
 * console.log(show("120")) // => 2m
 * console.log(show("Sun, 06 Nov 1994 08:49:47 GMT")) // => 10s
 * console.log(show("1.5")) // => 1s 500ms
 * console.log(show("1e3")) // => none
 * ```
 *
 * @since 3.1.0
 * @category parsers
 */
export const parse: (value: string, options: ParseOptions) => Option.Option<Duration.Duration> = internal.parse

/**
 * The time that the server asks to wait, from all headers for that purpose. The first of these that applies wins:
 *
 * 1. `retry-after-ms`: milliseconds, decimals allowed (Azure and OpenAI APIs).
 * 2. `retry-after`: see {@link parse} (RFC 9110 section 10.2.3).
 * 3. The quota headers, only if both headers above are absent (a malformed one is not absent). They count only if the
 *    quota is used up, or if the response does not say how much is left:
 *    - `ratelimit`: of the items with `r=0`, the longest `t` in seconds (draft-ietf-httpapi-ratelimit-headers, 08 and
 *      later), or `reset` with `remaining=0` (draft 07),
 *    - `ratelimit-reset` with `ratelimit-remaining` (drafts 00 to 06),
 *    - `x-ratelimit-reset-after` (Discord), `x-ratelimit-reset` (GitHub and many) with `x-ratelimit-remaining`,
 *    - `x-rate-limit-reset` with `x-rate-limit-remaining` (X, Okta).
 *
 * A `...-reset` header holds seconds or a time, and servers differ. A number below 10^9 is seconds to wait, one from
 * 10^9 the epoch in seconds, one from 10^12 the epoch in milliseconds. The parser measures dates and times against the
 * response's own `Date` header if it is valid. It adds the `Age` header of a cache, the seconds since that `Date`.
 *
 * The result has no upper limit: the caller decides whether the wait is too long.
 *
 * @example
 * ```ts
 * import * as Headers from "@effect/platform/Headers"
 * import { Duration, Option } from "effect"
 * import * as RetryAfter from "@reprise/http/RetryAfter"
 *
 * const headers = Headers.fromInput({
 *   "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
 *   "Retry-After": "Sun, 06 Nov 1994 08:49:47 GMT"
 * })
 *
 * // The local clock is a day off, and it does not matter.
 * const retryAfter = RetryAfter.fromHeaders(headers, { nowMillis: 784111777000 + 86400000 })
 *
 * console.log(Duration.format(Option.getOrThrow(retryAfter))) // => 10s
 * ```
 *
 * @since 3.1.0
 * @category parsers
 */
export const fromHeaders: (headers: Headers.Headers, options: HeadersOptions) => Option.Option<Duration.Duration> =
  internal.fromHeaders

/**
 * The time until a quota is full again, from the headers of a successful response.
 *
 * It is `None` unless the headers say that the quota is used up. The headers are those of {@link fromHeaders} without
 * `retry-after` and `retry-after-ms`, which have other meanings in a success (such as the time of the next poll).
 *
 * @example
 * ```ts
 * import * as Headers from "@effect/platform/Headers"
 * import { Duration, Option } from "effect"
 * import * as RetryAfter from "@reprise/http/RetryAfter"
 *
 * const left = (remaining: string) => Headers.fromInput({ "RateLimit-Remaining": remaining, "RateLimit-Reset": "7" })
 *
 * console.log(Option.map(RetryAfter.untilReplenished(left("0"), { nowMillis: 0 }), Duration.format).pipe(Option.getOrNull)) // => 7s
 * console.log(Option.isNone(RetryAfter.untilReplenished(left("1"), { nowMillis: 0 }))) // => true
 * ```
 *
 * @since 3.1.0
 * @category parsers
 */
export const untilReplenished: (headers: Headers.Headers, options: HeadersOptions) => Option.Option<Duration.Duration> =
  internal.untilReplenished

/**
 * Whether the server wants the request to be sent again: the `x-should-retry` header, `true` or `false` (OpenAI,
 * Anthropic and other APIs). Any other value is `None`.
 *
 * @example
 * ```ts
 * import * as Headers from "@effect/platform/Headers"
 * import * as RetryAfter from "@reprise/http/RetryAfter"
 *
 * console.log(RetryAfter.shouldRetry(Headers.fromInput({ "X-Should-Retry": "false" })))
 * // => { _id: 'Option', _tag: 'Some', value: false }
 * ```
 *
 * @since 3.1.0
 * @category parsers
 */
export const shouldRetry: (headers: Headers.Headers) => Option.Option<boolean> = internal.shouldRetry
