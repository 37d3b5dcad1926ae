import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { at, childrenOf } from "./effect/config.js"

/**
 * The variables that a config reads behind its prefix.
 *
 * @internal
 */
export interface Known {
  readonly prefix: string
  readonly names: ReadonlyArray<string>
}

/** The data of a config behind a prefix, because a `Config` itself has no field for them. */
const known = new WeakMap<object, Known>()

/** @internal */
export const behind = <A>({ names, prefix }: Known, config: Config.Config<A>): Config.Config<A> => {
  const nested = Config.nested(config, prefix)
  known.set(nested, { prefix, names })
  return nested
}

const boundaries = /[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/

/** `attemptTimeout`, `attempt-timeout` and `ATTEMPT_TIMEOUT` are the same variable to a provider that maps names. */
const canonical = (name: string): string => name.split(boundaries).join("_").toUpperCase()

/** A limit for a provider that answers the same for every path. */
const most = { depth: 32, names: 100 }

interface Walk extends Known {
  /** The path of the prefix, as the provider divides it. */
  readonly root: ReadonlyArray<string>
  readonly found: Array<string>
}

/**
 * In the environment, the three names of a path of three are one variable. Elsewhere the path itself is the variable.
 */
const walk = (self: Walk, path: ReadonlyArray<string>): Effect.Effect<void, unknown> =>
  Effect.gen(function*() {
    const children = path.length === most.depth ? [] : yield* childrenOf([...self.root, ...path])
    if (path.length > 0) {
      const name = canonical(path.join("_"))
      const isRead = yield* Effect.isSuccess(at([self.prefix, name], Config.string()))
      if (isRead ? !self.names.includes(name) : children.length === 0) self.found.push(path.join(isRead ? "_" : "."))
    }
    for (const child of children) {
      if (self.found.length < most.names) yield* walk(self, [...path, child])
    }
  })

/** The environment divides a prefix with a `_` in it; a provider with another delimiter does not. */
const rootOf = (prefix: string): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.map(
    childrenOf([prefix]),
    (children) => children.length > 0 ? [prefix] : prefix.split(boundaries).filter((word) => word !== "")
  )

const unknown = (of: Known): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.gen(function*() {
    const found: Array<string> = []
    yield* walk({ ...of, root: yield* rootOf(of.prefix), found }, [])
    return found
  })

/** The Levenshtein distance: the number of letters that are added, missing or different. */
const distance = (a: string, b: string): number => {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = previous[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[b.length]!
}

const suggested = (name: string, names: ReadonlyArray<string>): string => {
  const [nearest] = names
    .map((known) => [known, distance(canonical(name), known)] as const)
    .filter(([, letters]) => letters <= 2)
    .sort(([, a], [, b]) => a - b)
  return nearest === undefined ? name : `${name} (did you mean ${nearest[0]}?)`
}

/**
 * Logs one warning with the names behind the prefix that nothing reads, and never a value. It does nothing for a config
 * without a prefix, and if the provider fails.
 *
 * @internal
 */
export const warnOfUnknown = (config: object): Effect.Effect<void> => {
  const of = known.get(config)
  if (of === undefined) return Effect.void
  return unknown(of).pipe(
    Effect.catchAllCause(() => Effect.succeed([])),
    Effect.flatMap((found) =>
      found.length === 0 ? Effect.void : Effect.logWarning(
        `Config: no option reads these variables behind the prefix "${of.prefix}": ${
          found.map((name) => suggested(name, of.names)).join(", ")
        }`
      )
    )
  )
}
