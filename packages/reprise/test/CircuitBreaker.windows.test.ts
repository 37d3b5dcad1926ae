import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Tripping from "reprise/Tripping"
import { InFlight } from "../src/internal/breaker/inFlight.js"
import type { Trip, Window } from "../src/internal/breaker/machine.js"
import * as strategy from "../src/internal/breaker/strategy.js"
import * as windows from "../src/internal/breaker/windows.js"
import { type Last, remembered } from "./breakerModel.js"

interface Sample {
  readonly isSample?: boolean
  readonly isBad: boolean
  readonly now: number
}

const tally = (samples: ReadonlyArray<Sample>) => [samples.length, samples.filter(({ isBad }) => isBad).length]

const none = () => 0

const make = (last: Last): windows.Samples =>
  "calls" in last
    ? new windows.LastCalls(last.calls)
    : new windows.LastMillis(last.buckets, last.millis)

const lastCalls = fc.record({ calls: fc.integer({ min: 1, max: 30 }) })
const lastMillis = fc.record({ millis: fc.integer({ min: 1, max: 100 }), buckets: fc.integer({ min: 1, max: 12 }) })

/** Where the clock goes before a call: to the border of a span, to the end of what counts, over a long silence, back. */
type Move = readonly [unit: "millis" | "spans" | "windows", amount: number, offset: number]

const move: fc.Arbitrary<Move> = fc.tuple(
  fc.constantFrom<Array<Move[0]>>("millis", "millis", "spans", "windows"),
  fc.constantFrom(0, 1, 1, 1, 2, 3, 20, -1, -3),
  fc.constantFrom(-1, 0, 0, 0, 1)
)

const step = fc.record({ move, isBad: fc.boolean(), isCall: fc.nat(4).map((n) => n > 0) })
const steps = fc.array(step, { size: "max", maxLength: 60 })
const epoch = fc.constantFrom(0, -17, 1_700_000_000_000)

const moved = (now: number, [unit, amount, offset]: Move, last: Last): number => {
  const millis = "calls" in last ? 10 : last.millis
  const span = millis / ("calls" in last ? 2 : last.buckets)
  if (unit === "millis") return now + amount
  if (unit === "windows") return now + amount * millis + offset
  return Math.ceil((Math.floor(now / span) + amount) * span) + offset
}

describe("the samples of a window", () => {
  it("are the latest calls, or the calls of the latest spans of time", () => {
    fc.assert(
      fc.property(fc.oneof(lastCalls, lastMillis, lastMillis), epoch, steps, (last, epoch, steps) => {
        const samples = make(last)
        const all: Array<Sample> = []
        let now: number = epoch
        for (const { isBad, isCall, move } of steps) {
          now = moved(now, move, last)
          if (isCall) samples.add(isBad, now)
          else samples.advance(now)
          all.push({ isBad, now, isSample: isCall })
          assert.deepStrictEqual([samples.calls, samples.bad], tally(remembered(all, last, now)))
        }
      }),
      { numRuns: 300, seed: 3 }
    )
  })

  it("forget one that is exactly as old as the window, and none that is younger than all spans but one", () => {
    const wrong: Array<object> = []
    const countAfter = (last: Last, at: number, age: number) => {
      const samples = make(last)
      samples.add(true, at)
      samples.advance(at + age)
      return samples.calls
    }
    for (let millis = 1; millis <= 60; millis++) {
      for (let buckets = 1; buckets <= 12; buckets++) {
        for (let at = 0; at <= millis; at++) {
          const last = { millis, buckets }
          const young = Math.floor((millis * (buckets - 1)) / buckets)
          if (countAfter(last, at, millis) > 0 || countAfter(last, at, young) === 0) wrong.push({ ...last, at })
        }
      }
    }
    assert.deepStrictEqual(wrong, [])
  })

  it("change spans exactly at the border", () => {
    const samples = new windows.LastMillis(3, 30)
    const calls = (now: number) => {
      samples.advance(now)
      return samples.calls
    }
    for (const now of [0, 9, 10, 19, 20, 29]) samples.add(false, now)
    assert.deepStrictEqual([29, 30, 39, 40, 49, 50, 29].map(calls), [6, 4, 4, 2, 2, 0, 0])
  })

  it("count in the current span after the clock stepped back, and go on from there", () => {
    const samples = new windows.LastMillis(2, 20)
    samples.add(true, 100)
    samples.add(true, 3)
    samples.add(false, -1_000_000)
    samples.advance(-999_981)
    assert.deepStrictEqual([samples.calls, samples.bad], [3, 2])
    samples.advance(-999_980)
    assert.deepStrictEqual([samples.calls, samples.bad], [0, 0])
  })

  it("begin anew after a silence, however long, and in no time", () => {
    const samples = new windows.LastMillis(10, 10)
    samples.add(true, 0)
    samples.advance(Number.MAX_SAFE_INTEGER)
    assert.deepStrictEqual([samples.calls, samples.bad], [0, 0])
    samples.add(false, Number.MAX_SAFE_INTEGER)
    assert.deepStrictEqual([samples.calls, samples.bad], [1, 0])
  })
})

interface Ratio {
  readonly bad: number
  readonly of: number
}

const ratio: fc.Arbitrary<Ratio> = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }))
  .map(([a, b]) => ({ bad: Math.min(a, b), of: Math.max(a, b) }))

interface Call {
  readonly outcome: "success" | "failure" | "interrupted"
  readonly durationMillis: number
  readonly overdue: number
  readonly now: number
}

const limitMillis = 50

const calls: fc.Arbitrary<ReadonlyArray<Call>> = fc.array(
  fc.record({
    outcome: fc.constantFrom<Array<Call["outcome"]>>("success", "failure", "interrupted"),
    durationMillis: fc.constantFrom(0, limitMillis - 1, limitMillis, limitMillis + 1),
    overdue: fc.constantFrom(0, 0, 0, 1, 5),
    now: fc.constantFrom(0, 1, 10, 99, 100)
  }),
  { size: "max", maxLength: 60 }
).map((calls) => {
  let now = 0
  return calls.map((call) => ({ ...call, now: now += call.now }))
})

interface RateSpec {
  readonly _tag: "Rate"
  readonly isSlowRate: boolean
  readonly ratio: Ratio
  readonly minimumCalls: number
  readonly last: Last
}

type Single = { readonly _tag: "Consecutive"; readonly n: number } | RateSpec

type Spec = Single | { readonly _tag: "Several"; readonly isAll: boolean; readonly specs: ReadonlyArray<Single> }

const rate: fc.Arbitrary<RateSpec> = fc.record({
  _tag: fc.constant("Rate" as const),
  isSlowRate: fc.boolean(),
  ratio,
  minimumCalls: fc.integer({ min: 1, max: 10 }),
  last: fc.oneof(lastCalls, lastMillis)
}).map((rate) => ({
  ...rate,
  minimumCalls: "calls" in rate.last ? Math.min(rate.minimumCalls, rate.last.calls) : rate.minimumCalls
}))

const single: fc.Arbitrary<Single> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Consecutive" as const), n: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: rate }
)

const several: fc.Arbitrary<Spec> = fc.record({
  _tag: fc.constant("Several" as const),
  isAll: fc.boolean(),
  specs: fc.array(single, { size: "max", minLength: 1, maxLength: 3 })
})

const trippingOf = (spec: Spec): Tripping.Tripping => {
  if (spec._tag === "Consecutive") return Tripping.consecutive(spec.n)
  if (spec._tag === "Several") {
    const [first, ...rest] = spec.specs.map(trippingOf)
    return (spec.isAll ? Tripping.all : Tripping.any)(first!, ...rest)
  }
  const { last, minimumCalls, ratio } = spec
  const window = "calls" in last ? last : { duration: last.millis, buckets: last.buckets }
  const options = { threshold: ratio.bad / ratio.of, minimumCalls, window }
  return spec.isSlowRate ? Tripping.slowRate({ ...options, slowerThan: limitMillis }) : Tripping.rate(options)
}

type Counts = Omit<Trip, "rule">

interface Said {
  readonly rule: string | undefined
  readonly counts: Counts
}

/** What a rule says after these calls, and what it counts, from the words of its docs. */
const expected = (spec: Spec, calls: ReadonlyArray<Call>): Said => {
  if (spec._tag === "Rate") return expectedOfRate(spec, calls)
  if (spec._tag === "Consecutive") {
    const outcomes = calls.map(({ outcome }) => outcome).filter((outcome) => outcome !== "interrupted")
    const failures = outcomes.length - 1 - outcomes.lastIndexOf("success")
    return { rule: failures >= spec.n ? "consecutive" : undefined, counts: { calls: failures, failures, slow: 0 } }
  }
  const all = spec.specs.map((spec) => expected(spec, calls))
  const rules = all.map(({ rule }) => rule).filter((rule) => rule !== undefined)
  const most = (key: keyof Counts) => Math.max(...all.map(({ counts }) => counts[key]))
  return {
    rule: !spec.isAll || rules.length === all.length ? rules[0] : undefined,
    counts: { calls: most("calls"), failures: most("failures"), slow: most("slow") }
  }
}

const expectedOfRate = (
  { isSlowRate, last, minimumCalls, ratio }: RateSpec,
  calls: ReadonlyArray<Call>
): Said => {
  const { now, overdue } = calls[calls.length - 1]!
  const isSlow = ({ durationMillis }: Call) => isSlowRate && durationMillis >= limitMillis
  const samples = calls
    .filter((call) => call.outcome !== "interrupted" || isSlow(call))
    .map((call) => ({ isBad: isSlowRate ? isSlow(call) : call.outcome === "failure", now: call.now }))
  const late = isSlowRate ? overdue : 0
  const [all, bad] = tally(remembered(samples, last, now)).map((count) => count + late) as [number, number]
  return {
    rule: all < minimumCalls || bad * ratio.of < ratio.bad * all ? undefined : isSlowRate ? "slowRate" : "rate",
    counts: isSlowRate ? { calls: all, failures: 0, slow: bad } : { calls: all, failures: bad, slow: 0 }
  }
}

const record = (window: Window, { durationMillis, now, outcome }: Call) => window.record(outcome, now, durationMillis)

const tripsAsExpected = (spec: fc.Arbitrary<Spec>) => {
  const often = { tripped: 0, untripped: 0 }
  fc.assert(
    fc.property(spec, calls, (spec, calls) => {
      const window = strategy.of(trippingOf(spec)).makeWindow(undefined, 0)
      calls.forEach((call, i) => {
        record(window, call)
        const { counts, rule } = expected(spec, calls.slice(0, i + 1))
        const overdue = (limit: number) => limit === limitMillis ? call.overdue : 0
        assert.deepStrictEqual(window.counts(call.now, overdue), counts)
        const trip = window.tripped(call.now, overdue)
        assert.strictEqual(trip?.rule, rule)
        if (spec._tag !== "Several" && trip !== undefined) assert.deepStrictEqual(trip, { rule: trip.rule, ...counts })
        often[rule === undefined ? "untripped" : "tripped"]++
      })
    }),
    { numRuns: 300, seed: 3 }
  )
  assert.isAbove(Math.min(often.tripped, often.untripped), 500)
}

describe("a rule", () => {
  it("trips where its docs say so, after any calls", () => tripsAsExpected(single))

  it("trips with the first or with all of several, after any calls", () => tripsAsExpected(several))

  it("trips at exactly its threshold, and not one call before", () => {
    fc.assert(
      fc.property(ratio, fc.integer({ min: 1, max: 10 }), ({ bad, of }, times) => {
        const [failed, all] = [bad * times, of * times]
        const ask = (failures: number) => {
          const window = new windows.Rate(new windows.LastCalls(all), bad / of, all)
          for (let n = 0; n < all; n++) window.record(n < failures ? "failure" : "success", 0, 0)
          return window.tripped(0, none)?.failures
        }
        assert.strictEqual(ask(failed), failed)
        assert.strictEqual(ask(failed - 1), undefined)
      }),
      { numRuns: 300, seed: 3 }
    )
  })
})

const sample = fc.record({ isBad: fc.boolean(), now: fc.constantFrom(0, 1, 5, 10, 40) })
const history = fc.array(sample, { size: "max", maxLength: 40 }).map((samples) => {
  let now = 0
  return samples.map(({ isBad, now: pause }) => ({ isBad, now: now += pause }))
})

const filled = (last: Last, samples: ReadonlyArray<Sample>) => {
  const made = make(last)
  for (const { isBad, now } of samples) made.add(isBad, now)
  return made
}

describe("samples that are handed to another window", () => {
  it("are the latest that fit into as many or fewer calls, in their order", () => {
    fc.assert(
      fc.property(lastCalls, lastCalls, history, history, (from, to, before, after) => {
        const samples = make(to)
        filled(from, before).replay(samples, 1_000)
        const all = before.slice(-from.calls)
        for (const one of [...after, undefined]) {
          assert.deepStrictEqual([samples.calls, samples.bad], tally(all.slice(-to.calls)))
          if (one === undefined) break
          samples.add(one.isBad, one.now)
          all.push(one)
        }
      }),
      { seed: 3 }
    )
  })

  it("grow as old in a time window of the same size as in the first", () => {
    fc.assert(
      fc.property(lastMillis, epoch, history, fc.nat(150), (last, epoch, relative, pause) => {
        const before = relative.map(({ isBad, now }) => ({ isBad, now: epoch + now }))
        const first = filled(last, before)
        const second = make(last)
        const end = Math.max(epoch, ...before.map(({ now }) => now))
        first.replay(second, end)
        for (const samples of [first, second]) samples.advance(end + pause)
        assert.deepStrictEqual([second.calls, second.bad], [first.calls, first.bad])
      }),
      { numRuns: 1_000, seed: 3 }
    )
  })

  it("are those of the present where calls that were counted by number are counted by time", () => {
    fc.assert(
      fc.property(lastCalls, lastMillis, history, fc.nat(150), (from, to, before, pause) => {
        const samples = make(to)
        filled(from, before).replay(samples, 2_000)
        samples.advance(2_000 + pause)
        const all = before.slice(-from.calls).map(({ isBad }) => ({ isBad, now: 2_000 }))
        assert.deepStrictEqual([samples.calls, samples.bad], tally(remembered(all, to, 2_000 + pause)))
      }),
      { seed: 3 }
    )
  })

  it("are not too old already where calls that were counted by time are counted by number", () => {
    fc.assert(
      fc.property(lastMillis, history, fc.nat(150), (from, before, pause) => {
        const now = Math.max(0, ...before.map(({ now }) => now)) + pause
        const samples = make({ calls: 1_000 })
        filled(from, before).replay(samples, now)
        assert.deepStrictEqual([samples.calls, samples.bad], tally(remembered(before, from, now)))
      }),
      { seed: 3 }
    )
  })

  it("are handed on by rules of the same kind only", () => {
    const rate = Tripping.rate({ threshold: 1, window: { calls: 20 } })
    const slow = (slowerThan: number) => Tripping.slowRate({ threshold: 1, window: { calls: 20 }, slowerThan })
    const handed = (from: Tripping.Tripping, to: Tripping.Tripping) => {
      const before = strategy.of(from).makeWindow(undefined, 0)
      for (let n = 0; n < 3; n++) before.record("failure", 0, 100)
      return strategy.of(to).makeWindow(before, 0).counts(0, none).calls
    }
    const { any, consecutive } = Tripping
    assert.deepStrictEqual(
      [
        handed(rate, Tripping.rate({ threshold: 0.5, window: { duration: 10 } })),
        handed(slow(5), slow(5)),
        handed(consecutive(9), consecutive(2)),
        handed(any(rate, consecutive(9)), any(rate, consecutive(8)))
      ],
      [3, 3, 3, 3]
    )
    assert.deepStrictEqual(
      [handed(rate, slow(5)), handed(slow(5), slow(6)), handed(rate, consecutive(9)), handed(rate, any(rate))],
      [0, 0, 0, 0]
    )
  })
})

type Act =
  | { readonly _tag: "Add" }
  | { readonly _tag: "Remove"; readonly pick: number }
  | { readonly _tag: "Ask"; readonly pick: number }
  | { readonly _tag: "Move"; readonly millis: number }

const acts = (millis: fc.Arbitrary<number>): fc.Arbitrary<ReadonlyArray<Act>> =>
  fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ _tag: fc.constant("Add" as const) }) },
      {
        weight: 3,
        arbitrary: fc.record({ _tag: fc.constantFrom("Remove" as const, "Ask" as const), pick: fc.nat(50) })
      },
      { weight: 3, arbitrary: fc.record({ _tag: fc.constant("Move" as const), millis }) }
    ),
    { size: "max", maxLength: 120 }
  )

const limits = fc.array(fc.constantFrom(1, 5, 10, 10, 30), { size: "max", maxLength: 4 })

const replay = (
  limits: ReadonlyArray<number>,
  acts: ReadonlyArray<Act>,
  check: (count: number, running: ReadonlyArray<number>, limit: number, now: number) => void
) => {
  const inFlight = new InFlight(limits)
  const running: Array<ReturnType<typeof inFlight.add>> = []
  let now = 1_000
  const ask = (limit: number) =>
    check(inFlight.overdue(limit, now), running.map(({ startMillis }) => startMillis), limit, now)
  for (const act of acts) {
    if (act._tag === "Add") running.push(inFlight.add(now))
    else if (act._tag === "Move") now += act.millis
    else if (act._tag === "Remove" && running.length > 0) {
      inFlight.remove(running.splice(act.pick % running.length, 1)[0]!)
    } else if (act._tag === "Ask" && limits.length > 0) ask(limits[act.pick % limits.length]!)
  }
  limits.forEach(ask)
  now += 10_000
  limits.forEach(ask)
  while (running.length > 0) {
    inFlight.remove(running.pop()!)
    limits.forEach(ask)
  }
}

describe("the calls in flight", () => {
  it("are overdue from exactly the limit on, in whatever order they end", () => {
    fc.assert(
      fc.property(limits, acts(fc.constantFrom(0, 1, 4, 5, 6, 10, 30)), (limits, acts) => {
        replay(limits, acts, (count, starts, limit, now) => {
          assert.strictEqual(count, starts.filter((start) => now - start >= limit).length)
        })
      }),
      { numRuns: 300, seed: 3 }
    )
  })

  it("are never fewer than none or more than all, and are right again some time after the clock stepped back", () => {
    fc.assert(
      fc.property(limits, acts(fc.constantFrom(0, 1, 5, 10, 30, -1, -10, -100)), (limits, acts) => {
        replay(limits, acts, (count, starts, limit, now) => {
          assert.isTrue(count >= 0 && count <= starts.length)
          if (starts.every((start) => now - start >= limit)) assert.strictEqual(count, starts.length)
        })
      }),
      { numRuns: 300, seed: 3 }
    )
  })

  it("are not asked about another limit than those that they were made for", () => {
    const inFlight = new InFlight([10])
    inFlight.add(0)
    assert.deepStrictEqual([inFlight.overdue(10, 100), inFlight.overdue(5, 100)], [1, 0])
  })
})
