/**
 * Limits the time of an effect, at a fraction of the cost of `Effect.timeout` while the limit does not fire.
 *
 * @since 3.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as internal from "./internal/effect/timeout.js"
import * as InvalidOption from "./InvalidOption.js"

export { AttemptTimeout } from "./internal/timeErrors.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<E> {
  /** The most time for the effect: longer than zero, at most 2^31-1 ms. */
  readonly duration: Duration.DurationInput
  /** The error to fail with. */
  readonly onTimeout: () => E
  /**
   * The deadline that the effect sees, in milliseconds on the clock of `Deadline.now`. If the fiber already has an
   * earlier one, that one applies.
   */
  readonly deadlineMillis?: number | undefined
}

/**
 * Interrupts the effect after `duration` and fails with the result of `onTimeout`, like `Effect.timeoutFail`.
 *
 * It waits for the interruption, so that no part of the effect still runs afterwards. It runs the effect in the fiber
 * of the caller instead of a race of two fibers. At the timeout, the interrupted fiber continues with the error. Fibers
 * that the effect has forked end with it. Throws `InvalidOption` for a duration out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Timeout from "reprise/Timeout"
 *
 * const program = Effect.never.pipe(
 *   Timeout.timeoutFail({ duration: "10 millis", onTimeout: () => "too slow" }),
 *   Effect.flip
 * )
 *
 * Effect.runPromise(program).then(console.log) // => too slow
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const timeoutFail: {
  <E1>(options: Options<E1>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | E1, R>
  <A, E, R, E1>(self: Effect.Effect<A, E, R>, options: Options<E1>): Effect.Effect<A, E | E1, R>
} = dual(
  2,
  <A, E, R, E1>(self: Effect.Effect<A, E, R>, options: Options<E1>): Effect.Effect<A, E | E1, R> =>
    internal.timeoutFail(
      self,
      InvalidOption.millis("duration", options.duration, { moreThan: 0 }),
      options.onTimeout,
      options.deadlineMillis
    )
)
