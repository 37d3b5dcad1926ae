import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Schedule } from "effect"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Virtual from "./virtual.js"

type Budget = RetryBudget.RetryBudget

class AttemptTimeout extends Data.TaggedError("AttemptTimeout") {}

const snapshotAt = (budget: Budget, millis: number) => {
  const clock = Virtual.clock()
  clock.millis = millis
  return Effect.runSync(Effect.withClock(RetryBudget.snapshot(budget), clock))
}

const tokens = () => Effect.runSync(RetryBudget.tokens({ capacity: 100, cost: 5, timeoutCost: 10, onSuccess: 1 }))
/** So wide a window that nothing is forgotten. */
const share = () => Effect.runSync(RetryBudget.share({ ratio: 1, minPerSecond: 0.01, window: "1000 seconds" }))

const failures = ["down", new AttemptTimeout()]

/** Two attempts that fail and one that does not, each with operations before, between and after. */
const attempts = () => {
  const seen = { begun: 0 }
  const attempt = Effect.suspend(() => {
    const number = ++seen.begun
    const outcome = number <= failures.length ? Effect.fail(failures[number - 1]) : Effect.succeed("done")
    return Effect.zipRight(Effect.sleep(5), outcome)
  })
  return { attempt, seen }
}

/** What the retries that began have cost. */
const spent = (begun: number) => (begun > 1 ? 5 : 0) + (begun > 2 ? 10 : 0)

const policy = Schedule.spaced(20)

const loops: Record<
  string,
  (attempt: Effect.Effect<string, unknown>, budget: Budget) => Effect.Effect<unknown, unknown>
> = {
  "RetryBudget.retry": (attempt, budget) => RetryBudget.retry(attempt, policy, budget),
  "Retry.loop": (attempt, budget) =>
    Retry.loop({ attempt: () => attempt, schedule: policy, budget, beforeWait: () => Effect.sleep(1) })
}

for (const [name, loop] of Object.entries(loops)) {
  describe(`${name}, interrupted at whatever operation`, () => {
    it("leaves in the bucket what no retry has begun with, and keeps what has", () => {
      const balances = new Set<number>()
      const points = Virtual.interruptEverywhere(
        () => {
          const { attempt, seen } = attempts()
          const budget = tokens()
          return { budget, program: loop(attempt, budget), seen }
        },
        ({ endMillis, fibersLeft, interrupted, sleepsLeft }, at, { budget, seen }) => {
          const { balance, held, refused, withdrawn } = snapshotAt(budget, endMillis)
          const where = `cut at operation ${at}`
          assert.deepStrictEqual([held, refused, fibersLeft, sleepsLeft], [0, 0, 0, 0], where)
          balances.add(balance)
          if (!interrupted) return assert.deepStrictEqual([balance, withdrawn, seen.begun], [95, 2, 3])
          // The retry that is paid for begins one operation before its attempt says so; a success may be heard or not.
          assert.include([seen.begun - 1, seen.begun], withdrawn, where)
          const expected = 100 - spent(withdrawn + 1)
          assert.include(withdrawn === 2 ? [expected, expected + 10] : [expected], balance, where)
        }
      )
      assert.isAbove(points, 50)
      assert.sameMembers([...balances], [100, 95, 85])
    })

    it("counts in a share the call and the retries that began, and holds no place for another", () => {
      const points = Virtual.interruptEverywhere(
        () => {
          const { attempt, seen } = attempts()
          const budget = share()
          return { budget, program: loop(attempt, budget), seen }
        },
        ({ endMillis, fibersLeft, sleepsLeft }, at, { budget, seen }) => {
          const { balance, held, withdrawn } = snapshotAt(budget, endMillis)
          const where = `cut at operation ${at}`
          assert.deepStrictEqual([held, fibersLeft, sleepsLeft], [0, 0, 0], where)
          // Ten is the floor. A call may have begun without its attempt.
          assert.include(seen.begun > 0 ? [11 - withdrawn] : [10, 11], balance, where)
        }
      )
      assert.isAbove(points, 50)
    })

    it("refuses others no more for a wait that was cut", () => {
      const budget = Effect.runSync(RetryBudget.share({ ratio: 0, minPerSecond: 1, window: "1 second" }))
      const { attempt } = attempts()
      const withdraw = RetryBudget.tryWithdraw(budget)
      const program = Effect.gen(function*() {
        const exit = yield* Effect.timeout(loop(attempt, budget), 15).pipe(Effect.exit)
        return [exit._tag, yield* withdraw, yield* withdraw]
      })
      assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: ["Failure", true, false] })
    })
  })
}

describe("RetryBudget.track, interrupted at whatever operation", () => {
  it("counts the call that began, and a success that was", () => {
    const seenBalances = { share: new Set<number>(), tokens: new Set<number>() }
    for (const kind of ["share", "tokens"] as const) {
      Virtual.interruptEverywhere(
        () => {
          const budget = kind === "share" ? share() : tokens()
          if (kind === "tokens") Effect.runSync(RetryBudget.tryWithdraw(budget))
          const seen = { begun: 0, ended: 0 }
          const call = Effect.zipRight(
            Effect.sync(() => void seen.begun++),
            Effect.zipRight(Effect.sleep(5), Effect.sync(() => void seen.ended++))
          )
          return { budget, seen, program: RetryBudget.track(call, budget) }
        },
        ({ endMillis, fibersLeft, interrupted, sleepsLeft }, at, { budget, seen }) => {
          const { balance, held, refused } = snapshotAt(budget, endMillis)
          const where = `cut at operation ${at}`
          assert.deepStrictEqual([held, refused, fibersLeft, sleepsLeft], [0, 0, 0, 0], where)
          seenBalances[kind].add(balance)
          const whole = kind === "share" ? 11 : 96
          // Where the operation of the call itself is the one that is cut, it has begun all the same.
          const isCounted = kind === "share" ? seen.begun > 0 : !interrupted
          assert.include(isCounted ? [whole] : [whole - 1, whole], balance, where)
          if (kind === "tokens" && seen.ended === 0) assert.strictEqual(balance, 95, where)
        }
      )
    }
    assert.deepStrictEqual(seenBalances, { share: new Set([10, 11]), tokens: new Set([95, 96]) })
  })
})
