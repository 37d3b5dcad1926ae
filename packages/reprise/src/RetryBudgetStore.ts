/**
 * Stores the counts that retry budgets share with those of other processes.
 *
 * Each member reports its whole current count, which replaces its last report, and receives the sums of all members. So
 * a lost answer counts nothing twice, and an empty store is complete again after one report of each member. All times
 * are durations, so the clocks of the processes need not agree.
 *
 * @since 3.1.0
 */
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { RetryBudgetStore } from "./internal/shared/budgetStore.js"
import { MemoryBudgets } from "./internal/shared/memoryBudgets.js"
import * as InvalidOption from "./InvalidOption.js"

export { type Report, RetryBudgetStore, type Service, type Standing, type Sums } from "./internal/shared/budgetStore.js"

/**
 * Shares counts within one process: between several instances of a service, and in tests.
 *
 * It holds no fiber and no timer. It drops a key when all its reports have expired. Throws `InvalidOption` for an
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
 * @since 3.1.0
 * @category layers
 */
export const layerMemory = (options: {
  /** The time between two reports. Defaults to `100 millis`. */
  readonly syncInterval?: Duration.DurationInput | undefined
  /** The longest wait for an answer. Defaults to `250 millis`. */
  readonly timeout?: Duration.DurationInput | undefined
} = {}): Layer.Layer<RetryBudgetStore> => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { moreThan: 0 })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(
    RetryBudgetStore,
    () => new MemoryBudgets(Duration.millis(syncMillis), Duration.millis(timeoutMillis))
  )
}
