/**
 * Where retry budgets keep what they share with those of other processes.
 *
 * Each member tells the whole of what it counts by now, in place of what it told before, and hears the sums of all. So nothing
 * is counted twice where an answer was lost, and a store that came back empty is as it was once everybody has told again. All
 * times are durations: the clocks of two processes need not agree.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MemoryBudgets } from "./internal/shared/memoryBudgets.js"
import * as InvalidOption from "./InvalidOption.js"
import type { StoreError } from "./StoreError.js"

/**
 * `SharedRetryBudget` asks for it; `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 0.1.0
 * @category tags
 */
export class RetryBudgetStore extends Context.Tag("reprise/RetryBudgetStore")<
  RetryBudgetStore,
  RetryBudgetStore.Service
>() {}

/**
 * @since 0.1.0
 */
export declare namespace RetryBudgetStore {
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

  /**
   * @since 0.1.0
   * @category options
   */
  export interface MemoryOptions {
    /** How often members tell what they have counted. Defaults to `100 millis`. */
    readonly syncInterval?: Duration.DurationInput | undefined
    /** The longest that anybody waits for an answer. Defaults to `250 millis`. */
    readonly timeout?: Duration.DurationInput | undefined
  }
}

/**
 * Shares within one process: between the instances of a service that runs several times in it, and in tests.
 *
 * It holds no fiber and no timer, and forgets a key once all that was told of it has run out. Throws `InvalidOption` for an
 * option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* RetryBudgetStore.RetryBudgetStore
 *   const tell = (member: string, calls: number) =>
 *     store.sync("payments", {
 *       member,
 *       calls,
 *       wanted: 0,
 *       reserved: 0,
 *       spent: 0,
 *       presentMillis: 1_000,
 *       rememberMillis: 10_000
 *     })
 *   yield* tell("a", 2)
 *   yield* tell("b", 3)
 *   const { calls, members } = yield* tell("a", 4)
 *   return [calls, members]
 * })
 *
 * Effect.runPromise(Effect.provide(program, RetryBudgetStore.layerMemory())).then(console.log) // => [ 7, 2 ]
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: RetryBudgetStore.MemoryOptions = {}): Layer.Layer<RetryBudgetStore> => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { moreThan: 0 })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(
    RetryBudgetStore,
    () => new MemoryBudgets(Duration.millis(syncMillis), Duration.millis(timeoutMillis))
  )
}
