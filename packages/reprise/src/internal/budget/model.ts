import type * as Duration from "effect/Duration"
import type { Pipeable } from "effect/Pipeable"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/RetryBudget")

/**
 * The limit of the load that retries and hedges add to one dependency, shared by all calls and schedules.
 *
 * @since 3.1.0
 * @category models
 */
export interface RetryBudget extends Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Share {
  /** The retries per call. Defaults to 0.1. */
  readonly ratio?: number | undefined
  /** Additional retries per second, for programs with few calls. Unused ones add up over a window. Defaults to 10. */
  readonly minPerSecond?: number | undefined
  /** The time for which calls and retries count. Defaults to `10 seconds`. */
  readonly window?: Duration.DurationInput | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Tokens {
  /** The most tokens, and the number at the start. Defaults to 500. */
  readonly capacity?: number | undefined
  /** The tokens for a retry. Defaults to 5. */
  readonly cost?: number | undefined
  /** The tokens for a retry after a timeout. Defaults to twice the `cost`, or the whole `capacity` if that is less. */
  readonly timeoutCost?: number | undefined
  /** The tokens that a success at the first attempt returns. Defaults to 1. */
  readonly onSuccess?: number | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Failures<in E> {
  /** Which failures are timeouts. Defaults to the tags `TimeoutException` and `AttemptTimeout`. */
  readonly isTimeout?: ((error: E) => boolean) | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly kind: "share" | "tokens"
  /** The number of retries that may go now, or of tokens. */
  readonly balance: number
  /** Retries that are paid for and wait. */
  readonly held: number
  /** Retries that the budget paid for, since it was made. */
  readonly withdrawn: number
  /** Retries that the budget rejected, since it was made. */
  readonly refused: number
}
