import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RetryBudget from "reprise/RetryBudget"
import type { HttpRetry } from "../HttpRetry.js"

const trials = new WeakMap<HttpRetry.Budget, () => boolean>()

/** A budget that nobody uses, after a thousand calls that succeeded. One that cannot be asked at once is left alone. */
const trial = (make: Effect.Effect<RetryBudget.RetryBudget>) => (): boolean => {
  const asked = Effect.flatMap(make, (budget) =>
    Effect.zipRight(
      Effect.replicateEffect(RetryBudget.track(Effect.void, budget), 1_000, { discard: true }),
      RetryBudget.tryWithdraw(budget)
    ))
  const exit = Effect.runSyncExit(asked)
  return Exit.isSuccess(exit) && !exit.value
}

/**
 * Remembers how to find out what a budget is worth. What asks does not hold the code for it.
 *
 * @internal
 */
export const add = (budget: HttpRetry.Budget, make: Effect.Effect<RetryBudget.RetryBudget>): HttpRetry.Budget => {
  trials.set(budget, trial(make))
  return budget
}

/** @internal */
export const neverPays = (budget: HttpRetry.Budget): boolean => trials.get(budget)?.() ?? false
