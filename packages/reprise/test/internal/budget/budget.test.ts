import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule } from "effect"
import type * as Policy from "reprise/Policy"
import * as RetryBudget from "reprise/RetryBudget"
import { of } from "../../../src/internal/standing.js"

// Every budget is a source.
const source = (budget: RetryBudget.RetryBudget) => budget as unknown as NonNullable<Policy.Policy<never>["source"]>

describe("a budget with a retry that is paid for and waits", () => {
  it.effect("is busy, and shows the retries that are left", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.share({ key: "db", ratio: 0, minPerSecond: 0.3 })
      const fiber = yield* Effect.fork(RetryBudget.retry(Effect.fail("down"), Schedule.spaced("1 second"), budget))
      yield* Effect.yieldNow()
      assert.strictEqual(of(budget, 0), "busy")
      assert.deepStrictEqual(source(budget).inspect(0), { policy: "retryBudget", key: "db", left: 2 })
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(of(budget, 0), "replaceable")
      assert.deepInclude(source(budget).inspect(0), { left: 3 })
    }))
})
