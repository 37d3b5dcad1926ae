import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../StoreError.js"

/**
 * Stores counts for `SharedRetryBudget`. `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 3.1.0
 * @category tags
 */
export class RetryBudgetStore extends Context.Tag("reprise/RetryBudgetStore")<
  RetryBudgetStore,
  Service
>() {}

/**
 * @since 3.1.0
 * @category models
 */
export interface Service {
  /** The time between two reports of a member. */
  readonly syncInterval: Duration.Duration
  /** The longest wait for an answer. */
  readonly timeout: Duration.Duration
  /** Replaces the member's last report, and returns the sums of all members, including this one, in one step. */
  readonly sync: (key: string, report: Report) => Effect.Effect<Standing, StoreError>
}

/**
 * The counts of a member, in whole numbers.
 *
 * @since 3.1.0
 * @category models
 */
export interface Sums {
  /** Calls of the last window; 0 if the rule does not use them. */
  readonly calls: number
  /** Recently requested retries, granted or not. */
  readonly wanted: number
  /** The number that the member may spend until its next report. */
  readonly reserved: number
  /**
   * Retries of the last window, including those that are paid for and wait. For tokens: the used ones, below 0 if the
   * member returned more than it took.
   */
  readonly spent: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Report extends Sums {
  /** The unique name of the member. */
  readonly member: string
  /** The time for which its `calls` and `wanted` count without a new report. */
  readonly presentMillis: number
  /** The time for which `reserved` and `spent` count: the member may have spent its reserve after its last report. */
  readonly rememberMillis: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Standing extends Sums {
  /** The number of present members: at least 1. */
  readonly members: number
}
