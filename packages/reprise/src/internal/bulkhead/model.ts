import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type { Policy } from "../shell/model.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Bulkhead")

/**
 * The permits for one dependency, shared by all calls to it.
 *
 * @since 3.1.0
 * @category models
 */
export interface Bulkhead extends Policy<BulkheadFull>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Size {
  /** The most calls that may run at once, at least 1. */
  readonly maxConcurrent?: number | undefined
  /** The most calls that may wait. */
  readonly maxQueued?: number | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options extends Size {
  readonly maxConcurrent: number
  /** The most calls that may wait. Defaults to 0: a call that cannot run at once is rejected. */
  readonly maxQueued?: number | undefined
  /** The longest wait of a call. Defaults to no limit but the deadline of its fiber. */
  readonly queueTimeout?: Duration.DurationInput | undefined
  /**
   * Which of the calls of one priority is next: the one that has waited longest (`"fifo"`), or the newest (`"lifo"`).
   * Defaults to `"fifo"`.
   */
  readonly order?: "fifo" | "lifo" | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface CallOptions {
  /** A call with a higher priority leaves the queue earlier: any finite number. Defaults to 0. */
  readonly priority?: number | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly running: number
  readonly queued: number
  readonly maxConcurrent: number
  readonly maxQueued: number
  /** Calls rejected since it was made. */
  readonly rejected: { readonly [reason in BulkheadFull["reason"]]: number }
}

/**
 * The call was not made, because too many others run or wait. It is a `Retry.Hint`, and captures no stack.
 *
 * @since 3.1.0
 * @category errors
 */
export class BulkheadFull extends Data.TaggedError("BulkheadFull")<{
  readonly key: string
  /** The queue was `full`, or the wait was too long (`timeout`, or the `deadline` of its fiber). */
  readonly reason: "full" | "timeout" | "deadline"
  /** The counts right after the rejection. */
  readonly running: number
  readonly queued: number
  readonly maxConcurrent: number
  readonly maxQueued: number
}> {
  /**
   * `false`, as in every rejection: it ends a retry loop.
   *
   * @since 3.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * None: the time of the next free permit is unknown.
   *
   * @since 3.1.0
   */
  get retryAfter(): Option.Option<Duration.Duration> {
    return Option.none()
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const { key, maxConcurrent, maxQueued, queued, reason, running } = this
    const name = key === "" ? "The bulkhead" : `The bulkhead "${key}"`
    const how = {
      full: "is full",
      timeout: "had no permit in time",
      deadline: "had no permit before the deadline"
    }[reason]
    return `${name} ${how}: ${running} of ${maxConcurrent} running, ${queued} of ${maxQueued} queued`
  }
}
