import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import type { Span } from "../src/api/PaymentApi.js"
import { reprise } from "../src/contenders.js"
import { brokenPromises, score as scoreAll } from "../src/measure.js"
import { mostAtOnce, score } from "../src/outage.js"
import type { CallResult, Run } from "../src/run.js"
import type { Attempt } from "../src/wire.js"

const attempt = (order: string, startMillis: number, endMillis: number, outcome: Attempt["outcome"]): Attempt => ({
  order,
  startMillis,
  endMillis,
  outcome,
  detail: ""
})

const result = (order: string, startMillis: number, millis: number, turnedAway = false): CallResult => ({
  call: { order, kind: "read", phase: "outage" },
  succeeded: !turnedAway,
  turnedAway,
  startMillis,
  millis
})

/** The API is down from 1000 to 2000 and listens from 1300; the breaker opens at 1010 and closes at 2150. */
const run: Run = {
  contender: reprise,
  results: [
    result("probing", 1000, 1200),
    result("held back", 1000, 1300),
    result("late", 1500, 700),
    result("turned away", 1400, 300, true),
    result("before", 900, 50),
    result("after", 2200, 50)
  ],
  attempts: [
    attempt("before", 900, 950, "answered"),
    attempt("probing", 1000, 1009, "unreachable"),
    attempt("held back", 1001, 1012, "unreachable"),
    attempt("probing", 1400, 1450, "failed"),
    attempt("probing", 2100, 2150, "answered"),
    attempt("held back", 2151, 2160, "answered"),
    attempt("late", 2151, 2160, "answered"),
    attempt("after", 2200, 2210, "answered")
  ],
  openings: [1010, 1450],
  report: {
    bookings: [],
    turnedBack: [{ startMillis: 1400, endMillis: 1450 }],
    requests: 0,
    tooEarly: 0,
    openConnections: 0,
    outage: { crashMillis: 1000, restartMillis: 1300, recoverMillis: 2000 }
  }
}

describe("the score of the outage", () => {
  it("counts what was sent while the API was down, and what the server saw of it", () => {
    assert.deepInclude(score(run), { requests: 3, reached: 1, reachedAtOnce: 1 })
  })

  it("takes what was sent between the opening and the first answer for probes", () => {
    const { breaker } = score(run)
    assert.deepInclude(breaker, { openedMillis: 1010, closedMillis: 2150, openings: 2, probesAtOnce: 1 })
    assert.deepStrictEqual(breaker?.probes.map((probe) => probe.startMillis), [1400, 2100])
  })

  it("counts as held back who waited and sent nothing, and apart from it who was turned away", () => {
    assert.deepInclude(score(run).breaker, { heldBack: 2, turnedAway: 1 })
  })

  it("has no breaker where none has opened in the outage", () => {
    assert.isUndefined(score({ ...run, openings: [] }).breaker)
    assert.isUndefined(score({ ...run, openings: [500, 2500] }).breaker)
  })

  it("breaks a promise with two probes at a time, whether the client or the server saw them", () => {
    const second = { ...run, attempts: [...run.attempts, attempt("late", 1420, 1440, "failed")] }
    const { turnedBack } = run.report
    const seen = {
      ...run,
      report: { ...run.report, turnedBack: [...turnedBack, { startMillis: 1449, endMillis: 1460 }] }
    }
    assert.deepStrictEqual([run, second, seen].map((run) => brokenPromises(scoreAll(run)).length), [0, 1, 1])
  })

  it("does not hold what was on its way at the opening against the breaker", () => {
    const slow = { ...run, attempts: [...run.attempts, attempt("held back", 1005, 1500, "lost")] }
    assert.strictEqual(score(slow).breaker?.probesAtOnce, 1)
  })
})

describe("the most at once", () => {
  it("is what a look at every moment finds", () =>
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 10 })), { maxLength: 20 }),
      (pairs) => {
        const spans = pairs.map(([startMillis, millis]): Span => ({ startMillis, endMillis: startMillis + millis }))
        const at = (moment: number) =>
          spans.filter((span) => span.startMillis <= moment && moment < span.endMillis).length
        assert.strictEqual(mostAtOnce(spans), Math.max(...Array.from({ length: 41 }, (_, moment) => at(moment))))
      }
    )))

  it("counts a span without length, but not one that ends where another starts", () => {
    assert.strictEqual(mostAtOnce([{ startMillis: 5, endMillis: 5 }]), 1)
    assert.strictEqual(mostAtOnce([{ startMillis: 1, endMillis: 5 }, { startMillis: 5, endMillis: 9 }]), 1)
    assert.strictEqual(mostAtOnce([]), 0)
  })
})
