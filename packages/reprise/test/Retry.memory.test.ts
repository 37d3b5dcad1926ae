import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import * as Backoff from "../src/Backoff.js"
import * as Deadline from "../src/Deadline.js"
import * as Retry from "../src/Retry.js"
import * as RetryBudget from "../src/RetryBudget.js"
import { collected } from "./garbage.js"

const total = 20_000

/** Fails with a new error each time, and says at the last attempt how many of the errors are still in memory. */
const failing = () => {
  const errors: Array<WeakRef<Error>> = []
  let alive = NaN
  const fail = Effect.suspend(() => {
    const error = new Error(`${errors.length}`)
    errors.push(new WeakRef(error))
    return Effect.fail(error)
  })
  const count = Effect.map(collected, () => {
    alive = errors.filter((error) => error.deref() !== undefined).length
  })
  const attempt = Effect.suspend(() => errors.length < total - 1 ? fail : Effect.zipRight(count, fail))
  return { attempt, alive: () => alive }
}

const all = Schedule.recurs(total - 1)
const backoff = Schedule.spaced(0).pipe(Backoff.capped("1 second"), Backoff.fullJitter, Backoff.attempts(total))

describe("the memory of a call", () => {
  const loops: Record<string, (attempt: Effect.Effect<never, Error>) => Effect.Effect<unknown, unknown>> = {
    retry: (attempt) => Retry.retry(attempt, all),
    "retry by a Backoff": (attempt) => Retry.retry(attempt, backoff),
    ledger: (attempt) => Retry.ledger(attempt, all),
    "ledger by a Backoff": (attempt) => Retry.ledger(attempt, backoff),
    "ledger within a deadline": (attempt) => Deadline.within(Retry.ledger(attempt, all), "1 hour"),
    "loop with a budget and something before each wait": (attempt) =>
      Effect.flatMap(
        RetryBudget.tokens({ capacity: 1e9, cost: 1 }),
        (budget) => Retry.loop({ attempt: () => attempt, schedule: all, budget, beforeWait: () => Effect.void })
      )
  }
  it.live.each(Object.entries(loops))("does not grow with the attempts of %s", ([, loop]) =>
    Effect.gen(function*() {
      const { alive, attempt } = failing()
      yield* Effect.exit(loop(attempt))
      // 32 lines, and the errors of the attempts that just ended.
      assert.isAtMost(alive(), 40)
    }), 60_000)
})

describe("the ledger of a call with many attempts", () => {
  const numbers = (count: number) => {
    const [, ledger] = Effect.runSync(Retry.ledger(Effect.fail("down"), Schedule.recurs(count - 1)))
    return { numbers: ledger.map(({ number }) => number), omitted: Retry.omitted(ledger), last: ledger.at(-1) }
  }
  const from = (first: number, length: number) => Array.from({ length }, (_, index) => first + index)

  it.each([1, 2, 31, 32])("has a line of each of %i attempts", (count) => {
    assert.deepStrictEqual(numbers(count).numbers, from(1, count))
    assert.strictEqual(numbers(count).omitted, 0)
  })

  it.each([33, 34, 57, 1000])("has the first 8 and the last 24 of %i attempts, with their own numbers", (count) => {
    const seen = numbers(count)
    assert.deepStrictEqual(seen.numbers, [...from(1, 8), ...from(count - 23, 24)])
    assert.strictEqual(seen.omitted, count - 32)
    assert.deepInclude(seen.last, { number: count, reason: "schedule" })
  })

  it("has the success that ended them", () => {
    const attempt = (number: number) => number < 100 ? Effect.fail(number) : Effect.succeed("up")
    const [exit, ledger] = Effect.runSync(Retry.loop({ attempt, schedule: Schedule.forever }))
    assert.strictEqual(exit._tag, "Success")
    assert.deepInclude(ledger.at(-1), { number: 100, reason: "success" })
    assert.deepStrictEqual(ledger[0]?.failure, Option.some(1))
    assert.strictEqual(Retry.omitted(ledger), 68)
  })

  it("omits nothing of an empty ledger", () => assert.strictEqual(Retry.omitted([]), 0))
})

it("keeps of an error what `note` says, and nothing where that is none", () => {
  const [, ledger] = Effect.runSync(Retry.loop({
    attempt: (number) => number < 4 ? Effect.fail({ number }) : Effect.succeed(number),
    schedule: Schedule.forever,
    note: ({ number }) => number === 2 ? Option.none() : Option.some(`failure ${number}`)
  }))
  assert.deepStrictEqual(ledger.map(({ failure }) => failure), [
    Option.some("failure 1"),
    Option.none(),
    Option.some("failure 3"),
    Option.none()
  ])
})
