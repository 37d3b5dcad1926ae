/**
 * Makes one policy (a bulkhead, a budget, a limiter) for each key (an origin, a tenant), on first use and up to a
 * limit.
 *
 * @since 3.1.0
 */
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as entries_ from "./internal/keyed/entries.js"
import * as internal from "./internal/keyed/keyed.js"
import type { Keyed, Options } from "./internal/keyed/model.js"
import { KeyedPolicy } from "./internal/keyed/policy.js"
import * as standing from "./internal/standing.js"
import type { Policy } from "./Policy.js"

export { type Bounds, type Keyed, type Options, TypeId } from "./internal/keyed/model.js"

/**
 * Makes a registry without keys. It holds no fiber and no timer for any number of keys.
 *
 * The registry drops a key only when a new key comes, and only if a new value would behave the same. No call uses such
 * a key, and it has no state to lose: no spent token, no counted failure, no learned limit. The registry drops keys
 * that were idle for `idleTimeToLive`, and the least recently used ones if there is no room.
 *
 * If no key qualifies, a full registry drops the least recently used one whose new value would admit no more. Examples
 * are a budget that has not paid, and an adaptive limiter that is not below its first limit.
 *
 * If it can drop none of `capacity` keys, the registry logs one warning and grows, up to twice its capacity. From then
 * on, each new key replaces the least recently used one that no call uses. If calls use all of them, the registry does
 * not store the new key. Throws `InvalidOption` for an option out of range.
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
 * @since 3.1.0
 * @category constructors
 */
export const make = <K, A, R = never>(options: Options<K, A, R>): Effect.Effect<Keyed<K, A>, never, R> => {
  const [capacity, idleMillis] = internal.bounds(options)
  const { isIdle, make, name = "The registry" } = options
  const standingOf = isIdle === undefined
    ? standing.of
    : (value: A, nowMillis: number) => isIdle(value, nowMillis) ? "new" : "busy"
  return Effect.map(
    Effect.context<R>(),
    (context) =>
      new entries_.KeyedImpl((key: K) => Effect.provide(make(key), context), standingOf, capacity, idleMillis, name)
  )
}

/** `make` makes every registry. */
const of = <K, A>(self: Keyed<K, A>): entries_.KeyedImpl<K, A> => self as entries_.KeyedImpl<K, A>

/**
 * The value of the key. The registry makes it if there is none.
 *
 * The registry does not see how long you use the value, so it may drop the key meanwhile. Prefer `use`.
 *
 * @since 3.1.0
 * @category getters
 */
export const get: {
  <K>(key: K): <A>(self: Keyed<K, A>) => Effect.Effect<A>
  <K, A>(self: Keyed<K, A>, key: K): Effect.Effect<A>
} = dual(2, <K, A>(self: Keyed<K, A>, key: K): Effect.Effect<A> => internal.get(of(self), key))

/**
 * Runs an effect with the value of the key. The registry keeps the key until the effect ends.
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
 * @since 3.1.0
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
 * The policy of one key, for `Policy.protect` and `Pipeline`. Each attempt looks it up, and the first one makes it.
 *
 * If the value is not a policy itself, give `of` to make a policy of it.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 * import * as Keyed from "reprise/Keyed"
 * import * as Policy from "reprise/Policy"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* Keyed.make({ make: (key: string) => Bulkhead.make({ key, maxConcurrent: 10 }) })
 *   return yield* Policy.protect(Effect.succeed("done"), [Keyed.policy(tenants, "a")])
 * })
 *
 * Effect.runPromise(program).then(console.log) // => done
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const policy: {
  <K, E, A, Err>(self: Keyed<K, Policy<E, A, Err>>, key: K): Policy<E, A, Err>
  <K, V, E, A, Err>(self: Keyed<K, V>, key: K, of: (value: V) => Policy<E, A, Err>): Policy<E, A, Err>
} = <K, V, E, A, Err>(
  self: Keyed<K, V>,
  key: K,
  // Without it, every value is a policy.
  policyOf: (value: V) => Policy<E, A, Err> = (value) => value as unknown as Policy<E, A, Err>
): Policy<E, A, Err> => new KeyedPolicy(of(self), key, policyOf)

/**
 * Every key with its value.
 *
 * @since 3.1.0
 * @category getters
 */
export const entries = <K, A>(self: Keyed<K, A>): Effect.Effect<ReadonlyArray<readonly [key: K, value: A]>> =>
  Effect.sync(() => internal.entries(of(self)))

/**
 * The number of times that a new key came while the registry could drop none of its `capacity` keys or more.
 *
 * @since 3.1.0
 * @category getters
 */
export const overflowed = <K, A>(self: Keyed<K, A>): Effect.Effect<number> => Effect.sync(() => of(self).overflowed)
