import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Gcra from "../src/internal/rateLimiter/gcra.js"

interface Case {
  readonly limit: number
  readonly windowMillis: number
  readonly burst: number
  readonly calls: ReadonlyArray<{ readonly gapMillis: number; readonly tokens: number }>
}

const cases: fc.Arbitrary<Case> = fc.record({
  limit: fc.integer({ min: 1, max: 12 }),
  windowMillis: fc.integer({ min: 1, max: 40 }),
  burst: fc.integer({ min: 1, max: 12 }),
  calls: fc.array(
    fc.record({ gapMillis: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(60)), tokens: fc.integer({ min: 1, max: 5 }) }),
    { minLength: 1, maxLength: 60, size: "max" }
  )
})

const rateOf = ({ burst, limit, windowMillis }: Case): Gcra.Rate => ({
  ticksPerMilli: limit,
  ticksPerToken: windowMillis,
  burst
})

/** A bucket that is filled millisecond by millisecond, in parts of a token of which a window has `windowMillis`. */
const bucket = ({ burst, limit, windowMillis }: Case) => {
  const full = burst * windowMillis
  let parts = full
  return {
    pass: (millis: number) => {
      for (let n = 0; n < millis; n++) parts = Math.min(parts + limit, full)
    },
    take: (tokens: number) => {
      if (tokens * windowMillis > parts) return false
      parts -= tokens * windowMillis
      return true
    },
    remaining: () => Math.floor(parts / windowMillis)
  }
}

const check = (property: (made: Case) => void) => fc.assert(fc.property(cases, property), { numRuns: 200, seed: 7 })

describe("the generic cell rate algorithm", () => {
  it("admits what a bucket of tokens admits, to the millisecond, and knows how many are left", () => {
    check((made) => {
      const rate = rateOf(made)
      const model = bucket(made)
      let now = 0
      let tat = 0
      for (const { gapMillis, tokens } of made.calls) {
        now += gapMillis * made.limit
        model.pass(gapMillis)
        assert.strictEqual(Gcra.remaining(tat, now, rate), model.remaining())
        const [missing, next] = Gcra.admit(tat, now, tokens, rate)
        assert.strictEqual(missing === 0, model.take(tokens))
        if (missing > 0) assert.strictEqual(next, tat)
        tat = next
      }
    })
  })

  it("says how long a call has to wait: then it is admitted, and a tick before it is not", () => {
    check((made) => {
      const rate = rateOf(made)
      let now = 0
      let tat = 0
      for (const { gapMillis, tokens } of made.calls) {
        now += gapMillis * made.limit
        const [missing, next] = Gcra.admit(tat, now, tokens, rate)
        if (missing > 0 && tokens <= made.burst) {
          assert.strictEqual(Gcra.admit(tat, now + missing, tokens, rate)[0], 0)
          assert.strictEqual(Gcra.admit(tat, now + missing - 1, tokens, rate)[0], 1)
        }
        tat = next
      }
    })
  })

  it("never lets more than the burst and what has come back since begin in any time", () => {
    check((made) => {
      const { burst, calls, limit, windowMillis } = made
      const starts: Array<readonly [atMillis: number, tokens: number]> = []
      let nowMillis = 0
      let tat = 0
      for (const { gapMillis, tokens } of calls) {
        nowMillis += gapMillis
        const [missing, next] = Gcra.admit(tat, nowMillis * limit, tokens, rateOf(made))
        tat = next
        if (missing === 0) starts.push([nowMillis, tokens])
      }
      starts.forEach(([from], first) => {
        let sum = 0
        for (const [to, tokens] of starts.slice(first)) {
          sum += tokens
          assert.isAtMost(sum, burst + Math.floor((to - from) * limit / windowMillis))
          if (to - from < windowMillis) assert.isBelow(sum, limit + burst)
        }
      })
    })
  })

  it("reaches that bound: a burst, then all that comes back within the window", () => {
    const rate = { ticksPerMilli: 5, ticksPerToken: 100, burst: 3 }
    let tat = 0
    const begun = [0, 0, 0, 20, 40, 60, 80, 99, 100].filter((atMillis) => {
      const [missing, next] = Gcra.admit(tat, atMillis * 5, 1, rate)
      tat = next
      return missing === 0
    })
    assert.deepStrictEqual(begun, [0, 0, 0, 20, 40, 60, 80, 100])
    assert.strictEqual(begun.filter((atMillis) => atMillis < 100).length, 5 + 3 - 1)
  })

  it("never admits a cost above the burst", () => {
    const rate = { ticksPerMilli: 5, ticksPerToken: 100, burst: 5 }
    assert.isAbove(Gcra.admit(0, 1e12, 6, rate)[0], 0)
    assert.deepStrictEqual(Gcra.admit(0, 1e12, 5, rate)[0], 0)
  })

  it("saves up no more than the burst, however long nobody comes", () => {
    const rate = { ticksPerMilli: 1, ticksPerToken: 100, burst: 2 }
    assert.deepStrictEqual(Gcra.admit(0, 1e9, 2, rate), [0, 1e9 + 200])
    assert.deepStrictEqual(Gcra.admit(1e9 + 200, 1e9, 1, rate), [100, 1e9 + 200])
  })

  it("loses nothing to rounding in a million calls", () => {
    const rate = { ticksPerMilli: 3, ticksPerToken: 1_000, burst: 1 }
    let tat = 0
    for (let n = 0; n < 1e6; n++) tat = Gcra.admit(tat, tat, 1, rate)[1]
    assert.strictEqual(tat, 1e9)
  })
})
