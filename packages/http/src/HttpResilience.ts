/**
 * Combinators that make an `HttpClient` resilient, one per policy: `HttpClient -> HttpClient`.
 *
 * What is below a combinator runs for every attempt, what is above it once per call. The order that works, from the bottom
 * up: `attemptTimeout`, `guard`, `retry`, `Idempotency.automaticKeys`, `deadline`, `typed`; then what is not the attempt's business:
 * `HttpClient.followRedirects`, `filterStatusOk`. `ResilientHttpClient` has them in this order.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Schedule from "effect/Schedule"
import type { DeadlineExceeded } from "reprise/Deadline"
import type { Retry } from "reprise/Retry"
import type { AttemptTimeout, HttpFailure } from "./HttpFailure.js"
import type { HttpGuard } from "./HttpGuard.js"
import type { HttpRetry } from "./HttpRetry.js"
import * as faces from "./internal/faces.js"
import * as guards from "./internal/guardStage.js"
import * as ledgers from "./internal/ledgers.js"
import * as reader from "./internal/reader.js"
import * as retryClient from "./internal/retryClient.js"
import * as settings from "./internal/settings.js"
import * as timeLimits from "./internal/timeLimits.js"
import type { Rejection } from "./ResilientHttpClient.js"

/**
 * @since 0.1.0
 */
export declare namespace HttpResilience {
  /**
   * @since 0.1.0
   * @category options
   */
  export interface Drain {
    /** Bytes read of a failed response before it is aborted. Defaults to 65,536. */
    readonly maxBytes?: number | undefined
    /** Time spent reading a failed response before it is aborted. Defaults to `200 millis`. */
    readonly maxDuration?: Duration.DurationInput | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface RetryOptions {
    /**
     * Also sends again a request that is not idempotent, where it certainly was not processed (`sent` is `"no"` or
     * `"refused"`). Defaults to `false`.
     */
    readonly retryUnsent?: boolean | undefined
    /** Statuses from 400 to 499 that count as retryable besides 429: 408 and 425, say. Defaults to none. */
    readonly retryStatuses?: ReadonlyArray<number> | undefined
    /** The header that makes a request idempotent. Defaults to `Idempotency-Key`. */
    readonly idempotencyHeader?: string | undefined
    /** What bounds how many retries are added to all calls; made by `HttpRetry.budget`. Defaults to none. */
    readonly budget?: HttpRetry.Budget | undefined
    /**
     * Inside of another retry loop of Reprise that asks for it (`Retry.withoutNested`): one attempt, or all the same.
     * Defaults to `"suppress"`.
     */
    readonly nested?: "suppress" | "allow" | undefined
    /** How a failed response is let go of before the wait begins. */
    readonly drain?: Drain | undefined
    /**
     * A header that holds the number of the attempt, from the second on; or, in the handler of an
     * `HttpServerResilience.withoutNestedRetries`, the number that was received where that is greater. Defaults to none.
     */
    readonly attemptHeader?: string | undefined
    /**
     * A header that holds how many whole milliseconds the attempt still has when it is sent: the least of what is left until
     * the deadline of the call and the `attemptTimeout` of `ResilientHttpClient`. A duration, so that clocks that differ do no
     * harm, as in gRPC's `grpc-timeout` and Envoy's `x-envoy-expected-rq-timeout-ms`; `HttpServerResilience.deadline` reads it.
     * Not sent where there is no limit; a lower value that the request has already stays. Defaults to none.
     */
    readonly deadlineHeader?: string | undefined
    /**
     * `"manual"` where the client below is fetch and was told not to follow redirects: only then can fetch prove that a
     * request was not sent. Defaults to `"follow"`; undici and node do not need it.
     */
    readonly redirect?: "follow" | "manual" | undefined
  }

  /**
   * What a typed client fails with: errors of the client below that say less than an `HttpFailure` are gone.
   *
   * @since 0.1.0
   * @category models
   */
  export type Typed<E> =
    | HttpFailure
    | DeadlineExceeded<HttpFailure>
    | Exclude<E, HttpClientError.HttpClientError | Cause.TimeoutException>
}

type Client<E, R> = HttpClient.HttpClient.With<E, R>

/**
 * Sends a request again while the schedule goes on, if its failure can pass, sending it twice is safe, and its body can be
 * made again; whatever the schedule says, a request that fails one of the three is not sent again.
 *
 * Errors and responses share one count. A failed response is drained or aborted before the wait begins; the last one
 * reaches the caller intact, as a value. The error of the last attempt stays what it was, with the typed `HttpFailure` and
 * the ledger of all attempts as its `cause`. Interrupting a wait sends nothing more; interrupting an attempt closes its
 * socket. The span of each request after the first has `http.request.resend_count`, unless a client below has a span name
 * generator of its own. Throws `InvalidOption` for options out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * let calls = 0
 * const flaky = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response("", { status: ++calls < 3 ? 503 : 200 }))))
 *
 * const client = flaky.pipe(HttpResilience.retry(HttpRetry.exponential({ attempts: 5, base: "1 millis" })))
 *
 * Effect.runPromise(client.get("http://localhost/orders")).then(({ status }) => console.log(status, calls)) // => 200 3
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry: {
  <B, R1>(
    schedule: Schedule.Schedule<B, HttpFailure, R1>,
    options?: HttpResilience.RetryOptions
  ): <E, R>(client: Client<E, R>) => Client<E, R | R1>
  <E, R, B, R1>(
    client: Client<E, R>,
    schedule: Schedule.Schedule<B, HttpFailure, R1>,
    options?: HttpResilience.RetryOptions
  ): Client<E, R | R1>
} = dual(
  (args) => !Schedule.isSchedule(args[0]),
  <E, R, B, R1>(
    client: Client<E, R>,
    schedule: Schedule.Schedule<B, HttpFailure, R1>,
    options?: HttpResilience.RetryOptions
  ): Client<E, R | R1> => retryClient.make(client, schedule, settings.retry(options))
)

/**
 * Ends each attempt after `duration` with `AttemptTimeout`, its socket closed; earlier, where a `Deadline` is set and comes
 * first. The body that `executeAndRead` reads is part of the attempt. A body that the program reads later is not.
 *
 * Throws `InvalidOption` unless `duration` is longer than zero and at most 2^31-1 ms.
 *
 * @since 0.1.0
 * @category combinators
 */
export const attemptTimeout: {
  (duration: Duration.DurationInput): <E, R>(client: Client<E, R>) => Client<E | AttemptTimeout, R>
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | AttemptTimeout, R>
} = dual(
  2,
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | AttemptTimeout, R> =>
    timeLimits.perAttempt(client, settings.positiveMillis("attemptTimeout", duration))
)

/**
 * Gives each call, its attempts and waits together, `duration` from now, or the time left until the `Deadline` already set
 * where that is less.
 *
 * Fails with `DeadlineExceeded`, which carries the last failure, when the time is up, or at once when the next wait would
 * end after it. Where the last failure is a response, that goes to the caller instead (`typed` makes it `DeadlineExceeded`).
 * Throws `InvalidOption` unless `duration` is longer than zero and at most 2^31-1 ms.
 *
 * @since 0.1.0
 * @category combinators
 */
export const deadline: {
  (duration: Duration.DurationInput): <E, R>(client: Client<E, R>) => Client<E | DeadlineExceeded<HttpFailure>, R>
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | DeadlineExceeded<HttpFailure>, R>
} = dual(
  2,
  <E, R>(client: Client<E, R>, duration: Duration.DurationInput): Client<E | DeadlineExceeded<HttpFailure>, R> =>
    timeLimits.overall(client, settings.positiveMillis("deadline", duration))
)

/**
 * Puts a guard before every attempt: a circuit breaker, a gate, or any other of `HttpGuard`. Fails with its error where it
 * rejects an attempt, without sending anything.
 *
 * It belongs below `retry`, which does not try a rejection again, and above `attemptTimeout`. With more than one, the order
 * that works is, from the bottom up: rate limiter, bulkhead, circuit breaker, gate.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 * import * as Tripping from "reprise/Tripping"
 *
 * const failing = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
 * )
 * const client = HttpResilience.guard(failing, HttpGuard.circuitBreaker({ trip: Tripping.consecutive(1) }))
 *
 * const program = client.get("http://example.com").pipe(
 *   Effect.zipRight(client.get("http://example.com")),
 *   Effect.flip
 * )
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => CircuitOpen
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const guard: {
  <E1>(guard: HttpGuard<E1>): <E, R>(client: Client<E, R>) => Client<E | E1, R>
  <E, R, E1>(client: Client<E, R>, guard: HttpGuard<E1>): Client<E | E1, R>
} = dual(2, guards.asStage)

/**
 * The client with every failure in the type: a response other than 2xx fails with the `HttpFailure` of its status (its
 * `response` still readable), transport errors and timeouts with theirs, so that `Effect.catchTags` can be exhaustive.
 *
 * A redirect (300 to 399 with a `Location`) is a value, so that `HttpClient.followRedirects` above can follow it. If no
 * stage follows it, `executeAndRead` fails with `ProtocolFailure`. A 304 always does.
 *
 * Arguments that make a transport die (a bad header value on node) fail with `InvalidRequest`. Other defects stay defects.
 *
 * @since 0.1.0
 * @category combinators
 */
export const typed: <E, R>(client: Client<E, R>) => Client<HttpResilience.Typed<E>, R> = faces.typed

/**
 * Executes the request and reads its response as one attempt: a body that is cut short or stalls is a failed attempt like
 * any other, timed out and sent again by the stages of the client.
 *
 * The response that `read` is given fails with `BodyFailure`'s error if fewer bytes arrive than `Content-Length` says. `fetch`
 * reports that itself, so there the length is not compared. `read` may read the body more than once, except as a `stream`.
 *
 * `read` runs again for each attempt with a 2xx response. A last response with another status is read once, after the
 * attempts, unless the client fails with it. `attemptTimeout` and `deadline` bound that too. Errors of `read` itself are not
 * retried. A stage below that replaces the request's body makes `read` run after the attempt instead of inside it.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
 * import { Effect } from "effect"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import * as HttpRetry from "@reprise/http/HttpRetry"
 *
 * // Announces 5 bytes and sends 3 of them, the first time.
 * let calls = 0
 * const cutting = HttpClient.make((request) =>
 *   Effect.sync(() => {
 *     const body = ++calls === 1 ? "hel" : "hello"
 *     return HttpClientResponse.fromWeb(request, new Response(body, { headers: { "content-length": "5" } }))
 *   }))
 *
 * const text = cutting.pipe(
 *   HttpResilience.retry(HttpRetry.exponential({ base: "1 millis" })),
 *   HttpResilience.executeAndRead(HttpClientRequest.get("http://localhost"), (response) => response.text)
 * )
 *
 * Effect.runPromise(text).then(console.log) // => hello
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const executeAndRead: {
  <A, E2, R2>(
    request: HttpClientRequest.HttpClientRequest,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
  ): <E, R>(client: Client<E, R>) => Effect.Effect<A, E | E2, R | R2>
  <E, R, A, E2, R2>(
    client: Client<E, R>,
    request: HttpClientRequest.HttpClientRequest,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
  ): Effect.Effect<A, E | E2, R | R2>
} = dual(3, <E, R, A, E2, R2>(
  client: Client<E, R>,
  request: HttpClientRequest.HttpClientRequest,
  read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.suspend(() => {
    const own = reader.make(read)
    return Effect.flatMap(client.execute(reader.attach(request, own)), own.finish)
  }))

/**
 * The ledger of the call that gave this response: each attempt (the first 8 and the last 24), what came of it, how long was waited and why. Empty for a
 * response that no `retry` has seen, and while the call still runs, as it does inside the reader of `executeAndRead`. A
 * failed call has its ledger in `attempts` of the `HttpFailure`.
 *
 * For what a guard rejects with too: a call whose retry was rejected may have been processed by an earlier attempt.
 *
 * @since 0.1.0
 * @category getters
 */
export const attempts = (
  result: HttpClientResponse.HttpClientResponse | Rejection
): Retry.Ledger<HttpFailure> => ledgers.get(result)
