/**
 * Makes retry policies for `HttpFailure`.
 *
 * A policy decides when and how often to retry. `HttpResilience.retry` decides whether another attempt is safe, for
 * every schedule.
 *
 * @since 3.1.0
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
 * Ends the schedule at a failure after which another attempt cannot succeed: `Retry.whileRetryable` under a name for
 * HTTP.
 *
 * @since 3.1.0
 * @category combinators
 */
export const whileRetryable: typeof Retry.whileRetryable = Retry.whileRetryable

/**
 * Continues after a failure with one of these tags, even if its `retryable` is `false`. It ends after every other
 * failure. The client decides whether another attempt is safe.
 *
 * @since 3.1.0
 * @category combinators
 */
export const whileTag: (
  ...tags: ReadonlyArray<HttpFailure["_tag"]>
) => <Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out | undefined, In & HttpFailure, R> = (
  ...tags
) => Retry.whileError((failure: HttpFailure) => tags.includes(failure._tag))

/**
 * Continues after a response with one of these statuses, and ends after every other failure. The client decides whether
 * another attempt is safe.
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
 * @since 3.1.0
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
 * Waits at least as long as the server asks with `Retry-After` (RFC 9110 section 10.2.3) or a similar header.
 *
 * The wait is `max(delay, retryAfter * (1 + U(0, jitter)))`, with `jitter` 0.1. If the server asks for more than `max`
 * (default 2 minutes), the retries end, and the caller gets the response. Put it after `Backoff.capped`, which would
 * shorten the wait.
 *
 * @since 3.1.0
 * @category combinators
 */
export const honorRetryAfter: typeof Retry.honorHint = Retry.honorHint

/**
 * Makes one budget for each origin, or for each `key`, that bounds how many retries and hedges a client adds to its calls.
 *
 * Give it to the client as `budget`. It takes the options of `RetryBudget.share`, or a budget such as `RetryBudget.tokens()`. Every
 * client has budgets of its own. To share one among clients, give them a `RetryBudget` or a `sharedBudget`. Throws `InvalidOption` for an option out of range.
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
 * @since 3.1.0
 * @category constructors
 */
export const budget = (
  budget: Effect.Effect<RetryBudget.RetryBudget> | Omit<RetryBudget.Share, "key"> = {},
  keys: KeyOptions = {}
): Budget => budgets.make((key) => Effect.isEffect(budget) ? budget : RetryBudget.share({ ...budget, key }), keys)

/**
 * Makes a `RetryBudget.share` for each origin, or for each `key`, that is one budget for all processes. A fleet then
 * adds no more retries to an origin than one client would.
 *
 * It is shared while the scope is open, by one fiber for all origins. Without the store each process has its own
 * budgets, see `SharedRetryBudget`. Throws `InvalidOption` for an option out of range.
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
 * @since 3.1.0
 * @category constructors
 */
export const sharedBudget = (
  options: Omit<RetryBudget.Share, "key"> = {},
  keys: KeyOptions = {}
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> => budgets.makeShared(options, keys)

/**
 * Makes the usual policy: exponential backoff with full jitter, only for retryable failures, and with `Retry-After`.
 *
 * The jitter is that of "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. For any other policy, compose
 * your own from `Backoff`. Throws `InvalidOption` for options out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const exponential: (options?: ExponentialOptions) => Schedule.Schedule<Duration.Duration, Retry.Hint> =
  retryPolicy.exponential

/**
 * The default policy: 3 attempts with full jitter over 500 ms, 1 s and so on, up to 20 s.
 *
 * It retries only retryable failures, and waits for a `Retry-After` of up to 2 minutes. The numbers are those of the
 * AWS SDKs' standard mode, with half their base.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * console.log(Schedule.isSchedule(HttpRetry.standard)) // => true
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const standard: Schedule.Schedule<Duration.Duration, Retry.Hint> = retryPolicy.standard
