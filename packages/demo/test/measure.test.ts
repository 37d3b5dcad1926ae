import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { Call } from "../src/calls.js"
import { naive } from "../src/contenders.js"
import { inWords, percentile, score, tally } from "../src/measure.js"
import * as table from "../src/table.js"
import type { Attempt } from "../src/wire.js"

const call = (order: string, kind: Call["kind"]): Call => ({ order, kind, phase: "bad network" })

const attempt = (order: string, detail: string): Attempt => ({
  order,
  startMillis: 0,
  endMillis: 1,
  outcome: "lost",
  detail
})

const sample = score({
  contender: naive,
  results: [
    { call: call("a", "unkeyed"), succeeded: true, millis: 10 },
    { call: call("b", "unkeyed"), succeeded: false, millis: 20 },
    { call: call("e", "unkeyed"), succeeded: false, millis: 20 },
    { call: call("c", "keyed"), succeeded: false, millis: 30 },
    { call: call("d", "read"), succeeded: false, millis: 40 }
  ],
  attempts: [
    attempt("a", "ECONNRESET"),
    attempt("b", "ECONNRESET"),
    { ...attempt("e", "429"), outcome: "refused" },
    attempt("d", "CERT_HAS_EXPIRED"),
    attempt("d", "CERT_HAS_EXPIRED"),
    attempt("d", "CERT_HAS_EXPIRED")
  ],
  report: {
    bookings: ["a", "a", "a", "b"].map((order) => ({ order, atMillis: 0 })),
    requests: 4,
    tooEarly: 5,
    openConnections: 6
  }
})

describe("the score", () => {
  it("counts orders charged more than once and the charges too many", () => {
    assert.deepInclude(sample, { chargedTwice: 1, extraCharges: 2 })
  })

  it("counts failures by kind, and those without a key that were charged all the same", () => {
    assert.deepStrictEqual(sample.failed, { read: 1, keyed: 1, unkeyed: 2 })
    assert.deepInclude(sample, { calls: 5, succeeded: 1, failedButCharged: 1 })
  })

  it("counts as unknown what ended with a lost connection, not what was told to wait", () => {
    assert.strictEqual(sample.unknownOutcome, 1)
  })

  it("counts what came too early and what was sent to a certificate refused before as wasted", () => {
    assert.strictEqual(sample.wasted, 7)
  })

  it("says what happened in words", () => {
    assert.strictEqual(
      inWords(sample),
      "Charged 1 customer more than once (2 charges too many). " +
        "Sent 7 requests after it had been told to wait or to go away."
    )
    assert.include(inWords({ ...sample, chargedTwice: 0, wasted: 0 }), "Charged nobody twice. Sent nothing after")
  })
})

describe("the statistics", () => {
  it("take percentiles by nearest rank", () => {
    const values = [40, 10, 30, 20]
    assert.deepStrictEqual([0, 0.5, 0.75, 0.99, 1].map((p) => percentile(values, p)), [10, 20, 30, 40, 40])
    assert.strictEqual(percentile([], 0.5), 0)
  })

  it("give a percentile that is one of the values and not less than that share of them", () =>
    fc.assert(fc.property(
      fc.array(fc.integer(), { minLength: 1, maxLength: 100, size: "max" }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, p) => {
        const found = percentile(values, p)
        assert.isTrue(values.includes(found))
        assert.isAtLeast(values.filter((value) => value <= found).length / values.length, p - 1e-9)
      }
    )))

  it("tally", () => {
    assert.deepStrictEqual([...tally(["a", "b", "a"])], [["a", 2], ["b", 1]])
  })
})

describe("the table", () => {
  it("aligns names to the left and numbers to the right", () => {
    assert.strictEqual(
      table.render(["", "one", "other"], [["requests", "1,234", "5"]]),
      [
        "            one  other",
        "--------  -----  -----",
        "requests  1,234      5"
      ].join("\n")
    )
  })

  it("has a column for each contender", () => {
    const text = table.compare([sample, { ...sample, name: "other" }])
    assert.match(text, /naive loop +other/)
    assert.match(text, /success rate +20\.0 % +20\.0 %/)
    assert.match(text, /orders charged twice or more +1 +1/)
  })
})
