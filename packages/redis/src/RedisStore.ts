/**
 * Where many processes share the state of their policies: Redis.
 *
 * Each thing that is shared is one key, named `prefix:kind:format:{key}`; each change of it is one script, so that no two
 * processes decide at the same time, and by the time of Redis, so that their clocks need not agree. What is kept under a key
 * and was not written by this version is left as it is, and those who share it go on by themselves.
 *
 * @since 0.1.0
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
 * Everything that is shared: `CircuitBreakerStore`, `RetryBudgetStore` and `RetryAfterStore`.
 *
 * @since 0.1.0
 * @category models
 */
export type RedisStore = CircuitBreakerStore | RetryBudgetStore | RetryAfterStore

/**
 * @since 0.1.0
 */
export declare namespace RedisStore {
  /**
   * The same for all who share something, except `timeout`.
   *
   * @since 0.1.0
   * @category options
   */
  export interface Options {
    /** What the names of its keys and channels begin with. Who has another one shares nothing. Defaults to `"reprise"`. */
    readonly prefix?: string | undefined
    /** How often members tell what they have seen, and learn what the others have: at least 1 ms. Defaults to 100 ms. */
    readonly syncInterval?: Duration.DurationInput | undefined
    /**
     * The longest that anybody waits for an answer: at least 1 ms, and no longer than the `commandTimeout` of the connection
     * in any case. Defaults to 250 ms.
     */
    readonly timeout?: Duration.DurationInput | undefined
    /**
     * How long Redis keeps what nobody asks for: longer than `syncInterval`. What is open is kept for as long as it is to be
     * open, and then for so long. Defaults to 1 hour.
     */
    readonly keep?: Duration.DurationInput | undefined
  }
}

const text = (option: string, value: string): string => {
  if (value !== "") return value
  throw new InvalidOption.InvalidOption({ option, value, expected: "a text that is not empty" })
}

/** Throws `InvalidOption` for an option out of range. */
const decode = (options: RedisStore.Options): StoreSettings => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { min: 1 })
  return {
    prefix: text("prefix", options.prefix ?? "reprise"),
    syncMillis,
    timeoutMillis: InvalidOption.millis("timeout", options.timeout ?? "250 millis", { min: 1 }),
    // What is asked for in every interval must not be gone at the next.
    keepMillis: InvalidOption.millis("keep", options.keep ?? "1 hour", { moreThan: syncMillis })
  }
}

/**
 * The stores over a connection. Throws `InvalidOption` for an option out of range.
 *
 * Nothing in it fails because Redis is away: the policies go on with what they know, and share again when it is back.
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
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: RedisStore.Options = {}): Layer.Layer<RedisStore, never, Redis> => {
  const settings = decode(options)
  return Layer.mergeAll(breakerStore.layer(settings), budgetStore.layer(settings), gateStore.layer(settings))
}

/**
 * The same with options that come from Effect's `Config`: from the names of `config`, or your own. One out of range is a
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
 *   Effect.catchTag("ConfigError", (error) => Effect.succeed(error._op)),
 *   Effect.withConfigProvider(environment)
 * )
 *
 * Effect.runPromise(program).then(console.log) // => MissingData
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<RedisStore.Options> = config()
): Layer.Layer<RedisStore, ConfigError.ConfigError, Redis> => Layer.unwrapEffect(OptionsConfig.load(options, layer))

/**
 * The options under their names in the environment: `PREFIX` (reprise), `SYNC_INTERVAL` (100 millis), `TIMEOUT` (250 millis),
 * `KEEP` (1 hour), each behind `prefix` if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<RedisStore.Options> => config_.store(prefix, decode)
