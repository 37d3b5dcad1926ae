import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import * as RetryBudget from "reprise/RetryBudget"
import { remembered } from "./breakerModel.js"
import * as Virtual from "./virtual.js"

/** A budget on a clock of its own, asked in plain calls. */
const begin = (make: Effect.Effect<RetryBudget.RetryBudget>, epoch = 0) => {
  const clock = Virtual.clock()
  clock.millis = epoch
  const run = <A>(effect: Effect.Effect<A>) => Effect.runSync(Effect.withClock(effect, clock))
  const budget = run(make)
  return {
    clock,
    call: () => run(RetryBudget.recordCall(budget)),
    success: (options?: Parameters<typeof RetryBudget.recordSuccess>[1]) =>
      run(RetryBudget.recordSuccess(budget, options)),
    withdraw: (options?: Parameters<typeof RetryBudget.tryWithdraw>[1]) =>
      run(RetryBudget.tryWithdraw(budget, options)),
    snapshot: () => run(RetryBudget.snapshot(budget))
  }
}

const epochs = fc.constantFrom(0, -17, 1_700_000_000_000)

/** Calls, tries to retry, and time that passes: to the border of a span, to the end of what counts, over a silence. */
type Step =
  | { readonly _tag: "Calls" | "Tries"; readonly n: number }
  | { readonly _tag: "Passes"; readonly unit: "millis" | "spans" | "windows"; readonly n: number; readonly off: number }

const act: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ _tag: fc.constant("Calls" as const), n: fc.constantFrom(1, 1, 2, 7, 30) }),
  fc.record({ _tag: fc.constant("Tries" as const), n: fc.constantFrom(1, 2, 5, 20) })
)

const passes = (...amounts: ReadonlyArray<number>): fc.Arbitrary<Step> =>
  fc.record({
    _tag: fc.constant("Passes" as const),
    unit: fc.constantFrom("millis" as const, "spans" as const, "spans" as const, "windows" as const),
    n: fc.constantFrom(...amounts),
    off: fc.constantFrom(-1, 0, 0, 1)
  })

const forward = fc.array(fc.oneof(act, passes(1, 1, 2, 3, 20)), { size: "max", maxLength: 60 })
const anyWay = fc.array(fc.oneof(act, passes(1, 1, 2, 3, 20, -1, -3)), { size: "max", maxLength: 30 })

const options = fc.record({
  ratio: fc.constantFrom(0, 0.1, 0.29, 0.5, 1, 2.5),
  minPerSecond: fc.constantFrom(0, 0.5, 10, 300),
  spanMillis: fc.integer({ min: 1, max: 100 })
})

const next = (now: number, spanMillis: number, { n, off, unit }: Extract<Step, { readonly _tag: "Passes" }>) => {
  if (unit === "millis") return now + n
  if (unit === "windows") return now + n * spanMillis * 10 + off
  return (Math.floor(now / spanMillis) + n) * spanMillis + off
}

interface Event {
  readonly now: number
  /** `false` where somebody only looked. */
  readonly isSample: boolean
}

const tenth = (spanMillis: number, buckets: number) => ({ millis: spanMillis * buckets, buckets })

describe("a share of the calls", () => {
  it("lets go what a list of all calls and retries says, to the retry, also where the clock steps back", () => {
    let granted = 0
    let refused = 0
    fc.assert(
      fc.property(options, epochs, anyWay, ({ minPerSecond, ratio, spanMillis }, epoch, steps) => {
        const windowMillis = spanMillis * 10
        const budget = begin(RetryBudget.share({ ratio, minPerSecond, window: windowMillis }), epoch)
        const calls: Array<Event> = []
        const retries: Array<Event> = []
        const count = (events: Array<Event>, buckets: number) => {
          events.push({ now: budget.clock.millis, isSample: false })
          return remembered(events, tenth(spanMillis, buckets), budget.clock.millis).length
        }
        const left = () =>
          Math.floor(ratio * count(calls, 10) + minPerSecond * windowMillis / 1_000 + 1e-9) - count(retries, 11)
        for (const step of steps) {
          if (step._tag === "Passes") budget.clock.millis = Math.max(next(budget.clock.millis, spanMillis, step), -1e6)
          else {
            for (let i = 0; i < step.n; i++) {
              const event = { now: budget.clock.millis, isSample: true }
              if (step._tag === "Calls") {
                budget.call()
                calls.push(event)
                continue
              }
              const expected = left() >= 1
              assert.strictEqual(budget.withdraw(), expected)
              if (expected) retries.push(event)
              if (expected) granted++
              else refused++
            }
          }
          assert.strictEqual(budget.snapshot().balance, Math.max(left(), 0))
        }
        assert.strictEqual(budget.snapshot().withdrawn, retries.filter(({ isSample }) => isSample).length)
      }),
      { numRuns: 100, seed: 11 }
    )
    // The property says something only where both happen.
    assert.isAbove(granted, 500)
    assert.isAbove(refused, 500)
  })

  it("is never exceeded in the window that ends at a retry, and refuses none that a window shorter by two tenths allows", () => {
    fc.assert(
      fc.property(
        options,
        fc.constantFrom(0, 0.25, 7),
        epochs,
        forward,
        ({ minPerSecond, ratio, spanMillis }, odd, epoch, steps) => {
          const windowMillis = spanMillis * 10 + odd
          const spanWidth = windowMillis / 10
          const budget = begin(RetryBudget.share({ ratio, minPerSecond, window: windowMillis }), epoch)
          const calls: Array<number> = []
          const retries: Array<number> = []
          const within = (times: ReadonlyArray<number>, millis: number) =>
            times.filter((time) => time > budget.clock.millis - millis).length
          const floor = minPerSecond * windowMillis / 1_000
          for (const step of steps) {
            if (step._tag === "Passes") {
              budget.clock.millis = Math.max(next(budget.clock.millis, spanMillis, step), budget.clock.millis)
              continue
            }
            for (let i = 0; i < step.n; i++) {
              const now = budget.clock.millis
              if (step._tag === "Calls") {
                budget.call()
                calls.push(now)
              } else if (budget.withdraw()) {
                retries.push(now)
                const allowed = ratio * within(calls, windowMillis) + floor
                assert.isAtMost(within(retries, windowMillis), allowed + 1e-6)
              } else {
                const surelyAllowed = ratio * within(calls, windowMillis - spanWidth) + floor
                assert.isAbove(within(retries, windowMillis + spanWidth + 1e-3) + 1, surelyAllowed - 1e-6)
              }
            }
          }
        }
      ),
      { numRuns: 300, seed: 12 }
    )
  })

  it("counts a call for the window less a tenth at least, and a retry for the whole of it", () => {
    const { call, clock, snapshot } = begin(RetryBudget.share({ ratio: 1, minPerSecond: 0 }))
    const balanceAt = (millis: number) => {
      clock.millis = millis
      return snapshot().balance
    }
    call()
    assert.deepStrictEqual([0, 9_999, 10_000].map(balanceAt), [1, 1, 0])
    clock.millis = 10_999
    call()
    assert.deepStrictEqual([19_999, 20_000].map(balanceAt), [1, 0])
    const floor = begin(RetryBudget.share({ ratio: 0, minPerSecond: 0.1 }))
    const allowed = [0, 999, 10_999, 11_000, 20_999, 21_999, 22_000].map((millis) => {
      floor.clock.millis = millis
      return floor.withdraw()
    })
    assert.deepStrictEqual(allowed, [true, false, false, true, false, false, true])
  })

  it("saves up no more than one window of its floor, however long nothing happens", () => {
    const { clock, withdraw } = begin(RetryBudget.share({ ratio: 0.1, minPerSecond: 3, window: "10 seconds" }))
    clock.millis = 365 * 24 * 3_600_000
    const burst = Array.from({ length: 100 }, () => withdraw())
    assert.strictEqual(burst.filter(Boolean).length, 30)
    assert.deepStrictEqual(burst.slice(30), Array<boolean>(70).fill(false))
  })

  it("does not lose a retry to rounding", () => {
    for (const [ratio, calls, retries] of [[0.1, 30, 3], [0.29, 100, 29], [0.7, 10, 7], [0.57, 100, 57]] as const) {
      const { call, withdraw } = begin(RetryBudget.share({ ratio, minPerSecond: 0 }))
      for (let i = 0; i < calls; i++) call()
      assert.strictEqual(Array.from({ length: 100 }, () => withdraw()).filter(Boolean).length, retries)
    }
  })

  it("has by default a tenth of the calls and ten retries a second over ten seconds", () => {
    const { call, clock, snapshot } = begin(RetryBudget.share())
    assert.strictEqual(snapshot().balance, 100)
    for (let i = 0; i < 50; i++) call()
    assert.strictEqual(snapshot().balance, 105)
    clock.millis = 10_000
    assert.strictEqual(snapshot().balance, 100)
  })

  it("neither counts successes nor asks whether there was a timeout", () => {
    const { snapshot, success, withdraw } = begin(RetryBudget.share({ minPerSecond: 1 }))
    withdraw({ isTimeout: true })
    success({ isRetry: true, isTimeout: true })
    success()
    assert.deepInclude(snapshot(), { kind: "share", balance: 9, held: 0, withdrawn: 1, refused: 0 })
  })
})

describe("a bucket of tokens", () => {
  const prices = fc.integer({ min: 1, max: 30 }).chain((capacity) =>
    fc.record({
      capacity: fc.constant(capacity),
      cost: fc.integer({ min: 1, max: capacity }),
      timeoutCost: fc.integer({ min: 1, max: capacity }),
      onSuccess: fc.integer({ min: 0, max: capacity })
    })
  )
  const deed = fc.record({ isSuccess: fc.boolean(), isRetry: fc.boolean(), isTimeout: fc.boolean() })
  const deeds = fc.array(deed, { size: "max", maxLength: 80 })

  it("is never below nothing or above its capacity, and has what a list of all deeds says", () => {
    fc.assert(
      fc.property(prices, deeds, ({ capacity, cost, onSuccess, timeoutCost }, deeds) => {
        const budget = begin(RetryBudget.tokens({ capacity, cost, timeoutCost, onSuccess }))
        const changes: Array<number> = []
        const balance = () => changes.reduce((tokens, change) => Math.min(tokens + change, capacity), capacity)
        let refused = 0
        for (const { isRetry, isSuccess, isTimeout } of deeds) {
          const price = isTimeout ? timeoutCost : cost
          if (isSuccess) {
            budget.success({ isRetry, isTimeout })
            changes.push(isRetry ? price : onSuccess)
          } else {
            const isPaid = balance() >= price
            assert.strictEqual(budget.withdraw({ isTimeout }), isPaid)
            if (isPaid) changes.push(-price)
            else refused++
          }
          budget.call()
          const snapshot = budget.snapshot()
          assert.isTrue(snapshot.balance >= 0 && snapshot.balance <= capacity, `${snapshot.balance} of ${capacity}`)
          assert.deepInclude(snapshot, { balance: balance(), refused, held: 0 })
        }
      }),
      { numRuns: 200, seed: 13 }
    )
  })

  it("has by default the numbers of the AWS SDKs: 500, 5 for a retry, 10 for one after a timeout, 1 back", () => {
    const { snapshot, success, withdraw } = begin(RetryBudget.tokens())
    assert.strictEqual(Array.from({ length: 101 }, () => withdraw()).filter(Boolean).length, 100)
    assert.deepInclude(snapshot(), { kind: "tokens", balance: 0, withdrawn: 100, refused: 1 })
    for (let i = 0; i < 4; i++) success()
    assert.isFalse(withdraw())
    success()
    assert.isTrue(withdraw())
    success({ isRetry: true })
    assert.isFalse(withdraw({ isTimeout: true }))
    assert.strictEqual(snapshot().balance, 5)
  })

  it("lets 50 retries after timeouts go, as the AWS SDK for Rust does", () => {
    const { withdraw } = begin(RetryBudget.tokens())
    assert.strictEqual(Array.from({ length: 99 }, () => withdraw({ isTimeout: true })).filter(Boolean).length, 50)
  })

  it("charges twice the cost for a timeout where nothing else is said, or all there is", () => {
    const balance = (options: RetryBudget.Tokens) => {
      const { snapshot, withdraw } = begin(RetryBudget.tokens(options))
      withdraw({ isTimeout: true })
      return snapshot().balance
    }
    assert.deepStrictEqual([balance({ capacity: 10, cost: 3 }), balance({ capacity: 5, cost: 3 })], [4, 0])
  })

  it("does not look at the clock", () => {
    const { clock, snapshot, withdraw } = begin(RetryBudget.tokens({ capacity: 10 }))
    withdraw()
    clock.millis = 1e12
    assert.strictEqual(snapshot().balance, 5)
    clock.millis = -1e12
    assert.strictEqual(snapshot().balance, 5)
  })
})
