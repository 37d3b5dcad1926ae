import type { LazyArg } from "effect/Function"

/**
 * What `look` gives, or `otherwise` where it throws: a getter or a proxy of a foreign value may do anything.
 *
 * @internal
 */
export const safely = <A>(look: LazyArg<A>, otherwise: A): A => {
  try {
    return look()
  } catch {
    return otherwise
  }
}
