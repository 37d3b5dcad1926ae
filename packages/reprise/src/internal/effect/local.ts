import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Region } from "./model.js"

/**
 * A value of each fiber, which the fibers that it forks keep.
 *
 * @internal
 */
export type Local<A> = FiberRef.FiberRef<A>

/**
 * A fiber-local value, one for all copies of this library in a program. A region never changes the value outside of it.
 *
 * @internal
 */
export const make = <A>(name: string, initial: A, fork?: (value: A) => A): Local<A> =>
  globalValue(
    Symbol.for(`reprise/${name}`),
    () => FiberRef.unsafeMake(initial, { join: (own) => own, ...(fork && { fork }) })
  )

/**
 * Runs the effect with another value, and resets it afterwards.
 *
 * @internal
 */
export const locally: <A, E, R, V>(self: Effect.Effect<A, E, R>, ref: Local<V>, value: V) => Effect.Effect<A, E, R> =
  Effect.locally

/**
 * Runs the effect in a region, which its caller ends. It does not reset the value: that costs as much again, and a
 * region that is over has no effect.
 *
 * @internal
 */
export const entering = <A, E, R, V>(
  ref: Local<V>,
  region: V & Region,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => Effect.flatMap(FiberRef.set(ref, region), () => self)

/**
 * Runs the effect in a region, in an uninterruptible step, and then ends the region.
 *
 * @internal
 */
export const within = <A, E, R, V>(
  ref: Local<V>,
  region: V & Region,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  entering(
    ref,
    region,
    Effect.matchCauseEffect(self, {
      onSuccess: (value) => {
        region.isOver = true
        return Exit.succeed(value)
      },
      onFailure: (cause) => {
        region.isOver = true
        return Exit.failCause(cause)
      }
    })
  )

/**
 * Runs the effect with another value, and resets it after a success.
 *
 * @internal
 */
export const during = <A, E, R, V>(
  ref: Local<V>,
  value: V,
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    FiberRef.getAndSet(ref, value),
    (outer) => Effect.flatMap(self, (result) => Effect.as(FiberRef.set(ref, outer), result))
  )

/**
 * The services of a context, for an effect that another fiber runs later: its fiber-local values are its own. In Effect 4
 * a context has both.
 *
 * @internal
 */
export const services = <R>(context: Context.Context<R>): Context.Context<R> => context
