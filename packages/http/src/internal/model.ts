/**
 * Defines the options and errors of the client. It imports only types of this package, so that every other module can
 * import it.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Types from "effect/Types"
import type * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import type * as Bulkhead from "reprise/Bulkhead"
import type * as CircuitBreaker from "reprise/CircuitBreaker"
import type { CircuitBreakers } from "reprise/CircuitBreakers"
import type { DeadlineExceeded } from "reprise/Deadline"
import type * as Hedge from "reprise/Hedge"
import type * as Keyed from "reprise/Keyed"
import type { Policy } from "reprise/Policy"
import type * as RateLimiter from "reprise/RateLimiter"
import type { RetryBudget } from "reprise/RetryBudget"
import type * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import type { Listener } from "reprise/Telemetry"
import type { HttpFailure } from "./classify/failure.js"

export const StageTypeId: unique symbol = Symbol.for("@reprise/http/HttpResilience/Stage")

export const BreakersTypeId: unique symbol = Symbol.for("@reprise/http/HttpCircuitBreakers")

export const GatesTypeId: unique symbol = Symbol.for("@reprise/http/RetryAfterGates")

type Request = HttpClientRequest.HttpClientRequest

/**
 * A policy for a client: a function that puts it before every attempt, and the value that `ResilientHttpClient` takes
 * as an option. `E` is its rejection. Each client has its own state of the policy.
 *
 * @since 3.1.0
 * @category models
 */
export interface Stage<out E> {
  <E1, R>(client: HttpClient.HttpClient.With<E1, R>): HttpClient.HttpClient.With<E | E1, R>
  readonly [StageTypeId]: Types.Covariant<E>
}

/**
 * One circuit breaker per origin, or per key, that judges HTTP attempts.
 *
 * @since 3.1.0
 * @category models
 */
export interface HttpCircuitBreakers extends CircuitBreakers<string> {
  readonly [BreakersTypeId]: typeof BreakersTypeId
}

/**
 * The gates of origins, or of other keys, for `HttpResilience.retryAfterGate` to use.
 *
 * @since 3.1.0
 * @category models
 */
export interface RetryAfterGates {
  readonly [GatesTypeId]: typeof GatesTypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface KeyOptions extends Keyed.Bounds {
  /** Requests with the same key share a state. Defaults to the origin: scheme, host and port. */
  readonly key?: ((request: Request) => string) | undefined
}

/**
 * The options of every breaker, with the extras for HTTP. The list of failures is fixed:
 *
 * - failures: failed connections, attempts that timed out, cut bodies, 500, 502, 503 and 504;
 * - ignored: 429, an unknown host, a refused certificate, and a request that cannot be sent;
 * - successes: any other response.
 *
 * @since 3.1.0
 * @category options
 */
export interface BreakersOptions extends Omit<CircuitBreaker.Options, "key" | "isFailure" | "outcome">, Keyed.Bounds {
  /** Counts 429 as a failure. Defaults to `false`. */
  readonly countRateLimited?: boolean | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface SharedBreakersOptions extends BreakersOptions, SharedCircuitBreaker.Sharing {}

/**
 * @since 3.1.0
 * @category options
 */
export interface OpenCircuit extends Pick<KeyOptions, "key"> {
  /**
   * The treatment of a call while the circuit is open. Defaults to `"reject"`.
   *
   * `"wait"` lets the call wait for the next probe, within its deadline. It then also waits while the probes run,
   * unless `onFull` says otherwise.
   */
  readonly onOpen?: "reject" | "wait" | undefined
}

/**
 * The options of a client's own breakers, or `breakers` from `HttpCircuitBreakers`, which several clients can share.
 *
 * @since 3.1.0
 * @category options
 */
export type CircuitBreakerOptions = (BreakersOptions | { readonly breakers: HttpCircuitBreakers }) & OpenCircuit

/**
 * @since 3.1.0
 * @category options
 */
export interface GatesOptions extends Keyed.Bounds {
  /** The longest pause of a gate, even if the server or another process asks for more. Defaults to `1 minute`. */
  readonly max?: Duration.DurationInput | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface ClosedGate extends Pick<KeyOptions, "key"> {
  /** Whether calls at a closed gate wait, within their deadline, or are rejected. Defaults to `"wait"`. */
  readonly onClosed?: "wait" | "reject" | undefined
  /** The share of the pause over which the waiting calls start after it, at random: from 0 to 1. Defaults to 0.1. */
  readonly jitter?: number | undefined
  /**
   * Closes the gate of the key after a successful response too, if its `RateLimit` headers say that nothing is left.
   *
   * Turn it on only if all requests of one key use the same quota. Set `key` to the tenant, the token or the resource
   * of that quota. Defaults to `false`.
   */
  readonly learnFromSuccess?: boolean | undefined
  /** The most waiting calls per key, of all clients that share the gates. Calls beyond fail. Defaults to 1,000. */
  readonly maxWaiting?: number | undefined
}

/**
 * The options of a client's own gates, or `gates` from `RetryAfterGates`, which several clients can share.
 *
 * @since 3.1.0
 * @category options
 */
export type RetryAfterGateOptions = (GatesOptions | { readonly gates: RetryAfterGates }) & ClosedGate

/**
 * @since 3.1.0
 * @category options
 */
export interface BulkheadOptions extends Omit<Bulkhead.Options, "key">, KeyOptions {
  /** A request with a higher priority leaves the queue earlier. Defaults to 0 for all. */
  readonly priority?: ((request: Request) => number) | undefined
}

/**
 * The options of every limiter. The list of drops is fixed: attempts that timed out, 429, 503 and 504. Failures that
 * say nothing about the load are ignored.
 *
 * @since 3.1.0
 * @category options
 */
export interface AdaptiveLimiterOptions<in out S>
  extends Omit<AdaptiveLimiter.Options<S>, "key" | "dropped" | "outcome">, KeyOptions
{
  /** The name of the share of the limit that a request uses. Defaults to none. */
  readonly partition?: ((request: Request) => string | undefined) | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface RateLimiterOptions extends Omit<RateLimiter.Options, "key">, KeyOptions {}

/**
 * Takes a token for the request from any limiter. It may wait, or fail.
 *
 * @since 3.1.0
 * @category models
 */
export interface Consume<out E> {
  (request: Request): Effect.Effect<unknown, E>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface HedgeOptions extends Pick<Hedge.Options, "after" | "maxHedges">, KeyOptions {}

/**
 * The budget for the retries of a request.
 *
 * @since 3.1.0
 * @category models
 */
export interface Budget {
  (request: Request): Effect.Effect<RetryBudget>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface HeaderOptions {
  /** The name of the header that holds the key. Defaults to `Idempotency-Key`. */
  readonly header?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface AutomaticKeysOptions extends HeaderOptions {
  /** The methods whose requests get a key: at least one. Defaults to `["POST", "PATCH"]`. */
  readonly methods?: ReadonlyArray<HttpMethod> | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Drain {
  /** The most bytes to read of a failed response before an abort. Defaults to 65,536. */
  readonly maxBytes?: number | undefined
  /** The most time to read a failed response before an abort. Defaults to `200 millis`. */
  readonly maxDuration?: Duration.DurationInput | undefined
}

/**
 * One policy of your own for each key.
 *
 * @since 3.1.0
 * @category options
 */
export interface PolicyOptions<out E> extends KeyOptions {
  /**
   * Makes the policy of a key. It sees each response below 400 as a success, and every other result as its
   * `HttpFailure`.
   */
  readonly make: (key: string) => Effect.Effect<Policy<E, HttpClientResponse.HttpClientResponse, HttpFailure>>
  /** The name of the policies in a warning. Defaults to `The policies`. */
  readonly name?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface ReadBodiesOptions {
  /** The most bytes of a body in memory. A larger body becomes a stream. Defaults to 1 MiB (1,048,576). */
  readonly maxBytes?: number | undefined
}

/**
 * Reads bodies within their attempt.
 *
 * @since 3.1.0
 * @category models
 */
export interface ReadBodies {
  <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E | HttpClientError.ResponseError, R>
}

/**
 * The result of an attempt, before `classify` decides.
 *
 * @since 3.1.0
 * @category models
 */
export interface Outcome {
  readonly request: Request
  /**
   * The response, with any status; `undefined` if the attempt failed without one. Its body may be read more than once.
   */
  readonly response: HttpClientResponse.HttpClientResponse | undefined
  /** The error of the client below; `undefined` if there is a response. */
  readonly error: unknown
  /** Reprise's own classification; `undefined` for a success, and for an error that does not concern HTTP. */
  readonly failure: HttpFailure | undefined
}

/**
 * Classifies attempts by the rules of the program. `undefined` leaves the decision to Reprise. An effect runs within
 * the time of the attempt. If it fails, Reprise decides.
 *
 * @since 3.1.0
 * @category models
 */
export interface Classify {
  (outcome: Outcome): HttpFailure | undefined | Effect.Effect<HttpFailure | undefined, unknown>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface ExponentialOptions {
  /** The most attempts, including the first: at least 1. Defaults to 3. */
  readonly attempts?: number | undefined
  /** The first delay before jitter; it doubles from there. Defaults to `500 millis`. */
  readonly base?: Duration.DurationInput | undefined
  /** The longest delay before jitter: at least `base`. Defaults to `20 seconds`. */
  readonly cap?: Duration.DurationInput | undefined
  /** The longest `Retry-After` that the client waits for. Defaults to `2 minutes`. */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
}

/**
 * Decides about another attempt. The schedule sets how often and how long to wait, `while` whether it can succeed.
 *
 * @since 3.1.0
 * @category options
 */
export interface RetryPolicy<out R = never> {
  /** Defaults to `HttpRetry.standard`, with as many attempts as `times` allows. */
  readonly schedule?: Schedule.Schedule<unknown, HttpFailure, R> | undefined
  /**
   * Whether another attempt can succeed. Defaults to the `retryable` of the failure.
   *
   * It may accept other failures: for example a 529, or a 404 after a create. It does not change whether another
   * attempt is safe.
   */
  readonly while?: ((failure: HttpFailure) => boolean) | undefined
  /** The most retries. Defaults to the number of the schedule. */
  readonly times?: number | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface RetryOptions {
  /** Receives the events of every call: retries, rejections, waits. Made by `Telemetry.listener`. Defaults to none. */
  readonly listener?: Listener | undefined
  /**
   * Also retries a request that is not idempotent, if the server certainly did not process it. Defaults to `false`.
   *
   * That is so if the connection was refused, or the server answered 429, or 503 with `Retry-After` (`sent` is `"no"`
   * or `"refused"`). LLM and RPC calls are POST requests that need this.
   */
  readonly retryUnsent?: boolean | undefined
  /** The header that makes a request idempotent. Defaults to `Idempotency-Key`. */
  readonly idempotencyHeader?: string | undefined
  /**
   * Bounds how many retries and hedges the client adds to all calls. Clients with the same budget share it. Defaults to
   * none.
   *
   * `HttpRetry.budget` makes one per origin. `RetryBudget` makes one for all calls.
   */
  readonly budget?: Budget | RetryBudget | undefined
  /**
   * The number of attempts inside another retry loop of Reprise with `Retry.withoutNested`: one (`"suppress"`), or as
   * usual (`"allow"`). Defaults to `"suppress"`.
   */
  readonly nested?: "suppress" | "allow" | undefined
  /**
   * Classifies attempts by rules of the program: for an error in a 200, a 202 that is not ready, or a
   * provider's wait header.
   */
  readonly classify?: Classify | undefined
  /** The limits of reading a failed response, before the wait begins. */
  readonly drain?: Drain | undefined
  /**
   * The header for the number of the attempt, from the second on. Defaults to none.
   *
   * In the handler of `HttpServerResilience.withoutNestedRetries`, it holds the received number if that is greater.
   */
  readonly attemptHeader?: string | undefined
  /**
   * The header for the time that the attempt has left when it is sent, in whole milliseconds. Defaults to none.
   *
   * The time is the rest until the deadline of the call, or the `attemptTimeout` of `ResilientHttpClient` if that is
   * less. It is a duration, so the clocks need not agree, as in gRPC's `grpc-timeout` and Envoy's
   * `x-envoy-expected-rq-timeout-ms`. `HttpServerResilience.deadline` reads it. Without a limit the client does not
   * send it. A lower value that the request already has stays.
   */
  readonly deadlineHeader?: string | undefined
  /**
   * Set it to `"manual"` if the client below is fetch and does not follow redirects. Only then can fetch prove that a
   * request was not sent. Defaults to `"follow"`; undici and node do not need it.
   */
  readonly redirect?: "follow" | "manual" | undefined
}

/**
 * The errors of a typed client. An `HttpFailure` replaces the errors of the client below that say less.
 *
 * @since 3.1.0
 * @category models
 */
export type Typed<E> =
  | HttpFailure
  | DeadlineExceeded<HttpFailure>
  | Exclude<E, HttpClientError.HttpClientError | Cause.TimeoutException>

/**
 * Every rejection by a policy of a client.
 *
 * @since 3.1.0
 * @category errors
 */
export type Rejection =
  | GateClosed
  | CircuitBreaker.CircuitOpen
  | Bulkhead.BulkheadFull
  | AdaptiveLimiter.LimitExceeded
  | RateLimiter.RateLimitExceeded

/**
 * The options of the pipeline. Every stage is optional.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options<out E = Rejection> extends RetryOptions {
  /**
   * The retry policy: a schedule, or a `RetryPolicy` with details; `false` for no retries. Defaults to
   * `HttpRetry.standard`.
   */
  readonly retry?: Schedule.Schedule<unknown, HttpFailure> | RetryPolicy | false | undefined
  /**
   * Reads the body of a 2xx response within the attempt; made by `HttpResilience.readBodies`.
   *
   * A body that is cut short or stalls is then a failed attempt. Defaults to none: only `HttpResilience.executeAndRead`
   * does so.
   */
  readonly readBodies?: ReadBodies | undefined
  /**
   * The most time for one attempt, up to its response, or to the end of the body that it reads. Defaults to no limit.
   */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** The most time for one call, with all its attempts and waits. Defaults to no limit. */
  readonly deadline?: Duration.DurationInput | undefined
  /** Holds calls back while the server asks for a pause; made by `HttpResilience.retryAfterGate`. Defaults to none. */
  readonly gate?: Stage<GateClosed> | undefined
  /** Stops calls to a server that keeps failing; made by `HttpResilience.circuitBreaker`. Defaults to none. */
  readonly breaker?: Stage<CircuitBreaker.CircuitOpen> | undefined
  /** Bounds how many attempts run at once; made by `HttpResilience.bulkhead`. Defaults to none. */
  readonly bulkhead?: Stage<Bulkhead.BulkheadFull> | undefined
  /**
   * Bounds how many attempts run at once with a learned limit; made by `HttpResilience.adaptiveLimiter`. Defaults to
   * none.
   */
  readonly adaptiveLimiter?: Stage<AdaptiveLimiter.LimitExceeded> | undefined
  /** Takes a token before each attempt; made by `HttpResilience.rateLimiter`. Defaults to none. */
  readonly rateLimiter?: Stage<E> | undefined
  /** Makes a second attempt beside one that takes too long; made by `HttpResilience.hedge`. Defaults to none. */
  readonly hedge?: Stage<never> | undefined
  /**
   * Policies of your own, which an attempt passes before all others; made by `HttpResilience.policy`. Defaults to none.
   */
  readonly policies?: ReadonlyArray<Stage<E>> | undefined
  /** Gives POST and PATCH requests an idempotency key, made once per call. Defaults to `false`. */
  readonly idempotencyKeys?: boolean | AutomaticKeysOptions | undefined
  /** Other options for some requests: the first route that matches decides. Defaults to none. */
  readonly routes?: ReadonlyArray<Route<E>> | undefined
}

/**
 * Options for the requests that match. They replace those of the client; other options stay.
 *
 * Routes share the state of the policies and budgets that they do not replace.
 *
 * @since 3.1.0
 * @category options
 */
export interface Route<out E = Rejection> {
  /** Whether the options are for this request. It runs before the pipeline changes the request. */
  readonly match: (request: Request) => boolean
  readonly options: Omit<Options<E>, "routes">
}

/**
 * Two options that contradict each other.
 *
 * @since 3.1.0
 * @category models
 */
export interface Finding {
  /** With an `error` an option has no effect. With a `warning` the client protects less than it could. */
  readonly severity: "error" | "warning"
  /** The names of the options. */
  readonly options: ReadonlyArray<keyof Options>
  readonly message: string
  /** The index of the route, from 0; `undefined` for the client itself. */
  readonly route?: number | undefined
}

/**
 * The call was not made, because the server asked all callers to wait. It is a `Retry.Hint`.
 *
 * @since 3.1.0
 * @category errors
 */
export class GateClosed extends Data.TaggedError("GateClosed")<{
  /** The origin, or the key of the gate. */
  readonly key: string
  /** The rest of the pause. Never none. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** The call may not wait (`"closed"`), too many calls wait (`"full"`), or its deadline comes first. */
  readonly reason: "closed" | "full" | "deadline"
}> {
  /**
   * `false`, as in every rejection: it ends a retry loop.
   *
   * @since 3.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const why = { closed: "", full: ", and too many calls wait for it", deadline: ", and the deadline comes first" }
    const when = Option.isSome(this.retryAfter) ? `, retry after ${Duration.format(this.retryAfter.value)}` : ""
    return `The server ${this.key} asks for no requests${when}${why[this.reason]}`
  }
}
