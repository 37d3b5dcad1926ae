/**
 * Retry budgets of several processes over one store, each with a cable of its own that can be cut. Time is virtual: it
 * jumps from one sleep to the next.
 */
import { assert } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Option, type Scope } from "effect"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"
import { Wire } from "./wire.js"

export type Budget = RetryBudget.RetryBudget
type Store = RetryBudgetStore.RetryBudgetStore
type Service = RetryBudgetStore.Service

/** What lies between a process and the store. */
export class Cable extends Wire {
  service(store: Service): Service {
    return { ...store, sync: (key, report) => this.ask(key, store.sync(key, report)) }
  }
}

/** Runs a test whose processes have one store, each behind a cable. */
export const inOneStore = <A, E>(test: Effect.Effect<A, E, Store | Scope.Scope>, lines: Array<string> = []): void => {
  const program = test.pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(RetryBudgetStore.layerMemory(), Services.logTo(lines)))
  )
  const { exit, fibersLeft, sleepsLeft } = Virtual.run(program)
  const ended = Option.getOrThrow(exit)
  if (Exit.isFailure(ended)) throw Cause.squash(ended.cause)
  assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
}

/** So many intervals pass. */
export const intervals = (n: number) => Effect.sleep(n * 100)

/** What is made here asks the store over a cable. */
export const over = <A, E>(make: Effect.Effect<A, E, Store | Scope.Scope>) =>
  Effect.gen(function*() {
    const cable = new Cable()
    const store = yield* RetryBudgetStore.RetryBudgetStore
    const budget = yield* make.pipe(
      Effect.mapInputContext((context: Context.Context<Scope.Scope>) =>
        Context.add(context, RetryBudgetStore.RetryBudgetStore, cable.service(store))
      )
    )
    // No two of them exchange at the same moment.
    yield* Effect.sleep(3)
    return { budget, cable }
  })

/** A tenth of the calls of the last ten seconds, and nothing else. */
export const share = (options?: Partial<SharedRetryBudget.Share>) =>
  over(SharedRetryBudget.share({ key: "payments", ratio: 0.1, minPerSecond: 0, ...options }))

export const tokens = (options?: Partial<SharedRetryBudget.Tokens>) =>
  over(SharedRetryBudget.tokens({ key: "payments", capacity: 100, cost: 5, ...options }))

export const calls = (budget: Budget, n: number) =>
  Effect.replicateEffect(RetryBudget.recordCall(budget), n, { discard: true })

export const successes = (budget: Budget, n: number) =>
  Effect.replicateEffect(RetryBudget.recordSuccess(budget), n, { discard: true })

/** How many of so many retries may go. */
export const retries = (budget: Budget, n: number) =>
  Effect.map(Effect.replicateEffect(RetryBudget.tryWithdraw(budget), n), (paid) => paid.filter(Boolean).length)

export const balance = (budget: Budget) => Effect.map(RetryBudget.snapshot(budget), ({ balance }) => balance)
