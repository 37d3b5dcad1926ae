import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Keyed from "reprise/Keyed"
import * as RetryBudget from "reprise/RetryBudget"
import type { RetryBudgetStore } from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import type { HttpGuard } from "../HttpGuard.js"
import type { HttpRetry } from "../HttpRetry.js"
import * as budgets from "./budgets.js"
import { origin } from "./guard.js"

/** @internal */
export const make = (
  options: HttpRetry.SharedBudget,
  { key = origin, ...bounds }: HttpGuard.Keys
): Effect.Effect<HttpRetry.Budget, never, RetryBudgetStore | Scope.Scope> =>
  Effect.map(SharedRetryBudget.makeKeyed<string>({ ...bounds, budget: options }), (all) =>
    // A local one with the same options pays where this one does.
    budgets.add((request) => Keyed.get(all, key(request)), RetryBudget.share(options)))
