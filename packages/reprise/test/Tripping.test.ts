import { assert, describe, it } from "@effect/vitest"
import { InvalidOption } from "reprise/InvalidOption"
import * as Tripping from "reprise/Tripping"
import { InFlight } from "../src/internal/breaker/inFlight.js"
import * as strategy from "../src/internal/breaker/strategy.js"

const none = () => 0

const nothing = Tripping.consecutive(3)
const clock = Tripping.rate({ threshold: 0.5, window: { calls: 10 } })
const slow = (slowerThan: number) => Tripping.slowRate({ threshold: 0.5, slowerThan, window: { calls: 10 } })
const own = { initial: 0, record: (sum: number) => sum + 1, tripped: () => undefined }

describe("an option out of range", () => {
  const rate = (options: Partial<Tripping.Rate>) => () =>
    Tripping.rate({ threshold: 0.5, window: { calls: 10 }, ...options })
  const long = "up to 2147483647 ms (24.8 days)"
  const untyped = (value: unknown) => value as never
  const noRules: readonly [Tripping.Tripping] = untyped([])

  const mistakes: ReadonlyArray<readonly [make: () => unknown, option: string, expected: string, value: string]> = [
    [() => Tripping.consecutive(0), "n", "a whole number >= 1", "0"],
    [() => Tripping.consecutive(untyped("5")), "n", "a whole number >= 1", "\"5\""],
    [rate({ threshold: 0 }), "threshold", "a number from 5e-324 to 1", "0"],
    [rate({ threshold: -0.1 }), "threshold", "a number from 5e-324 to 1", "-0.1"],
    [rate({ threshold: 50 }), "threshold", "a number from 5e-324 to 1", "50"],
    [rate({ threshold: untyped(undefined) }), "threshold", "a number from 5e-324 to 1", "undefined"],
    [rate({ minimumCalls: 11 }), "minimumCalls", "a whole number from 1 to 10", "11"],
    [rate({ minimumCalls: 0 }), "minimumCalls", "a whole number from 1 to 10", "0"],
    [rate({ window: { calls: 0 } }), "window.calls", "a whole number from 1 to 1000000", "0"],
    [rate({ window: { duration: 0 } }), "window.duration", `a duration longer than 0 ms ${long}`, "0"],
    [rate({ window: { duration: 1, buckets: 0 } }), "window.buckets", "a whole number from 1 to 1000", "0"],
    [
      () => Tripping.slowRate({ threshold: 1, slowerThan: 0, window: { calls: 1 } }),
      "slowerThan",
      `a duration longer than 0 ms ${long}`,
      "0"
    ],
    [() => Tripping.any(...noRules), "rules", "at least one rule", "[]"],
    [() => Tripping.all(...noRules), "rules", "at least one rule", "[]"]
  ]
  for (const [mistake, option, expected, value] of mistakes) {
    it(`is named with its range and its value: ${option} ${value}`, () => {
      assert.throws(mistake, InvalidOption, `Invalid option "${option}": expected ${expected}, got ${value}`)
    })
  }
})

describe("a rule", () => {
  it("asks for no more than it needs, and several for what the one that needs most does", () => {
    const rules = [
      nothing,
      clock,
      slow(5),
      Tripping.make(own),
      Tripping.any(nothing, clock),
      Tripping.all(slow(5), clock)
    ]
    assert.deepStrictEqual(
      rules.map((rule) => strategy.of(rule).reads),
      ["nothing", "clock", "durations", "durations", "clock", "durations"]
    )
  })

  it("has the calls in flight watched for its limit and for nothing else", () => {
    const limits = (rule: Tripping.Tripping) => strategy.of(rule).limits
    assert.deepStrictEqual(
      [nothing, clock, slow(5), Tripping.make(own), Tripping.any(slow(5), nothing, slow(7))].map(limits),
      [[], [], [5], [], [5, 7]]
    )
    const makers = [nothing, clock, Tripping.make(own), Tripping.any(nothing, clock)].map((rule) =>
      strategy.of(rule).makeInFlight
    )
    assert.deepStrictEqual(makers, [undefined, undefined, undefined, undefined])
  })

  it("watches those that are in flight already with its own limits", () => {
    const inFlight = strategy.of(slow(5)).makeInFlight!()
    assert.instanceOf(inFlight, InFlight)
    inFlight.add(0)
    assert.deepStrictEqual([inFlight.overdue(5, 5), inFlight.overdue(7, 7)], [1, 0])
    assert.strictEqual(strategy.of(Tripping.all(slow(7), nothing)).makeInFlight!(inFlight), inFlight)
    assert.deepStrictEqual([inFlight.overdue(5, 5), inFlight.overdue(7, 6), inFlight.overdue(7, 7)], [0, 0, 1])
  })

  it("says nothing below 10 calls where it is told no minimum, or below all that its window holds", () => {
    const tripsAt = (window: Tripping.Rate["window"]) => {
      const made = strategy.of(Tripping.rate({ threshold: 1, window })).makeWindow(undefined, 0)
      let calls = 0
      while (calls < 20 && made.tripped(0, none) === undefined) {
        made.record("failure", 0, 0)
        calls++
      }
      return calls
    }
    assert.deepStrictEqual([{ calls: 50 }, { calls: 4 }, { duration: 60_000 }].map(tripsAt), [10, 4, 10])
  })

  it("forgets a tenth of its time at once where it is told no number of spans", () => {
    const made = strategy.of(Tripping.rate({ threshold: 1, window: { duration: 100 } })).makeWindow(undefined, 0)
    made.record("success", 9, 0)
    made.record("success", 10, 0)
    assert.deepStrictEqual([99, 100, 109, 110].map((now) => made.counts(now, none).calls), [2, 1, 1, 0])
  })

  it("of several begins each of them anew where there was another rule", () => {
    const seen: Array<unknown> = []
    const spy = strategy.make("nothing", (previous, nowMillis) => {
      seen.push(previous)
      return strategy.of(nothing).makeWindow(undefined, nowMillis)
    })
    const { makeWindow } = strategy.of(Tripping.any(spy, spy))
    makeWindow(undefined, 0)
    makeWindow(strategy.of(nothing).makeWindow(undefined, 0), 0)
    assert.deepStrictEqual(seen, [undefined, undefined, undefined, undefined])
  })
})

describe("a rule of one's own", () => {
  const longest = () =>
    Tripping.make({
      initial: { calls: 0, longest: 0 },
      record: ({ calls, longest }, { durationMillis, nowMillis, outcome }) => ({
        calls: calls + 1,
        longest: outcome === "failure" ? Math.max(longest, durationMillis, nowMillis - 1_000) : longest
      }),
      tripped: ({ calls, longest }, nowMillis) =>
        longest >= nowMillis ? { rule: "longest", calls, failures: 1, slow: 0 } : undefined
    })

  it("is told how each call ended, when, and how long it took, and is asked with the time", () => {
    const window = strategy.of(longest()).makeWindow(undefined, 0)
    window.record("success", 1_000, 90)
    window.record("failure", 1_000, 50)
    assert.deepStrictEqual(window.tripped(51, none), undefined)
    assert.deepStrictEqual(window.tripped(50, none), { rule: "longest", calls: 2, failures: 1, slow: 0 })
    window.record("failure", 1_070, 0)
    assert.deepStrictEqual(window.tripped(70, none), { rule: "longest", calls: 3, failures: 1, slow: 0 })
  })

  it("counts what it says when it trips, and nothing before", () => {
    const window = strategy.of(longest()).makeWindow(undefined, 0)
    window.record("failure", 0, 50)
    assert.deepStrictEqual(window.counts(51, none), { calls: 0, failures: 0, slow: 0 })
    assert.include(window.counts(50, none), { calls: 1, failures: 1, slow: 0 })
  })

  it("takes back what it has seen itself, and begins anew after any other", () => {
    const rule = longest()
    const calls = (from: Tripping.Tripping) => {
      const before = strategy.of(from).makeWindow(undefined, 0)
      for (let n = 0; n < 3; n++) before.record("failure", 0, 50)
      return strategy.of(rule).makeWindow(before, 0).counts(0, none).calls
    }
    assert.deepStrictEqual([rule, longest(), Tripping.make(own), nothing].map(calls), [3, 0, 0, 0])
  })
})
