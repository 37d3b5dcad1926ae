import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as HashMap from "effect/HashMap"
import * as InvalidOption from "../../InvalidOption.js"
import * as Blame from "../blame.js"

/**
 * Turns an `InvalidOption` into an error at each responsible variable, or at the name of the option if there is none.
 *
 * @internal
 */
export const attempt = <A>(
  make: () => A,
  blame: Blame.Blame = Blame.none
): Either.Either<A, ConfigError.ConfigError> =>
  Either.try({
    try: make,
    catch: (error) => {
      if (ConfigError.isConfigError(error)) return error
      if (!(error instanceof InvalidOption.InvalidOption)) throw error
      const { message, places: [first, ...rest] } = Blame.of(error, blame)
      return rest.reduce<ConfigError.ConfigError>(
        (errors, place) => ConfigError.And(errors, ConfigError.InvalidData([place], message)),
        ConfigError.InvalidData([first], message)
      )
    }
  })

/**
 * A config whose value is made of another one. Its errors are those of `attempt`.
 *
 * @internal
 */
export const attempted = <A, B>(
  config: Config.Config<A>,
  make: (value: A) => B,
  blame: (value: A) => Blame.Blame
): Config.Config<B> => Config.mapOrFail(config, (value) => attempt(() => make(value), blame(value)))

/**
 * The error to throw for a variable that must be set.
 *
 * @internal
 */
export const missing = (variable: string, message: string): unknown => ConfigError.MissingData([variable], message)

/** @internal */
export const at = <A>(path: ReadonlyArray<string>, config: Config.Config<A>): Config.Config<A> =>
  path.reduceRight((config, name) => Config.nested(config, name), config)

/**
 * The names after a path. `Config.hashMap` gets them from the provider, and maps the path as the provider does.
 *
 * @internal
 */
export const childrenOf = (
  path: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, ConfigError.ConfigError> =>
  Effect.map(at(path, Config.hashMap(Config.succeed(true))), (children) => [...HashMap.keys(children)].sort())
