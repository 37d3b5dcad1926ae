/**
 * Where retry budgets keep what they share with those of other processes.
 *
 * Each member tells the whole of what it counts by now, in place of what it told before, and hears the sums of all. So nothing
 * is counted twice where an answer was lost, and a store that came back empty is as it was once everybody has told again. All
 * times are durations: the clocks of two processes need not agree.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { RetryBudgetStore } from "./internal/shared/budgetStore.js"
import { MemoryBudgets } from "./internal/shared/memoryBudgets.js"
import * as InvalidOption from "./InvalidOption.js"

export { type Report, RetryBudgetStore, type Service, type Standing, type Sums } from "./internal/shared/budgetStore.js"

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
export const layerMemory = (options: {
  /** How often members tell what they have counted. Defaults to `100 millis`. */
  readonly syncInterval?: Duration.DurationInput | undefined
  /** The longest that anybody waits for an answer. Defaults to `250 millis`. */
  readonly timeout?: Duration.DurationInput | undefined
} = {}): Layer.Layer<RetryBudgetStore> => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { moreThan: 0 })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(
    RetryBudgetStore,
    () => new MemoryBudgets(Duration.millis(syncMillis), Duration.millis(timeoutMillis))
  )
}
