/**
 * The whole pipeline as a `Layer`: an `HttpClient` that sends again what can succeed and is safe to send again.
 *
 * @since 0.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { LimitExceeded } from "reprise/AdaptiveLimiter"
import type { BulkheadFull } from "reprise/Bulkhead"
import type { CircuitOpen } from "reprise/CircuitBreaker"
import type { DeadlineExceeded } from "reprise/Deadline"
import { asConfigError } from "reprise/InvalidOption"
import type { RateLimitExceeded } from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import type { HttpFailure } from "./HttpFailure.js"
import * as HttpGuard from "./HttpGuard.js"
import type { HttpResilience } from "./HttpResilience.js"
import * as HttpRetry from "./HttpRetry.js"
import * as Idempotency from "./Idempotency.js"
import * as check_ from "./internal/check.js"
import * as faces from "./internal/faces.js"
import * as guard from "./internal/guard.js"
import * as retryClient from "./internal/retryClient.js"
import * as settings from "./internal/settings.js"

/**
 * What the guards of the pipeline fail with.
 *
 * @since 0.1.0
 * @category errors
 */
export type Rejection = HttpGuard.GateClosed | CircuitOpen | BulkheadFull | LimitExceeded | RateLimitExceeded

/**
 * The tag of the typed client: every failure of a call is in its type.
 *
 * @since 0.1.0
 * @category tags
 */
export class ResilientHttpClient extends Context.Tag("@reprise/http/ResilientHttpClient")<
  ResilientHttpClient,
  HttpClient.HttpClient.With<HttpResilience.Typed<Rejection>>
>() {}

/**
 * What the pipeline is made of. Every stage is optional.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options extends HttpResilience.RetryOptions {
  /** When and how often to try again; `false` for never. Defaults to `HttpRetry.standard`. */
  readonly retry?: Schedule.Schedule<unknown, HttpFailure> | false | undefined
  /** How long one attempt may take to its response, or to the end of its body with `executeAndRead`. Defaults to no limit. */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /** How long one call may take, its attempts and waits together. Defaults to no limit. */
  readonly deadline?: Duration.DurationInput | undefined
  /** Holds calls back while the server asks for it; made by `HttpGuard.retryAfterGate`. Defaults to none. */
  readonly gate?: HttpGuard.HttpGuard<HttpGuard.GateClosed> | undefined
  /** Stops calling what keeps failing; made by `HttpGuard.circuitBreaker`. Defaults to none. */
  readonly breaker?: HttpGuard.HttpGuard<CircuitOpen> | undefined
  /** Bounds how many attempts run at once; made by `HttpGuard.bulkhead`. Defaults to none. */
  readonly bulkhead?: HttpGuard.HttpGuard<BulkheadFull> | undefined
  /** The same by a limit that is learned; made by `HttpGuard.adaptiveLimiter`. Defaults to none. */
  readonly adaptiveLimiter?: HttpGuard.HttpGuard<LimitExceeded> | undefined
  /** Takes a token before each attempt; made by `HttpGuard.rateLimiter`. Defaults to none. */
  readonly rateLimiter?: HttpGuard.HttpGuard<unknown> | undefined
  /** Makes a second attempt beside one that takes too long; made by `HttpGuard.hedge`. Defaults to none. */
  readonly hedge?: HttpGuard.HttpGuard<never> | undefined
  /** Gives POST and PATCH requests an idempotency key, made once per call. Defaults to `false`. */
  readonly idempotencyKeys?: boolean | Idempotency.Idempotency.AutomaticKeysOptions | undefined
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
}

/**
 * Looks for options that contradict each other, or leave out what the others count on. It makes nothing and sends nothing.
 *
 * @example
 * ```ts
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * const findings = ResilientHttpClient.check({ attemptTimeout: "1 minute", deadline: "30 seconds" })
 *
 * console.log(findings.map(({ severity, options }) => `${severity}: ${options.join(", ")}`).join("; "))
 * // => error: attemptTimeout, deadline; warning: budget, breaker
 * console.log(ResilientHttpClient.check(ResilientHttpClient.standard()).length) // => 0
 * ```
 *
 * @since 0.1.0
 * @category validation
 */
export const check = (options: Options): ReadonlyArray<Finding> => check_.findings(options)

/**
 * Options for production, with any of them replaced by yours.
 *
 * - `retry`: 3 attempts, full jitter over 500 ms and 1 s (`HttpRetry.standard`): what the AWS SDKs do.
 * - `attemptTimeout`: 10 s; `deadline`: 30 s. Three attempts have room in it (the numbers of Microsoft's standard resilience handler).
 * - `budget`: retries for a tenth of the calls, and 10 per second on top: a server that is overloaded gets 1.1 times the load and
 *   not 3 times.
 * - `breaker`: opens when half of at least 20 calls in 10 s fail: what is down is found out in seconds, and a few errors say
 *   nothing. It stays open for 1 s at first, so that a short outage is not made longer, and up to 60 s.
 * - `gate`: nobody calls a server that asks everybody to wait; the deadline bounds the wait.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Layer } from "effect"
 *
 * export const HttpLive = ResilientHttpClient.layer(ResilientHttpClient.standard({ deadline: "1 minute" })).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category options
 */
export const standard = (overrides?: Options): Options => ({
  retry: HttpRetry.standard,
  attemptTimeout: "10 seconds",
  deadline: "30 seconds",
  budget: HttpRetry.budget(RetryBudget.share()),
  breaker: HttpGuard.circuitBreaker({
    trip: Tripping.rate({ threshold: 0.5, minimumCalls: 20, window: { duration: "10 seconds" } })
  }),
  gate: HttpGuard.retryAfterGate(),
  ...overrides
})

/**
 * Puts the pipeline over a client and keeps its type: a failed response is still a value with its body readable, a
 * transport failure still a `RequestError`, with the typed `HttpFailure` (or `DeadlineExceeded`) as its `cause`.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: Options) => {
  const build = pipeline(options)
  return (client: HttpClient.HttpClient): HttpClient.HttpClient => faces.dropIn(build(client))
}

/**
 * Like `make`, with every failure in the type, responses other than 2xx included.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeTyped = (options?: Options) => {
  const build = pipeline(options)
  return (client: HttpClient.HttpClient): Context.Tag.Service<ResilientHttpClient> => faces.typed(build(client))
}

/**
 * The pipeline as a layer over the `HttpClient` of the context. Programs that use it do not change.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * const HttpLive = ResilientHttpClient.layer({ attemptTimeout: "5 seconds", deadline: "30 seconds" }).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * const program = Effect.map(HttpClient.HttpClient, (client) => typeof client.get)
 *
 * Effect.runPromise(Effect.provide(program, HttpLive)).then(console.log) // => function
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options?: Options
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, make(options)))

/**
 * The typed client as a layer over the `HttpClient` of the context.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerTyped = (options?: Options): Layer.Layer<ResilientHttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(ResilientHttpClient, Effect.map(HttpClient.HttpClient, makeTyped(options)))

/**
 * The pipeline as a layer whose options come from Effect's `Config`: from the names of `config`, or your own. Options out of
 * range fail with a `ConfigError` that says which and why.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * const HttpLive = ResilientHttpClient.layerConfig(ResilientHttpClient.config("PAYMENTS")).pipe(
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["PAYMENTS.ATTEMPTS", "0"]]))))
 * )
 *
 * const program = HttpClient.HttpClient.pipe(Effect.provide(HttpLive), Effect.flip, Effect.map((error) => error._op))
 *
 * Effect.runPromise(program).then(console.log) // => InvalidData
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options> = config()
): Layer.Layer<HttpClient.HttpClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(Effect.flatMap(Config.unwrap(options), (options) => asConfigError(() => layer(options))))

/**
 * The options under their names in the environment, all optional: `ATTEMPTS` (3, the first try included), `BASE_DELAY`
 * (500 millis), `MAX_DELAY` (20 seconds), `MAX_RETRY_AFTER` (2 minutes), `ATTEMPT_TIMEOUT`, `DEADLINE`, `RETRY_UNSENT`,
 * `IDEMPOTENCY_KEYS`, `DRAIN_MAX_BYTES`, `DRAIN_MAX_DURATION`, each behind `prefix` if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> => {
  const names = Config.all({
    attempts: Config.withDefault(Config.integer("ATTEMPTS"), 3),
    base: optional(Config.duration("BASE_DELAY")),
    cap: optional(Config.duration("MAX_DELAY")),
    maxRetryAfter: optional(Config.duration("MAX_RETRY_AFTER")),
    attemptTimeout: optional(Config.duration("ATTEMPT_TIMEOUT")),
    deadline: optional(Config.duration("DEADLINE")),
    retryUnsent: optional(Config.boolean("RETRY_UNSENT")),
    idempotencyKeys: optional(Config.boolean("IDEMPOTENCY_KEYS")),
    maxBytes: optional(Config.integer("DRAIN_MAX_BYTES")),
    maxDuration: optional(Config.duration("DRAIN_MAX_DURATION"))
  })
  const options = Config.mapOrFail(
    names,
    ({ attempts, base, cap, maxBytes, maxDuration, maxRetryAfter, ...rest }) =>
      asConfigError((): Options => ({
        ...rest,
        retry: HttpRetry.exponential({ attempts, base, cap, maxRetryAfter }),
        drain: { maxBytes, maxDuration }
      }))
  )
  return prefix === undefined ? options : Config.nested(options, prefix)
}

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.withDefault(config, undefined)

/** In the order in which an attempt passes them: what costs the server nothing first, and what is scarce last. */
const guardsOf = ({ adaptiveLimiter, breaker, bulkhead, gate, hedge, rateLimiter }: Options) =>
  [hedge, gate, breaker, bulkhead, adaptiveLimiter, rateLimiter].filter((guard) => guard !== undefined)

const pipeline = (options: Options = {}) => {
  const keys = options.idempotencyKeys === true ? {} : options.idempotencyKeys
  const addKeys = keys ? Idempotency.automaticKeys(keys) : identity
  const limits = {
    attemptMillis: settings.limit("attemptTimeout", options.attemptTimeout),
    callMillis: settings.limit("deadline", options.deadline)
  }
  const guards = guardsOf(options)
  const facts = { ...limits, idempotencyHeader: options.idempotencyHeader, budget: options.budget }
  const retry = settings.retry(options, limits, guard.all(guards.map((one) => guard.build(one, facts))))
  const schedule = options.retry === false ? Schedule.stop : options.retry ?? HttpRetry.standard
  const isTransparent = options.retry === false && guards.length === 0 && limits.attemptMillis === Infinity &&
    limits.callMillis === Infinity
  type Any = HttpClient.HttpClient.With<
    HttpClientError.HttpClientError | HttpFailure | DeadlineExceeded<HttpFailure> | Rejection
  >
  return (client: HttpClient.HttpClient): Any =>
    // The attempts watch the deadline themselves: one timer for both.
    addKeys(isTransparent ? client : retryClient.make(client as Any, schedule, retry))
}
