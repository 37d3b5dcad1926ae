/**
 * What every attempt has to pass before it is sent, per origin: a gate that obeys `Retry-After`, a circuit breaker, limits
 * of concurrency and of rate; and a second attempt beside one that takes too long.
 *
 * A guard is a value, made here and given to `ResilientHttpClient` (or to `HttpResilience.guard` as a stage of its own). A
 * client that is given none does not hold its code. Each client keeps states of its own.
 *
 * @since 0.1.0
 */
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Types from "effect/Types"
import type { AdaptiveLimiter, LimitExceeded } from "reprise/AdaptiveLimiter"
import type { Bulkhead, BulkheadFull } from "reprise/Bulkhead"
import type { CircuitBreaker, CircuitOpen } from "reprise/CircuitBreaker"
import type { CircuitBreakers } from "reprise/CircuitBreakers"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import type { Hedge } from "reprise/Hedge"
import type { Keyed } from "reprise/Keyed"
import type { RateLimiter, RateLimitExceeded } from "reprise/RateLimiter"
import type { RetryAfterStore } from "reprise/RetryAfterStore"
import type { SharedCircuitBreaker } from "reprise/SharedCircuitBreaker"
import * as circuit from "./internal/circuit.js"
import * as gate from "./internal/gate.js"
import * as gates from "./internal/gates.js"
import * as guard from "./internal/guard.js"
import * as hedging from "./internal/hedging.js"
import * as limits from "./internal/limits.js"
import * as sharedGates from "./internal/sharedGates.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = guard.TypeId

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof guard.TypeId

/**
 * Lets an attempt through, holds it back, or rejects it with `E` before anything is sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface HttpGuard<out E> {
  readonly [TypeId]: { readonly _E: Types.Covariant<E> }
}

/**
 * The gates of origins, or of other keys, for `retryAfterGate` to use.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryAfterGates {
  readonly [TypeId]: "RetryAfterGates"
}

/**
 * @since 0.1.0
 */
export declare namespace HttpGuard {
  /**
   * @since 0.1.0
   * @category options
   */
  export interface Keys extends Keyed.Bounds {
    /** Requests with the same key share a state. Defaults to the origin: scheme, host and port. */
    readonly key?: ((request: HttpClientRequest.HttpClientRequest) => string) | undefined
  }

  /**
   * The options of every breaker, and what is particular to HTTP. What counts as a failure is fixed: failed connections,
   * attempts that ran out of their time, cut bodies, 500, 502, 503 and 504. Any other response is a success; a 429, an unknown
   * host, a refused certificate and a request that could not be sent say nothing.
   *
   * @since 0.1.0
   * @category options
   */
  export interface CircuitBreakersOptions
    extends Omit<CircuitBreaker.Options, "key" | "isFailure" | "outcome">, Keyed.Bounds
  {
    /** Counts 429 as a failure. Defaults to `false`. */
    readonly countRateLimited?: boolean | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface SharedCircuitBreakersOptions extends CircuitBreakersOptions, SharedCircuitBreaker.Sharing {}

  /**
   * @since 0.1.0
   * @category options
   */
  export interface OpenCircuit extends Pick<Keys, "key"> {
    /**
     * What a call does at an open circuit: it fails at once, or waits until it may be worth trying again, as long as its
     * deadline allows; and with `"wait"`, unless `onFull` says otherwise, while the probes are under way. Defaults to `"fail"`.
     */
    readonly onOpen?: "fail" | "wait" | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface OwnBreakers extends CircuitBreakersOptions, OpenCircuit {}

  /**
   * @since 0.1.0
   * @category options
   */
  export interface SharedBreakers extends OpenCircuit {
    /** Made by `circuitBreakers` or `sharedCircuitBreakers`: all clients that are given them share them. */
    readonly breakers: CircuitBreakers<string>
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export type CircuitBreakerOptions = OwnBreakers | SharedBreakers

  /**
   * @since 0.1.0
   * @category options
   */
  export interface RetryAfterGatesOptions extends Keyed.Bounds {
    /**
     * The longest that a gate stays closed, whatever the server asks for, or other processes tell. Defaults to `1 minute`.
     */
    readonly max?: Duration.DurationInput | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface ClosedGate extends Pick<Keys, "key"> {
    /** What becomes of calls at a closed gate: they wait, as long as their deadline allows, or fail. Defaults to `"pause"`. */
    readonly onClosed?: "pause" | "fail" | undefined
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
    readonly maxPaused?: number | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface OwnGates extends RetryAfterGatesOptions, ClosedGate {}

  /**
   * @since 0.1.0
   * @category options
   */
  export interface SharedGates extends ClosedGate {
    /** Made by `retryAfterGates` or `sharedRetryAfterGates`: all clients that are given them share them. */
    readonly gates: RetryAfterGates
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export type RetryAfterGateOptions = OwnGates | SharedGates

  /**
   * @since 0.1.0
   * @category options
   */
  export interface BulkheadOptions extends Omit<Bulkhead.Options, "key">, Keys {
    /** The higher, the sooner it is the turn of a request that waits. Defaults to 0 for all. */
    readonly priority?: ((request: HttpClientRequest.HttpClientRequest) => number) | undefined
  }

  /**
   * What counts as a drop is fixed: attempts that ran out of their time, 429, 503 and 504. Failures that say nothing of load
   * are ignored.
   *
   * @since 0.1.0
   * @category options
   */
  export interface AdaptiveLimiterOptions<in out S>
    extends Omit<AdaptiveLimiter.Options<S>, "key" | "dropped" | "outcome">, Keys
  {
    /** Whose share of the limit a request runs in. Defaults to none. */
    readonly partition?: ((request: HttpClientRequest.HttpClientRequest) => string | undefined) | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface RateLimiterOptions extends Omit<RateLimiter.Options, "key">, Keys {}

  /**
   * Takes a token for the request, whatever it is taken from: it may wait, or fail.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Consume<out E> {
    (request: HttpClientRequest.HttpClientRequest): Effect.Effect<unknown, E>
  }

  /**
   * @since 0.1.0
   * @category models
   */
  export type RateLimit<E> = RateLimiterOptions | Consume<E>

  /**
   * @since 0.1.0
   * @category options
   */
  export interface HedgeOptions extends Pick<Hedge.Options, "after" | "maxHedges">, Keys {}
}

/**
 * The call was not made: the server asked everybody to keep away.
 *
 * @since 0.1.0
 * @category errors
 */
export class GateClosed extends Data.TaggedError("GateClosed")<{
  /** The origin, or whatever the key is. */
  readonly key: string
  /** How long the server still asks to wait. */
  readonly retryAfter: Duration.Duration
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
    return `The server ${this.key} asks for no requests, retry after ${Duration.format(this.retryAfter)}${
      why[this.reason]
    }`
  }
}

/**
 * Stops calling what keeps failing: one circuit breaker per origin, or per `key`. Where it is open, calls fail with
 * `CircuitOpen` without sending anything, and the retry loop ends at once. Throws `InvalidOption` for an option out of
 * range.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Layer } from "effect"
 * import * as Tripping from "reprise/Tripping"
 *
 * export const HttpLive = ResilientHttpClient.layer({
 *   attemptTimeout: "10 seconds",
 *   deadline: "30 seconds",
 *   breaker: HttpGuard.circuitBreaker({ trip: Tripping.consecutive(5) })
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const circuitBreaker = (options: HttpGuard.CircuitBreakerOptions): HttpGuard<CircuitOpen> =>
  guard.make(options, () => circuit.make(options))

/**
 * The breakers for `circuitBreaker` to use, made beforehand: to look at their states, to hear of their changes, to open or
 * isolate one by hand, or to share them between clients. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const failing = HttpClient.make((request) =>
 *   Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const breakers = yield* HttpGuard.circuitBreakers({ trip: Tripping.consecutive(1) })
 *   const client = ResilientHttpClient.make({ breaker: HttpGuard.circuitBreaker({ breakers }) })(failing)
 *   yield* client.get("http://example.com/health")
 *   return (yield* CircuitBreakers.entries(breakers)).map(([origin, { state }]) => `${origin} ${state}`)
 * })
 *
 * Effect.runPromise(program).then((states) => console.log(states.join())) // => http://example.com Open
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const circuitBreakers = (
  options: HttpGuard.CircuitBreakersOptions
): Effect.Effect<CircuitBreakers<string>> => circuit.makeBreakers(options)

/**
 * Makes the breakers for `circuitBreaker` that share the state of each origin (or key) with other processes, through the
 * `CircuitBreakerStore`. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 * import * as Tripping from "reprise/Tripping"
 *
 * let requests = 0
 * const failing = HttpClient.make((request) => {
 *   requests++
 *   return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 500 })))
 * })
 *
 * // As if in a process of its own.
 * const clientOfAProcess = Effect.map(
 *   HttpGuard.sharedCircuitBreakers({ trip: Tripping.consecutive(1) }),
 *   (breakers) => HttpResilience.guard(failing, HttpGuard.circuitBreaker({ breakers }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const [one, other] = yield* Effect.all([clientOfAProcess, clientOfAProcess])
 *   yield* one.get("http://example.com/")
 *   yield* Effect.sleep("50 millis")
 *   // The first call waits for the state of its origin, up to the timeout of the store.
 *   const error = yield* Effect.flip(other.get("http://example.com/"))
 *   return `${error._tag} after ${requests} request`
 * })
 *
 * const store = CircuitBreakerStore.layerMemory()
 * Effect.runPromise(Effect.scoped(Effect.provide(program, store))).then(console.log) // => CircuitOpen after 1 request
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const sharedCircuitBreakers = (
  options: HttpGuard.SharedCircuitBreakersOptions
): Effect.Effect<CircuitBreakers<string>, never, CircuitBreakerStore | Scope.Scope> =>
  circuit.makeSharedBreakers(options)

/**
 * Holds all calls back while the server asks to keep away, so that a hundred fibers do not each learn it alone. A 429 or a 503
 * that says for how long closes the gate of its origin (or `key`). Calls that waited go on spread over a little more time.
 *
 * If the server counts per tenant, token or resource, give a `key` that says so: otherwise one tenant's 429 holds back all
 * others. A successful response closes no gate, even if it used up a quota: the quota need not be that of the next call.
 * `learnFromSuccess` changes that.
 *
 * A call that may not wait fails with `GateClosed`, without sending anything, and is not retried. Throws `InvalidOption`
 * for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Duration, Effect } from "effect"
 *
 * const busy = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * )
 * const client = HttpResilience.guard(busy, HttpGuard.retryAfterGate({ onClosed: "fail" }))
 *
 * const program = client.get("http://example.com/a").pipe(
 *   Effect.zipRight(client.get("http://example.com/b")),
 *   Effect.catchTag("GateClosed", (error) => Effect.succeed(Math.ceil(Duration.toSeconds(error.retryAfter))))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => 7
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryAfterGate = (options: HttpGuard.RetryAfterGateOptions = {}): HttpGuard<GateClosed> =>
  guard.make(
    options,
    () => gate.make(options, (key, retryAfter, reason) => new GateClosed({ key, retryAfter, reason }))
  )

/**
 * The gates for `retryAfterGate` to use, made beforehand, to share them between clients: a server that asks one of them to
 * keep away is left alone by all. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 *
 * const busy = HttpClient.make((request) =>
 *   Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * )
 *
 * const program = Effect.gen(function*() {
 *   const gates = yield* HttpGuard.retryAfterGates({ max: "30 seconds" })
 *   const reading = HttpResilience.guard(busy, HttpGuard.retryAfterGate({ gates }))
 *   const writing = HttpResilience.guard(busy, HttpGuard.retryAfterGate({ gates, onClosed: "fail" }))
 *   yield* reading.get("http://example.com/")
 *   return yield* Effect.flip(writing.post("http://example.com/"))
 * })
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => GateClosed
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const retryAfterGates = (options: HttpGuard.RetryAfterGatesOptions = {}): Effect.Effect<RetryAfterGates> =>
  gates.make(options)

/**
 * Makes the gates for `retryAfterGate` that share their pauses with those of other processes, through the `RetryAfterStore`,
 * for as long as the scope is open: what a server asks of one of them, all respect. Throws `InvalidOption` for an option out
 * of range.
 *
 * No call waits for the store. A gate that is closed here is closed for the others within 100 milliseconds and the way
 * through the store; a pause that they told of is kept for keys too that are first used later, as long as `capacity` allows.
 * Where the store is away each process goes on by itself, and tells what is left of its pauses when the store is back.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 * import * as RetryAfterStore from "reprise/RetryAfterStore"
 *
 * let requests = 0
 * const busy = HttpClient.make((request) => {
 *   requests++
 *   return Effect.succeed(
 *     HttpClientResponse.fromWeb(request, new Response(null, { status: 429, headers: { "Retry-After": "7" } }))
 *   )
 * })
 *
 * // As if in a process of its own.
 * const clientOfAProcess = Effect.map(
 *   HttpGuard.sharedRetryAfterGates(),
 *   (gates) => HttpResilience.guard(busy, HttpGuard.retryAfterGate({ gates, onClosed: "fail" }))
 * )
 *
 * const program = Effect.gen(function*() {
 *   const [one, other] = yield* Effect.all([clientOfAProcess, clientOfAProcess])
 *   yield* one.get("http://example.com/")
 *   yield* Effect.sleep("200 millis")
 *   const error = yield* Effect.flip(other.get("http://example.com/"))
 *   return `${requests} request, then ${error._tag}`
 * })
 *
 * // In production: the store of `@reprise/redis`.
 * const store = RetryAfterStore.layerMemory()
 * Effect.runPromise(Effect.scoped(Effect.provide(program, store))).then(console.log) // => 1 request, then GateClosed
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const sharedRetryAfterGates = (
  options: HttpGuard.RetryAfterGatesOptions = {}
): Effect.Effect<RetryAfterGates, never, RetryAfterStore | Scope.Scope> => sharedGates.make(options)

/**
 * Bounds how many attempts run at once, and how many wait for their turn: those beyond fail with `BulkheadFull`, without
 * sending anything, and are not retried. The time spent waiting is no part of the attempt's. Throws `InvalidOption` for an
 * option out of range.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 *
 * const slow = HttpClient.make(() => Effect.never)
 * const client = HttpResilience.guard(slow, HttpGuard.bulkhead({ maxConcurrent: 2 }))
 *
 * const get = client.get("http://example.com")
 * const program = Effect.flip(Effect.all([get, get, get], { concurrency: "unbounded" }))
 *
 * Effect.runPromise(program).then((error) => console.log(error._tag)) // => BulkheadFull
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const bulkhead = (options: HttpGuard.BulkheadOptions): HttpGuard<BulkheadFull> =>
  guard.make(options, () => limits.bulkhead(options))

/**
 * Bounds how many attempts run at once by a limit that is learned from how long they take, and which time out or are refused
 * with 429, 503 or 504: those beyond fail with `LimitExceeded`, without sending anything, and are not retried. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const adaptiveLimiter = <S>(options: HttpGuard.AdaptiveLimiterOptions<S>): HttpGuard<LimitExceeded> =>
  guard.make(options, () => limits.adaptiveLimiter(options))

/**
 * Takes a token before each attempt: from a limiter of Reprise per origin, or from any other, given as a function. What that
 * fails with is what the call fails with, without sending anything and without a retry. Throws `InvalidOption` for an option
 * out of range.
 *
 * With `effect/RateLimiter`, whose limiters are functions: `HttpGuard.rateLimiter(() => limiter(Effect.void))`.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpGuard from "@reprise/http/HttpGuard"
 * import * as HttpResilience from "@reprise/http/HttpResilience"
 * import { Effect } from "effect"
 *
 * const fine = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
 * const client = HttpResilience.guard(fine, HttpGuard.rateLimiter({ limit: 2, window: "1 minute" }))
 *
 * const get = client.get("http://example.com")
 *
 * Effect.runPromise(Effect.flip(Effect.all([get, get, get]))).then((error) => console.log(error._tag)) // => RateLimitExceeded
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const rateLimiter: {
  (options: HttpGuard.RateLimiterOptions): HttpGuard<RateLimitExceeded>
  <E>(consume: HttpGuard.Consume<E>): HttpGuard<E>
} = <E>(limit: HttpGuard.RateLimit<E>) =>
  guard.make<E | RateLimitExceeded>(limit, () => limits.rateLimiter(limit)) as HttpGuard<never>

/**
 * Sends a request again beside an attempt that takes too long. The first success is the result, and the client closes the
 * sockets of the others. It hedges requests that are idempotent, or have an idempotency key, with a body that can be read more
 * than once. Throws `InvalidOption` for an option out of range.
 *
 * - Only time starts a hedge. After a failure the retry policy decides: its backoff, its number of attempts and `Retry-After`
 *   hold. The `retryAfter` of the failure is the longest wait that the server has asked any of these attempts for.
 * - If an attempt fails while the request of another is under way, the call waits for that one and starts no other.
 * - Each hedge draws on the retry budget of the client, if there is one, and passes the other guards as every attempt does.
 * - A hedge counts as an attempt: each takes a step of the retry policy. So a policy of 3 attempts makes at most
 *   `3 + maxHedges` requests: the last attempt may be hedged too, also where there are no retries.
 * - Within `Retry.withoutNested` there are no hedges, unless the client has `nested: "allow"`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hedge = (options: HttpGuard.HedgeOptions): HttpGuard<never> =>
  guard.makeFor(options, () => hedging.make(options))
