import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Keyed from "reprise/Keyed"
import type * as RetryBudget from "reprise/RetryBudget"
import type { RetryBudgetStore } from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import type { Budget, KeyOptions } from "../model.js"
import { origin, registry } from "./guard.js"

/** @internal */
export const make = (
  make: (key: string) => Effect.Effect<RetryBudget.RetryBudget>,
  { key = origin, ...bounds }: KeyOptions
): Budget => {
  // Also for the sake of its errors: an option out of range fails here.
  const own = (): Budget => {
    const all = registry(bounds, make, "The retry budgets")
    return (request) => Keyed.get(all, key(request))
  }
  return Object.assign(own(), { [fresh]: own })
}

const fresh: unique symbol = Symbol.for("@reprise/http/budget/fresh")

interface Recipe {
  readonly [fresh]?: () => Budget
}

/**
 * The same budget without the state of any other client, as a stage has no state of any other client. A single budget, or one that
 * processes share, stays.
 *
 * @internal
 */
export const ownOf = <B extends Budget | RetryBudget.RetryBudget>(budget: B & Recipe): Budget | B =>
  budget[fresh]?.() ?? budget

/**
 * The budget of each request. A single budget is that of all.
 *
 * @internal
 */
export const of = (budget: Budget | RetryBudget.RetryBudget): Budget =>
  typeof budget === "function" ? budget : () => Effect.succeed(budget)

/** @internal */
export const makeShared = (
  options: Omit<RetryBudget.Share, "key">,
  { key = origin, ...bounds }: KeyOptions
): Effect.Effect<Budget, never, RetryBudgetStore | Scope.Scope> =>
  Effect.map(
    SharedRetryBudget.makeKeyed<string>({ ...bounds, budget: options }),
    (all): Budget => (request) => Keyed.get(all, key(request))
  )
