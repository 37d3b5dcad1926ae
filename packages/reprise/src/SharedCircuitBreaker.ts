/**
 * Circuit breakers that share their state with those of the same key in other processes: what one of them learns, all know,
 * and all together send no more probes than one would.
 *
 * They are circuit breakers like any other, for `CircuitBreaker.protect` and all else. A call through a closed one asks
 * nobody: what is counted is told to the `CircuitBreakerStore` in the background. Only the first call of a process waits for the
 * first exchange, up to the `timeout` of the store. Where the store is slow or away, each process goes on by itself and joins again
 * when it is back; no call fails because of that.
 *
 * @since 0.1.0
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
 * @since 0.1.0
 * @category options
 */
export interface Sharing {
  /**
   * Whose calls trip it. With `"fleet"` the rule sees the calls of all: those of this process at once, those of the others
   * with the next exchange; the order of calls within an exchange is lost, and an own rule sees their mean duration, and at
   * most 1,000 of them in one exchange. With
   * `"any"` the rule of each process sees its own calls, and the first that trips opens all. Defaults to `"fleet"`.
   */
  readonly scope?: "fleet" | "any" | undefined
  /**
   * What becomes of a probe while the store does not answer: each process sends its own, or none is sent. Defaults to
   * `"local"`.
   */
  readonly onStoreError?: "local" | "reject" | undefined
}

/**
 * Breakers of one key should have the same options everywhere. `isolate`, `disable` and `shadow` are of this process;
 * `trip`, `close` and `reset` of all.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options<out R = never> extends CircuitBreaker.Options<R>, Sharing {
  /** Whose state it is: the same in every process. */
  readonly key: string
}

/**
 * The name of a key is what it is called in the store.
 *
 * @since 0.1.0
 * @category options
 */
export interface KeyedOptions<in K, out R = never> extends CircuitBreakers.Options<K, R>, Sharing {}

/** A rule that sees the calls of all is told of by each. */
const inScope = <O extends Pick<CircuitBreaker.Options, "trip">>(
  options: O,
  scope: Sharing["scope"] = "fleet"
): O =>
  oneOf("scope", scope, ["fleet", "any"]) === "fleet" ? { ...options, trip: tally.tallied(options.trip) } : options

/**
 * Makes a breaker that shares its state for as long as the scope is open. When the scope ends, the store is told what it does not
 * know yet, within its `timeout`; afterwards the breaker goes on by itself. Throws `InvalidOption` for an option out of range.
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
 * @since 0.1.0
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
 * Makes the shared breaker of a tag, for the wiring of services.
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
 * @since 0.1.0
 * @category layers
 */
export const layer = <I, R = never>(
  tag: Context.Tag<I, CircuitBreaker.CircuitBreaker>,
  options: Options<R>
): Layer.Layer<I, never, CircuitBreakerStore | Exclude<R, Scope.Scope>> => Layer.scoped(tag, make(options))

/**
 * Makes a registry whose breakers share their states, each with those of its key. One fiber exchanges for all of them.
 * Throws `InvalidOption` for an option out of range.
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
 * @since 0.1.0
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
