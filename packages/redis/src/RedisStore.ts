/**
 * Shares the state of policies between many processes, in Redis.
 *
 * - Each shared value has one key, named `prefix:kind:format:{key}`.
 * - Each change is one script, so two processes never decide at the same time.
 * - All times are those of Redis, so the clocks of the processes need not agree.
 * - If another version or program wrote the value of a key, the store leaves it as it is. The policies of that key then
 *   work without sharing.
 *
 * @since 3.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import type { CircuitBreakerStore } from "reprise/CircuitBreakerStore"
import * as InvalidOption from "reprise/InvalidOption"
import * as OptionsConfig from "reprise/OptionsConfig"
import type { RetryAfterStore } from "reprise/RetryAfterStore"
import type { RetryBudgetStore } from "reprise/RetryBudgetStore"
import * as breakerStore from "./internal/breakerStore.js"
import * as budgetStore from "./internal/budgetStore.js"
import * as config_ from "./internal/config.js"
import * as gateStore from "./internal/gateStore.js"
import type { StoreSettings } from "./internal/store.js"
import type { Redis } from "./Redis.js"

/**
 * All stores: `CircuitBreakerStore`, `RetryBudgetStore` and `RetryAfterStore`.
 *
 * @since 3.1.0
 * @category models
 */
export type RedisStore = CircuitBreakerStore | RetryBudgetStore | RetryAfterStore

/**
 * The options of the stores. Except for `timeout`, every process that shares state must have the same.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /**
   * The start of the names of all keys and channels. Processes with different prefixes share nothing. Defaults to
   * `"reprise"`.
   */
  readonly prefix?: string | undefined
  /** The time between two exchanges with the store: at least 1 ms. Defaults to 100 ms. */
  readonly syncInterval?: Duration.DurationInput | undefined
  /**
   * The longest wait for an answer: at least 1 ms. The `commandTimeout` of the connection is a limit too. Defaults to
   * 250 ms.
   */
  readonly timeout?: Duration.DurationInput | undefined
  /**
   * The time for which Redis keeps a value that no process uses: longer than `syncInterval`. An open breaker is kept
   * for its open time, and then for this time. Defaults to 1 hour.
   */
  readonly keep?: Duration.DurationInput | undefined
}

const text = (option: string, value: string): string => {
  if (value !== "") return value
  throw new InvalidOption.InvalidOption({ option, value, expected: "a text that is not empty" })
}

/** Throws `InvalidOption` for an option out of range. */
const decode = (options: Options): StoreSettings => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { min: 1 })
  return {
    prefix: text("prefix", options.prefix ?? "reprise"),
    syncMillis,
    timeoutMillis: InvalidOption.millis("timeout", options.timeout ?? "250 millis", { min: 1 }),
    // A key that is used in every interval must not expire before the next one.
    keepMillis: InvalidOption.millis("keep", options.keep ?? "1 hour", { moreThan: syncMillis })
  }
}

/**
 * Makes the stores over a connection. Throws `InvalidOption` for an option out of range.
 *
 * An outage of Redis fails no call. The policies continue with their own state, and share again when Redis is back.
 *
 * @example
 * ```ts no-run
 * import { Effect, Layer } from "effect"
 * import * as NodeRedis from "@reprise/redis/NodeRedis"
 * import * as RedisStore from "@reprise/redis/RedisStore"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 *
 * const StoreLive = RedisStore.layer().pipe(Layer.provide(NodeRedis.layer({ url: "redis://localhost" })))
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* CircuitBreakerStore.CircuitBreakerStore
 *   const { state } = yield* store.sync("payments", { version: CircuitBreakerStore.noVersion, counts: { failure: 1 } })
 *   return state._tag
 * })
 *
 * Effect.runPromise(Effect.provide(program, StoreLive)).then(console.log)
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<RedisStore, never, Redis> => {
  const settings = decode(options)
  return Layer.mergeAll(breakerStore.layer(settings), budgetStore.layer(settings), gateStore.layer(settings))
}

/**
 * Like `layer`, with options from Effect's `Config`: those of `config`, or your own. An option out of range is a
 * `ConfigError`.
 *
 * @example
 * ```ts
 * import * as NodeRedis from "@reprise/redis/NodeRedis"
 * import * as RedisStore from "@reprise/redis/RedisStore"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const StoreLive = RedisStore.layerConfig(RedisStore.config("SHARED")).pipe(
 *   Layer.provide(NodeRedis.layerConfig(NodeRedis.config("SHARED")))
 * )
 *
 * const environment = ConfigProvider.fromMap(new Map([["SHARED_KEEP", "2 hours"]]), { pathDelim: "_" })
 *
 * const program = Layer.launch(StoreLive).pipe(
 *   Effect.catchTag("ConfigError", ({ _tag }) => Effect.succeed(_tag)),
 *   Effect.withConfigProvider(environment)
 * )
 *
 * Effect.runPromise(program).then(console.log) // => ConfigError
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options> = config()
): Layer.Layer<RedisStore, ConfigError.ConfigError, Redis> => Layer.unwrapEffect(OptionsConfig.load(options, layer))

/**
 * Reads the options from the environment. Each name has the `prefix` in front, if there is one.
 *
 * The names are `PREFIX` (reprise), `SYNC_INTERVAL` (100 millis), `TIMEOUT` (250 millis) and `KEEP` (1 hour).
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> => config_.store(prefix, decode)
