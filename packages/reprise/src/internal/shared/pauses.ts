import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/SharedPauses")

/**
 * @since 3.1.0
 * @category models
 */
export interface SharedPauses {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /**
   * Pauses the key for this time, unless it has a longer pause already.
   *
   * It runs for each pause that another process publishes. At the start, and after an outage of the store, it also runs
   * for all current pauses in the store, including those of this process.
   */
  readonly onPause: (key: string, duration: Duration.Duration) => Effect.Effect<void>
  /** The longest pause. Longer ones are shortened, both outgoing and incoming. Defaults to `1 minute`. */
  readonly max?: Duration.DurationInput | undefined
  /** The most keys that may wait for publication, and the most to read from the store. Defaults to 10,000. */
  readonly capacity?: number | undefined
  /** The name in the log. Defaults to `"The pauses"`. */
  readonly name?: string | undefined
}
