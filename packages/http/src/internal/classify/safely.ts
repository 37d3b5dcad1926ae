import type { LazyArg } from "effect/Function"

/**
 * Returns the result of `look`, or `otherwise` if it throws. A getter or a proxy of a foreign value can run any code.
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
