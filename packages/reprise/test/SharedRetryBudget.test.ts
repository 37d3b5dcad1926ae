import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Option, Schedule, Scope } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import type { MemoryBudgets } from "../src/internal/shared/memoryBudgets.js"
import {
  balance,
  type Budget,
  calls,
  inOneStore,
  intervals,
  over,
  retries,
  share,
  successes,
  tokens
} from "./sharedBudgets.js"
import * as Virtual from "./virtual.js"

const once = Schedule.recurs(1)

describe("SharedRetryBudget.share", () => {
  it("lets a process retry for calls of another", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([share(), share()])
      yield* calls(a.budget, 100)
      assert.strictEqual(yield* retries(b.budget, 10), 0)
      yield* intervals(12)
      assert.isAbove(yield* retries(b.budget, 10), 0)
    })))

  it("spends no more in many processes than in one, and nearly as much where only one has use for it", () =>
    inOneStore(Effect.gen(function*() {
      const fleet = yield* Effect.replicateEffect(share(), 10)
      const [first] = fleet
      yield* Effect.forEach(fleet, ({ budget }) => calls(budget, 100))
      yield* intervals(1)
      const gone: Array<number> = []
      for (let i = 0; i < 30; i++) {
        gone.push(yield* retries(first!.budget, 100))
        yield* intervals(1)
      }
      const sum = gone.reduce((a, b) => a + b, 0)
      assert.isAtMost(sum, 100)
      assert.isAbove(sum, 90)
    })))

  it("asks nobody in a call, once an interval where there is something to tell, and once in ten where there is not", () =>
    inOneStore(Effect.gen(function*() {
      const { budget, cable } = yield* share()
      const asked = (during: Effect.Effect<unknown>) =>
        Effect.suspend(() => {
          const before = cable.asked.length
          return Effect.map(during, () => cable.asked.length - before)
        })
      const busy = Effect.repeatN(
        Effect.all([calls(budget, 50), retries(budget, 5), Effect.sleep("10 millis")]),
        99
      )
      assert.strictEqual(yield* asked(Effect.zipRight(calls(budget, 1_000), retries(budget, 10))), 0)
      assert.strictEqual(yield* asked(busy), 10)
      yield* intervals(150)
      assert.strictEqual(yield* asked(intervals(100)), 10)
    })))

  it("counts a retry that waits anywhere for as long as it does, and no longer if it never goes", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([share({ minPerSecond: 1 }), share({ minPerSecond: 1 })])
      const waiting = yield* Effect.fail("down").pipe(
        RetryBudget.retry(Schedule.addDelay(once, () => "1 hour"), a.budget),
        Effect.fork,
        Effect.replicateEffect(100)
      )
      yield* intervals(120)
      const { held } = yield* RetryBudget.snapshot(a.budget)
      assert.isAbove(held, 3)
      let other = 0
      for (let i = 0; i < 30; i++) {
        other += yield* retries(b.budget, 20)
        yield* intervals(1)
      }
      assert.isAtMost(held + other, 10)
      yield* Fiber.interruptAll(waiting)
      yield* intervals(120)
      for (let i = 0; i < 30; i++) {
        other += yield* retries(b.budget, 20)
        yield* intervals(1)
      }
      assert.isAbove(other, 8)
    })))

  it("gives a process that begins nothing of what the others have spent", () =>
    inOneStore(Effect.gen(function*() {
      const old = yield* share({ minPerSecond: 10 })
      assert.strictEqual(yield* retries(old.budget, 200), 100)
      yield* intervals(1)
      const young = yield* share({ minPerSecond: 10 })
      assert.strictEqual(yield* retries(young.budget, 200), 0)
      assert.strictEqual(yield* balance(young.budget), 0)
    })))

  it("remembers what a process has spent for a window after it ended", () =>
    inOneStore(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const ended = yield* Scope.extend(share({ minPerSecond: 1 }), scope)
      const { budget } = yield* share({ minPerSecond: 1 })
      yield* intervals(1)
      const spent = yield* retries(ended.budget, 100)
      assert.isAbove(spent, 0)
      yield* intervals(1)
      yield* Scope.close(scope, Exit.void)
      let gone = 0
      for (let i = 0; i < 80; i++) {
        gone += yield* retries(budget, 100)
        yield* intervals(1)
      }
      assert.isAtMost(spent + gone, 10)
      yield* intervals(150)
      assert.strictEqual(yield* balance(budget), 10)
    })))

  it("is a budget of its own once its scope has ended", () =>
    inOneStore(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { budget, cable } = yield* Scope.extend(share({ minPerSecond: 1 }), scope)
      const other = yield* share({ minPerSecond: 1 })
      for (let i = 0; i < 40; i++) {
        yield* retries(other.budget, 10)
        yield* intervals(1)
      }
      assert.strictEqual(yield* balance(budget), 0)
      yield* Scope.close(scope, Exit.void)
      const asked = cable.asked.length
      assert.strictEqual(yield* retries(budget, 20), 10)
      yield* intervals(20)
      assert.strictEqual(cable.asked.length, asked)
    })))

  it("leaves nothing behind and goes on by itself where its scope ends, whenever it is interrupted", () => {
    let budget: RetryBudget.RetryBudget | undefined
    const make = () => ({
      program: Effect.flatMap(SharedRetryBudget.share({ key: "payments", ratio: 1 }), (made) => {
        budget = made
        return Effect.zipRight(calls(made, 5), Effect.sleep("250 millis"))
      }).pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory()))
    })
    const runs = Virtual.interruptEverywhere(make, ({ fibersLeft, sleepsLeft }) => {
      assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
    })
    assert.isAbove(runs, 50)
    assert.isAbove(Effect.runSync(balance(budget!)), 99)
  })

  it("refuses options out of range, and no name, where it is made", () => {
    assert.throws(() => SharedRetryBudget.share({ key: "" }), InvalidOption)
    assert.throws(() => SharedRetryBudget.share({ key: "a", ratio: -1 }), InvalidOption)
    assert.throws(() => SharedRetryBudget.tokens({ key: "" }), InvalidOption)
    assert.throws(() => SharedRetryBudget.tokens({ key: "a", cost: 0 }), InvalidOption)
    assert.throws(() => SharedRetryBudget.makeKeyed({ budget: { ratio: -1 } }), InvalidOption)
    assert.throws(() => SharedRetryBudget.makeKeyed({ capacity: 0 }), InvalidOption)
  })

  it("is made for a tag, with the scope of its layer", () => {
    class Payments extends Context.Tag("Payments")<Payments, RetryBudget.RetryBudget>() {}
    const layer = SharedRetryBudget.layer(Payments, SharedRetryBudget.share({ key: "payments" }))
    inOneStore(Effect.gen(function*() {
      const { key, kind } = yield* Effect.provide(Effect.flatMap(Payments, RetryBudget.snapshot), layer)
      assert.deepStrictEqual([key, kind], ["payments", "share"])
    }))
  })
})

describe("SharedRetryBudget without its store", () => {
  it("has a budget of its own calls, and joins again: one line in the log for each", () => {
    const lines: Array<string> = []
    inOneStore(
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([share(), share()])
        yield* calls(b.budget, 1_000)
        yield* intervals(12)
        a.cable.state = "cut"
        yield* calls(a.budget, 100)
        yield* intervals(5)
        assert.strictEqual(yield* retries(a.budget, 100), 10)
        assert.deepStrictEqual(lines, [
          "WARN The retry budget \"payments\": each process goes on by itself. The store of shared state: the cable is cut"
        ])
        a.cable.state = "good"
        yield* intervals(12)
        assert.deepStrictEqual(lines.slice(1), [
          "INFO The retry budget \"payments\": shared with other processes again"
        ])
        // 1,100 calls, and 10 retries that b has heard of by now.
        let gone = 0
        for (let i = 0; i < 30; i++) {
          gone += yield* retries(b.budget, 200)
          yield* intervals(1)
        }
        assert.isAtMost(gone, 100)
        assert.isAbove(gone, 90)
      }),
      lines
    )
  })

  it("does not tell of calls that were long ago when it joins again", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([share(), share()])
      a.cable.state = "cut"
      yield* intervals(1)
      yield* calls(a.budget, 1_000)
      yield* intervals(110)
      a.cable.state = "good"
      yield* intervals(12)
      assert.strictEqual(yield* retries(b.budget, 10), 0)
    })))

  it("waits for a silent store in the background, and for no call", () =>
    inOneStore(Effect.gen(function*() {
      const { budget, cable } = yield* share({ minPerSecond: 1 })
      cable.state = "silent"
      yield* calls(budget, 10)
      yield* Effect.sleep("351 millis")
      assert.strictEqual(yield* retries(budget, 100), 11)
      const before = cable.asked.length
      yield* Effect.sleep("700 millis")
      assert.isAtMost(cable.asked.length - before, 3)
    })))

  it("counts nothing twice where answers are lost", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([share({ ratio: 1 }), share({ ratio: 1 })])
      a.cable.losesAnswers = true
      yield* calls(a.budget, 20)
      yield* intervals(10)
      a.cable.losesAnswers = false
      yield* intervals(12)
      let gone = 0
      for (let i = 0; i < 30; i++) {
        gone += yield* retries(b.budget, 50)
        yield* intervals(1)
      }
      assert.isAtMost(gone, 20)
      assert.isAbove(gone, 15)
    })))

  it("loses nothing where the store has lost all", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([share({ minPerSecond: 1 }), share({ minPerSecond: 1 })])
      yield* intervals(1)
      const spent = (yield* retries(a.budget, 20)) + (yield* retries(b.budget, 20))
      yield* intervals(2)
      const store = (yield* RetryBudgetStore.RetryBudgetStore) as MemoryBudgets
      store.records.clear()
      let gone = 0
      for (let i = 0; i < 50; i++) {
        gone += (yield* retries(a.budget, 20)) + (yield* retries(b.budget, 20))
        yield* intervals(1)
      }
      assert.isAtMost(spent + gone, 10)
    })))

  it("says once that something else is kept under its key, and goes on by itself", () => {
    const lines: Array<string> = []
    inOneStore(
      Effect.gen(function*() {
        const { budget, cable } = yield* share({ minPerSecond: 1 })
        cable.state = "garbage"
        yield* calls(budget, 10)
        yield* intervals(5)
        assert.strictEqual(yield* retries(budget, 100), 11)
        cable.state = "good"
        yield* intervals(1)
        cable.state = "garbage"
        yield* intervals(20)
        const line = "WARN The retry budget \"payments\" is not shared. The store of shared state: a list"
        assert.deepStrictEqual(lines, [line, line])
      }),
      lines
    )
  })
})

describe("SharedRetryBudget.tokens", () => {
  /** Both take what they get, for long enough: the bucket is worth 20 retries. */
  const useUp = (a: Budget, b: Budget) =>
    Effect.gen(function*() {
      let gone = 0
      for (let i = 0; i < 40; i++) {
        gone += (yield* retries(a, 20)) + (yield* retries(b, 20))
        yield* intervals(1)
      }
      assert.isAtMost(gone, 20)
      assert.isAbove(gone, 18)
    })

  it("is one bucket for all, into which any success puts back what is gone", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([tokens(), tokens()])
      yield* intervals(1)
      yield* useUp(a.budget, b.budget)
      // b puts back what a has taken, too.
      yield* successes(b.budget, 500)
      yield* intervals(12)
      assert.isAtLeast((yield* balance(a.budget)) + (yield* balance(b.budget)), 40)
    })))

  it("has no more than its capacity, however much is put back in several places at once", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([tokens(), tokens()])
      yield* intervals(1)
      assert.isAbove(yield* retries(a.budget, 20), 5)
      yield* intervals(12)
      yield* successes(a.budget, 100)
      yield* successes(b.budget, 100)
      yield* intervals(200)
      assert.isAtMost((yield* balance(a.budget)) + (yield* balance(b.budget)), 100)
      yield* successes(a.budget, 100)
      yield* intervals(12)
      yield* useUp(a.budget, b.budget)
    })))

  it("does not put back more than is gone", () =>
    inOneStore(Effect.gen(function*() {
      const { budget } = yield* tokens()
      yield* intervals(1)
      yield* successes(budget, 10)
      assert.strictEqual(yield* retries(budget, 2), 2)
      yield* intervals(1)
      assert.strictEqual(yield* retries(budget, 20), 18)
    })))

  it("puts back what a retry has cost where it succeeds, and where it never goes", () =>
    inOneStore(Effect.gen(function*() {
      const { budget } = yield* tokens({ onSuccess: 0 })
      yield* intervals(1)
      let attempts = 0
      const flaky = Effect.suspend(() => ++attempts === 1 ? Effect.fail("down") : Effect.void)
      yield* RetryBudget.retry(flaky, once, budget)
      assert.strictEqual(attempts, 2)
      const never = yield* Effect.fork(
        RetryBudget.retry(Effect.fail("down"), Schedule.addDelay(once, () => "1 hour"), budget)
      )
      yield* Effect.sleep(1)
      yield* Fiber.interrupt(never)
      yield* intervals(12)
      assert.strictEqual(yield* balance(budget), 100)
    })))

  it("has a bucket of its own without the store: neither more than the capacity nor less than nothing", () =>
    inOneStore(Effect.gen(function*() {
      const [a, b] = yield* Effect.all([tokens(), tokens()])
      yield* intervals(1)
      yield* retries(a.budget, 20)
      yield* intervals(12)
      yield* successes(b.budget, 100)
      b.cable.state = "cut"
      yield* intervals(12)
      assert.strictEqual(yield* balance(b.budget), 100)
      assert.strictEqual(yield* retries(b.budget, 30), 20)
      yield* successes(b.budget, 7)
      assert.strictEqual(yield* balance(b.budget), 7)
    })))
})

describe("SharedRetryBudget.makeKeyed", () => {
  const registry = (options?: Partial<SharedRetryBudget.KeyedOptions<string>>) =>
    over(SharedRetryBudget.makeKeyed<string>({ budget: { ratio: 0.1, minPerSecond: 0 }, ...options }))

  it("shares each key with the same key of others, and with nothing else", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* Effect.all([registry(), registry()])
      const get = (registry: typeof one, key: string) => Keyed.get(registry.budget, key)
      yield* calls(yield* get(one, "a"), 100)
      const [a, b] = [yield* get(other, "a"), yield* get(other, "b")]
      // The first one had reserved all, and is quiet now.
      yield* intervals(22)
      assert.isAbove(yield* retries(a, 10), 0)
      assert.strictEqual(yield* retries(b, 10), 0)
      assert.deepStrictEqual([...new Set(other.cable.asked)], ["a", "b"])
    })))

  it("asks for one key only while the store is away, and for all as soon as it is back", () =>
    inOneStore(Effect.gen(function*() {
      const { budget: budgets, cable } = yield* registry()
      yield* Effect.forEach(["a", "b", "c", "d"], (key) => Keyed.get(budgets, key))
      yield* intervals(1)
      cable.state = "cut"
      yield* intervals(12)
      const before = cable.asked.length
      yield* intervals(5)
      assert.strictEqual(cable.asked.length - before, 5)
      cable.state = "good"
      cable.asked.length = 0
      yield* intervals(1)
      assert.deepStrictEqual([...new Set(cable.asked)].sort(), ["a", "b", "c", "d"])
    })))

  it("has budgets of its own for all keys as soon as the store does not answer for one", () =>
    inOneStore(Effect.gen(function*() {
      const options = { budget: { ratio: 0, minPerSecond: 1 } }
      const [one, other] = yield* Effect.all([registry(options), registry(options)])
      const keys = ["a", "b", "c"]
      const all = (registry: typeof one) => Effect.forEach(keys, (key) => Keyed.get(registry.budget, key))
      yield* intervals(1)
      // The first that comes has reserved all.
      yield* Effect.forEach(yield* all(other), (budget) => retries(budget, 20))
      const mine = yield* all(one)
      yield* intervals(12)
      assert.deepStrictEqual(yield* Effect.forEach(mine, balance), [0, 0, 0])
      one.cable.state = "cut"
      yield* intervals(12)
      assert.deepStrictEqual(yield* Effect.forEach(mine, balance), [10, 10, 10])
    })))

  it("shares the budgets of more keys than it has room for, and forgets those that a new one would be like", () =>
    inOneStore(Effect.gen(function*() {
      const { budget: budgets, cable } = yield* registry({
        capacity: 1,
        budget: { minPerSecond: 1 },
        name: (key) => `k ${key}`
      })
      const a = yield* Keyed.get(budgets, "a")
      const waits = Effect.fail("down").pipe(RetryBudget.retry(Schedule.addDelay(once, () => "1 hour"), a))
      const fiber = yield* Effect.fork(waits)
      yield* Effect.sleep(1)
      // A retry of the first one waits: it has to stay.
      yield* Effect.flatMap(Keyed.get(budgets, "b"), RetryBudget.recordCall)
      yield* intervals(12)
      assert.sameMembers([...new Set(cable.asked)], ["k a", "k b"])
      yield* Fiber.interrupt(fiber)
      yield* Effect.sleep("12 seconds")
      yield* intervals(12)
      yield* Keyed.get(budgets, "c")
      cable.asked.length = 0
      yield* intervals(12)
      assert.deepStrictEqual([...new Set(cable.asked)], ["k c"])
    })))

  it("has one fiber for all keys, which ends with the scope", () => {
    const program = Effect.gen(function*() {
      const budgets = yield* SharedRetryBudget.makeKeyed<number>({})
      yield* Effect.forEach(Array.from({ length: 50 }, (_, n) => n), (n) => Keyed.get(budgets, n))
      yield* Effect.sleep("1 second")
    }).pipe(Effect.scoped, Effect.provide(RetryBudgetStore.layerMemory()))
    const { exit, fibersLeft, sleepsLeft } = Virtual.run(program)
    assert.isTrue(Option.isSome(exit) && Exit.isSuccess(exit.value))
    assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
  })
})
