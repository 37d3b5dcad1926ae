import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as OptionsConfig from "reprise/OptionsConfig"
import * as Redis from "../Redis.js"
import type { Driver } from "./connection.js"
import * as failure from "./failure.js"
import * as service from "./service.js"
import * as settings from "./settings.js"

/**
 * A client library. The first layer that needs it loads it: the index of the package imports all adapters, but users
 * install only one library.
 */
export interface Library {
  readonly name: string
  readonly load: () => Promise<{ readonly driver: Driver }>
}

/** The service over a client library. */
export const layer = ({ load, name }: Library, options: Redis.Options): Layer.Layer<Redis.Redis, Redis.RedisError> =>
  Either.match(settings.decode(options), {
    onLeft: (error) => Layer.effect(Redis.Redis, Effect.fail(error)),
    onRight: (settings) =>
      Layer.scoped(
        Redis.Redis,
        Effect.flatMap(
          Effect.tryPromise({ try: load, catch: () => failure.notInstalled(settings.target, name) }),
          ({ driver }) => service.make(driver, settings)
        )
      )
  })

/** @internal */
export const layerConfig = (
  library: Library,
  options: Config.Config.Wrap<Redis.Options>
): Layer.Layer<Redis.Redis, ConfigError.ConfigError | Redis.RedisError> =>
  Layer.unwrapEffect(OptionsConfig.load(options, (options) => layer(library, options)))
