/**
 * Shares the state of circuit breakers between processes, by key. All processes open together, and send no more probes
 * than one would.
 *
 * They are normal circuit breakers, for `CircuitBreaker.protect` and all its functions.
 *
 * - A call through a closed breaker does not wait for the store. The breaker reports its counts to the
 *   `CircuitBreakerStore` in the background.
 * - Only the first call of a process waits for the first exchange, up to the `timeout` of the store.
 * - If the store is slow or away, each process works alone, and joins again when the store is back. No call fails
 *   because of it.
 *
 * @since 3.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as CircuitBreaker from "./CircuitBreaker.js"
import type * as CircuitBreakers from "./CircuitBreakers.js"
import type { CircuitBreakerStore } from "./CircuitBreakerStore.js"
import * as make_ from "./internal/breaker/make.js"
import * as registry from "./internal/breaker/registry.js"
import * as keyed from "./internal/keyed/keyed.js"
import * as fleet from "./internal/shared/fleet.js"
import * as tally from "./internal/shared/tally.js"
import { InvalidOption, oneOf } from "./InvalidOption.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface Sharing {
  /**
   * The calls that trip the breaker. Defaults to `"fleet"`.
   *
   * - `"fleet"`: the rule sees the calls of all processes: its own at once, those of the others with the next exchange.
   *   The order of calls within an exchange is lost. A rule of your own sees their mean duration, and at most 1,000 of
   *   them per exchange.
   * - `"any"`: the rule of each process sees its own calls, and the first process that trips opens all.
   */
  readonly scope?: "fleet" | "any" | undefined
  /**
   * The treatment of probes while the store does not answer. With `"local"` each process sends its own, with `"reject"`
   * none does. Defaults to `"local"`.
   */
  readonly onStoreError?: "local" | "reject" | undefined
}

/**
 * All breakers of one key should have the same options. `isolate`, `disable` and `shadow` affect this process only.
 * `trip`, `close` and `reset` affect all.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options<out R = never> extends CircuitBreaker.Options<R>, Sharing {
  /** The key of the state, the same in every process. */
  readonly key: string
}

/**
 * The options of a registry. The `name` of a key is its name in the store.
 *
 * @since 3.1.0
 * @category options
 */
export interface KeyedOptions<in K, out R = never> extends CircuitBreakers.Options<K, R>, Sharing {}

/** If a rule sees the calls of all processes, each process reports its own. */
const inScope = <O extends Pick<CircuitBreaker.Options, "trip">>(
  options: O,
  scope: Sharing["scope"] = "fleet"
): O =>
  oneOf("scope", scope, ["fleet", "any"]) === "fleet" ? { ...options, trip: tally.tallied(options.trip) } : options

/**
 * Makes a breaker that shares its state while the scope is open. Throws `InvalidOption` for an option out of range.
 *
 * When the scope ends, the breaker sends its last report, within the `timeout` of the store. Afterwards it works alone.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 * import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const make = SharedCircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(2) })
 *   // As if in two processes.
 *   const [one, other] = yield* Effect.all([make, make])
 *   yield* Effect.replicateEffect(Effect.fail("down").pipe(CircuitBreaker.protect(one), Effect.ignore), 2)
 *   yield* Effect.sleep("50 millis")
 *   return yield* CircuitBreaker.state(other)
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))).then(console.log) // => Open
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <R = never>(
  options: Options<R>
): Effect.Effect<CircuitBreaker.CircuitBreaker, never, CircuitBreakerStore | Scope.Scope | R> => {
  const { key, onStoreError, scope } = options
  if (key === "") throw new InvalidOption({ option: "key", value: key, expected: "a name" })
  const made = make_.make(inScope(options, scope))
  return Effect.flatMap(
    Effect.zip(made, fleet.make(`The circuit "${key}"`, onStoreError)),
    ([breaker, all]) => {
      fleet.join(all, breaker).isJoining = true
      return Effect.as(fleet.run(all, () => [breaker]), breaker)
    }
  )
}

/**
 * Makes a shared breaker as the service of a tag.
 *
 * @example
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 * import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * class Payments extends Context.Tag("Payments")<Payments, CircuitBreaker.CircuitBreaker>() {}
 *
 * const PaymentsLive = SharedCircuitBreaker.layer(Payments, { key: "payments", trip: Tripping.consecutive(5) }).pipe(
 *   // In production: a store of `@reprise/redis`.
 *   Layer.provide(CircuitBreakerStore.layerMemory())
 * )
 *
 * const program = Effect.flatMap(Payments, (breaker) => Effect.succeed("paid").pipe(CircuitBreaker.protect(breaker)))
 *
 * Effect.runPromise(Effect.provide(program, PaymentsLive)).then(console.log) // => paid
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, R = never>(
  tag: Context.Tag<I, CircuitBreaker.CircuitBreaker>,
  options: Options<R>
): Layer.Layer<I, never, CircuitBreakerStore | Exclude<R, Scope.Scope>> => Layer.scoped(tag, make(options))

/**
 * Makes a registry whose breakers share their states by key. One fiber exchanges for all of them. Throws
 * `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakers from "reprise/CircuitBreakers"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 * import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const make = SharedCircuitBreaker.makeKeyed<string>({ breaker: { trip: Tripping.consecutive(1) }, scope: "any" })
 *   const [one, other] = yield* Effect.all([make, make])
 *   yield* Effect.succeed("up").pipe(CircuitBreakers.protect(other, "a"))
 *   yield* Effect.fail("down").pipe(CircuitBreakers.protect(one, "a"), Effect.ignore)
 *   yield* Effect.sleep("50 millis")
 *   return (yield* CircuitBreakers.entries(other)).map(([key, { state }]) => `${key}: ${state}`)
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))).then((states) =>
 *   console.log(states.join()) // => a: Open
 * )
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const makeKeyed = <K, R = never>(
  options: KeyedOptions<K, R>
): Effect.Effect<CircuitBreakers.CircuitBreakers<K>, never, CircuitBreakerStore | Scope.Scope | R> => {
  const { breaker, onStoreError, scope } = options
  const own = typeof breaker === "function"
    ? (key: K) => inScope(breaker(key), scope)
    : inScope(breaker, scope)
  return Effect.flatMap(fleet.make("The circuits", onStoreError), (all) =>
    Effect.flatMap(
      registry.make({ ...options, breaker: own }, (breaker) => fleet.join(all, breaker).self, fleet.joined),
      (breakers) => Effect.as(fleet.run(all, () => keyed.entries(breakers).map(([, breaker]) => breaker)), breakers)
    ))
}
