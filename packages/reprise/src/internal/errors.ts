import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Types from "effect/Types"

/**
 * Makes errors without running their constructor: that captures a stack, which costs a hundred times the rest of a rejection.
 * What an error has of its own is what `fill` sets, which has to be a `function`, one for each kind of error.
 *
 * @internal
 */
export const withoutStack = <E extends object, Args extends ReadonlyArray<unknown>>(
  type: { readonly prototype: E },
  fill: (this: Types.Mutable<E>, ...args: Args) => void
): (...args: Args) => E => {
  fill.prototype = type.prototype
  // A class cannot be given the prototype of another; a function can, and is a constructor then.
  const Bare = fill as unknown as new(...args: Args) => E
  return (...args) => new Bare(...args)
}

/**
 * The `retryAfter` of a rejection: none if nobody can say when another call may be admitted.
 *
 * @internal
 */
export const retryAfter = (millis: number): Option.Option<Duration.Duration> =>
  millis === Infinity ? Option.none() : Option.some(Duration.millis(millis))

const rejections = new Set<unknown>(["CircuitOpen", "BulkheadFull", "LimitExceeded", "RateLimitExceeded", "GateClosed"])

/**
 * Whether the error says that the call was not made: it tells nothing of what would have been called.
 *
 * @internal
 */
export const isRejection = (error: unknown): boolean =>
  Predicate.hasProperty(error, "_tag") && rejections.has(error._tag)

const timeouts = new Set<unknown>(["TimeoutException", "AttemptTimeout"])

/**
 * Whether the error says of itself that the time was up.
 *
 * @internal
 */
export const isTimeout = (error: unknown): boolean => Predicate.hasProperty(error, "_tag") && timeouts.has(error._tag)
