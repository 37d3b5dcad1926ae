/**
 * Makes the whole pipeline a `Layer`: an `HttpClient` that retries requests if another attempt can succeed and is safe.
 *
 * @since 3.1.0
 */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Backoff from "reprise/Backoff"
import * as OptionsConfig from "reprise/OptionsConfig"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as retryPolicy from "./internal/call/retryPolicy.js"
import * as check_ from "./internal/check.js"
import * as pipeline from "./internal/client.js"
import * as config_ from "./internal/config.js"
import * as faces from "./internal/faces.js"
import type { Finding, Options, Rejection, Typed } from "./internal/model.js"
import * as budgets from "./internal/stages/budgets.js"
import * as stages from "./internal/stages/stages.js"

export type { Finding, Options, Rejection, Route } from "./internal/model.js"

/**
 * The tag of the typed client: every failure of a call is in its type.
 *
 * @since 3.1.0
 * @category tags
 */
export class ResilientHttpClient extends Context.Tag("@reprise/http/ResilientHttpClient")<
  ResilientHttpClient,
  HttpClient.HttpClient.With<Typed<Rejection>>
>() {}

/**
 * Finds options that contradict each other, or that need a missing option. It makes nothing and sends nothing.
 *
 * The layers call it: they throw for an error, and log the warnings once.
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
 * @since 3.1.0
 * @category validation
 */
export const check = (options: Options<unknown>): ReadonlyArray<Finding> => check_.findings(options)

/**
 * Options for production, with any of them replaced by yours.
 *
 * - `retry`: 3 attempts, full jitter over 500 ms and 1 s (`HttpRetry.standard`), as in the AWS SDKs.
 * - `attemptTimeout`: 10 s; `deadline`: 30 s, enough for three attempts. The numbers are those of Microsoft's standard
 *   resilience handler.
 * - `budget`: retries for a tenth of the calls, plus one per second and origin. An overloaded server gets 1.1 times the
 *   load instead of 3 times.
 * - `breaker`: opens after 10 failures in a row, or when half of at least 20 calls in 10 s fail. It detects an outage
 *   within a second or two, and ignores a few errors. It stays open for 1 s at first, and each time a tenth longer, up
 *   to 60 s. So it makes an outage about a tenth longer; with a doubling open time it could be twice as long. In the
 *   simulation of a server at 80 % load that stalls for 10 s, the server recovers in 4 s. With retries alone, it never
 *   does.
 * - `gate`: no call goes to a server that asks for a pause. The deadline bounds the wait.
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
 * @since 3.1.0
 * @category options
 */
export const standard = <E = Rejection>(overrides?: Options<E>): Options<E> => ({
  retry: retryPolicy.standard,
  attemptTimeout: "10 seconds",
  deadline: "30 seconds",
  budget: budgets.make((key) => RetryBudget.share({ ratio: 0.1, minPerSecond: 1, key }), {}),
  breaker: stages.circuitBreaker({
    trip: Tripping.any(
      Tripping.consecutive(10),
      Tripping.rate({ threshold: 0.5, minimumCalls: 20, window: { duration: "10 seconds" } })
    ),
    openFor: Backoff.exponential("1 second", { factor: 1.1 }).pipe(
      Backoff.capped("60 seconds"),
      Backoff.proportionalJitter({ min: 0.9, max: 1.1 })
    )
  }),
  gate: stages.retryAfterGate(),
  ...overrides
})

/**
 * Puts the pipeline over a client and keeps its type.
 *
 * A failed response is still a value with a readable body. A transport failure is still a `RequestError`, with the
 * typed `HttpFailure` (or `DeadlineExceeded`) as its `cause`. Throws `InvalidOption` for options out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options?: Options<unknown>) => {
  const build = pipeline.make(options)
  return (client: HttpClient.HttpClient): HttpClient.HttpClient => faces.dropIn(build(client))
}

/**
 * Like `make`, with every failure in the type. Responses other than 2xx are failures, except redirects
 * (`HttpResilience.typed`).
 *
 * @since 3.1.0
 * @category constructors
 */
export const makeTyped = <E = Rejection>(options?: Options<E>) => {
  const build = pipeline.make(options)
  // The errors of the client itself are among the typed ones.
  return (client: HttpClient.HttpClient) =>
    faces.typed(build(client)) as HttpClient.HttpClient.With<Typed<Rejection | E>>
}

/**
 * Puts the pipeline over the `HttpClient` of the context, as a layer. Programs that use it do not change.
 *
 * Throws `InvalidOption` for options out of range, and for an error that `check` finds. It logs the warnings of
 * `check`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * const HttpLive = ResilientHttpClient.layer(ResilientHttpClient.standard({ attemptTimeout: "5 seconds" })).pipe(
 *   Layer.provide(FetchHttpClient.layer)
 * )
 *
 * const program = Effect.map(HttpClient.HttpClient, (client) => typeof client.get)
 *
 * Effect.runPromise(Effect.provide(program, HttpLive)).then(console.log) // => function
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = (
  options?: Options<unknown>
): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> => layerOf(HttpClient.HttpClient, make, options)

/**
 * Puts the typed client over the `HttpClient` of the context, as a layer.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerTyped = (options?: Options): Layer.Layer<ResilientHttpClient, never, HttpClient.HttpClient> =>
  layerOf(ResilientHttpClient, makeTyped, options)

const layerOf = <I, S, E>(
  tag: Context.Tag<I, S>,
  make: (options?: Options<E>) => (client: HttpClient.HttpClient) => S,
  options: Options<E> | undefined
): Layer.Layer<I, never, HttpClient.HttpClient> => {
  // For its errors: an option out of range fails here.
  make(options)
  const warn = check_.report(options ?? {})
  // Every build of the layer has states of its own: a test that provides it again begins with closed breakers and full budgets.
  return Layer.effect(tag, Effect.zipRight(warn, Effect.map(HttpClient.HttpClient, (client) => make(options)(client))))
}

/**
 * Like `layer`, with options from Effect's `Config`: those of `config`, or your own.
 *
 * An option out of range is a `ConfigError` at its variable. If the config has a prefix, the layer logs one warning
 * with the variables behind it that nothing reads.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import { ConfigProvider, Effect, Layer } from "effect"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * const HttpLive = ResilientHttpClient.layerConfig(ResilientHttpClient.config("PAYMENTS")).pipe(
 *   Layer.provide(FetchHttpClient.layer),
 *   Layer.provide(Layer.setConfigProvider(ConfigProvider.fromJson({ PAYMENTS: { ATTEMPTS: "0" } })))
 * )
 *
 * const program = HttpClient.HttpClient.pipe(Effect.provide(HttpLive), Effect.flip, Effect.map(String))
 *
 * Effect.runPromise(program).then(console.log)
 * // => (Invalid data at PAYMENTS.ATTEMPTS: "expected a whole number >= 1, got 0 (option "attempts")")
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options> = config()
): Layer.Layer<HttpClient.HttpClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(OptionsConfig.load(options, layer))

/**
 * The typed client as a layer whose options come from Effect's `Config`, as in `layerConfig`.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerTypedConfig = (
  options: Config.Config.Wrap<Options> = config()
): Layer.Layer<ResilientHttpClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(OptionsConfig.load(options, layerTyped))

/**
 * The options under their names in the environment, all optional, each behind `prefix` if there is one.
 *
 * If a variable is missing, the option comes from `defaults` (for example `standard()`), also within a breaker or a
 * bulkhead. `defaults` defaults to no options. The guide "Configuration" lists the variables with their defaults.
 *
 * A `ConfigError` at the variables reports an option out of range, options that contradict each other, and an option
 * that needs a missing one.
 *
 * - retries: `ATTEMPTS`, `BASE_DELAY`, `MAX_DELAY`, `MAX_RETRY_AFTER`, `RETRY_UNSENT`, `IDEMPOTENCY_KEYS`,
 *   `DRAIN_MAX_BYTES`, `DRAIN_MAX_DURATION`;
 * - time: `ATTEMPT_TIMEOUT`, `DEADLINE`;
 * - budget: `BUDGET_RATIO`, `BUDGET_MIN_PER_SECOND`;
 * - breaker: `BREAKER_FAILURES` in a row; `BREAKER_RATE` of at least `BREAKER_MINIMUM_CALLS` in `BREAKER_WINDOW`;
 *   either trips it; `BREAKER_OPEN_FOR`;
 * - the others: `GATE`, `MAX_CONCURRENT` with `MAX_QUEUED` and `QUEUE_TIMEOUT`, `RATE_LIMIT` with `RATE_WINDOW`,
 *   `HEDGE_AFTER`.
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string, defaults: Options = {}): Config.Config<Options> =>
  config_.options(prefix, defaults)
