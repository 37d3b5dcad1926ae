import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Pipeable } from "effect/Pipeable"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Hedge")

/**
 * The hedging settings of one dependency, and its counts.
 *
 * @since 3.1.0
 * @category models
 */
export interface Hedge extends Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category type ids
 */
export const QuantileTypeId: unique symbol = Symbol.for("reprise/Hedge/Quantile")

/**
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /**
   * The time after which the next attempt starts beside a running one. Zero starts all at once, `Duration.infinity`
   * starts no hedge, and a `quantile` learns the delay.
   */
  readonly after: Duration.DurationInput | Quantile
  /** The most attempts besides the first. Defaults to 1. */
  readonly maxHedges?: number | undefined
  /**
   * Whether the other attempts continue after this typed error. All other errors end the race. Defaults to all errors.
   * Defects always end it.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /**
   * Whether a typed error means that the attempt was not made, such as that of a full bulkhead. Defaults to none.
   *
   * The running attempts continue. The call fails with such an error only if no attempt failed in another way. It runs
   * before `isFailure`.
   */
  readonly isRejection?: ((error: unknown) => boolean) | undefined
  /** Whether a success or a typed error is the result of the call. Replaces `isFailure`. */
  readonly endsRace?: ((exit: Exit.Exit<unknown, unknown>) => boolean) | undefined
  /**
   * Runs before each hedge, such as a withdrawal from a budget. `false` stops further hedges of this call, and does not
   * fail it.
   */
  readonly withdraw?: Effect.Effect<boolean> | undefined
  /**
   * Releases the result of an attempt that is not the result of the call: a success, or a failure that holds something.
   *
   * It runs for each before the call returns, also if the caller is interrupted or `withdraw` dies.
   */
  readonly discard?: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>) | undefined
  /** Names it in snapshots. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface CallOptions {
  /** Runs before each hedge of this call. Defaults to the `withdraw` of the hedge. */
  readonly withdraw?: Effect.Effect<boolean> | undefined
  /**
   * Whether the call makes one attempt within `Retry.withoutNested` (`"suppress"`), or hedges (`"allow"`). Defaults to
   * `"suppress"`.
   */
  readonly nested?: "suppress" | "allow" | undefined
}

/**
 * A delay that is learned from the calls.
 *
 * @since 3.1.0
 * @category models
 */
export interface Quantile {
  readonly [QuantileTypeId]: typeof QuantileTypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface QuantileOptions {
  /** The share of calls, from 0 to 1, that is not hedged: 0.95 hedges one in twenty. */
  readonly quantile: number
  /** The shortest delay. Defaults to 0. */
  readonly min?: Duration.DurationInput | undefined
  /** The longest delay. Defaults to 2^31-1 ms. */
  readonly max?: Duration.DurationInput | undefined
  /** The number of calls before the delay is known. Defaults to 100. */
  readonly warmUp?: number | undefined
  /** The delay before that. Defaults to `Duration.infinity`: no hedges. */
  readonly initial?: Duration.DurationInput | undefined
  /**
   * The age of calls at which they stop to count: once to twice this time, if `warmUp` others came since. Defaults to
   * `1 minute`.
   */
  readonly window?: Duration.DurationInput | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly calls: number
  /** Attempts made besides the first ones. */
  readonly hedges: number
  /** Calls whose result came from a hedge. */
  readonly won: number
  /** Hedges that `withdraw` refused. */
  readonly refused: number
  /** The delay of the next call: infinite if it starts no hedge. */
  readonly delay: Duration.Duration
}
