import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type { RetryBudget } from "../budget/model.js"

/**
 * What a failure tells a schedule: whether trying again can help, and how long whoever refused asks us to wait.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hint {
  readonly retryable: boolean
  readonly retryAfter: Option.Option<Duration.Duration>
}

/**
 * Why an attempt was followed by a wait, or by none.
 *
 * It waited: `"backoff"` (the schedule's own delay), `"retryAfter"` (the failure's hint was longer). It ended:
 * `"success"`, `"defect"`, `"interrupted"` (from within the attempt), `"attempts"` and `"within"` (the limits of
 * `Backoff`), `"notRetryable"`, `"retryAfterTooLong"`, `"deadline"` (no time for the wait), `"budget"` (a `RetryBudget` is
 * spent), `"nested"` (an outer loop tries again), `"rejected"` (a policy would reject the next attempt), `"schedule"` (any other schedule's end). Whoever runs the loop may refuse
 * for reasons of its own, such as `"notIdempotent"` and `"circuitOpen"`.
 *
 * @since 0.1.0
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
 * One line of the ledger: an attempt, what came of it, and what was decided.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt<out E = unknown> {
  /** Counts from 1. */
  readonly number: number
  /** Epoch milliseconds. */
  readonly startMillis: number
  readonly duration: Duration.Duration
  /** The error; none where the attempt succeeded or died. */
  readonly failure: Option.Option<E>
  /** The wait that followed; none after the last attempt. */
  readonly delay: Option.Option<Duration.Duration>
  readonly reason: Reason
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Loop<A, E, R, R1 = never, R2 = never, L = E> {
  /** Makes the attempt; `number` counts from 1. */
  readonly attempt: (number: number) => Effect.Effect<A, E, R>
  readonly schedule: Schedule.Schedule<unknown, E, R1>
  /** Runs after each failed attempt; the result takes the place of the error. */
  readonly review?: ((error: E) => Effect.Effect<E, never, R2>) | undefined
  /** A reason not to try again whatever the schedule says. */
  readonly refuse?: ((error: E) => Option.Option<Reason>) | undefined
  /**
   * Whether another attempt can help, asked if `refuse` has no reason against it. If it says no, a filter of the schedule, such as
   * `whileTag`, may still say yes. Defaults to yes.
   */
  readonly canHelp?: ((error: E) => boolean) | undefined
  /**
   * The rejection that an attempt would meet at that time. The loop ends with reason `"rejected"` instead of the wait for it, unless a
   * filter of the schedule names it (`whileTag`). Defaults to none.
   */
  readonly rejectionAt?: ((millis: number) => unknown) | undefined
  /** Whether only a filter that names the error (`whileTag`) may accept it. Defaults to no. */
  readonly mustBeNamed?: ((error: E) => boolean) | undefined
  /** Runs before each wait begins: to let go of what the failed attempt still holds, or to tell someone. */
  readonly beforeWait?: ((attempt: Attempt<E>) => Effect.Effect<void, never, R2>) | undefined
  /**
   * What the ledger keeps of an error. Defaults to the error itself. With `note`, attempts do not see the last error in
   * `Schedule.CurrentIterationMetadata` either: its `input` and `output` are `undefined`.
   */
  readonly note?: ((error: E) => Option.Option<L>) | undefined
  /** No wait begins that would end at or after this moment (on the clock of `Deadline.now`) or the `Deadline` of the fiber. */
  readonly deadlineMillis?: number | undefined
  /** Is told of the call and of its success, and pays for each retry that begins; asked last, before the wait. */
  readonly budget?: RetryBudget | undefined
  /** Which failures are timeouts to the budget. Defaults to the tags `TimeoutException` and `AttemptTimeout`. */
  readonly isTimeout?: ((error: E) => boolean) | undefined
  /** Within `withoutNested`, whether to make one attempt or to go on all the same. Defaults to `"suppress"`. */
  readonly nested?: "suppress" | "allow" | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface HonorHint {
  /** The longest hint that is waited for. Defaults to `2 minutes`. */
  readonly max?: Duration.DurationInput | undefined
  /** The random share added to a hint, from 0 to 1. Defaults to `0.1`. */
  readonly jitter?: number | undefined
}

/**
 * The attempts of a call, in order. A ledger keeps the first 8 and the last 24 of them, so that the memory of a call is
 * bounded. The last line is always there: its `number` is the number of all attempts. See `omitted`.
 *
 * @since 0.1.0
 * @category models
 */
export type Ledger<E> = ReadonlyArray<Attempt<E>>
