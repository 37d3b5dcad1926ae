import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Pipeable } from "effect/Pipeable"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Hedge")

/**
 * When calls to one dependency are hedged, and what has come of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hedge extends Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category type ids
 */
export const QuantileTypeId: unique symbol = Symbol.for("reprise/Hedge/Quantile")

/**
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * How long an attempt may take before the next one starts beside it. Zero starts all at once, `Duration.infinity` starts
   * no hedge, and a `quantile` learns the delay.
   */
  readonly after: Duration.DurationInput | Quantile
  /** How many attempts are made besides the first, at most. Defaults to 1. */
  readonly maxHedges?: number | undefined
  /** Which typed errors leave the other attempts running; the others end the race. Defaults to all. Defects always end it. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /**
   * Which typed errors say that the attempt was not made, as those of a full bulkhead. The attempts that run go on. The call
   * fails with such an error only if no attempt failed in another way. Asked first. Defaults to none.
   */
  readonly isRejection?: ((error: unknown) => boolean) | undefined
  /** Judges a success or a typed error: whether it is the result of the call. Takes the place of `isFailure`. */
  readonly endsRace?: ((exit: Exit.Exit<unknown, unknown>) => boolean) | undefined
  /** Asked before each hedge, as a budget is; `false` makes none in this call any more, and does not fail it. */
  readonly withdraw?: Effect.Effect<boolean> | undefined
  /**
   * Releases what an attempt ended with that is not the result: a success, or a failure that holds something. Runs for each
   * before the call returns, also if the caller is interrupted or `withdraw` dies.
   */
  readonly discard?: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>) | undefined
  /** Names it in snapshots. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface CallOptions {
  /** Asked before each hedge of this call. Defaults to the `withdraw` of the hedge. */
  readonly withdraw?: Effect.Effect<boolean> | undefined
  /** Within `Retry.withoutNested`, whether to make one attempt or to hedge all the same. Defaults to `"suppress"`. */
  readonly nested?: "suppress" | "allow" | undefined
}

/**
 * A delay that is learned from the calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quantile {
  readonly [QuantileTypeId]: typeof QuantileTypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface QuantileOptions {
  /** The share of calls, from 0 to 1, that is not hedged: 0.95 hedges one in twenty. */
  readonly quantile: number
  /** The shortest delay. Defaults to 0. */
  readonly min?: Duration.DurationInput | undefined
  /** The longest delay. Defaults to 2^31-1 ms. */
  readonly max?: Duration.DurationInput | undefined
  /** How many calls it takes to know. Defaults to 100. */
  readonly warmUp?: number | undefined
  /** The delay until then. Defaults to `Duration.infinity`: no hedges. */
  readonly initial?: Duration.DurationInput | undefined
  /** Calls are forgotten after once to twice this time, if `warmUp` others came since. Defaults to `1 minute`. */
  readonly window?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
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
