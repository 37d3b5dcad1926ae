import * as Config from "effect/Config"

/** @internal */
export const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.withDefault(config, undefined)

/** @internal */
export const behind = <A>(prefix: string | undefined, config: Config.Config<A>): Config.Config<A> =>
  prefix === undefined ? config : Config.nested(config, prefix)
