/**
 * The options and errors of the client. It imports no other module of this package but for its types, so that every other module
 * can import it.
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
 * A policy for a client: a function that puts it before every attempt, and the value that `ResilientHttpClient` takes as an
 * option. `E` is its rejection. Each client that uses it keeps a state of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Stage<out E> {
  <E1, R>(client: HttpClient.HttpClient.With<E1, R>): HttpClient.HttpClient.With<E | E1, R>
  readonly [StageTypeId]: Types.Covariant<E>
}

/**
 * One circuit breaker per origin, or per key, that judges HTTP attempts.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpCircuitBreakers extends CircuitBreakers<string> {
  readonly [BreakersTypeId]: typeof BreakersTypeId
}

/**
 * The gates of origins, or of other keys, for `HttpResilience.retryAfterGate` to use.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryAfterGates {
  readonly [GatesTypeId]: typeof GatesTypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface KeyOptions extends Keyed.Bounds {
  /** Requests with the same key share a state. Defaults to the origin: scheme, host and port. */
  readonly key?: ((request: Request) => string) | undefined
}

/**
 * The options of every breaker, and what is particular to HTTP. What counts as a failure is fixed: failed connections,
 * attempts that ran out of their time, cut bodies, 500, 502, 503 and 504. Any other response is a success; a 429, an unknown
 * host, a refused certificate and a request that could not be sent say nothing.
 *
 * @since 0.1.0
 * @category options
 */
export interface BreakersOptions extends Omit<CircuitBreaker.Options, "key" | "isFailure" | "outcome">, Keyed.Bounds {
  /** Counts 429 as a failure. Defaults to `false`. */
  readonly countRateLimited?: boolean | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SharedBreakersOptions extends BreakersOptions, SharedCircuitBreaker.Sharing {}

/**
 * @since 0.1.0
 * @category options
 */
export interface OpenCircuit extends Pick<KeyOptions, "key"> {
  /**
   * Whether an open circuit rejects a call, or lets it wait until it may be worth trying again, as long as its deadline allows. With
   * `"wait"`, unless `onFull` says otherwise, it also waits while the probes run. Defaults to `"reject"`.
   */
  readonly onOpen?: "reject" | "wait" | undefined
}

/**
 * The options of breakers of its own, or `breakers` made by `HttpCircuitBreakers`: all clients that are given them share them.
 *
 * @since 0.1.0
 * @category options
 */
export type CircuitBreakerOptions = (BreakersOptions | { readonly breakers: HttpCircuitBreakers }) & OpenCircuit

/**
 * @since 0.1.0
 * @category options
 */
export interface GatesOptions extends Keyed.Bounds {
  /**
   * The longest that a gate stays closed, whatever the server asks for, or other processes tell. Defaults to `1 minute`.
   */
  readonly max?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface ClosedGate extends Pick<KeyOptions, "key"> {
  /** Whether calls wait at a closed gate, as long as their deadline allows, or are rejected. Defaults to `"wait"`. */
  readonly onClosed?: "wait" | "reject" | undefined
  /**
   * By how much of the pause the calls that waited are spread after it, each at random: from 0 to 1. Defaults to 0.1.
   */
  readonly jitter?: number | undefined
  /**
   * Closes the gate of the key after a successful response too, if its `RateLimit` headers say that nothing is left. Turn it on
   * only if all requests of one key count against one quota: set `key` to the tenant, the token or the resource that the server
   * counts by. Defaults to `false`.
   */
  readonly learnFromSuccess?: boolean | undefined
  /** How many calls may wait per key, of all clients that share the gates; the rest fails. Defaults to 1,000. */
  readonly maxWaiting?: number | undefined
}

/**
 * The options of gates of its own, or `gates` made by `RetryAfterGates`: all clients that are given them share them.
 *
 * @since 0.1.0
 * @category options
 */
export type RetryAfterGateOptions = (GatesOptions | { readonly gates: RetryAfterGates }) & ClosedGate

/**
 * @since 0.1.0
 * @category options
 */
export interface BulkheadOptions extends Omit<Bulkhead.Options, "key">, KeyOptions {
  /** The higher, the sooner it is the turn of a request that waits. Defaults to 0 for all. */
  readonly priority?: ((request: Request) => number) | undefined
}

/**
 * What counts as a drop is fixed: attempts that ran out of their time, 429, 503 and 504. Failures that say nothing of load
 * are ignored.
 *
 * @since 0.1.0
 * @category options
 */
export interface AdaptiveLimiterOptions<in out S>
  extends Omit<AdaptiveLimiter.Options<S>, "key" | "dropped" | "outcome">, KeyOptions
{
  /** Whose share of the limit a request runs in. Defaults to none. */
  readonly partition?: ((request: Request) => string | undefined) | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface RateLimiterOptions extends Omit<RateLimiter.Options, "key">, KeyOptions {}

/**
 * Takes a token for the request, whatever it is taken from: it may wait, or fail.
 *
 * @since 0.1.0
 * @category models
 */
export interface Consume<out E> {
  (request: Request): Effect.Effect<unknown, E>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface HedgeOptions extends Pick<Hedge.Options, "after" | "maxHedges">, KeyOptions {}

/**
 * The budget that the retries of a request draw on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Budget {
  (request: Request): Effect.Effect<RetryBudget>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface HeaderOptions {
  /** The name of the header that holds the key. Defaults to `Idempotency-Key`. */
  readonly header?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface AutomaticKeysOptions extends HeaderOptions {
  /** The methods whose requests get a key: at least one. Defaults to `["POST", "PATCH"]`. */
  readonly methods?: ReadonlyArray<HttpMethod> | undefined
}

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
 * One policy of your own for each key.
 *
 * @since 0.1.0
 * @category options
 */
export interface PolicyOptions<out E> extends KeyOptions {
  /** Makes the policy of a key. It sees each response below 400 as a success, and every other result as its `HttpFailure`. */
  readonly make: (key: string) => Effect.Effect<Policy<E, HttpClientResponse.HttpClientResponse, HttpFailure>>
  /** How the policies are called in a warning. Defaults to `The policies`. */
  readonly name?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface ReadBodiesOptions {
  /** How many bytes of a body are kept in memory: more than that streams. Defaults to 1 MiB (1,048,576). */
  readonly maxBytes?: number | undefined
}

/**
 * Reads bodies within their attempt.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadBodies {
  <E, R>(client: HttpClient.HttpClient.With<E, R>): HttpClient.HttpClient.With<E | HttpClientError.ResponseError, R>
}

/**
 * What becomes of an attempt, before `classify` decides.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  readonly request: Request
  /** The response, whatever its status; `undefined` if the attempt failed without one. Its body may be read more than once. */
  readonly response: HttpClientResponse.HttpClientResponse | undefined
  /** The error of the client below; `undefined` if there is a response. */
  readonly error: unknown
  /** What Reprise makes of it; `undefined` for a success, and for an error that has nothing to do with HTTP. */
  readonly failure: HttpFailure | undefined
}

/**
 * Decides what only the program knows. `undefined` leaves the decision to Reprise. An effect runs within the attempt, and its time; if it fails, Reprise decides.
 *
 * @since 0.1.0
 * @category models
 */
export interface Classify {
  (outcome: Outcome): HttpFailure | undefined | Effect.Effect<HttpFailure | undefined, unknown>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface ExponentialOptions {
  /** The most attempts, the first one included: at least 1. Defaults to 3. */
  readonly attempts?: number | undefined
  /** The first delay before jitter; it doubles from there. Defaults to `500 millis`. */
  readonly base?: Duration.DurationInput | undefined
  /** The longest delay before jitter: at least `base`. Defaults to `20 seconds`. */
  readonly cap?: Duration.DurationInput | undefined
  /** The longest `Retry-After` that is waited for. Defaults to `2 minutes`. */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
}

/**
 * When an attempt is made again. The schedule says how often and how long to wait, `while` whether it can help.
 *
 * @since 0.1.0
 * @category options
 */
export interface RetryPolicy<out R = never> {
  /** Defaults to `HttpRetry.standard`, with as many attempts as `times` allows. */
  readonly schedule?: Schedule.Schedule<unknown, HttpFailure, R> | undefined
  /**
   * Whether another attempt can succeed. Defaults to the `retryable` of the failure. It may allow more than that: a 529, say, or
   * a 404 after a create. Whether it is safe to send the request again is decided apart, and cannot be overridden.
   */
  readonly while?: ((failure: HttpFailure) => boolean) | undefined
  /** How many retries at the most. Defaults to as many as the schedule has. */
  readonly times?: number | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface RetryOptions {
  /** Sees the events of every call: retries, rejections, waits. Made by `Telemetry.listener`. Defaults to none. */
  readonly listener?: Listener | undefined
  /**
   * Also sends a request that is not idempotent again, if it certainly was not processed: the connection was refused, or the server
   * answered 429, or 503 with `Retry-After` (`sent` is `"no"` or `"refused"`). LLM and RPC calls are POST requests that need this.
   * Defaults to `false`.
   */
  readonly retryUnsent?: boolean | undefined
  /** The header that makes a request idempotent. Defaults to `Idempotency-Key`. */
  readonly idempotencyHeader?: string | undefined
  /**
   * What bounds how many retries and hedges are added to all calls: one per origin, made by `HttpRetry.budget`, or one for all calls,
   * made by `RetryBudget`. Clients that are given the same budget share it. Defaults to none.
   */
  readonly budget?: Budget | RetryBudget | undefined
  /**
   * Inside of another retry loop of Reprise that asks for it (`Retry.withoutNested`): one attempt, or all the same.
   * Defaults to `"suppress"`.
   */
  readonly nested?: "suppress" | "allow" | undefined
  /** Decides what only the program knows: an error in a 200, a 202 that is not ready, a wait header of one provider. */
  readonly classify?: Classify | undefined
  /** How a failed response is released before the wait begins. */
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

/**
 * Every way in which the policies of a client reject a call.
 *
 * @since 0.1.0
 * @category errors
 */
export type Rejection =
  | GateClosed
  | CircuitBreaker.CircuitOpen
  | Bulkhead.BulkheadFull
  | AdaptiveLimiter.LimitExceeded
  | RateLimiter.RateLimitExceeded

/**
 * What the pipeline is made of. Every stage is optional.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<out E = Rejection> extends RetryOptions {
  /** When and how often to try again: a schedule, or more in detail; `false` for never. Defaults to `HttpRetry.standard`. */
  readonly retry?: Schedule.Schedule<unknown, HttpFailure> | RetryPolicy | false | undefined
  /**
   * Reads the body of a 2xx response within the attempt, so that a body that is cut short or stalls is a failed attempt; made by
   * `HttpResilience.readBodies`. Defaults to none: only `HttpResilience.executeAndRead` does so.
   */
  readonly readBodies?: ReadBodies | undefined
  /** How long one attempt may take to its response, or to the end of the body that it reads. Defaults to no limit. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** How long one call may take, its attempts and waits together. Defaults to no limit. */
  readonly deadline?: Duration.DurationInput | undefined
  /** Holds calls back while the server asks for it; made by `HttpResilience.retryAfterGate`. Defaults to none. */
  readonly gate?: Stage<GateClosed> | undefined
  /** Stops calling what keeps failing; made by `HttpResilience.circuitBreaker`. Defaults to none. */
  readonly breaker?: Stage<CircuitBreaker.CircuitOpen> | undefined
  /** Bounds how many attempts run at once; made by `HttpResilience.bulkhead`. Defaults to none. */
  readonly bulkhead?: Stage<Bulkhead.BulkheadFull> | undefined
  /** The same by a limit that is learned; made by `HttpResilience.adaptiveLimiter`. Defaults to none. */
  readonly adaptiveLimiter?: Stage<AdaptiveLimiter.LimitExceeded> | undefined
  /** Takes a token before each attempt; made by `HttpResilience.rateLimiter`. Defaults to none. */
  readonly rateLimiter?: Stage<E> | undefined
  /** Makes a second attempt beside one that takes too long; made by `HttpResilience.hedge`. Defaults to none. */
  readonly hedge?: Stage<never> | undefined
  /** Policies of your own, which an attempt passes before all others; made by `HttpResilience.policy`. Defaults to none. */
  readonly policies?: ReadonlyArray<Stage<E>> | undefined
  /** Gives POST and PATCH requests an idempotency key, made once per call. Defaults to `false`. */
  readonly idempotencyKeys?: boolean | AutomaticKeysOptions | undefined
  /** Other options for some requests: the first route that matches decides. Defaults to none. */
  readonly routes?: ReadonlyArray<Route<E>> | undefined
}

/**
 * Options for the requests that match, in place of those of the client; what is not among them stays. Routes share the states of
 * the policies and budgets that they do not replace.
 *
 * @since 0.1.0
 * @category options
 */
export interface Route<out E = Rejection> {
  /** Whether the options are for this request: asked before anything of the pipeline has touched it. */
  readonly match: (request: Request) => boolean
  readonly options: Omit<Options<E>, "routes">
}

/**
 * Two options that do not go together.
 *
 * @since 0.1.0
 * @category models
 */
export interface Finding {
  /** An `error` makes an option mean nothing; a `warning` makes a client that does less good than it could. */
  readonly severity: "error" | "warning"
  /** The names of the options. */
  readonly options: ReadonlyArray<keyof Options>
  readonly message: string
  /** Which of the routes has them, from 0; `undefined` for the client itself. */
  readonly route?: number | undefined
}

/**
 * The call was not made: the server asked everybody to keep away. It is a `Retry.Hint`.
 *
 * @since 0.1.0
 * @category errors
 */
export class GateClosed extends Data.TaggedError("GateClosed")<{
  /** The origin, or whatever the key is. */
  readonly key: string
  /** How long the server still asks to wait. Never none. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** It may not wait (`"closed"`), too many do (`"full"`), or its deadline comes first. */
  readonly reason: "closed" | "full" | "deadline"
}> {
  /**
   * Ends a retry loop, as in every rejection.
   *
   * @since 0.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * @since 0.1.0
   */
  override get message(): string {
    const why = { closed: "", full: ", and too many calls wait for it", deadline: ", and the deadline comes first" }
    const when = Option.isSome(this.retryAfter) ? `, retry after ${Duration.format(this.retryAfter.value)}` : ""
    return `The server ${this.key} asks for no requests${when}${why[this.reason]}`
  }
}
