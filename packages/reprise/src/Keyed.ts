/**
 * One policy (a bulkhead, a budget, a limiter) for each key: an origin, a tenant; made on first use and bounded in number.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue, dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import type * as Types from "effect/Types"
import * as internal from "./internal/keyed.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = internal.TypeId

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof internal.TypeId

/**
 * Keys are the same where `Equal` says so.
 *
 * @since 0.1.0
 * @category models
 */
export interface Keyed<in K, out A> extends Pipeable {
  readonly [TypeId]: {
    readonly _K: Types.Contravariant<K>
    readonly _A: Types.Covariant<A>
  }
}

/**
 * @since 0.1.0
 */
export declare namespace Keyed {
  /**
   * @since 0.1.0
   * @category options
   */
  export interface Bounds {
    /** How many keys are kept. Defaults to 10,000. */
    readonly capacity?: number | undefined
    /** After how long without a call a key may be let go of. Defaults to `10 minutes`. */
    readonly idleTimeToLive?: Duration.DurationInput | undefined
  }

  /**
   * @since 0.1.0
   * @category options
   */
  export interface Options<in K, in out A, out R = never> extends Bounds {
    /** Makes what belongs to a key. */
    readonly make: (key: K) => Effect.Effect<A, never, R>
    /** Whether a key may be let go of: not while calls use what belongs to it, say. Defaults to always. */
    readonly isIdle?: ((value: A) => boolean) | undefined
  }
}

/**
 * Makes a registry without keys. It holds no fiber and no timer, whatever the number of keys.
 *
 * A key is let go of only when another one comes: when it has not been used for `idleTimeToLive`, or was unused for longest
 * and there is no room. Where all `capacity` keys have to stay, what is made for a new key is not kept. Throws
 * `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as Keyed from "reprise/Keyed"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* Keyed.make({ make: (key: string) => Bulkhead.make({ key, maxConcurrent: 10 }) })
 *   const [a, again, b] = yield* Effect.forEach(["a", "a", "b"], (key) => Keyed.get(tenants, key))
 *   return [a === again, a === b]
 * })
 *
 * Effect.runPromise(program).then((same) => console.log(same.join(" "))) // => true false
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <K, A, R = never>(options: Keyed.Options<K, A, R>): Effect.Effect<Keyed<K, A>, never, R> => {
  const [capacity, idleMillis] = internal.bounds(options)
  return Effect.map(Effect.context<R>(), (context) =>
    new internal.KeyedImpl(
      (key: K) => Effect.provide(options.make(key), context),
      options.isIdle ?? constTrue,
      capacity,
      idleMillis
    ))
}

/** Every registry is made by `make`. */
const of = <K, A>(self: Keyed<K, A>): internal.KeyedImpl<K, A> => self as internal.KeyedImpl<K, A>

/**
 * What belongs to the key; made where there is nothing.
 *
 * @since 0.1.0
 * @category getters
 */
export const get: {
  <K>(key: K): <A>(self: Keyed<K, A>) => Effect.Effect<A>
  <K, A>(self: Keyed<K, A>, key: K): Effect.Effect<A>
} = dual(2, <K, A>(self: Keyed<K, A>, key: K): Effect.Effect<A> => internal.get(of(self), key))

/**
 * Goes on with what belongs to the key: `Effect.flatMap` of `get`, at a third of its cost.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as Keyed from "reprise/Keyed"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* Keyed.make({ make: (key: string) => Bulkhead.make({ key, maxConcurrent: 10 }) })
 *   return yield* Keyed.use(tenants, "a", (bulkhead) => Bulkhead.protect(Effect.succeed("done"), bulkhead))
 * })
 *
 * Effect.runPromise(program).then(console.log) // => done
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const use: {
  <K, A, B, E, R>(key: K, f: (value: A) => Effect.Effect<B, E, R>): (self: Keyed<K, A>) => Effect.Effect<B, E, R>
  <K, A, B, E, R>(self: Keyed<K, A>, key: K, f: (value: A) => Effect.Effect<B, E, R>): Effect.Effect<B, E, R>
} = dual(
  3,
  <K, A, B, E, R>(self: Keyed<K, A>, key: K, f: (value: A) => Effect.Effect<B, E, R>): Effect.Effect<B, E, R> =>
    internal.use(of(self), key, f)
)

/**
 * Every key with what belongs to it.
 *
 * @since 0.1.0
 * @category getters
 */
export const entries = <K, A>(self: Keyed<K, A>): Effect.Effect<ReadonlyArray<readonly [key: K, value: A]>> =>
  Effect.sync(() => internal.entries(of(self)))

/**
 * How often something was made that was not kept, because every key had to stay.
 *
 * @since 0.1.0
 * @category getters
 */
export const overflowed = <K, A>(self: Keyed<K, A>): Effect.Effect<number> => Effect.sync(() => of(self).overflowed)
