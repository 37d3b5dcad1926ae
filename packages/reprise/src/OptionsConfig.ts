/**
 * Reads options from Effect's `Config`: errors name the variable, and a warning lists the variables that nothing reads.
 *
 * @since 3.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as config_ from "./internal/effect/config.js"
import * as unknownVariables from "./internal/unknownVariables.js"

/**
 * The variables of a config, by the option that each of them sets: its name, and how to read its value.
 *
 * @since 3.1.0
 * @category models
 */
export type Variables<Values> = {
  readonly [K in keyof Values]: readonly [name: string, value: Config.Config<Values[K]>]
}

/**
 * Defines how variables become options.
 *
 * @since 3.1.0
 * @category options
 */
export interface Spec<Values, A> {
  /** Comes before the name of each variable. Defaults to none. */
  readonly prefix?: string | undefined
  readonly variables: Variables<Values>
  /**
   * The variables to blame if an error has another name for an option, or if the value of an option depends on several
   * variables. The error is at the first of them that is set.
   */
  readonly blame?: {
    readonly [option: string]: readonly [keyof Values & string, ...ReadonlyArray<keyof Values & string>]
  }
  /** Names of other variables that the program reads behind the same prefix. */
  readonly others?: ReadonlyArray<string> | undefined
  /** Makes the options. It may throw `InvalidOption` or a `ConfigError`. */
  readonly options: (values: Values) => A
  /** Throws `InvalidOption` for options out of range: usually the constructor that takes them. */
  readonly check: (options: A) => unknown
}

/**
 * A variable that may be missing: its value is then `undefined`.
 *
 * @since 3.1.0
 * @category constructors
 */
export const optional = <A>(value: Config.Config<A>): Config.Config<A | undefined> =>
  Config.withDefault(value, undefined)

/**
 * Makes the config of a policy from its variables. An option out of range is a `ConfigError` at the variable that set
 * it.
 *
 * @example
 * ```ts
 * import { Config, ConfigProvider, Effect } from "effect"
 * import * as InvalidOption from "reprise/InvalidOption"
 * import * as OptionsConfig from "reprise/OptionsConfig"
 *
 * const config = OptionsConfig.make({
 *   prefix: "PAYMENTS",
 *   variables: { attempts: ["ATTEMPTS", Config.integer()] },
 *   options: (values) => values,
 *   check: ({ attempts }) => InvalidOption.integer("attempts", attempts, { min: 1 })
 * })
 *
 * const program = config.pipe(
 *   Effect.withConfigProvider(ConfigProvider.fromJson({ PAYMENTS: { ATTEMPTS: "0" } })),
 *   Effect.flip
 * )
 *
 * Effect.runPromise(program).then((error) => console.log(String(error)))
 * // => (Invalid data at PAYMENTS.ATTEMPTS: "expected a whole number >= 1, got 0 (option "attempts")")
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <Values extends object, A>(spec: Spec<Values, A>): Config.Config<A> => {
  const { blame = {}, others = [], prefix } = spec
  // The relation of values to options matters again when `options` takes them.
  const variables: Readonly<Record<string, readonly [string, Config.Config<unknown>]>> = spec.variables
  const entries = Object.entries(variables)
  const fields = Object.fromEntries(entries.map(([option, [name, value]]) => [option, Config.nested(value, name)]))
  const isSet = (values: Readonly<Record<string, unknown>>, option: string) =>
    values[option] !== undefined && variables[option] !== undefined
  const made = (values: Readonly<Record<string, unknown>>) => {
    // `fields` has the keys of `variables`, but the type of `Object.fromEntries` loses them.
    const options = spec.options(values as Values)
    spec.check(options)
    return options
  }
  const config = config_.attempted(Config.all(fields), made, (values) => (option) => {
    const candidates = blame[option] ?? [option]
    const set = candidates.find((candidate) => isSet(values, candidate))
    return { variables: set === undefined ? [] : [variables[set]![0]], label: candidates[0] }
  })
  const names = [...entries.map(([, [name]]) => name), ...others]
  return prefix === undefined ? config : unknownVariables.behind({ prefix, names }, config)
}

/**
 * Reads the options, and makes something of them, in a layer for example. An option out of range is a `ConfigError`.
 *
 * If `make` of this module made the config with a prefix, `load` logs one warning with the variables behind the prefix
 * that nothing reads. The warning never shows a value.
 *
 * @example
 * ```ts
 * import { ConfigProvider, Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as OptionsConfig from "reprise/OptionsConfig"
 *
 * const program = OptionsConfig.load(Bulkhead.config(), Bulkhead.make).pipe(
 *   Effect.flatten,
 *   Effect.flatMap(Bulkhead.snapshot),
 *   Effect.withConfigProvider(ConfigProvider.fromJson({ MAX_CONCURRENT: 3 }))
 * )
 *
 * Effect.runPromise(program).then(({ maxConcurrent }) => console.log(maxConcurrent)) // => 3
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const load = <O, A>(
  config: Config.Config.Wrap<O>,
  make: (options: O) => A
): Effect.Effect<A, ConfigError.ConfigError> =>
  Effect.zipRight(
    unknownVariables.warnOfUnknown(config),
    Effect.flatMap(Config.unwrap(config), (options) => config_.attempt(() => make(options)))
  )
