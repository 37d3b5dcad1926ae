import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Virtual from "./virtual.js"

const seconds = 24
const perSecond = 20
const calls = seconds * perSecond

/** Three retries, 100, 200 and 400 ms later at most. */
const policy = Backoff.exponential("100 millis").pipe(Backoff.fullJitter, Backoff.attempts(4))

/** Calls in an even stream, of which each attempt fails: how many attempts there are in the end for each call. */
const amplification = (
  retry: (budget: RetryBudget.RetryBudget) => (attempt: Effect.Effect<never, string>) => Effect.Effect<never, unknown>,
  make: Effect.Effect<RetryBudget.RetryBudget>
) => {
  let attempts = 0
  const attempt = Effect.suspend(() => {
    attempts++
    return Effect.fail("down")
  })
  const program = Effect.flatMap(make, (budget) => {
    const call = Effect.zipRight(Effect.fork(Effect.exit(retry(budget)(attempt))), Effect.sleep(1_000 / perSecond))
    return Effect.zipRight(Effect.replicateEffect(call, calls, { discard: true }), Effect.sleep("1 minute"))
  })
  assert.isTrue(Exit.isSuccess(Option.getOrThrow(Virtual.run(program).exit)))
  return attempts / calls
}

describe("a dependency that is dead, and three retries", () => {
  it("is four times the load without a budget", () => {
    assert.strictEqual(amplification(() => Retry.retry(policy), RetryBudget.share()), 4)
  })

  it("is a tenth more load and not more with a share of a tenth", () => {
    const load = amplification((budget) => RetryBudget.retry(policy, budget), RetryBudget.share({ minPerSecond: 0 }))
    assert.isAtMost(load, 1.1)
    // The share is there to be used.
    assert.isAbove(load, 1.08)
  })

  it("is a tenth more load and the floor, with a window of it at the start", () => {
    const share = RetryBudget.share({ minPerSecond: 1 })
    const load = amplification((budget) => RetryBudget.retry(policy, budget), share)
    assert.isAtMost(load, 1.1 + (seconds + 10) / calls)
    assert.isAbove(load, 1.1)
  })

  it("is as little where a schedule is gated", () => {
    const load = amplification(
      (budget) => (attempt) =>
        attempt.pipe(Effect.retry(policy.pipe(RetryBudget.gate(budget))), RetryBudget.track(budget)),
      RetryBudget.share({ minPerSecond: 0 })
    )
    assert.isAtMost(load, 1.1)
    assert.isAbove(load, 1.08)
  })

  it("is a hundred retries with the tokens of the AWS SDKs, and then none", () => {
    const load = amplification((budget) => RetryBudget.retry(policy, budget), RetryBudget.tokens())
    assert.strictEqual(load, 1 + 100 / calls)
  })
})
