import type * as Duration from "effect/Duration"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Tripping")

/**
 * A rule that looks at how calls ended and says when it is enough.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tripping {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Rate {
  /** The share of bad calls that trips: more than 0, at most 1. */
  readonly threshold: number
  /** How few calls say nothing yet. Defaults to 10, or to `window.calls` where that is less. */
  readonly minimumCalls?: number | undefined
  /**
   * The calls that count: the last so many, or those of the last so long. A time window is kept in `buckets` spans
   * (default 10) and forgets one span at a time.
   */
  readonly window:
    | { readonly calls: number }
    | { readonly duration: Duration.DurationInput; readonly buckets?: number | undefined }
}

/**
 * @since 0.1.0
 * @category options
 */
export interface SlowRate extends Rate {
  /** A call that takes that long is slow, however it ends. */
  readonly slowerThan: Duration.DurationInput
}

/**
 * What a rule saw when it tripped.
 *
 * @since 0.1.0
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
 * @since 0.1.0
 * @category models
 */
export interface Call {
  /** `interrupted` calls say nothing, unless how long they took does. Ignored errors are not told. */
  readonly outcome: "success" | "failure" | "interrupted"
  /** When it ended, in milliseconds of a clock that nobody can set. */
  readonly nowMillis: number
  readonly durationMillis: number
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Own<S> {
  readonly initial: S
  /** The state after one more call. */
  readonly record: (state: S, call: Call) => S
  /** Why it trips, if it does; asked after each call. */
  readonly tripped: (state: S, nowMillis: number) => Trip | undefined
}
