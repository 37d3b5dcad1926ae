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
import type { CircuitOpen } from "reprise/CircuitBreaker"
import type { DeadlineExceeded } from "reprise/Deadline"
import { asConfigError } from "reprise/InvalidOption"
import type { HttpFailure } from "./HttpFailure.js"
import type { HttpResilience } from "./HttpResilience.js"
import * as HttpRetry from "./HttpRetry.js"
import * as Idempotency from "./Idempotency.js"
import type { Made } from "./internal/circuit.js"
import * as faces from "./internal/faces.js"
import * as retryClient from "./internal/retryClient.js"
import * as settings from "./internal/settings.js"

/**
 * The tag of the typed client: every failure of a call is in its type.
 *
 * @since 0.1.0
 * @category tags
 */
export class ResilientHttpClient extends Context.Tag("@reprise/http/ResilientHttpClient")<
  ResilientHttpClient,
  HttpClient.HttpClient.With<HttpResilience.Typed<CircuitOpen>>
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
  /** Stops calling what keeps failing; made by `HttpResilience.breaker`. Defaults to none. */
  readonly breaker?: HttpResilience.Breaker | undefined
  /** Gives POST and PATCH requests an idempotency key, made once per call. Defaults to `false`. */
  readonly idempotencyKeys?: boolean | Idempotency.Idempotency.AutomaticKeysOptions | undefined
}

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

const pipeline = (options: Options = {}) => {
  const keys = options.idempotencyKeys === true ? {} : options.idempotencyKeys
  const addKeys = keys ? Idempotency.automaticKeys(keys) : identity
  const limits = {
    attemptMillis: settings.limit("attemptTimeout", options.attemptTimeout),
    callMillis: settings.limit("deadline", options.deadline)
  }
  const breaker = (options.breaker as Made | undefined)?.make(limits.attemptMillis)
  const retry = settings.retry(options, limits, breaker)
  const schedule = options.retry === false ? Schedule.stop : options.retry ?? HttpRetry.standard
  const isTransparent = options.retry === false && breaker === undefined && limits.attemptMillis === Infinity &&
    limits.callMillis === Infinity
  type Any = HttpClient.HttpClient.With<
    HttpClientError.HttpClientError | HttpFailure | DeadlineExceeded<HttpFailure> | CircuitOpen
  >
  return (client: HttpClient.HttpClient): Any =>
    // The attempts watch the deadline themselves: one timer for both.
    addKeys(isTransparent ? client : retryClient.make(client as Any, schedule, retry))
}
