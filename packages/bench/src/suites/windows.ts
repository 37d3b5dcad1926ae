import * as Tripping from "reprise/Tripping"
import type { Case } from "../harness.js"

/** The window of a rule, which its public type does not show. */
interface Window {
  readonly record: (outcome: "success" | "failure", nowMillis: number, durationMillis: number) => void
  readonly tripped: (nowMillis: number, overdue: () => number) => unknown
}

interface Rule {
  readonly makeWindow: (previous: undefined, nowMillis: number) => Window
}

const noneOverdue = () => 0

/** A tenth of the calls fail and all have to fail for it to trip, so that each call records and queries. */
const recordAndQuery = (window: Tripping.Rate["window"], millisPerCall: number): Case["run"] => {
  const rule = Tripping.rate({ threshold: 1, window }) as unknown as Rule
  const own = rule.makeWindow(undefined, 0)
  let call = 0
  return async (times) => {
    for (const end = call + times; call < end; call++) {
      const now = call * millisPerCall
      own.record(call % 10 === 0 ? "failure" : "success", now, 0)
      if (own.tripped(now, noneOverdue) !== undefined) throw new Error("the window trips")
    }
  }
}

const named = (name: string, base: string, window: Tripping.Rate["window"], millisPerCall: number): Case => ({
  name,
  base,
  run: recordAndQuery(window, millisPerCall)
})

const calls = "100 calls"
const time = "10 x 1 s, 100 calls in it"

/** The base of a case is what it is to cost no more than. */
export const cases: ReadonlyArray<Case> = [
  named(calls, calls, { calls: 100 }, 0),
  named("10,000 calls", calls, { calls: 10_000 }, 0),
  named(time, time, { duration: "10 seconds", buckets: 10 }, 100),
  named("10 x 1 s, 10,000 calls in it", time, { duration: "10 seconds", buckets: 10 }, 1),
  named("1,000 x 10 ms, 10,000 calls in it", "10 x 1 s, 10,000 calls in it", {
    duration: "10 seconds",
    buckets: 1_000
  }, 1)
]
