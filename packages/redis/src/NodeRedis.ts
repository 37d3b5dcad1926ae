/**
 * `Redis` over the official client, `redis`.
 *
 * The package `redis` has to be installed.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Layer from "effect/Layer"
import * as adapter from "./internal/adapter.js"
import * as config_ from "./internal/config.js"
import type * as Redis from "./Redis.js"

const library: adapter.Library = { name: "redis", load: () => import("./internal/nodeRedis.js") }

/**
 * Connects, and fails where that is not possible: within `connectTimeout`, and with what has to be done about it. From then
 * on the connection is made again whenever it is lost, for ever, and closed with the scope of the layer.
 *
 * A change of state is one line in the log. A URL that is not valid fails with `startDegraded` too; `InvalidOption` is thrown
 * for the other options out of range.
 *
 * @example
 * ```ts no-run
 * import { Effect, Option, Predicate, Redacted } from "effect"
 * import * as NodeRedis from "@reprise/redis/NodeRedis"
 * import * as Redis from "@reprise/redis/Redis"
 *
 * const RedisLive = NodeRedis.layer({ url: "rediss://cache.example.com", password: Redacted.make("...") })
 *
 * const increment = Redis.script({
 *   lua: `return redis.call("INCR", KEYS[1])`,
 *   numberOfKeys: 1,
 *   decode: Option.liftPredicate(Predicate.isNumber)
 * })
 *
 * const program = Effect.flatMap(Redis.Redis, (redis) => redis.run(increment, ["visits"], []))
 *
 * Effect.runPromise(Effect.provide(program, RedisLive)).then(console.log)
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Redis.Options): Layer.Layer<Redis.Redis, Redis.RedisError> =>
  adapter.layer(library, options)

/**
 * The same with options that come from Effect's `Config`: from the names of `config`, or your own.
 *
 * @example
 * ```ts
 * import * as NodeRedis from "@reprise/redis/NodeRedis"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const RedisLive = NodeRedis.layerConfig(NodeRedis.config("CACHE")).pipe(
 *   Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["CACHE.URL", "localhost:6379"]]))))
 * )
 *
 * const program = Layer.launch(RedisLive).pipe(
 *   Effect.catchTag("RedisError", ({ reason, server }) => Effect.succeed(`${reason} ${JSON.stringify(server)}`))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => refused ""
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Redis.Options> = config()
): Layer.Layer<Redis.Redis, ConfigError.ConfigError | Redis.RedisError> => adapter.layerConfig(library, options)

/**
 * The options under their names in the environment: `URL`, and optionally `USERNAME`, `PASSWORD`, `DATABASE`, `TLS_CA` (in
 * PEM), `COMMAND_TIMEOUT` (1 second), `CONNECT_TIMEOUT` (5 seconds), `START_DEGRADED` (false), each behind `prefix` if there
 * is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Redis.Options> => config_.redis(prefix)
