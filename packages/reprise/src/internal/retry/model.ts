import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type { RetryBudget } from "../budget/model.js"

/**
 * The hint of a failure for a schedule: whether another attempt can succeed, and how long the server or policy asks to
 * wait.
 *
 * @since 3.1.0
 * @category models
 */
export interface Hint {
  readonly retryable: boolean
  readonly retryAfter: Option.Option<Duration.Duration>
}

/**
 * The reason for a wait, or for no further attempt.
 *
 * It waited:
 *
 * - `"backoff"`: the schedule's own delay.
 * - `"retryAfter"`: the failure's hint was longer.
 *
 * It ended:
 *
 * - `"success"`, `"defect"`, and `"interrupted"` (from within the attempt).
 * - `"attempts"` and `"within"`: the limits of `Backoff`.
 * - `"schedule"`: any other end of the schedule.
 * - `"notRetryable"` and `"retryAfterTooLong"`.
 * - `"deadline"`: there is no time for the wait.
 * - `"budget"`: the `RetryBudget` is empty.
 * - `"nested"`: an outer loop retries.
 * - `"rejected"`: a policy would reject the next attempt.
 *
 * The caller of a loop may add its own reasons, such as `"notIdempotent"` and `"circuitOpen"`.
 *
 * @since 3.1.0
 * @category models
 */
export type Reason =
  | "success"
  | "defect"
  | "interrupted"
  | "backoff"
  | "retryAfter"
  | "attempts"
  | "within"
  | "notRetryable"
  | "retryAfterTooLong"
  | "deadline"
  | "budget"
  | "nested"
  | "rejected"
  | "schedule"
  | (string & Record<never, never>)

/**
 * One line of the ledger: an attempt, its result, and the decision after it.
 *
 * @since 3.1.0
 * @category models
 */
export interface Attempt<out E = unknown> {
  /** Counts from 1. */
  readonly number: number
  /** Epoch milliseconds. */
  readonly startMillis: number
  readonly duration: Duration.Duration
  /** The error; none if the attempt succeeded or died. */
  readonly failure: Option.Option<E>
  /** The wait that followed; none after the last attempt. */
  readonly delay: Option.Option<Duration.Duration>
  readonly reason: Reason
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Loop<A, E, R, R1 = never, R2 = never, L = E> {
  /** Makes the attempt; `number` counts from 1. */
  readonly attempt: (number: number) => Effect.Effect<A, E, R>
  readonly schedule: Schedule.Schedule<unknown, E, R1>
  /** Runs after each failed attempt. Its result replaces the error. */
  readonly review?: ((error: E) => Effect.Effect<E, never, R2>) | undefined
  /** A reason that ends the loop with any schedule. */
  readonly refuse?: ((error: E) => Option.Option<Reason>) | undefined
  /**
   * Whether another attempt can succeed. It runs if `refuse` has no reason. Defaults to yes.
   *
   * If it says no, a filter of the schedule, such as `whileTag`, may still say yes.
   */
  readonly canHelp?: ((error: E) => boolean) | undefined
  /**
   * The rejection that an attempt would meet at that time. The loop ends with reason `"rejected"` instead of the wait for it, unless a
   * filter of the schedule names it (`whileTag`). Defaults to none.
   */
  readonly rejectionAt?: ((millis: number) => unknown) | undefined
  /** Whether only a filter that names the error (`whileTag`) may accept it. Defaults to no. */
  readonly mustBeNamed?: ((error: E) => boolean) | undefined
  /** Runs before each wait, for example to release resources of the failed attempt, or to log. */
  readonly beforeWait?: ((attempt: Attempt<E>) => Effect.Effect<void, never, R2>) | undefined
  /**
   * The part of an error for the ledger. Defaults to the error itself. With `note`, attempts do not see the last error
   * in `Schedule.CurrentIterationMetadata` either: its `input` and `output` are `undefined`.
   */
  readonly note?: ((error: E) => Option.Option<L>) | undefined
  /**
   * No wait begins that would end at or after this moment (on the clock of `Deadline.now`) or the `Deadline` of the
   * fiber.
   */
  readonly deadlineMillis?: number | undefined
  /** Counts the call and its success, and pays for each retry that begins. It decides last, before the wait. */
  readonly budget?: RetryBudget | undefined
  /** Which failures are timeouts to the budget. Defaults to the tags `TimeoutException` and `AttemptTimeout`. */
  readonly isTimeout?: ((error: E) => boolean) | undefined
  /**
   * Whether the loop makes one attempt within `withoutNested` (`"suppress"`), or continues (`"allow"`). Defaults to
   * `"suppress"`.
   */
  readonly nested?: "suppress" | "allow" | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface HonorHint {
  /** The longest hint that the loop waits for. Defaults to `2 minutes`. */
  readonly max?: Duration.DurationInput | undefined
  /** The random share added to a hint, from 0 to 1. Defaults to `0.1`. */
  readonly jitter?: number | undefined
}

/**
 * The attempts of a call, in order. A ledger keeps the first 8 and the last 24 of them, so that the memory of a call is
 * bounded. It always has the last line, whose `number` is the number of all attempts. See `omitted`.
 *
 * @since 3.1.0
 * @category models
 */
export type Ledger<E> = ReadonlyArray<Attempt<E>>

/**
 * A failure of a call whose attempts are made elsewhere, for example by a workflow engine.
 *
 * @since 3.1.0
 * @category models
 */
export interface Failure<out E> {
  readonly error: E
  /** When the attempt failed, in epoch milliseconds. */
  readonly atMillis: number
  /** The seed of the random draws of this step. Defaults to the `Random` of the fiber. */
  readonly seed?: number | undefined
}

/**
 * The decision of a schedule after a failure: the delay before the next attempt, or the reason to stop.
 *
 * @since 3.1.0
 * @category models
 */
export type Decision =
  | { readonly _tag: "Wait"; readonly delayMillis: number; readonly reason: Reason }
  | { readonly _tag: "Stop"; readonly reason: Reason }
