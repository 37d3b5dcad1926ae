import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/**
 * One line of the ledger of a durable call: an attempt, its result, and the decision after it. A rejection of a policy
 * (an open circuit) has a line too.
 *
 * @since 0.1.0
 * @category models
 */
export type Attempt = typeof Attempt.Type

/**
 * The schema of a line of the ledger.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Attempt = Schema.Struct({
  /** The attempts so far. It counts from 1. The line of a rejection repeats the number of the attempt before it. */
  number: Schema.Number,
  /** Epoch milliseconds. */
  startMillis: Schema.Number,
  durationMillis: Schema.Number,
  /** Nothing if the attempt succeeded. */
  failure: Schema.optional(Schema.Struct({
    tag: Schema.String,
    message: Schema.String,
    status: Schema.optional(Schema.Number)
  })),
  /** The wait that followed. Nothing after the last attempt. */
  delayMillis: Schema.optional(Schema.Number),
  /** A `Retry.Reason`, or `"held"` for the rejection of a policy. */
  reason: Schema.String
}).annotations({ identifier: "Attempt" })

/**
 * The attempts of a durable call, in order: the first 8 and the last 24 of them, as in `Retry.Ledger`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Ledger = Schema.Array(Attempt)

/**
 * @since 0.1.0
 * @category models
 */
export type Ledger = typeof Ledger.Type

/**
 * The deadline has passed, and there is no failure of an attempt to report instead.
 *
 * @since 0.1.0
 * @category errors
 */
export class DeadlinePassed extends Schema.TaggedError<DeadlinePassed>("@reprise/durable/DeadlinePassed")(
  "DeadlinePassed",
  {
    name: Schema.String,
    /** Epoch milliseconds. */
    deadlineMillis: Schema.Number,
    attempts: Ledger
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The deadline of "${this.name}" has passed after ${this.attempts.at(-1)?.number ?? 0} attempts`
  }
}

/**
 * The options of every durable loop.
 *
 * @since 0.1.0
 * @category options
 */
export interface LoopOptions {
  /**
   * The end of the whole call, with its attempts and waits, across all processes: a duration from its first start, or a
   * date. The engine records the end once, and the wall clock decides. Defaults to no deadline.
   */
  readonly deadline?: Duration.DurationInput | DateTime.DateTime | undefined
  /**
   * The longest wait in the memory of a process. A longer wait suspends the workflow, so a waiting call costs no memory,
   * and the engine wakes it. A shorter wait needs no write, and a restart waits only for the rest of it. Defaults to 60
   * seconds, as in `DurableClock.sleep`.
   */
  readonly inMemoryThreshold?: Duration.DurationInput | undefined
}
