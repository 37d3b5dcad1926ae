import type * as Duration from "effect/Duration"
import type { Pipeable } from "effect/Pipeable"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/RetryBudget")

/**
 * What the calls to one dependency may add to its load, shared by all of them: by retries, by hedges, by any number of
 * schedules.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryBudget extends Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Share {
  /** Retries for each call. Defaults to 0.1. */
  readonly ratio?: number | undefined
  /** Retries per second on top, for programs that make few calls; what is not used adds up over a window. Defaults to 10. */
  readonly minPerSecond?: number | undefined
  /** How long calls and retries count. Defaults to `10 seconds`. */
  readonly window?: Duration.DurationInput | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Tokens {
  /** How many tokens it holds, and begins with. Defaults to 500. */
  readonly capacity?: number | undefined
  /** What a retry costs. Defaults to 5. */
  readonly cost?: number | undefined
  /** What a retry costs after a timeout. Defaults to twice the `cost`, or all there is where that is less. */
  readonly timeoutCost?: number | undefined
  /** What a success at the first attempt puts back. Defaults to 1. */
  readonly onSuccess?: number | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Failures<in E> {
  /** Which failures are timeouts. Defaults to the tags `TimeoutException` and `AttemptTimeout`. */
  readonly isTimeout?: ((error: E) => boolean) | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly kind: "share" | "tokens"
  /** The retries that may go now, or the tokens. */
  readonly balance: number
  /** Retries that are paid for and wait. */
  readonly held: number
  /** Retries that went, since it was made. */
  readonly withdrawn: number
  /** Retries that were refused, since it was made. */
  readonly refused: number
}
