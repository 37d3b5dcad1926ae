/**
 * Connects Reprise to Redis with the official client library, `redis`.
 *
 * Install the package `redis` next to this one.
 *
 * @since 3.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Layer from "effect/Layer"
import * as adapter from "./internal/adapter.js"
import * as config_ from "./internal/config.js"
import type * as Redis from "./Redis.js"

const library: adapter.Library = { name: "redis", load: () => import("./internal/nodeRedis.js") }

/**
 * Makes a connection to Redis, and closes it with the scope of the layer.
 *
 * The layer fails if it cannot connect within `connectTimeout`. The error says what to do about it. After the first
 * connection the layer reconnects after every loss, without a limit.
 *
 * The layer logs one line for each change of state. An invalid URL fails even with `startDegraded`. Throws
 * `InvalidOption` for any other option out of range.
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
 * @since 3.1.0
 * @category layers
 */
export const layer = (options: Redis.Options): Layer.Layer<Redis.Redis, Redis.RedisError> =>
  adapter.layer(library, options)

/**
 * Like `layer`, with options from Effect's `Config`: those of `config`, or your own.
 *
 * @example
 * ```ts
 * import * as NodeRedis from "@reprise/redis/NodeRedis"
 * import { ConfigProvider, Effect, Layer } from "effect"
 *
 * const RedisLive = NodeRedis.layerConfig(NodeRedis.config("CACHE")).pipe(
 *   Layer.provide(Layer.setConfigProvider(ConfigProvider.fromJson({ CACHE: { URL: "localhost:6379" } })))
 * )
 *
 * const program = Layer.launch(RedisLive).pipe(
 *   Effect.catchTag("RedisError", ({ reason, server }) => Effect.succeed(`${reason} ${JSON.stringify(server)}`))
 * )
 *
 * Effect.runPromise(program).then(console.log) // => refused ""
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Redis.Options> = config()
): Layer.Layer<Redis.Redis, ConfigError.ConfigError | Redis.RedisError> => adapter.layerConfig(library, options)

/**
 * Reads the options from the environment. Each name has the `prefix` in front, if there is one.
 *
 * The names are `URL`, and optionally `USERNAME`, `PASSWORD`, `DATABASE`, `TLS_CA` (in PEM), `COMMAND_TIMEOUT` (1
 * second), `CONNECT_TIMEOUT` (5 seconds) and `START_DEGRADED` (false).
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Redis.Options> => config_.redis(prefix)
