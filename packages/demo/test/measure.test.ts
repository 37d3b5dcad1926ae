import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { Call } from "../src/calls.js"
import { naive } from "../src/contenders.js"
import { inWords, percentile, type Score, score, tally } from "../src/measure.js"
import type { CallResult } from "../src/run.js"
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

const result = (order: string, kind: Call["kind"], succeeded: boolean, millis: number): CallResult => ({
  call: call(order, kind),
  succeeded,
  turnedAway: false,
  startMillis: 0,
  millis
})

const sample = score({
  contender: naive,
  results: [
    result("a", "unkeyed", true, 10),
    result("b", "unkeyed", false, 20),
    result("e", "unkeyed", false, 20),
    result("c", "keyed", false, 30),
    result("d", "read", false, 40)
  ],
  attempts: [
    attempt("a", "ECONNRESET"),
    attempt("b", "ECONNRESET"),
    { ...attempt("e", "429"), outcome: "refused" },
    attempt("d", "CERT_HAS_EXPIRED"),
    attempt("d", "CERT_HAS_EXPIRED"),
    attempt("d", "CERT_HAS_EXPIRED")
  ],
  openings: [],
  report: {
    bookings: ["a", "a", "a", "b"].map((order) => ({ order, atMillis: 0 })),
    turnedBack: [],
    requests: 4,
    tooEarly: 5,
    openConnections: 6,
    outage: { crashMillis: 0, restartMillis: 10, recoverMillis: 20 }
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
        "Sent 7 requests after it had been told to wait or to go away. Sent 6 requests into the outage."
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
    assert.match(text, /requests in the outage +6 +6/)
  })

  it("fits into 80 columns, and has a dash where there is no breaker", () => {
    const breaker = {
      openedMillis: 1,
      closedMillis: 2,
      probes: [attempt("a", "502")],
      openings: 1,
      probesAtOnce: 1,
      heldBack: 29,
      turnedAway: 3
    }
    const scores = ["naive loop", "retryTransient"].map((name): Score => ({ ...sample, name, requests: 123_456 }))
    const guarded = { ...sample, name: "Reprise", outage: { ...sample.outage, breaker } }
    const lines = table.compare([...scores, guarded]).split("\n")
    assert.isAtMost(Math.max(...lines.map((line) => line.length)), 80)
    assert.isTrue(lines.some((line) => /^ {3}calls held back +- +- +29$/.test(line)))
  })

  it("has words below it, broken into lines between them", () => {
    assert.strictEqual(table.wrap("one two three incomprehensibilities", 9), "one two\nthree\nincomprehensibilities")
  })
})
