import type * as Duration from "effect/Duration"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Tripping")

/**
 * A rule that decides from the results of calls when a breaker trips.
 *
 * @since 3.1.0
 * @category models
 */
export interface Tripping {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Rate {
  /** The share of bad calls that trips: more than 0, at most 1. */
  readonly threshold: number
  /** The least number of calls before the rule can trip. Defaults to 10, or to `window.calls` if that is less. */
  readonly minimumCalls?: number | undefined
  /**
   * The calls that count: the last N `calls`, or those of the last `duration`. A time window consists of `buckets`
   * spans (default 10) and drops one span at a time.
   */
  readonly window:
    | { readonly calls: number }
    | { readonly duration: Duration.DurationInput; readonly buckets?: number | undefined }
}

/**
 * @since 3.1.0
 * @category options
 */
export interface SlowRate extends Rate {
  /** A call that takes at least this time is slow, with any result. */
  readonly slowerThan: Duration.DurationInput
}

/**
 * The state of a rule when it tripped.
 *
 * @since 3.1.0
 * @category models
 */
export interface Trip {
  /** The name of the rule: `"consecutive"`, `"rate"`, `"slowRate"`, `"probe"`, `"manual"`, or your own. */
  readonly rule: string
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Call {
  /** An `interrupted` call counts only by its duration. The rule does not receive ignored errors. */
  readonly outcome: "success" | "failure" | "interrupted"
  /** The end of the call, in milliseconds of the monotonic clock. */
  readonly nowMillis: number
  readonly durationMillis: number
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Own<S> {
  readonly initial: S
  /** The state after one more call. */
  readonly record: (state: S, call: Call) => S
  /** Returns the trip if the rule trips. It runs after each call. */
  readonly tripped: (state: S, nowMillis: number) => Trip | undefined
}
