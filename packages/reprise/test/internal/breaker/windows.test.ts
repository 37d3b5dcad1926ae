import { assert, describe, it } from "@effect/vitest"
import * as windows from "../../../src/internal/breaker/windows.js"

describe("the spans of a time window", () => {
  it("are those with calls, oldest first, each from the first moment that counts in it", () => {
    const samples = new windows.LastMillis(5, 50)
    for (const [now, isBad] of [[3, true], [5, false], [29, true], [45, false]] as const) samples.add(isBad, now)
    assert.deepStrictEqual(samples.spans(), [
      { atMillis: 0, calls: 2, bad: 1 },
      { atMillis: 20, calls: 1, bad: 1 },
      { atMillis: 40, calls: 1, bad: 0 }
    ])
  })

  it("are told in the time of a clock that has stepped back", () => {
    const samples = new windows.LastMillis(5, 50)
    samples.add(true, 1_000)
    samples.add(false, 1_010)
    samples.advance(15)
    assert.deepStrictEqual(samples.spans(), [{ atMillis: 0, calls: 1, bad: 1 }, { atMillis: 10, calls: 1, bad: 0 }])
  })

  it("are handed to another time window whole, however many calls there were", () => {
    const from = new windows.LastMillis(5, 50)
    const into = new windows.LastMillis(10, 100)
    for (let n = 0; n < 1_000; n++) from.add(n % 4 === 0, 7)
    into.add = () => assert.fail("one by one")
    from.replay(into, 7)
    assert.deepStrictEqual([into.calls, into.bad], [1_000, 250])
  })
})

describe("a rate of failures", () => {
  it("does not ask for calls in flight", () => {
    const window = new windows.Rate(new windows.LastCalls(4), 0.5, 2)
    const overdue = () => assert.fail("asked")
    window.record("failure", 0, 0)
    assert.strictEqual(window.tripped(0, overdue), undefined)
    window.record("success", 0, 0)
    assert.deepStrictEqual(window.tripped(0, overdue), { rule: "rate", calls: 2, failures: 1, slow: 0 })
  })
})
