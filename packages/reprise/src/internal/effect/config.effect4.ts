import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as InvalidOption from "../../InvalidOption.js"
import * as Blame from "../blame.js"

class Missing {
  constructor(readonly variable: string, readonly message: string) {}
}

/**
 * The error to throw for a variable that must be set.
 *
 * @internal
 */
export const missing = (variable: string, message: string): unknown => new Missing(variable, message)

/** It fails at its place, with the path there. A variable that is not set counts as missing. */
const failing = (place: string, message: string): Config.Config<never> =>
  Config.schema(Schema.Never.annotate({ message }), place)

/** Finds the path of each place first: a config does not know it. */
const invalid = (
  [place, ...rest]: readonly [string, ...ReadonlyArray<string>],
  message: string,
  issues: ReadonlyArray<SchemaIssue.Issue> = []
): Config.Config<never> =>
  Config.orElse(failing(place, message), ({ cause }) => {
    if (cause._tag === "SourceError") return Config.fail(cause)
    const path = cause.issue._tag === "Pointer" ? cause.issue.path : [place]
    const issue = new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue({ message }))
    const [next, ...others] = rest
    if (next !== undefined) return invalid([next, ...others], message, [...issues, issue])
    const all = issues.length === 0 ? issue : new SchemaIssue.Composite(Schema.Never.ast, [issues[0]!, ...issues.slice(1), issue])
    return Config.fail(new Schema.SchemaError(all))
  })

/**
 * Turns an `InvalidOption` into an error at each responsible variable, or at the name of the option if there is none.
 *
 * @internal
 */
export const attempt = <A>(make: () => A, blame: Blame.Blame = Blame.none): Config.Config<A> => {
  try {
    return Config.succeed(make())
  } catch (error) {
    if (error instanceof Missing) return failing(error.variable, error.message)
    if (error instanceof Config.ConfigError) return Config.fail(error.cause)
    if (!(error instanceof InvalidOption.InvalidOption)) throw error
    const { message, places } = Blame.of(error, blame)
    return invalid(places, message)
  }
}

/**
 * A config whose value is made of another one. Its errors are those of `attempt`.
 *
 * @internal
 */
export const attempted = <A, B>(
  config: Config.Config<A>,
  make: (value: A) => B,
  blame: (value: A) => Blame.Blame
): Config.Config<B> => Config.flatMap(config, (value) => attempt(() => make(value), blame(value)))

/** @internal */
export const at = <A>(path: ReadonlyArray<string>, config: Config.Config<A>): Config.Config<A> =>
  path.reduceRight((config, name) => Config.nested(config, name), config)

/** A list can be long, because the environment of `A_8080` has one at `A`. */
const mostItems = 100

/**
 * The names after a path. The provider maps the path.
 *
 * @internal
 */
export const childrenOf = (path: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.flatMap(ConfigProvider.ConfigProvider, (provider) =>
    Effect.flatMap(provider.load(path), (node) => {
      if (node?._tag === "Record") return Effect.succeed([...node.keys].sort())
      const length = node?._tag === "Array" ? Math.min(node.length, mostItems) : 0
      const items = Array.from({ length }, (_, index) => String(index))
      return Effect.filter(items, (item) => Effect.map(provider.load([...path, item]), (node) => node !== undefined))
    }))
