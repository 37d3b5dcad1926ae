import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Region } from "./model.js"

/**
 * A value of each fiber, which the fibers that it forks keep.
 *
 * @internal
 */
export type Local<A> = Context.Reference<A>

/**
 * A fiber-local value, one for all copies of this library in a program. A region never changes the value outside of it.
 *
 * @internal
 */
export const make = <A>(name: string, initial: A, _fork?: (value: A) => A): Local<A> => {
  const key = `reprise/${name}`
  own.add(key)
  return Context.Reference(key, { defaultValue: () => initial })
}

const own = new Set<string>()

const effects = /^effect\/(Clock|ConfigProvider|Logger|Random|References|Schedule|Scheduler|Tracer)(\/|$)/

/**
 * The services of a context, for an effect that another fiber runs later: its fiber-local values are its own.
 *
 * @internal
 */
export const services = <R>(context: Context.Context<R>): Context.Context<R> =>
  Context.makeUnsafe(new Map([...context.mapUnsafe].filter(([key]) => !own.has(key) && !effects.test(key))))

/**
 * Runs the effect with another value, and resets it afterwards. `Effect.provideService` makes two functions per call to
 * find its arguments.
 *
 * @internal
 */
export const locally = <A, E, R, V>(self: Effect.Effect<A, E, R>, ref: Local<V>, value: V): Effect.Effect<A, E, R> =>
  Effect.updateContext<A, E, R, R>(self, (context) => Context.add(context, ref, value))

/** @internal */
export const during = <A, E, R, V>(ref: Local<V>, value: V, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  locally(self, ref, value)

/**
 * Runs the effect in a region, which its caller ends.
 *
 * @internal
 */
export const entering: <A, E, R, V>(
  ref: Local<V>,
  region: V & Region,
  self: Effect.Effect<A, E, R>
) => Effect.Effect<A, E, R> = during

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
  Effect.onExit(during(ref, region, self), () => {
    region.isOver = true
    return Exit.void
  })
