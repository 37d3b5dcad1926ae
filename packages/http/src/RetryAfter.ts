/**
 * What a server says about when to come back: pure parsers of `Retry-After` and its relatives.
 *
 * No parser throws, whatever it is given. What does not match the grammar is `None`, and the client's own backoff
 * applies. Every duration is at least zero and at most 2^31-1 ms (24.8 days): a timer cannot hold more.
 *
 * @since 0.1.0
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
 * All three forms are read, always in GMT and independent of the time zone of the process: IMF-fixdate
 * (`Sun, 06 Nov 1994 08:49:37 GMT`), RFC 850 (`Sunday, 06-Nov-94 08:49:37 GMT`) and asctime
 * (`Sun Nov  6 08:49:37 1994`). They are case-sensitive, as the RFC says. A day that the month does not have is `None`; a
 * leap second (`:60`) is the second after `:59`. A two-digit year is the latest one that is not more than 50 years
 * after `nowMillis`, as the RFC says. The name of the day must be one of the seven, but need not be the right one: it
 * adds nothing to the date, and to ignore the date of a server that is overloaded does more harm.
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
 * @since 0.1.0
 * @category parsers
 */
export const parseHttpDate: (value: string, nowMillis: number) => Option.Option<number> = internal.parseHttpDate

/**
 * Parses the value of a `Retry-After` header (RFC 9110 section 10.2.3): a number of seconds, or an HTTP-date.
 *
 * Many servers send a decimal fraction, such as `2.0`, although the RFC has only whole numbers: the parser accepts it. The
 * grammar is strict otherwise. Blanks around the value are dropped. `+5`, `-5`, `.5`, `5.`, `1,5`, `0x10`, `1e3`, `7, 9` (two
 * headers that were joined), an ISO 8601 date, `soon` and the empty string are `None`. A date is measured against the server's
 * own clock (`dateMillis`) where it is known, so that a skewed local clock does no harm; a date in the past is a wait
 * of zero.
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
console.log(show("1e3")) // => none
 * ```
 *
 * @since 0.1.0
 * @category parsers
 */
export const parse: (value: string, options: ParseOptions) => Option.Option<Duration.Duration> = internal.parse

/**
 * How long the server asks to wait, from all the headers in which servers say so. The first of these that applies wins:
 *
 * 1. `retry-after-ms`: milliseconds, decimals allowed (Azure and OpenAI APIs).
 * 2. `retry-after`: see {@link parse} (RFC 9110 section 10.2.3).
 * 3. Only where neither of these two is *present* (one that is malformed does not count as absent), and only where the
 *    quota is used up or how much is left of it is not said:
 *    - `ratelimit`: of the items with `r=0`, the longest `t` in seconds (draft-ietf-httpapi-ratelimit-headers, 08 and
 *      later), or `reset` with `remaining=0` (draft 07),
 *    - `ratelimit-reset` with `ratelimit-remaining` (drafts 00 to 06),
 *    - `x-ratelimit-reset-after` (Discord), `x-ratelimit-reset` (GitHub and many) with `x-ratelimit-remaining`,
 *    - `x-rate-limit-reset` with `x-rate-limit-remaining` (X, Okta).
 *
 * A `...-reset` header holds seconds or a time, and servers do not agree which: a number below 10^9 is seconds to
 * wait, one from 10^9 the epoch in seconds, one from 10^12 the epoch in milliseconds. Dates and times are measured against the
 * response's own `Date` header if it is valid. A cache adds an `Age` header, the seconds since that `Date`: they are added to it.
 *
 * Whether a wait that long is worth it is for the caller to say: the limits are not applied here.
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
 * @since 0.1.0
 * @category parsers
 */
export const fromHeaders: (headers: Headers.Headers, options: HeadersOptions) => Option.Option<Duration.Duration> =
  internal.fromHeaders

/**
 * How long until a quota is full again, in the headers of a response that was *not* refused: only where they say that
 * nothing is left of it. The headers are those of {@link fromHeaders} without `retry-after` and `retry-after-ms`, which mean
 * other things in a success (when to ask again for a result, say).
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
 * @since 0.1.0
 * @category parsers
 */
export const untilReplenished: (headers: Headers.Headers, options: HeadersOptions) => Option.Option<Duration.Duration> =
  internal.untilReplenished

/**
 * Whether the server says that the request should be sent again: the `x-should-retry` header, `true` or `false`
 * (OpenAI, Anthropic and other APIs). Anything else is `None`.
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
 * @since 0.1.0
 * @category parsers
 */
export const shouldRetry: (headers: Headers.Headers) => Option.Option<boolean> = internal.shouldRetry
