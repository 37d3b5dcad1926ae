import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StoreError } from "../../StoreError.js"

/**
 * `SharedRetryBudget` asks for it; `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 0.1.0
 * @category tags
 */
export class RetryBudgetStore extends Context.Tag("reprise/RetryBudgetStore")<
  RetryBudgetStore,
  Service
>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** How often a member tells what it has counted, and learns what the others have. */
  readonly syncInterval: Duration.Duration
  /** The longest that anybody waits for an answer. */
  readonly timeout: Duration.Duration
  /** Puts the report in place of the member's last one, and returns the sums of all, this one included: in one step. */
  readonly sync: (key: string, report: Report) => Effect.Effect<Standing, StoreError>
}

/**
 * What a member counts, in whole numbers.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sums {
  /** Calls of the last window; 0 where they do not matter. */
  readonly calls: number
  /** How often a retry was asked for lately, granted or not. */
  readonly wanted: number
  /** What the member may spend until it is heard of again. */
  readonly reserved: number
  /** Retries of the last window, with those that are paid for and wait; or the tokens that are gone, below 0 where it has put
   * back more than it took. */
  readonly spent: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Report extends Sums {
  /** Names the member. No other process has it. */
  readonly member: string
  /** For how long its `calls` and `wanted` count, unless it is heard of again. */
  readonly presentMillis: number
  /** For how long `reserved` and `spent` do: it may have spent its reserve after it was heard of last. */
  readonly rememberMillis: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Standing extends Sums {
  /** How many members are present: at least 1. */
  readonly members: number
}
