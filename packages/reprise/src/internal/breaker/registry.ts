import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Ref from "effect/Ref"
import type * as Types from "effect/Types"
import type { CircuitBreaker } from "../../CircuitBreaker.js"
import type { CircuitBreakers } from "../../CircuitBreakers.js"
import * as keyed from "../keyed.js"
import { type Breaker, nameOf } from "./breaker.js"
import * as controls from "./controls.js"
import * as make_ from "./make.js"
import type { Settings } from "./settings.js"

// Not marked internal: the declarations of CircuitBreakers refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreakers")

/** @internal */
export class Registry<K> extends keyed.KeyedImpl<K, Breaker> implements CircuitBreakers<K> {
  readonly [TypeId]: Types.Invariant<K> = identity
}

const isIdle = (breaker: Breaker): boolean =>
  breaker.running === 0 && breaker.waiting === 0 && breaker.listeners.length === 0 &&
  nameOf(Effect.runSync(Ref.get(breaker.era))) === "Closed"

/** @internal */
export const make = <K, R>(
  options: CircuitBreakers.Options<K, R>,
  reject: Settings["reject"],
  join: (breaker: Breaker) => Breaker = identity,
  ready?: (breaker: Breaker, now: number) => Effect.Effect<void> | undefined
): Effect.Effect<Registry<K>, never, R> => {
  const { breaker, name = String } = options
  const bounds = keyed.bounds(options)
  const build = (options: CircuitBreaker.Options<R>) =>
    // As in `make` of a breaker: what the options require is in the context.
    make_.build(options as CircuitBreaker.Options<unknown>, reject, true) as Effect.Effect<
      (key: string) => Breaker,
      never,
      R
    >
  const registry = (make: (key: K) => Effect.Effect<Breaker>) =>
    new Registry((key: K) => Effect.map(make(key), join), isIdle, ...bounds, ready)
  return typeof breaker === "function"
    ? Effect.map(
      Effect.context<R>(),
      (context) =>
        registry((key) =>
          Effect.provide(Effect.map(Effect.suspend(() => build(breaker(key))), (make) => make(name(key))), context)
        )
    )
    : Effect.map(build(breaker), (make) => registry((key) => Effect.sync(() => make(name(key)))))
}

/** @internal */
export const snapshots = <K>(
  self: Registry<K>
): Effect.Effect<ReadonlyArray<readonly [key: K, snapshot: CircuitBreaker.Snapshot]>> =>
  Effect.suspend(() =>
    Effect.forEach(
      keyed.entries(self),
      ([key, breaker]) => Effect.map(controls.snapshot(breaker), (snapshot) => [key, snapshot] as const)
    )
  )
