/**
 * Makes one retry budget for all processes, by key, so that a larger fleet does not retry more.
 *
 * They are normal retry budgets, for `RetryBudget.retry` and all its functions. No call waits for the store. In the
 * background, each process reports its counts to the `RetryBudgetStore` and receives the sums of all. It then reserves
 * what it may spend until the next exchange: a share of the rest, in proportion to its demand for retries.
 *
 * - While the processes and the store answer each other, all retries in a window, including waiting ones, never exceed
 *   `ratio` times the calls plus `minPerSecond` times the seconds. Old calls expire late, so calls shortly before the
 *   window count too. That time is two exchanges: one `syncInterval` each, or ten for a quiet process. For a process
 *   that ended, it is thirty intervals and two timeouts.
 * - The budget may reject a retry although other processes have retries left, because their reserves last until the
 *   next exchange. With many calls this loss is small. Twenty processes with a thousand calls a second use at least
 *   nine tenths of the retries of one. That holds even if all failures are in one of them. If there are more processes
 *   than retries left, chance decides which process gets one, and more than half may stay unused.
 * - A budget waits for its first exchange when it is made, and a key of a registry at its first use, up to the
 *   `timeout` of the store.
 * - While the store is slow or away, each process has a budget of its own, for its own calls. It joins again when the
 *   store is back. Then no count is lost, and none counts twice. No call fails because of the store.
 *
 * @since 3.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { currentMonotonicMillis } from "./internal/effect/clock.js"
import { KeyedImpl } from "./internal/keyed/entries.js"
import * as keyed from "./internal/keyed/keyed.js"
import * as internal from "./internal/shared/budgetMember.js"
import * as standing from "./internal/standing.js"
import { InvalidOption } from "./InvalidOption.js"
import type * as Keyed from "./Keyed.js"
import * as RetryBudget from "./RetryBudget.js"
import type { RetryBudgetStore } from "./RetryBudgetStore.js"

/**
 * All budgets of one key should have the same options.
 *
 * @since 3.1.0
 * @category options
 */
export interface Share extends RetryBudget.Share {
  /** The key of the budget, the same in every process. */
  readonly key: string
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Tokens extends RetryBudget.Tokens {
  /** The key of the budget, the same in every process. */
  readonly key: string
}

/**
 * @since 3.1.0
 * @category options
 */
export interface KeyedOptions<in K> extends Keyed.Bounds {
  /** The options of every budget. The name of the key replaces the `key` in them. */
  readonly budget?: RetryBudget.Share | undefined
  /** The name of a key in the store and in errors. Defaults to `String`. */
  readonly name?: ((key: K) => string) | undefined
}

type Budget = RetryBudget.RetryBudget

const make = (
  key: string,
  local: Effect.Effect<Budget>
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> => {
  if (key === "") throw new InvalidOption({ option: "key", value: key, expected: "a name" })
  return Effect.flatMap(Effect.zip(local, internal.make(`The retry budget "${key}"`)), ([budget, fleet]) => {
    const member = internal.join(fleet, key, budget)
    const joined = Effect.flatMap(currentMonotonicMillis, (now) => internal.joined(member, now) ?? Effect.void)
    return Effect.as(Effect.zipRight(internal.run(fleet, () => [member]), joined), member)
  })
}

/**
 * Makes a `RetryBudget.share` that is shared while the scope is open. Throws `InvalidOption` for an option out of
 * range.
 *
 * Afterwards the budget works alone, and its reserve is free for the other processes.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as RetryBudget from "reprise/RetryBudget"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 * import * as SharedRetryBudget from "reprise/SharedRetryBudget"
 *
 * const program = Effect.gen(function*() {
 *   const make = SharedRetryBudget.share({ key: "payments", ratio: 0.1, minPerSecond: 0 })
 *   // As if in two processes.
 *   const [one, other] = yield* Effect.all([make, make])
 *   yield* Effect.replicateEffect(RetryBudget.recordCall(one), 100)
 *   yield* Effect.sleep("500 millis")
 *   // It has made no calls.
 *   return yield* RetryBudget.tryWithdraw(other)
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory({ syncInterval: "20 millis" }))))
 *   .then(console.log) // => true
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const share = (
  options: Share
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> => make(options.key, RetryBudget.share(options))

/**
 * Makes a `RetryBudget.tokens`, one bucket for all processes, while the scope is open. Throws `InvalidOption` for an
 * option out of range.
 *
 * Afterwards the budget works alone. The tokens of a process that ended return after a minute.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as RetryBudget from "reprise/RetryBudget"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 * import * as SharedRetryBudget from "reprise/SharedRetryBudget"
 *
 * const program = Effect.gen(function*() {
 *   const budget = yield* SharedRetryBudget.tokens({ key: "payments", capacity: 10, cost: 5 })
 *   return yield* Effect.replicateEffect(RetryBudget.tryWithdraw(budget), 3)
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory())))
 *   .then((paid) => console.log(paid.join())) // => true,true,false
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const tokens = (
  options: Tokens
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> => make(options.key, RetryBudget.tokens(options))

/**
 * Makes a shared budget as the service of a tag.
 *
 * @example
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import * as RetryBudget from "reprise/RetryBudget"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 * import * as SharedRetryBudget from "reprise/SharedRetryBudget"
 *
 * class Payments extends Context.Tag("Payments")<Payments, RetryBudget.RetryBudget>() {}
 *
 * const PaymentsLive = SharedRetryBudget.layer(Payments, SharedRetryBudget.share({ key: "payments" })).pipe(
 *   // In production: a store of `@reprise/redis`.
 *   Layer.provide(RetryBudgetStore.layerMemory())
 * )
 *
 * const program = Effect.flatMap(Payments, (budget) => Effect.succeed("paid").pipe(RetryBudget.track(budget)))
 *
 * Effect.runPromise(Effect.provide(program, PaymentsLive)).then(console.log) // => paid
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, E, R>(
  tag: Context.Tag<I, Budget>,
  budget: Effect.Effect<Budget, E, R>
): Layer.Layer<I, E, Exclude<R, Scope.Scope>> => Layer.scoped(tag, budget)

/**
 * Makes a registry of budgets that are shared by key. One fiber exchanges for all of them. Throws `InvalidOption` for
 * an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Keyed from "reprise/Keyed"
 * import * as RetryBudget from "reprise/RetryBudget"
 * import * as RetryBudgetStore from "reprise/RetryBudgetStore"
 * import * as SharedRetryBudget from "reprise/SharedRetryBudget"
 *
 * const program = Effect.gen(function*() {
 *   const tenants = yield* SharedRetryBudget.makeKeyed<number>({ name: (id) => `tenant ${id}` })
 *   const { balance, key } = yield* Effect.flatMap(Keyed.get(tenants, 7), RetryBudget.snapshot)
 *   return [key, balance]
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory())))
 *   .then(console.log) // => [ 'tenant 7', 100 ]
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const makeKeyed = <K>(
  options: KeyedOptions<K>
): Effect.Effect<Keyed.Keyed<K, Budget>, never, RetryBudgetStore | Scope.Scope> => {
  const { name = String } = options
  const bounds = keyed.bounds(options)
  const local = RetryBudget.share(options.budget)
  return Effect.flatMap(internal.make("The retry budgets"), (fleet) => {
    const budgets = new KeyedImpl(
      (key: K) => Effect.map(local, (budget) => internal.join(fleet, name(key), budget)),
      standing.of,
      ...bounds,
      "The retry budgets",
      internal.joined
    )
    return Effect.as(internal.run(fleet, () => keyed.entries(budgets).map(([, budget]) => budget)), budgets)
  })
}
