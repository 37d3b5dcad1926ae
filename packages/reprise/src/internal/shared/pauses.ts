import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/SharedPauses")

/**
 * @since 0.1.0
 * @category models
 */
export interface SharedPauses {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * Keeps away from the key for so long, unless it does so already. It runs for each pause that another process tells of,
   * and for all that are under way in the store, those of this process too, after there was no telling of them: at the
   * beginning and after an outage.
   */
  readonly onPause: (key: string, duration: Duration.Duration) => Effect.Effect<void>
  /** The longest pause: what is more is neither told nor taken over. Defaults to `1 minute`. */
  readonly max?: Duration.DurationInput | undefined
  /** How many keys may wait to be told, and are asked for at most. Defaults to 10,000. */
  readonly capacity?: number | undefined
  /** How it is called in the log. Defaults to `"The pauses"`. */
  readonly name?: string | undefined
}
