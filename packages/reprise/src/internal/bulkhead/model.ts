import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type { Policy } from "../shell/model.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/Bulkhead")

/**
 * The permits for one dependency, shared by all calls to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Bulkhead extends Policy<BulkheadFull>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Size {
  /** How many calls may run at once, at least 1. */
  readonly maxConcurrent?: number | undefined
  /** How many more may wait. */
  readonly maxQueued?: number | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Options extends Size {
  readonly maxConcurrent: number
  /** How many more may wait. Defaults to 0: what cannot run at once is rejected. */
  readonly maxQueued?: number | undefined
  /** How long a call may wait. Defaults to as long as it takes, up to the deadline of its fiber. */
  readonly queueTimeout?: Duration.DurationInput | undefined
  /**
   * Which of the calls of one priority is next: the one that has waited longest (`"fifo"`), or the one that came last.
   * Defaults to `"fifo"`.
   */
  readonly order?: "fifo" | "lifo" | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface CallOptions {
  /** The higher, the sooner it is its turn: any finite number. Defaults to 0. */
  readonly priority?: number | undefined
}

/**
 * @since 0.1.0
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
 * The call was not made, because too many others were. It is a `Retry.Hint`, and captures no
 * stack.
 *
 * @since 0.1.0
 * @category errors
 */
export class BulkheadFull extends Data.TaggedError("BulkheadFull")<{
  readonly key: string
  /** The queue was `full`, or the call waited as long as it may (`timeout`, or the `deadline` of its fiber). */
  readonly reason: "full" | "timeout" | "deadline"
  /** The counts are those right after the rejection. */
  readonly running: number
  readonly queued: number
  readonly maxConcurrent: number
  readonly maxQueued: number
}> {
  /**
   * Ends a retry loop, as in every rejection.
   *
   * @since 0.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * None: nobody can say when a permit is free.
   *
   * @since 0.1.0
   */
  get retryAfter(): Option.Option<Duration.Duration> {
    return Option.none()
  }

  /**
   * @since 0.1.0
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
