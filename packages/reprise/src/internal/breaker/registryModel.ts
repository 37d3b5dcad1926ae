import type * as Types from "effect/Types"
import type * as Keyed from "../keyed/model.js"
import type * as CircuitBreaker from "./model.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreakers")

/**
 * Keys are the same if `Equal` says so. All functions of `Keyed` accept this registry too.
 *
 * @since 3.1.0
 * @category models
 */
export interface CircuitBreakers<in out K> extends Keyed.Keyed<K, CircuitBreaker.CircuitBreaker> {
  readonly [TypeId]: Types.Invariant<K>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<in K, out R = never> extends Keyed.Bounds {
  /** The options of every breaker, or of the one for a key. The name of the key replaces a `key` in them. */
  readonly breaker: CircuitBreaker.Options<R> | ((key: K) => CircuitBreaker.Options<R>)
  /** The name of a key in errors and events. Defaults to `String`. */
  readonly name?: ((key: K) => string) | undefined
}
