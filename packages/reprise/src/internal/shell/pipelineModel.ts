import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { RetryBudget } from "../budget/model.js"
import type { DeadlineExceeded } from "../timeErrors.js"
import type { Policy } from "./model.js"

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
