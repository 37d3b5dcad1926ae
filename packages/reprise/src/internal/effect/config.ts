import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as InvalidOption from "../../InvalidOption.js"

/** @internal */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.withDefault(config, undefined)

/** @internal */
export const behind = <A>(prefix: string | undefined, config: Config.Config<A>): Config.Config<A> =>
  prefix === undefined ? config : Config.nested(config, prefix)

/**
 * What is made of the options; one that is out of range is an error of the config.
 *
 * @internal
 */
export const made = <O, A, R>(
  options: Config.Config<O>,
  make: (options: O) => Effect.Effect<A, never, R>
): Effect.Effect<A, ConfigError.ConfigError, R> =>
  Effect.flatMap(options, (options) => Effect.flatten(InvalidOption.asConfigError(() => make(options))))
