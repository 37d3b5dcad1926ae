import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Types from "effect/Types"

/**
 * Makes errors without their constructor, which captures a stack at a hundred times the cost of the rest of a
 * rejection.
 *
 * `fill` sets the fields of an error. It must be a `function`, one for each kind of error.
 *
 * @internal
 */
export const withoutStack = <E extends object, Args extends ReadonlyArray<unknown>>(
  type: { readonly prototype: E },
  fill: (this: Types.Mutable<E>, ...args: Args) => void
): (...args: Args) => E => {
  fill.prototype = type.prototype
  // A class cannot get the prototype of another one. A function can, and then works as a constructor.
  const Bare = fill as unknown as new(...args: Args) => E
  return (...args) => new Bare(...args)
}

/**
 * The `retryAfter` of a rejection; none if the time of the next admission is unknown.
 *
 * @internal
 */
export const retryAfter = (millis: number): Option.Option<Duration.Duration> =>
  millis === Infinity ? Option.none() : Option.some(Duration.millis(millis))

const rejections = new Set<unknown>(["CircuitOpen", "BulkheadFull", "LimitExceeded", "RateLimitExceeded", "GateClosed"])

/**
 * Whether the error is a rejection. After a rejection no call was made, so it says nothing about the dependency.
 *
 * @internal
 */
export const isRejection = (error: unknown): boolean =>
  Predicate.hasProperty(error, "_tag") && rejections.has(error._tag)

const timeouts = new Set<unknown>(["TimeoutException", "AttemptTimeout"])

/**
 * Whether the error is a timeout by its own tag.
 *
 * @internal
 */
export const isTimeout = (error: unknown): boolean => Predicate.hasProperty(error, "_tag") && timeouts.has(error._tag)
