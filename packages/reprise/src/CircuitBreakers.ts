/**
 * Makes a circuit breaker for each key (an origin, a tenant), on first use.
 *
 * @since 3.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type * as CircuitBreaker from "./CircuitBreaker.js"
import * as internal from "./internal/breaker/registry.js"
import type { CircuitBreakers, Options } from "./internal/breaker/registryModel.js"
import * as watch from "./internal/breaker/watch.js"
import * as keyed from "./internal/keyed/keyed.js"
import * as shell from "./internal/shell/protect.js"
import { policy } from "./Keyed.js"

export { type CircuitBreakers, type Options, TypeId } from "./internal/breaker/registryModel.js"

/**
 * Makes a registry without keys. It holds no fiber and no timer for any number of keys.
 *
 * The registry drops a key only when a new key comes, and only if its breaker is like a new one. Such a breaker is
 * closed, has no failed or slow call in its window, and has no calls, waiters or listeners of `changes`.
 *
 * If no key of a full registry (`capacity` keys) qualifies, the registry logs one warning and grows, up to twice its
 * capacity. From then on, each new key replaces the least recently used breaker that no call uses, even an open one. A
 * host with calls needs protection more than one without. The registry never drops a breaker that is isolated or
 * disabled. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<{ readonly id: number; readonly isTrial: boolean }>({
 *     breaker: ({ isTrial }) => ({ trip: Tripping.consecutive(isTrial ? 1 : 5) }),
 *     name: ({ id }) => `tenant ${id}`,
 *     capacity: 1_000
 *   })
 *   const trial = { id: 7, isTrial: true }
 *   yield* Effect.fail("down").pipe(CircuitBreakers.protect(tenants, trial), Effect.ignore)
 *   return yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, trial), Effect.flip)
 * })
 *
 * Effect.runPromise(program).then(({ key, state }) => console.log(key, state)) // => tenant 7 Open
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <K, R = never>(
  options: Options<K, R>
): Effect.Effect<CircuitBreakers<K>, never, R> => internal.make(options)

/**
 * @example
 * ```ts
 * import { Context, Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * class Tenants extends Context.Tag("Tenants")<Tenants, CircuitBreakers.CircuitBreakers<string>>() {}
 *
 * const TenantsLive = CircuitBreakers.layer(Tenants, { breaker: { trip: Tripping.consecutive(5) } })
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* Tenants
 *   return yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, "a"))
 * })
 *
 * Effect.runPromise(Effect.provide(program, TenantsLive)).then(console.log) // => up
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, K, R = never>(
  tag: Context.Tag<I, CircuitBreakers<K>>,
  options: Options<K, R>
): Layer.Layer<I, never, R> => Layer.effect(tag, make(options))

/** `make` makes every registry. */
const of = <K>(self: CircuitBreakers<K>): internal.Registry<K> => self as internal.Registry<K>

/**
 * The breaker of a key. The registry makes it if there is none.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(5) } })
 *   yield* Effect.flatMap(CircuitBreakers.get(tenants, "a"), CircuitBreaker.trip)
 *   const state = (key: string) => Effect.flatMap(CircuitBreakers.get(tenants, key), CircuitBreaker.state)
 *   return [yield* state("a"), yield* state("b")]
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'Open', 'Closed' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const get: {
  <K>(key: K): (self: CircuitBreakers<K>) => Effect.Effect<CircuitBreaker.CircuitBreaker>
  <K>(self: CircuitBreakers<K>, key: K): Effect.Effect<CircuitBreaker.CircuitBreaker>
} = dual(
  2,
  <K>(self: CircuitBreakers<K>, key: K): Effect.Effect<CircuitBreaker.CircuitBreaker> => keyed.get(of(self), key)
)

/**
 * Runs the effect through the breaker of the key.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) } })
 *   yield* Effect.fail("down").pipe(CircuitBreakers.protect(tenants, "a"), Effect.ignore)
 *   const a = yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, "a"), Effect.flip)
 *   const b = yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, "b"))
 *   return [a.key, a._tag, b]
 * })
 *
 * Effect.runPromise(program).then((result) => console.log(result.join(" "))) // => a CircuitOpen up
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const protect: {
  <K>(
    breakers: CircuitBreakers<K>,
    key: K
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | CircuitBreaker.CircuitOpen, R>
  <A, E, R, K>(
    self: Effect.Effect<A, E, R>,
    breakers: CircuitBreakers<K>,
    key: K
  ): Effect.Effect<A, E | CircuitBreaker.CircuitOpen, R>
} = dual(
  3,
  <A, E, R, K>(self: Effect.Effect<A, E, R>, breakers: CircuitBreakers<K>, key: K): Effect.Effect<
    A,
    E | CircuitBreaker.CircuitOpen,
    R
  > => shell.protect(self, [policy(breakers, key)])
)

/**
 * Every key with the snapshot of its breaker.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) } })
 *   yield* Effect.fail("down").pipe(CircuitBreakers.protect(tenants, "a"), Effect.ignore)
 *   yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, "b"))
 *   return (yield* CircuitBreakers.entries(tenants)).map(([key, { state }]) => `${key}: ${state}`)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'a: Open', 'b: Closed' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const entries = <K>(
  self: CircuitBreakers<K>
): Effect.Effect<ReadonlyArray<readonly [key: K, snapshot: CircuitBreaker.Snapshot]>> => internal.snapshots(of(self))

/**
 * The state of every key now, and then every transition of every key in order, including new keys.
 *
 * Use it for a health page, a dashboard or an alert. The first element of a key that exists at the start has the same
 * state in `from` and `to`. A new key begins closed, and so does one that was evicted. A consumer that is more than
 * 1,024 transitions behind loses the oldest. To read the stream does not protect a key from eviction.
 *
 * @example
 * ```ts
 * import { Effect, Fiber, Stream } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) } })
 *   const call = (key: string) => Effect.fail("down").pipe(CircuitBreakers.protect(tenants, key), Effect.ignore)
 *   yield* call("a")
 *   const watcher = yield* CircuitBreakers.changes(tenants).pipe(Stream.take(2), Stream.runCollect, Effect.fork)
 *   yield* Effect.yieldNow()
 *   yield* call("b")
 *   return Array.from(yield* Fiber.join(watcher), ([key, { from, to }]) => `${key}: ${from} -> ${to}`)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => [ 'a: Open -> Open', 'b: Closed -> Open' ]
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const changes = <K>(
  self: CircuitBreakers<K>
): Stream.Stream<readonly [key: K, transition: CircuitBreaker.Transition]> => watch.changesOfAll(of(self))

/**
 * The number of times that a new key came while the registry could drop none of its `capacity` breakers or more.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) }, capacity: 1 })
 *   // An open breaker must not be lost, so the registry grows.
 *   yield* Effect.fail("down").pipe(CircuitBreakers.protect(tenants, "a"), Effect.ignore)
 *   yield* Effect.succeed("up").pipe(CircuitBreakers.protect(tenants, "b"))
 *   return yield* CircuitBreakers.overflowed(tenants)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 1
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const overflowed = <K>(self: CircuitBreakers<K>): Effect.Effect<number> => Effect.sync(() => of(self).overflowed)
