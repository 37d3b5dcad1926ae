import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FastCheck as fc } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import { InvalidOption } from "reprise/InvalidOption"
import * as Virtual from "./virtual.js"

type Algorithm<S> = AdaptiveLimiter.Algorithm<S>
type Sample = AdaptiveLimiter.Sample

const ok = (rttMillis: number, inFlight = 1_000): Sample => ({ rttMillis, inFlight, didDrop: false })
const drop = (rttMillis = 1): Sample => ({ rttMillis, inFlight: 1_000, didDrop: true })

const sample: fc.Arbitrary<Sample> = fc.record({
  rttMillis: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0, 1, 5, 10, 20, 100, 4_999, 5_000, 5_001) },
    // A clock that jumps.
    { weight: 1, arbitrary: fc.constantFrom(Number.MIN_VALUE, 1e-6, 1e9, Number.MAX_SAFE_INTEGER) },
    { weight: 2, arbitrary: fc.double({ min: 0, max: 1_000, noNaN: true }) }
  ),
  inFlight: fc.oneof(fc.nat(40), fc.nat(2_000)),
  didDrop: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) })
})
const samples = fc.array(sample, { size: "max", maxLength: 200 })

const range = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(300), fc.nat(600)).map(([min, more, at]) => {
  const max = min + more
  return { min, max, initial: min + at % (more + 1) }
})

/** Every state on the way, frozen; the first is the initial one. */
const states = <S>({ initial, next }: Algorithm<S>, samples: ReadonlyArray<Sample>): ReadonlyArray<S> => {
  const states = [Object.freeze(initial)]
  for (const sample of samples) states.push(Object.freeze(next(states.at(-1)!, sample)))
  return states
}

const limits = <S>(algorithm: Algorithm<S>, samples: ReadonlyArray<Sample>) =>
  states(algorithm, samples).map((state) => algorithm.limit(state))

const last = <S>(algorithm: Algorithm<S>, samples: ReadonlyArray<Sample>) => limits(algorithm, samples).at(-1)

interface Named<S> {
  readonly name: string
  readonly make: (options: { readonly min: number; readonly max: number; readonly initial: number }) => Algorithm<S>
}

const laws = <S>({ make, name }: Named<S>) => {
  const check = (law: (algorithm: Algorithm<S>, samples: ReadonlyArray<Sample>, min: number, max: number) => void) =>
    fc.assert(
      fc.property(range, samples, (range, samples) => law(make(range), samples, range.min, range.max)),
      { numRuns: 60, seed: 7 }
    )

  describe(name, () => {
    it("keeps the limit a whole number between its bounds, whatever the samples and the clock", () => {
      check((algorithm, samples, min, max) => {
        for (const limit of limits(algorithm, samples)) {
          assert.isTrue(Number.isInteger(limit) && limit >= min && limit <= max, `${limit}`)
        }
      })
    })

    it("raises the limit neither after a drop nor where less than half of it runs", () => {
      check((algorithm, samples) => {
        const all = limits(algorithm, samples)
        samples.forEach(({ didDrop, inFlight }, i) => {
          if (didDrop || inFlight * 2 < all[i]!) assert.isAtMost(all[i + 1]!, all[i]!)
        })
      })
    })

    it("goes down to the lowest limit with drop after drop, and up to the highest where all is well", () => {
      check((algorithm, samples, min, max) => {
        const drops = Array.from({ length: 800 }, () => drop())
        const fine = Array.from({ length: 3_000 }, () => ok(10))
        assert.strictEqual(last(algorithm, [...samples.slice(0, 5), ...drops]), min)
        if (name !== "vegas") assert.strictEqual(last(algorithm, fine), max)
      })
    })

    it("goes on from any state as a machine that was never stopped", () => {
      check((algorithm, samples) => {
        const all = states(algorithm, samples)
        const half = Math.floor(samples.length / 2)
        const resumed = { ...algorithm, initial: all[half]! }
        assert.deepStrictEqual(states(resumed, samples.slice(half)), all.slice(half))
      })
    })
  })
}

laws({ name: "aimd", make: AdaptiveLimiter.aimd })
laws({ name: "gradient2", make: AdaptiveLimiter.gradient2 })
laws({ name: "vegas", make: AdaptiveLimiter.vegas })

describe("aimd", () => {
  it("is exactly: one more, or the share that is left and at least one less", () => {
    fc.assert(
      fc.property(range, fc.integer({ min: 50, max: 99 }), samples, (range, percent, samples) => {
        const algorithm = AdaptiveLimiter.aimd({ ...range, backoff: percent / 100, timeout: 5_000 })
        let expected = range.initial
        const all = samples.map(({ didDrop, inFlight, rttMillis }) => {
          const lower = Math.min(expected - 1, (expected * percent - expected * percent % 100) / 100)
          if (didDrop || rttMillis > 5_000) expected = Math.max(range.min, lower)
          else if (inFlight >= expected / 2) expected = Math.min(range.max, expected + 1)
          return expected
        })
        assert.deepStrictEqual(limits(algorithm, samples).slice(1), all)
      }),
      { seed: 7 }
    )
  })

  // AIMDLimitTest.
  it("begins with 20, and drops to 18, as in concurrency-limits", () => {
    assert.deepStrictEqual(limits(AdaptiveLimiter.aimd(), [ok(1, 10), drop(), ok(1, 5)]), [20, 21, 18, 18])
  })

  it("takes at least one away, and never one too many by rounding", () => {
    assert.strictEqual(last(AdaptiveLimiter.aimd({ backoff: 1 - Number.EPSILON }), [drop()]), 19)
    // 0.57 times 100 is 56.99999999999999.
    assert.strictEqual(last(AdaptiveLimiter.aimd({ backoff: 0.57, initial: 100 }), [drop()]), 57)
  })

  it("lowers the limit once in one event, and raises it by none of its calls", () => {
    const { initial, next } = AdaptiveLimiter.aimd({ initial: 100 })
    for (const sample of [drop(), ok(10)]) assert.strictEqual(next(initial, { ...sample, isSameEvent: true }), 100)
    assert.strictEqual(next(initial, { ...drop(), isSameEvent: false }), 90)
  })

  it("does not take what lasts exactly as long as the timeout for a drop", () => {
    const algorithm = AdaptiveLimiter.aimd({ timeout: "1 second" })
    assert.deepStrictEqual(limits(algorithm, [ok(1_000), ok(1_000.001)]), [20, 21, 18])
  })
})

describe("gradient2", () => {
  it("is what its formula makes of the list of all samples", () => {
    fc.assert(
      fc.property(range, samples, (range, samples) => {
        const algorithm = AdaptiveLimiter.gradient2({ ...range, longWindow: 99, queueSize: 3, smoothing: 0.5 })
        const [, ...all] = states(algorithm, samples)
        let limit = range.initial
        let long = 0
        const heard: Array<number> = []
        for (const [i, { didDrop, inFlight, rttMillis }] of samples.entries()) {
          const clamp = (to: number) => Math.min(Math.max((limit + to) / 2, range.min), range.max)
          if (didDrop) limit = clamp(limit / 2)
          else if (rttMillis > 0) {
            heard.push(rttMillis)
            long += (rttMillis - long) * (heard.length <= 10 ? 1 / heard.length : 0.02)
            const gradient = Math.min(Math.max(1.5 * long / rttMillis, 0.5), 1)
            if (inFlight >= limit / 2) limit = clamp(limit * gradient + 3)
            if (long > 2 * rttMillis) long *= 0.9
          }
          assert.approximately(all[i]!.limit, limit, 1e-6)
        }
      }),
      { seed: 7 }
    )
  })

  it("is no number that is none with times of 0, infinite, or next to nothing", () => {
    for (const rtt of [0, Infinity, Number.MIN_VALUE, Number.MAX_VALUE]) {
      for (const limit of limits(AdaptiveLimiter.gradient2(), [ok(rtt), ok(rtt), ok(1), ok(rtt), drop(rtt)])) {
        assert.isTrue(Number.isInteger(limit), `${limit}`)
      }
    }
  })

  it("forgets a long overload sooner than its average would", () => {
    const algorithm = AdaptiveLimiter.gradient2()
    const slow = Array.from({ length: 500 }, () => ok(1_000))
    const fast = Array.from({ length: 100 }, () => ok(10))
    assert.isAbove(states(algorithm, slow).at(-1)!.longRttMillis, 900)
    assert.isBelow(states(algorithm, [...slow, ...fast]).at(-1)!.longRttMillis, 30)
  })

  it("forgets a long time if it is more than twice a call", () => {
    const { initial, next } = AdaptiveLimiter.gradient2()
    const long = (longRttMillis: number) => next({ ...initial, longRttMillis, samples: 1 }, ok(10)).longRttMillis
    assert.deepStrictEqual([long(30), long(32)], [20, 21 * 0.9])
  })

  it("lowers the limit by at most a half in one event, and lets it rise between", () => {
    const { initial, next } = AdaptiveLimiter.gradient2({ initial: 100, smoothing: 1, queueSize: 10 })
    const same = { isSameEvent: true }
    const once = next(initial, drop())
    assert.deepInclude(once, { limit: 50, floor: 50 })
    assert.deepInclude(next(once, { ...drop(), ...same }), { limit: 50, floor: 50 })
    assert.deepInclude(next(once, drop()), { limit: 25, floor: 25 })
    assert.deepInclude(next(once, { ...ok(10, 1), isSameEvent: false }), { limit: 50, floor: 50 })
    const risen = next(once, { ...ok(10), ...same })
    assert.deepInclude(risen, { limit: 60, floor: 50 })
    assert.deepInclude(next(risen, { ...drop(), ...same }), { limit: 50, floor: 50 })
    assert.deepInclude(next(risen, drop()), { limit: 30, floor: 30 })
  })
})

describe("vegas", () => {
  const algorithm = AdaptiveLimiter.vegas({ initial: 10 })
  const from = (noLoadRttMillis: number, ...samples: ReadonlyArray<Sample>) =>
    last(algorithm, [ok(noLoadRttMillis), ...samples])

  // VegasLimitTest.
  it("adds 6 where nothing queues, and 1 where little does", () => {
    assert.deepStrictEqual([from(10, ok(10)), from(10, ok(11)), from(10, ok(12))], [16, 16, 11])
  })
  it("takes 1 away where too much queues", () => {
    assert.strictEqual(from(10, ok(50)), 9)
  })
  it("leaves the limit where it is between 3 and 6", () => {
    assert.deepStrictEqual([from(10, ok(14.2)), from(10, ok(20)), from(10, ok(25))], [10, 10, 10])
  })
  it("takes 1 away after a drop, even the first", () => {
    assert.deepStrictEqual([from(10, drop()), last(algorithm, [drop()])], [9, 9])
  })
  it("moves by a larger step at a larger limit", () => {
    const { initial, next } = AdaptiveLimiter.vegas({ initial: 100 })
    const to = (rttMillis: number) => next({ ...initial, noLoadRttMillis: 1_000 }, ok(rttMillis)).limit
    // In queues of 2, 3, 5, 6, 12 and 13 calls.
    const queues = [1_015, 1_025, 1_047, 1_060, 1_130, 1_140]
    assert.deepStrictEqual(queues.map(to), [112, 102, 102, 100, 100, 98])
  })
  it("moves by smoothing times as much", () => {
    const half = AdaptiveLimiter.vegas({ initial: 100, smoothing: 0.5 })
    assert.strictEqual(last(half, [ok(10), ok(50)]), 99)
    assert.strictEqual(last(half, [ok(10), ok(20, 49)]), 100)
  })
  it("stays exactly where it is where nothing is to be changed", () => {
    // 3 times 0.7 and 3 times 0.3 are together 2.9999999999999996.
    const three = AdaptiveLimiter.vegas({ initial: 3, smoothing: 0.3 })
    assert.strictEqual(last(three, [ok(10), ok(10, 1)]), 3)
  })
  it("never takes the time of a drop for the time without load", () => {
    assert.strictEqual(states(algorithm, [ok(10), drop(1)]).at(-1)!.noLoadRttMillis, 10)
  })

  it("measures the time without load anew after 30 times the limit at the latest, and not always as late", () => {
    const constant = AdaptiveLimiter.vegas({ initial: 10, max: 10, min: 10 })
    const all = states(constant, [ok(1), ...Array.from({ length: 2_000 }, () => ok(2))])
    const probes = all.flatMap(({ samples }, i) => samples === 0 ? [i] : [])
    const gaps = probes.map((at, i) => at - probes[i - 1]!).slice(1)
    assert.isAbove(new Set(gaps).size, 3)
    for (const gap of gaps) assert.isTrue(gap >= 150 && gap <= 300, `${gap}`)
    assert.strictEqual(all.at(-1)!.noLoadRttMillis, 2)
  })

  it("measures the time without load anew after the share of the limit that is due", () => {
    const { initial, next } = AdaptiveLimiter.vegas({ initial: 1, probeMultiplier: 4 })
    const before = { ...initial, noLoadRttMillis: 1, samples: 1 }
    assert.deepInclude(next(before, ok(2)), { noLoadRttMillis: 1, samples: 2 })
    assert.deepInclude(next({ ...before, samples: 2 }, ok(2)), { noLoadRttMillis: 2, samples: 0 })
  })

  it("recovers from a clock that stood still or stepped back: such a time is nobody's", () => {
    assert.strictEqual(from(10, ok(0), ok(10)), 16)
    assert.strictEqual(from(10, ok(0), ok(0), ok(0)), 10)
  })
})

/** A server that does 20 things at once; beyond, all take longer, and beyond `refuses`, it says no. */
/** The clock counts whole milliseconds: in hundreds of them, the shares of a service time do not get lost. */
const unit = 100

const simulate = <S>(algorithm: Algorithm<S>, refuses: number, clients: (millis: number) => number) => {
  const limiter = Effect.runSync(AdaptiveLimiter.make({ algorithm, maxQueued: 100, dropped: () => true }))
  const limits: Array<number> = []
  let busy = 0
  let begun = 0
  let done = 0
  const request = Effect.suspend(() => {
    busy++
    const spread = 0.8 + 0.4 * ((++begun * 0.618) % 1)
    const served = busy > refuses
      ? Effect.zipRight(Effect.sleep(1 * unit), Effect.fail("overloaded"))
      : Effect.zipRight(Effect.sleep(10 * unit * spread * Math.max(1, busy / 20)), Effect.sync(() => done++))
    return Effect.onExit(served, () => Effect.sync(() => busy--))
  })
  const watch = Effect.flatMap(AdaptiveLimiter.snapshot(limiter), ({ limit }) => {
    limits.push(limit)
    return Effect.sleep(20 * unit)
  })
  const client = (i: number) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      i < clients(now / unit)
        ? Effect.ignore(AdaptiveLimiter.protect(request, limiter))
        : Effect.sleep(20 * unit))
  const all = [watch, ...Array.from({ length: 60 }, (_, i) => client(i))]
  const program = Effect.all(all.map((effect) => Effect.forever(effect)), { concurrency: "unbounded" })
  Virtual.run(program, { interruptAtMillis: 800 * unit })
  const settled = limits.slice(limits.length / 2)
  return { mean: settled.reduce((sum, limit) => sum + limit, 0) / settled.length, done }
}

describe("the limit for a server with a capacity of 20", () => {
  const always = () => 60
  const inBursts = (millis: number) => millis % 300 < 200 ? 60 : 5
  const loads = [["always", always, 1_600], ["in bursts", inBursts, 1_100]] as const
  for (const [when, load, possible] of loads) {
    for (const initial of [5, 60]) {
      const converges = <S>(algorithm: Algorithm<S>, refuses: number, least: number, most: number) => {
        const { done, mean } = simulate(algorithm, refuses, load)
        assert.isTrue(mean >= least && mean <= most, `a mean of ${mean}`)
        assert.isAbove(done / possible, 0.7, "the server was idle")
      }

      it(`is found by aimd where the server refuses more, with too many clients ${when}, from ${initial}`, () => {
        // One reduction per event lets it hover a little above the capacity.
        converges(AdaptiveLimiter.aimd({ initial }), 20, 14, 24)
      })

      it(`is found by vegas from how long calls take, with too many clients ${when}, from ${initial}`, () => {
        converges(AdaptiveLimiter.vegas({ initial, smoothing: 0.2 }), Infinity, 18, 24)
      })

      it(`is found by gradient2 from how long calls take, with too many clients ${when}, from ${initial}`, () => {
        const algorithm = AdaptiveLimiter.gradient2({ initial, smoothing: 0.05, tolerance: 1, longWindow: 10_000 })
        // And as many as may queue.
        converges(algorithm, Infinity, 20, 26)
      })
    }
  }
})

describe("an option out of range", () => {
  const { aimd, gradient2, vegas } = AdaptiveLimiter
  const mistakes: ReadonlyArray<readonly [make: () => unknown, option: string, expected: string]> = [
    [() => aimd({ min: 0 }), "min", "a whole number from 1 to 200"],
    [() => aimd({ max: 0.5 }), "max", "a whole number >= 1"],
    [() => aimd({ min: 5, max: 4 }), "min", "a whole number from 1 to 4"],
    [() => aimd({ min: 5, initial: 4 }), "initial", "a whole number from 5 to 200"],
    [() => aimd({ backoff: 1 }), "backoff", "a number from 0.5 to"],
    [() => aimd({ backoff: 0.49 }), "backoff", "a number from 0.5 to"],
    [() => aimd({ timeout: 0 }), "timeout", "a duration longer than 0 ms"],
    [() => gradient2({ queueSize: -1 }), "queueSize", "a finite number >= 0"],
    [() => gradient2({ smoothing: 0 }), "smoothing", "a number from"],
    [() => gradient2({ smoothing: 1.1 }), "smoothing", "a number from"],
    [() => gradient2({ tolerance: 0.9 }), "tolerance", "a finite number >= 1"],
    [() => gradient2({ longWindow: 0 }), "longWindow", "a whole number >= 1"],
    [() => vegas({ smoothing: NaN }), "smoothing", "a number from"],
    [() => vegas({ probeMultiplier: 0 }), "probeMultiplier", "a whole number >= 1"],
    [() => vegas({ max: 1_000, initial: 1_001 }), "initial", "a whole number from 1 to 1000"]
  ]
  for (const [mistake, option, expected] of mistakes) {
    it(`is named with its range: ${option}, ${mistake}`, () => {
      assert.throws(mistake, InvalidOption, `Invalid option "${option}": expected ${expected}`)
    })
  }

  it("is not what lies at its ends", () => {
    const ends = [aimd({ min: 1, max: 1 }), aimd({ max: 3, backoff: 0.5 }), aimd({ min: 30, timeout: 1 })]
    assert.deepStrictEqual(ends.map(({ initial }) => initial), [1, 3, 30])
  })
})
