import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Pipeable } from "effect/Pipeable"
import type * as Types from "effect/Types"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Keyed")

/**
 * Keys are the same if `Equal` says so.
 *
 * @since 3.1.0
 * @category models
 */
export interface Keyed<in K, out A> extends Pipeable {
  readonly [TypeId]: {
    readonly _K: Types.Contravariant<K>
    readonly _A: Types.Covariant<A>
  }
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Bounds {
  /**
   * The number of keys that the registry keeps. Defaults to 10,000. Keys with state to lose may exceed it, up to twice.
   */
  readonly capacity?: number | undefined
  /** The time without a call after which the registry may drop a key. Defaults to `10 minutes`. */
  readonly idleTimeToLive?: Duration.DurationInput | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<in K, in out A, out R = never> extends Bounds {
  /** Makes the value of a key. */
  readonly make: (key: K) => Effect.Effect<A, never, R>
  /**
   * Whether a new value would behave the same. The registry never drops a key for which this returns `false`.
   * `nowMillis` is the time by which the registry measures idleness.
   *
   * You need it only for values of your own. Policies of Reprise, and records of them, report it themselves. The
   * registry may drop other values unless `use` holds them.
   */
  readonly isIdle?: ((value: A, nowMillis: number) => boolean) | undefined
  /** Names the registry in its warning. Defaults to `"The registry"`. */
  readonly name?: string | undefined
}
