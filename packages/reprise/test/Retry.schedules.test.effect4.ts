/** Schedules of Effect 4 have errors, and a step of them cannot be taken back. */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Option, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"

class Busy extends Data.TaggedError("Busy")<{}> {}
class Broken extends Data.TaggedError("Broken")<{}> {}

const broken = Schedule.tap(Schedule.forever, ({ attempt }) => attempt === 3 ? Effect.fail(new Broken()) : Effect.void)
const busy = Effect.fail(new Busy())

describe("the error of a schedule", () => {
  it.effect("passes through the combinators, and ends a retry", () =>
    Effect.gen(function*() {
      const policy: Schedule.Schedule<number | undefined, unknown, Broken> = broken.pipe(
        Backoff.attempts(9),
        Retry.whileTag("Busy")
      )
      const retried: Effect.Effect<never, Busy | Broken> = Retry.retry(busy, policy)
      assert.deepStrictEqual(yield* Effect.exit(retried), Exit.fail(new Broken()))
      const chained: Schedule.Schedule<number, unknown, Broken> = Backoff.chain(Schedule.forever, broken)
      assert.deepStrictEqual(yield* Effect.exit(busy.pipe(Retry.retry(chained))), Exit.fail(new Broken()))
    }))

  it.effect("ends a retry with a budget, which pays for the retries until then", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens({ capacity: 10, cost: 1 })
      const retried: Effect.Effect<never, Busy | RetryBudget.BudgetExhausted<Busy> | Broken> = RetryBudget.retry(
        busy,
        broken,
        budget
      )
      assert.deepStrictEqual(yield* Effect.exit(retried), Exit.fail(new Broken()))
      assert.strictEqual((yield* RetryBudget.snapshot(budget)).withdrawn, 2)
    }))

  it("is not for a loop that never fails", () => {
    // @ts-expect-error a schedule with an error
    assert.isTrue(Effect.isEffect(Retry.ledger(busy, broken)))
  })
})

describe("a rejection that the next attempt would meet", () => {
  const reasons = (schedule: Schedule.Schedule<unknown, Busy>) =>
    Effect.map(
      Retry.loop({
        attempt: () => busy,
        schedule,
        canHelp: () => true,
        rejectionAt: () => ({ _tag: "Rejected" })
      }),
      ([, ledger]) => ledger.map(({ delay, reason }) => Option.isSome(delay) ? reason : `end: ${reason}`)
    )

  it.effect("takes no step of the schedule when its filters are asked", () =>
    Effect.gen(function*() {
      const named = Schedule.forever.pipe(Retry.whileTag("Busy", "Rejected"))
      const policy = Schedule.max([named, Schedule.recurs(3)])
      assert.deepStrictEqual(yield* reasons(policy), ["backoff", "backoff", "backoff", "end: schedule"])
      assert.deepStrictEqual(yield* reasons(Schedule.recurs(3)), ["end: rejected"])
    }))

  it.effect("may be named by any schedule of a chain", () =>
    Effect.gen(function*() {
      const named = Schedule.recurs(2).pipe(Retry.whileTag("Busy", "Rejected"))
      assert.deepStrictEqual(yield* reasons(Backoff.chain(Schedule.forever, named)), [
        "backoff",
        "backoff",
        "backoff",
        "end: schedule"
      ])
    }))
})
