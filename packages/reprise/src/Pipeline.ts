/**
 * The whole stack for any effect: a deadline, retries with a budget, hedges, policies and an attempt timeout, in the one
 * order that works.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { DeadlineExceeded } from "./Deadline.js"
import * as internal from "./internal/shell/pipeline.js"
import type { Policy } from "./Policy.js"
import type { RetryBudget } from "./RetryBudget.js"
import type { AttemptTimeout } from "./Timeout.js"

/**
 * Runs effects through one stack. Every call may have a priority and a partition of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pipeline<in In, in A, in Err, out E, out R> {
  <A1 extends A, E1 extends In & Err, R1>(
    self: Effect.Effect<A1, E1, R1>,
    call?: Policy.CallOptions
  ): Effect.Effect<A1, E1 | E | DeadlineExceeded<E1 | E>, R | R1>
}

/**
 * @since 0.1.0
 */
export declare namespace Pipeline {
  /**
   * When an attempt is made again. The schedule says how often and how long to wait, `while` whether it can help.
   *
   * @since 0.1.0
   * @category options
   */
  export interface Retry<in In, out R> {
    /** Defaults to no delay. */
    readonly schedule?: Schedule.Schedule<unknown, In, R> | undefined
    /**
     * Whether another attempt can succeed; it decides alone. Defaults to every error but rejections and those whose `retryable` is
     * `false`, and to what a filter of the schedule accepts (`Retry.whileTag`).
     */
    readonly while?: ((error: In) => boolean) | undefined
    /** How many retries at the most. Defaults to as many as the schedule has. */
    readonly times?: number | undefined
  }

  /**
   * Every part is optional.
   *
   * @since 0.1.0
   * @category options
   */
  export interface Options<in In, out R, out Policies extends ReadonlyArray<Policy<unknown, never, never>>> {
    /** How long one call may take, its attempts and waits together. Defaults to no limit. */
    readonly deadline?: Duration.DurationInput | undefined
    /** When to try again: a schedule, or more in detail. Defaults to `false`: one attempt. */
    readonly retry?: Schedule.Schedule<unknown, In, R> | Retry<In, R> | false | undefined
    /** Bounds how many retries are added to all calls. Defaults to none. */
    readonly budget?: RetryBudget | undefined
    /** What every attempt has to pass, from the outside in. Defaults to none. */
    readonly policies?: Policies | undefined
    /** How long one attempt may take after it was admitted. Defaults to no limit. */
    readonly attemptTimeout?: Duration.DurationInput | undefined
  }
}

/**
 * Makes a pipeline, from the outside in: deadline, retries, policies, attempt timeout.
 *
 * A rejection of a policy ends the call, unless `retry.while` says otherwise. The call fails with the error of its last
 * attempt, or with `DeadlineExceeded` if no time was left. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
 *   const resilient = Pipeline.make({
 *     deadline: "10 seconds",
 *     retry: Backoff.exponential("1 millis").pipe(Backoff.fullJitter, Backoff.attempts(4)),
 *     policies: [breaker],
 *     attemptTimeout: "2 seconds"
 *   })
 *   let attempts = 0
 *   const flaky = Effect.suspend(() => ++attempts < 3 ? Effect.fail("down") : Effect.succeed(attempts))
 *   return yield* resilient(flaky)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 3
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: <
  In = unknown,
  R = never,
  const Policies extends ReadonlyArray<Policy<unknown, never, never>> = []
>(
  options: Pipeline.Options<In, R, Policies>
) => Pipeline<
  In,
  Policy.Success<Policies[number]>,
  Policy.Failure<Policies[number]>,
  Policy.Error<Policies[number]> | AttemptTimeout,
  R
> = internal.make
