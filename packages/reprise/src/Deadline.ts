/**
 * Sets an absolute deadline in the context of the fiber, for all effects that run inside.
 *
 * @since 3.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { dual } from "effect/Function"
import * as Option from "effect/Option"
import * as internal from "./internal/deadline.js"
import * as clock from "./internal/effect/clock.js"
import * as timeout from "./internal/effect/timeout.js"
import { DeadlineExceeded } from "./internal/timeErrors.js"
import * as InvalidOption from "./InvalidOption.js"

export { DeadlineExceeded } from "./internal/timeErrors.js"

/**
 * The time on the clock of deadlines, in milliseconds.
 *
 * The clock is monotonic: it continues evenly when a person or a program sets the clock of the machine. Its start is not
 * defined, so compare its times only with each other.
 *
 * @since 3.1.0
 * @category getters
 */
export const now: Effect.Effect<number> = clock.currentMonotonicMillis

/**
 * The time on the clock of deadlines, in milliseconds, within a step of the fiber.
 *
 * @since 3.1.0
 * @category unsafe
 */
export const unsafeNow = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number => clock.monotonicMillis(fiber)

/**
 * The deadline of the running fiber in milliseconds on the clock of `now`, or `Infinity` if there is none.
 *
 * @since 3.1.0
 * @category getters
 */
export const current: Effect.Effect<number> = Effect.withFiberRuntime((fiber) => Exit.succeed(internal.of(fiber)))

/**
 * The deadline of the fiber in milliseconds on the clock of `now`, or `Infinity` if there is none, within a step of
 * that fiber.
 *
 * @since 3.1.0
 * @category unsafe
 */
export const unsafeCurrent = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number => internal.of(fiber)

/**
 * The time left until the deadline: zero after it has passed, `Duration.infinity` if there is none.
 *
 * @since 3.1.0
 * @category getters
 */
export const remaining: Effect.Effect<Duration.Duration> = Effect.zipWith(
  current,
  now,
  (deadlineMillis, now) =>
    deadlineMillis === Infinity ? Duration.infinity : Duration.millis(Math.max(deadlineMillis - now, 0))
)

/**
 * Runs the effect with a deadline `duration` from now, and fails with `DeadlineExceeded` when it passes.
 *
 * If the fiber already has an earlier deadline, that one applies. `Retry` and `HttpResilience` inside never start a
 * wait that would end after the deadline. Throws `InvalidOption` unless `duration` is longer than zero and at most
 * 2^31-1 ms.
 *
 * @example
 * ```ts
 * import { Duration, Effect } from "effect"
 * import * as Deadline from "reprise/Deadline"
 *
 * const program = Deadline.remaining.pipe(
 *   Effect.map((left) => Duration.lessThanOrEqualTo(left, Duration.seconds(1))),
 *   Deadline.within("1 minute"), // the outer deadline is earlier
 *   Deadline.within("1 second")
 * )
 *
 * Effect.runPromise(program).then(console.log) // => true
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const within: {
  (
    duration: Duration.DurationInput
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | DeadlineExceeded<E>, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    duration: Duration.DurationInput
  ): Effect.Effect<A, E | DeadlineExceeded<E>, R>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.DurationInput) => {
  const millis = InvalidOption.millis("duration", duration, { moreThan: 0 })
  const onTimeout = () => new DeadlineExceeded<E>({ last: Option.none() })
  return Effect.withFiberRuntime<A, E | DeadlineExceeded<E>, R>((fiber) => {
    const now = clock.monotonicMillis(fiber)
    const deadlineMillis = Math.min(now + millis, unsafeCurrent(fiber))
    return deadlineMillis <= now
      ? Effect.fail(onTimeout())
      : timeout.timeoutFail(self, deadlineMillis - now, onTimeout, deadlineMillis)
  })
})

/**
 * Sets the deadline for the effect, in milliseconds on the clock of `now`, without enforcing it.
 *
 * If the fiber already has an earlier deadline, that one applies. Use it in code that ends its work at the deadline
 * itself.
 *
 * @since 3.1.0
 * @category combinators
 */
export const locally: {
  (deadlineMillis: number): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, deadlineMillis: number): Effect.Effect<A, E, R>
} = dual(2, internal.locally)
