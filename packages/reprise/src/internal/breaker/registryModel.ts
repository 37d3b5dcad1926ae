import type * as Types from "effect/Types"
import type * as Keyed from "../keyed/model.js"
import type * as CircuitBreaker from "./model.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreakers")

/**
 * Keys are the same where `Equal` says so. What `Keyed` can do with any registry, it can do with this one.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitBreakers<in out K> extends Keyed.Keyed<K, CircuitBreaker.CircuitBreaker> {
  readonly [TypeId]: Types.Invariant<K>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Options<in K, out R = never> extends Keyed.Bounds {
  /** The options of every breaker, or of the one for a key; a `key` in them is replaced by the name of the key. */
  readonly breaker: CircuitBreaker.Options<R> | ((key: K) => CircuitBreaker.Options<R>)
  /** How a key is called in errors and events. Defaults to `String`. */
  readonly name?: ((key: K) => string) | undefined
}
