/**
 * Retry policies over `HttpFailure`.
 *
 * They say when and how often; whether a request may be sent again at all is decided by `HttpResilience.retry`, whatever
 * the schedule.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import type { RetryBudgetStore } from "reprise/RetryBudgetStore"
import type { HttpFailure } from "./HttpFailure.js"
import * as retryPolicy from "./internal/call/retryPolicy.js"
import type { Budget, ExponentialOptions, KeyOptions } from "./internal/model.js"
import * as budgets from "./internal/stages/budgets.js"

export type { Budget, ExponentialOptions } from "./internal/model.js"

/**
 * Ends the schedule at a failure that trying again cannot mend: `Retry.whileRetryable` under the name HTTP users look for.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileRetryable: typeof Retry.whileRetryable = Retry.whileRetryable

/**
 * Goes on after a failure with one of these tags, whatever its `retryable` says, and ends after every other failure. Whether it is
 * safe to send the request again is decided by the client.
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileTag: (
  ...tags: ReadonlyArray<HttpFailure["_tag"]>
) => <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out | undefined, In & HttpFailure, R> = (
  ...tags
) => Retry.whileError((failure: HttpFailure) => tags.includes(failure._tag))

/**
 * Goes on after a response with one of these statuses, and ends after every other failure. Whether it is safe to send the request
 * again is decided by the client.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const overloaded = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, { status: ++calls < 3 ? 529 : 200 }))))
 *
 * const policy = HttpRetry.exponential({ base: "1 millis" }).pipe(HttpRetry.whileStatus(429, 503, 529))
 *
 * const program = overloaded.pipe(HttpResilience.retry(policy)).get("http://localhost")
 *
 * Effect.runPromise(program).then(({ status }) => console.log(status, calls)) // => 200 3
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const whileStatus: (
  ...statuses: ReadonlyArray<number>
) => <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out | undefined, In & HttpFailure, R> = (
  ...statuses
) =>
  Retry.whileError((failure: HttpFailure) =>
    "status" in failure && failure.status !== undefined && statuses.includes(failure.status)
  )

/**
 * Waits at least as long as the server asks with `Retry-After` (RFC 9110 section 10.2.3) or a header of that kind:
 * `max(delay, retryAfter * (1 + U(0, jitter)))`, with `jitter` 0.1.
 *
 * A server that asks for more than `max` (default 2 minutes) ends the retrying, and its response goes to the caller. Put it
 * after `Backoff.capped`, which would cut the wait short.
 *
 * @since 0.1.0
 * @category combinators
 */
export const honorRetryAfter: typeof Retry.honorHint = Retry.honorHint

/**
 * One budget for each origin, or for each `key`: it bounds how many retries and hedges are added to the calls, however many of them
 * fail. Give it to the client as `budget`. Takes the options of `RetryBudget.share`, or a budget such as `RetryBudget.tokens()`.
 * Every client has budgets of its own, as it has breakers of its own. To share one among clients, give them a `RetryBudget`, or a
 * `sharedBudget`. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 * import { Effect } from "effect"
 *
 * let sent = 0
 * const down = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, { status: 503 + 0 * sent++ }))))
 *
 * const client = down.pipe(HttpResilience.retry(HttpRetry.exponential({ base: "1 millis" }), {
 *   budget: HttpRetry.budget({ ratio: 0.1, minPerSecond: 0 })
 * }))
 *
 * const program = Effect.replicateEffect(client.get("http://localhost"), 20)
 *
 * Effect.runPromise(program).then(() => console.log(sent)) // => 22
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const budget = (
  budget: Effect.Effect<RetryBudget.RetryBudget> | Omit<RetryBudget.Share, "key"> = {},
  keys: KeyOptions = {}
): Budget => budgets.make((key) => Effect.isEffect(budget) ? budget : RetryBudget.share({ ...budget, key }), keys)

/**
 * A `RetryBudget.share` for each origin, or for each `key`, that is one for all processes that share it: a fleet adds no more
 * retries to an origin than one client would. Shared for as long as the scope is open, by one fiber for all origins; without
 * the store each process has budgets of its own, as `SharedRetryBudget` says. Throws `InvalidOption` for an option out of
 * range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 * import { Effect } from "effect"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 *
 * let sent = 0
 * const down = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, { status: 503 + 0 * sent++ }))))
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* HttpRetry.sharedBudget({ ratio: 0.1, minPerSecond: 0 })
 *   const client = down.pipe(HttpResilience.retry(HttpRetry.exponential({ base: "1 millis" }), { budget }))
 *   yield* Effect.replicateEffect(client.get("http://localhost"), 20)
 *   return sent <= 22
 * })
 *
 * // In production: a store of `@reprise/redis`.
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory())))
 *   .then(console.log) // => true
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const sharedBudget = (
  options: Omit<RetryBudget.Share, "key"> = {},
  keys: KeyOptions = {}
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> => budgets.makeShared(options, keys)

/**
 * The usual policy in one call: exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And
 * Jitter", 2015), only for failures that can pass, `Retry-After` obeyed. For anything else compose your own from `Backoff`.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const exponential: (options?: ExponentialOptions) => Schedule.Schedule<Duration.Duration, Retry.Hint> =
  retryPolicy.exponential

/**
 * The policy where none is given: 3 attempts, full jitter over 500 ms, 1 s, ... up to 20 s, only for failures that can
 * pass, `Retry-After` obeyed up to 2 minutes.
 *
 * The numbers are those of the AWS SDKs' standard mode, with half their base.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * console.log(Schedule.isSchedule(HttpRetry.standard)) // => true
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const standard: Schedule.Schedule<Duration.Duration, Retry.Hint> = retryPolicy.standard
