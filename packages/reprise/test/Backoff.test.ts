import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Duration,
  Effect,
  Either,
  FastCheck as fc,
  Fiber,
  Option,
  Random,
  Schedule,
  TestClock
} from "effect"
import * as Backoff from "reprise/Backoff"
import { InvalidOption, maxDelayMillis } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Schedules from "./schedules.js"
import * as Services from "./services.js"

/** One step of a schedule taken by hand. */
interface Step<Out> extends Schedules.Step<Out> {
  readonly now: number
}

interface Options {
  readonly seed?: string | number
  readonly start?: number
  /** How far the clock is off after each wait: an attempt takes time, and clocks are set. */
  readonly drift?: (step: number) => number
}

/** Steps a schedule by hand on a clock of our own, until it stops or `limit` steps were taken. */
const walk = <Out>(schedule: Schedule.Schedule<Out, number>, limit: number, options: Options = {}) => {
  const drift = options.drift ?? (() => 0)
  const steps: Array<Step<Out>> = []
  const step = Schedules.stepping(schedule)
  let now = options.start ?? 0
  let done = false
  const loop = Effect.whileLoop({
    while: () => !done && steps.length < limit,
    body: () => step(now, steps.length),
    step: (taken) => {
      done = Option.isNone(taken.delay)
      steps.push({ now, ...taken })
      // As on the real clock, now is a whole number.
      now = Math.ceil(now + Option.getOrElse(taken.delay, () => 0)) + drift(steps.length)
    }
  })
  Effect.runSync(Effect.withRandom(loop, Random.make(options.seed ?? "seed")))
  return steps
}

const delays = (schedule: Schedule.Schedule<unknown, number>, limit: number, options?: Options): Array<number> =>
  Arr.getSomes(walk(schedule, limit, options).map((step) => step.delay))

const withDraws = (schedule: Schedule.Schedule<unknown, number>, draws: readonly [number, ...Array<number>]) => {
  let drawn = 0
  return Effect.runSync(
    Schedule.run(Schedule.delays(schedule), 0, draws).pipe(
      Effect.map((out) => Array.from(out, Duration.toMillis)),
      Effect.withRandom(Services.drawing(() => draws[drawn++ % draws.length]!))
    )
  )
}

/** Counts the draws that a schedule takes in so many steps. */
const drawsIn = (schedule: Schedule.Schedule<unknown, number>, steps: number): number => {
  let draws = 0
  const counting = Services.drawing(() => {
    draws++
    return 0.5
  })
  Effect.runSync(Effect.withRandom(Schedule.run(schedule, 0, Arr.range(1, steps)), counting))
  return draws
}

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** The mean of `n` draws from `U(a, b)` is off by more than this once in two million seeds (5 standard errors). */
const tolerance = (width: number, n: number) => 5 * width / Math.sqrt(12 * n)

/** A delay is read off absolute times, and these are exact to a thousandth of a millisecond only. */
const increasing = (values: ReadonlyArray<number>) =>
  values.every((value, index) => index === 0 || value >= values[index - 1]! - 1e-3)

const millis = fc.oneof(fc.integer({ min: 1, max: maxDelayMillis }), fc.double({ min: 0.001, max: 1e6, noNaN: true }))
const factors = fc.double({ min: 1, max: 100, noNaN: true })
const seeds = fc.string()

const growing: fc.Arbitrary<Schedule.Schedule<Duration.Duration>> = fc.oneof(
  fc.tuple(millis, factors).map(([base, factor]) => Backoff.exponential(base, { factor })),
  fc.tuple(millis, millis).map(([base, increment]) => Backoff.linear(base, { increment })),
  millis.map((one) => Backoff.fibonacci(one))
)

const ordered = fc.tuple(millis, millis).map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))
const proportions = fc.tuple(fc.double({ min: 0, max: 10, noNaN: true }), fc.double({ min: 0, max: 10, noNaN: true }))
  .map(([a, b]) => ({ min: Math.min(a, b), max: Math.max(a, b) }))

const spreading: fc.Arbitrary<<Out, In, R>(self: Schedule.Schedule<Out, In, R>) => Schedule.Schedule<Out, In, R>> = fc
  .oneof(
    fc.constantFrom(Backoff.fullJitter, Backoff.equalJitter),
    millis.map((max) => Backoff.additiveJitter(max)),
    proportions.map((options) => Backoff.proportionalJitter(options)),
    millis.map((max) => Backoff.capped(max))
  )

/** Any schedule without an end that this module can make. */
const endless: fc.Arbitrary<Schedule.Schedule<unknown>> = fc.tuple(
  fc.oneof(
    growing,
    ordered.map((options) => Backoff.random(options)),
    ordered.map(({ max, min }) => Backoff.decorrelated({ base: min, cap: max })),
    fc.tuple(growing, growing).map(([a, b]) => Backoff.chain(a, b))
  ),
  fc.array(spreading, { maxLength: 4, size: "max" })
).map(([schedule, combinators]) => combinators.reduce((self, combinator) => combinator(self), schedule))

// Many steps in one test: a loaded machine needs more than the five seconds of vitest.
describe("Backoff", { timeout: 60_000 }, () => {
  describe("growing waits", () => {
    it("exponential doubles unless told otherwise", () => {
      assert.deepStrictEqual(delays(Backoff.exponential("1 second"), 5), [1000, 2000, 4000, 8000, 16000])
      assert.deepStrictEqual(delays(Backoff.exponential("1 second", { factor: 1.5 }), 4), [1000, 1500, 2250, 3375])
      assert.deepStrictEqual(delays(Backoff.exponential("1 second", { factor: 1 }), 3), [1000, 1000, 1000])
    })

    it("linear adds the base unless told otherwise", () => {
      assert.deepStrictEqual(delays(Backoff.linear("1 second"), 4), [1000, 2000, 3000, 4000])
      assert.deepStrictEqual(delays(Backoff.linear("1 second", { increment: 250 }), 3), [1000, 1250, 1500])
      assert.deepStrictEqual(delays(Backoff.linear("1 second", { increment: 0 }), 3), [1000, 1000, 1000])
    })

    it("fibonacci adds the two waits before", () => {
      assert.deepStrictEqual(delays(Backoff.fibonacci(100), 8), [100, 100, 200, 300, 500, 800, 1300, 2100])
    })

    it("gives its delay as output", () => {
      fc.assert(fc.property(growing, (schedule) => {
        for (const { delay, out } of walk(schedule, 30)) {
          // A Duration holds whole nanoseconds.
          assert.closeTo(Duration.toMillis(out), Option.getOrThrow(delay), 1e-3)
        }
      }))
    })

    it("has the delays of Effect's exponential, linear and fibonacci while a timer can hold them", () => {
      fc.assert(fc.property(fc.integer({ min: 1, max: 1e6 }), factors, (base, factor) => {
        const pairs = [
          [Backoff.exponential(base, { factor }), Schedule.exponential(base, factor)],
          [Backoff.linear(base), Schedules.linear(base)],
          [Backoff.fibonacci(base), Schedule.fibonacci(base)]
        ] as const
        for (const [ours, effects] of pairs) {
          const expected = delays(effects, 20).map((delay) => Math.min(delay, maxDelayMillis))
          delays(ours, 20).forEach((delay, n) => assert.closeTo(delay, expected[n]!, 1e-3))
        }
      }))
    })

    it("never shrinks", () => {
      fc.assert(fc.property(growing, fc.option(millis), (schedule, cap) => {
        assert.isTrue(increasing(delays(cap === null ? schedule : Backoff.capped(schedule, cap), 200)))
      }))
    })
  })

  describe("overflow", () => {
    const inRange = (delay: number) => delay >= 0 && delay <= maxDelayMillis

    it("keeps every delay a number from 0 to 2^31-1 ms through 10,000 attempts of any policy", () => {
      fc.assert(
        fc.property(endless, seeds, (schedule, seed) => {
          const all = delays(schedule, 10_000, { seed, start: 1_700_000_000_000 })
          assert.strictEqual(all.length, 10_000)
          assert.isTrue(all.every(inRange))
        }),
        { numRuns: 10 }
      )
    })

    it("waits the longest a timer can hold where the formula has left the numbers", () => {
      for (
        const schedule of [
          Backoff.exponential(1),
          Backoff.exponential(1, { factor: Number.MAX_VALUE }),
          Backoff.fibonacci(1)
        ]
      ) {
        assert.strictEqual(delays(schedule, 10_000).at(-1), maxDelayMillis)
      }
      assert.strictEqual(delays(Backoff.linear(maxDelayMillis), 3).at(-1), maxDelayMillis)
    })

    it("is still in range at attempt 1,000,000", () => {
      assert.isTrue(delays(Backoff.exponential("1 second", { factor: 1.0001 }), 1_000_000).every(inRange))
    })

    it("brings a delay of Effect's own that would never wake into range", () => {
      const policy = Schedule.exponential("1 second").pipe(Backoff.attempts(2000))
      assert.isTrue(delays(policy, 2000).every(inRange))
    })

    it("takes a wait that should have begun in the past for none", () => {
      const late = Schedules.fromDelays(() => -1000)
      assert.deepStrictEqual(withDraws(Backoff.additiveJitter(late, 100), [0, 0.5]), [0, 50])
    })

    it("makes no NaN of an overflowing delay and a draw of zero", () => {
      const far = Backoff.exponential(1, { factor: Number.MAX_VALUE })
      const jitters = [
        Backoff.fullJitter(far),
        Backoff.proportionalJitter(far, { min: 0, max: Number.MAX_VALUE }),
        Backoff.additiveJitter(far, maxDelayMillis)
      ]
      for (const schedule of jitters) {
        assert.isTrue(withDraws(schedule, [0, 0, 0, 0.5]).every(inRange))
      }
    })
  })

  describe("capped", () => {
    it("never waits longer than its maximum, and changes no shorter wait", () => {
      fc.assert(fc.property(endless, millis, seeds, (schedule, max, seed) => {
        const before = delays(schedule, 50, { seed, drift: () => 0 })
        const after = delays(Backoff.capped(schedule, max), 50, { seed })
        after.forEach((delay, n) => assert.closeTo(delay, Math.min(before[n]!, max), 1e-3))
      }))
    })

    it("is a hard bound after any jitter", () => {
      fc.assert(
        fc.property(growing, spreading, fc.integer({ min: 1, max: maxDelayMillis }), (schedule, spread, max) => {
          const policy = schedule.pipe(spread, Backoff.capped(max))
          assert.isTrue(delays(policy, 100, { start: 1_700_000_000_000 }).every((delay) => delay <= max))
        })
      )
    })

    it("twice is the smaller of the two", () => {
      fc.assert(fc.property(growing, millis, millis, (schedule, a, b) => {
        const twice = delays(schedule.pipe(Backoff.capped(a), Backoff.capped(b)), 40)
        delays(Backoff.capped(schedule, Math.min(a, b)), 40).forEach((delay, n) =>
          assert.closeTo(delay, twice[n]!, 1e-3)
        )
      }))
    })

    it("equals Effect's union with a spaced schedule", () => {
      const ours = Backoff.exponential("1 second").pipe(Backoff.capped("10 seconds"))
      const effects = Backoff.exponential("1 second").pipe(Schedule.union(Schedule.spaced("10 seconds")))
      assert.deepStrictEqual(delays(ours, 10), delays(effects, 10))
    })
  })

  describe("jitter", () => {
    const draws = [0, 0.25, 0.5, 0.999] as const
    const second = Schedule.spaced("1 second")

    it("has the formulas of its documentation", () => {
      assert.deepStrictEqual(withDraws(Backoff.fullJitter(second), draws), [0, 250, 500, 999])
      assert.deepStrictEqual(withDraws(Backoff.equalJitter(second), draws), [500, 625, 750, 999.5])
      assert.deepStrictEqual(withDraws(Backoff.additiveJitter(second, 200), draws), [1000, 1050, 1100, 1199.8])
      assert.deepStrictEqual(
        withDraws(Backoff.proportionalJitter(second, { min: 0.5, max: 2.5 }), draws),
        [500, 1000, 1500, 2498]
      )
      assert.deepStrictEqual(withDraws(Backoff.random({ min: 100, max: 300 }), draws), [100, 150, 200, 299.8])
    })

    it("draws exactly once per step", () => {
      const jitters = [
        Backoff.fullJitter(second),
        Backoff.equalJitter(second),
        Backoff.additiveJitter(second, 5),
        Backoff.proportionalJitter(second, { min: 1, max: 2 }),
        Backoff.random({ min: 1, max: 2 }),
        Backoff.decorrelated({ base: 1, cap: 2 }),
        Backoff.chain(Backoff.random({ min: 1, max: 2 }), Backoff.random({ min: 3, max: 4 }))
      ]
      for (const schedule of jitters) assert.strictEqual(drawsIn(schedule, 7), 7)
      assert.strictEqual(drawsIn(Backoff.exponential(1).pipe(Backoff.capped(2), Backoff.within("1 hour")), 7), 0)
    })

    it("stays within its bounds", () => {
      const bounds: ReadonlyArray<readonly [typeof spreading, (d: number) => readonly [number, number]]> = [
        [fc.constant(Backoff.fullJitter), (d) => [0, d]],
        [fc.constant(Backoff.equalJitter), (d) => [d / 2, d]],
        [fc.constant(Backoff.additiveJitter(7000)), (d) => [d, d + 7000]],
        [fc.constant(Backoff.proportionalJitter({ min: 0.75, max: 1.25 })), (d) => [d * 0.75, d * 1.25]]
      ]
      for (const [arbitrary, bound] of bounds) {
        fc.assert(fc.property(growing, arbitrary, seeds, (schedule, spread, seed) => {
          const bare = delays(schedule, 50)
          delays(spread(schedule), 50, { seed }).forEach((delay, n) => {
            const [min, max] = bound(bare[n]!)
            assert.isAtLeast(delay, Math.min(min, maxDelayMillis) - 1e-3)
            assert.isAtMost(delay, Math.min(max, maxDelayMillis) + 1e-3)
          })
        }))
      }
    })

    it("has the mean of its distribution", () => {
      const n = 20_000
      const cases: ReadonlyArray<readonly [string, Schedule.Schedule<unknown>, mean: number, width: number]> = [
        ["full", Backoff.fullJitter(second), 500, 1000],
        ["equal", Backoff.equalJitter(second), 750, 500],
        ["additive", Backoff.additiveJitter(second, "3 seconds"), 2500, 3000],
        ["proportional", Backoff.proportionalJitter(second, { min: 0.75, max: 1.75 }), 1250, 1000],
        ["random", Backoff.random({ min: "1 second", max: "5 seconds" }), 3000, 4000]
      ]
      for (const [name, schedule, expected, width] of cases) {
        assert.closeTo(mean(delays(schedule, n, { seed: name })), expected, tolerance(width, n), name)
      }
    })

    it("gives the same delays for the same seed, and others for another", () => {
      fc.assert(fc.property(endless, seeds, (schedule, seed) => {
        assert.deepStrictEqual(delays(schedule, 20, { seed }), delays(schedule, 20, { seed }))
      }))
      const policy = Backoff.exponential("1 second").pipe(Backoff.fullJitter)
      assert.notDeepEqual(delays(policy, 5, { seed: 1 }), delays(policy, 5, { seed: 2 }))
    })

    it("full and equal are proportional from 0 and from a half; Effect's jittered from 0.8 to 1.2", () => {
      const policy = Backoff.exponential("1 second").pipe(Backoff.capped("1 hour"))
      const proportional = (min: number, max: number) => delays(Backoff.proportionalJitter(policy, { min, max }), 30)
      const close = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>) =>
        actual.forEach((delay, n) => assert.closeTo(delay, expected[n]!, 1e-3))
      close(proportional(0, 1), delays(Backoff.fullJitter(policy), 30))
      close(proportional(0.5, 1), delays(Backoff.equalJitter(policy), 30))
      close(proportional(0.8, 1.2), delays(Schedule.jittered(policy), 30))
    })
  })

  describe("decorrelated", () => {
    it("draws each wait from the base to three times the one before", () => {
      const schedule = Backoff.decorrelated({ base: 100, cap: 10_000 })
      assert.deepStrictEqual(withDraws(schedule, [0, 0.5, 0.5, 0.25]), [100, 200, 350, 337.5])
    })

    it("stays between base and cap, and within three times the wait before", () => {
      fc.assert(fc.property(ordered, seeds, ({ max, min }, seed) => {
        let previous = min
        for (const delay of delays(Backoff.decorrelated({ base: min, cap: max }), 100, { seed })) {
          assert.isAtLeast(delay, min - 1e-3)
          assert.isAtMost(delay, Math.min(max, previous * 3) + 1e-3)
          previous = delay
        }
      }))
    })

    it("has the mean of its distribution", () => {
      const base = 1
      const runs = Arr.range(1, 2000).map((seed) =>
        delays(Backoff.decorrelated({ base, cap: maxDelayMillis }), 10, { seed })
      )
      const draws = runs.flatMap((run) => run.map((delay, n) => (delay - base) / ((run[n - 1] ?? base) * 3 - base)))
      assert.closeTo(mean(draws), 0.5, tolerance(1, draws.length))
    })
  })

  describe("attempts", () => {
    const tries = (schedule: Schedule.Schedule<unknown, number>) => walk(schedule, 1000).length

    it("gives exactly n tries with any schedule inside", () => {
      fc.assert(fc.property(endless, fc.integer({ min: 1, max: 100 }), seeds, (schedule, n, seed) => {
        assert.strictEqual(walk(Backoff.attempts(schedule, n), 1000, { seed }).length, n)
      }))
    })

    it("changes no delay and no output", () => {
      fc.assert(fc.property(endless, seeds, (schedule, seed) => {
        const limited = walk(Backoff.attempts(schedule, 20), 1000, { seed })
        assert.deepStrictEqual(limited.slice(0, -1), walk(schedule, 19, { seed }))
      }))
    })

    it("twice is the smaller; in an intersection the smaller, in a union the larger", () => {
      const attempts = fc.integer({ min: 1, max: 50 })
      fc.assert(fc.property(endless, attempts, attempts, (schedule, n, m) => {
        const [a, b] = [Backoff.attempts(schedule, n), Backoff.attempts(schedule, m)]
        assert.strictEqual(tries(Backoff.attempts(a, m)), Math.min(n, m))
        assert.strictEqual(tries(Schedule.intersect(a, b)), Math.min(n, m))
        assert.strictEqual(tries(Schedule.union(a, b)), Math.max(n, m))
      }))
    })

    it("in a sequence counts for each part the try that came before it", () => {
      const attempts = fc.integer({ min: 1, max: 50 })
      fc.assert(fc.property(endless, attempts, attempts, (schedule, n, m) => {
        const [a, b] = [Backoff.attempts(schedule, n), Backoff.attempts(schedule, m)]
        assert.strictEqual(tries(Schedule.andThen(a, b)), n + m - 1)
      }))
    })

    it("is Effect's recurs of one less", () => {
      fc.assert(fc.property(endless, fc.integer({ min: 1, max: 50 }), seeds, (schedule, n, seed) => {
        const effects = Schedules.zipLeft(schedule, Schedule.recurs(n - 1))
        assert.deepStrictEqual(walk(Backoff.attempts(schedule, n), 100, { seed }), walk(effects, 100, { seed }))
      }))
    })
  })

  describe("within", () => {
    it("stops before the wait that would end too late, and allows the one that ends in time", () => {
      const policy = (duration: Duration.DurationInput) =>
        Backoff.exponential("1 second").pipe(Backoff.within(duration))
      assert.deepStrictEqual(delays(policy("10 seconds"), 10), [1000, 2000, 4000])
      assert.deepStrictEqual(delays(policy("15 seconds"), 10), [1000, 2000, 4000, 8000])
      assert.deepStrictEqual(delays(policy(14_999), 10), [1000, 2000, 4000])
      assert.deepStrictEqual(delays(policy(999), 10), [])
    })

    it("counts the time that the attempts take", () => {
      const policy = Schedule.spaced("1 second").pipe(Backoff.within("10 seconds"))
      assert.strictEqual(delays(policy, 100).length, 10)
      assert.strictEqual(delays(policy, 100, { drift: () => 1000 }).length, 5)
    })

    it("never overruns, and stops for no other reason, whatever the delays and the attempts take", () => {
      const lasting = fc.array(fc.nat({ max: 60_000 }), { maxLength: 100, size: "max" })
      fc.assert(fc.property(endless, millis, lasting, seeds, (schedule, duration, spent, seed) => {
        const options = { seed, drift: (step: number) => spent[step] ?? 0, start: 1_700_000_000_000 }
        const steps = walk(Backoff.within(schedule, duration), 100, options)
        const unlimited = delays(schedule, 100, options)
        steps.forEach((step, n) => {
          const elapsed = step.now - steps[0]!.now
          if (Option.isSome(step.delay)) assert.isAtMost(elapsed + step.delay.value, duration + 1e-3)
          else assert.isAbove(elapsed + unlimited[n]!, duration - 1e-3)
        })
      }))
    })

    it("gives a clock that steps back no more time", () => {
      const drifts = fc.array(fc.integer({ min: -600_000, max: 60_000 }), { minLength: 1, maxLength: 100, size: "max" })
      fc.assert(
        fc.property(growing, fc.integer({ min: 1, max: maxDelayMillis }), drifts, (schedule, duration, drift) => {
          const steps = walk(Backoff.within(schedule, duration), 100, { drift: (step) => drift[step] ?? 0 })
          let elapsed = 0
          steps.forEach((step, n) => {
            elapsed += n === 0 ? 0 : Math.max(0, step.now - steps[n - 1]!.now)
            if (Option.isSome(step.delay)) assert.isAtMost(elapsed + step.delay.value, duration + 1e-3)
          })
        })
      )
      const policy = Schedule.spaced("1 second").pipe(Backoff.within("10 seconds"))
      const setBack = delays(policy, 1000, { drift: (step) => step === 5 ? -3_600_000 : 0 })
      assert.strictEqual(setBack.length, 11)
    })

    it("and attempts stop at whichever comes first, in either order", () => {
      fc.assert(fc.property(endless, millis, fc.integer({ min: 1, max: 50 }), seeds, (schedule, duration, n, seed) => {
        const one = walk(schedule.pipe(Backoff.within(duration), Backoff.attempts(n)), 100, { seed })
        const other = walk(schedule.pipe(Backoff.attempts(n), Backoff.within(duration)), 100, { seed })
        const unlimited = walk(Backoff.within(schedule, duration), n, { seed })
        assert.deepStrictEqual(one, other)
        assert.strictEqual(one.length, Math.min(n, unlimited.length))
      }))
    })
  })

  describe("chain", () => {
    const one = Backoff.linear(1)
    const ten = Backoff.exponential(10)

    it("takes one wait from each and goes on with the last", () => {
      assert.deepStrictEqual(delays(Backoff.chain(one, one, Schedule.forever, ten), 7), [1, 1, 0, 10, 20, 40, 80])
    })

    it("of one schedule is that schedule", () => {
      fc.assert(fc.property(endless, seeds, (schedule, seed) => {
        assert.deepStrictEqual(walk(Backoff.chain(schedule), 20, { seed }), walk(schedule, 20, { seed }))
      }))
    })

    it("is associative", () => {
      fc.assert(fc.property(endless, endless, endless, seeds, (a, b, c, seed) => {
        const flat = delays(Backoff.chain(a, b, c), 20, { seed })
        assert.deepStrictEqual(delays(Backoff.chain(a, Backoff.chain(b, c)), 20, { seed }), flat)
      }))
    })

    it("ends where one of its schedules ends, so that a filter on the first holds", () => {
      const filtered = Schedule.whileInput(one, (input: number) => input > 100)
      assert.deepStrictEqual(delays(Backoff.chain(filtered, ten), 10), [])
      assert.strictEqual(walk(Backoff.chain(one, ten.pipe(Backoff.attempts(3))), 10).length, 4)
    })

    it("can be run again", () => {
      const schedule = Backoff.chain(one, ten)
      assert.deepStrictEqual(delays(schedule, 3), delays(schedule, 3))
    })

    it("has the outputs, inputs and services of all its schedules", () => {
      const strings = Schedule.identity<string>()
      const numbers = Schedule.whileInput(Schedule.identity<number>(), (n: number) => n > 0)
      const both: Schedule.Schedule<string | number, string & number> = Backoff.chain(strings, numbers)
      // @ts-expect-error the second schedule takes no string
      const wrong: Schedule.Schedule<unknown, string> = Backoff.chain(strings, numbers)
      const same: Schedule.Schedule<string | Duration.Duration, string> = Backoff.chain(strings, ten)
      assert.isTrue([both, same, wrong].every(Schedule.isSchedule))
    })
  })

  describe("with Effect's combinators", () => {
    const policy = Backoff.exponential("1 second").pipe(Backoff.capped("5 seconds"), Backoff.attempts(5))

    it("intersect takes the longer wait", () => {
      assert.deepStrictEqual(delays(Schedule.intersect(policy, Schedule.spaced(3000)), 9), [3000, 3000, 4000, 5000])
    })

    it("union takes the shorter wait and goes on until both end", () => {
      const other = Schedule.spaced(3000).pipe(Backoff.attempts(7))
      assert.deepStrictEqual(delays(Schedule.union(policy, other), 9), [1000, 2000, 3000, 3000, 3000, 3000])
    })

    it("andThen begins the next part at the failure that ended the first", () => {
      const other = Schedule.spaced(7000).pipe(Backoff.attempts(3))
      assert.deepStrictEqual(delays(Schedule.andThen(policy, other), 9), [1000, 2000, 4000, 5000, 7000, 7000])
    })

    it("whileInput and untilInput end it at an error", () => {
      assert.deepStrictEqual(delays(Schedule.whileInput(policy, (n: number) => n < 2), 9), [1000, 2000])
      assert.deepStrictEqual(delays(Schedule.untilInput(policy, (n: number) => n === 1), 9), [1000])
    })

    it("upTo overshoots where within does not", () => {
      const end = (schedule: Schedule.Schedule<unknown, number>) => walk(schedule, 100).at(-1)!.now
      const spaced = Schedule.spaced(700)
      assert.strictEqual(end(Schedule.upTo(spaced, "1 second")), 1400)
      assert.strictEqual(end(Backoff.within(spaced, "1 second")), 700)
    })

    it("resetAfter begins anew once so much time has passed", () => {
      const schedule = Schedules.resetAfter(Backoff.exponential("1 second"), "1 minute")
      const pause = (step: number) => step === 3 ? 60_000 : 0
      assert.deepStrictEqual(delays(schedule, 5, { drift: pause }), [1000, 2000, 4000, 1000, 2000])
    })

    it("resetWhen gives back all attempts and all time", () => {
      const limited: Schedule.Schedule<number, number> = Schedule.identity<number>().pipe(
        Schedule.addDelay(() => 1000),
        Backoff.attempts(3),
        Backoff.within("2500 millis")
      )
      const schedule = Schedules.resetWhen(limited, (input) => input === 2)
      assert.deepStrictEqual(delays(schedule, 9), [1000, 1000, 1000, 1000])
    })

    it("addDelay, modifyDelay, delays and jittered see our delays", () => {
      assert.deepStrictEqual(delays(Schedule.addDelay(policy, () => 1), 2), [1001, 2001])
      assert.deepStrictEqual(delays(Schedule.modifyDelay(policy, (_, delay) => Duration.times(delay, 2)), 2), [
        2000,
        4000
      ])
      assert.deepStrictEqual(walk(Schedule.delays(policy), 2).map((step) => Duration.toMillis(step.out)), [1000, 2000])
      assert.isTrue(delays(Schedule.jittered(policy), 9)[3]! > 4000)
    })

    it("keeps the output of the schedule it is given", () => {
      const named = Schedule.as(Schedule.spaced(1000), "mine")
      const kept: Schedule.Schedule<string> = named.pipe(
        Backoff.capped(500),
        Backoff.fullJitter,
        Backoff.equalJitter,
        Backoff.additiveJitter(1),
        Backoff.proportionalJitter({ min: 1, max: 2 }),
        Backoff.attempts(3),
        Backoff.within("1 minute")
      )
      assert.deepStrictEqual(walk(kept, 9).map((step) => step.out), ["mine", "mine", "mine"])
    })
  })

  it("every combinator takes the schedule first or last", () => {
    const schedule = Backoff.exponential("1 second")
    const pairs = [
      [Backoff.capped(schedule, 3000), schedule.pipe(Backoff.capped(3000))],
      [Backoff.additiveJitter(schedule, 10), schedule.pipe(Backoff.additiveJitter(10))],
      [
        Backoff.proportionalJitter(schedule, { min: 1, max: 2 }),
        schedule.pipe(Backoff.proportionalJitter({ min: 1, max: 2 }))
      ],
      [Backoff.attempts(schedule, 3), schedule.pipe(Backoff.attempts(3))],
      [Backoff.within(schedule, 5000), schedule.pipe(Backoff.within(5000))]
    ] as const
    for (const [first, last] of pairs) assert.deepStrictEqual(walk(first, 9), walk(last, 9))
  })

  describe("run by Effect", () => {
    /** Runs the program to its end on the test clock, and gives the time that passed. */
    const timed = <A, E, R>(program: Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        const fiber = yield* Effect.fork(Effect.timed(Effect.either(program)))
        yield* TestClock.adjust("1 day")
        const [elapsed, result] = yield* Fiber.join(fiber)
        return { elapsed: Duration.toMillis(elapsed), result }
      })

    const failing = Effect.sync(() => {
      let made = 0
      return Effect.suspend(() => Effect.fail(++made))
    })

    const policy = Backoff.exponential("1 second").pipe(Backoff.capped("4 seconds"), Backoff.attempts(5))

    it.effect("Effect.retry makes the attempts and waits the delays", () =>
      Effect.gen(function*() {
        const { elapsed, result } = yield* timed(Effect.retry(yield* failing, policy))
        assert.deepStrictEqual(result, Either.left(5))
        assert.strictEqual(elapsed, 1000 + 2000 + 4000 + 4000)
      }))

    it.effect("Effect.retry with attempts(1) tries once and does not wait", () =>
      Effect.gen(function*() {
        const { elapsed, result } = yield* timed(Effect.retry(yield* failing, Backoff.attempts(policy, 1)))
        assert.deepStrictEqual(result, Either.left(1))
        assert.strictEqual(elapsed, 0)
      }))

    it.effect("Effect.retry with within ends before the time is over", () =>
      Effect.gen(function*() {
        const slow = Effect.zipRight(Effect.sleep("500 millis"), yield* failing)
        const { elapsed, result } = yield* timed(Effect.retry(slow, Backoff.within(policy, "5 seconds")))
        // Attempts end at 0.5, 2 and 4.5 s; the first failure begins the count, and the next wait would end 8 s after it.
        assert.deepStrictEqual(result, Either.left(3))
        assert.strictEqual(elapsed, 4500)
      }))

    it.effect("Effect.repeat counts the first run too", () =>
      Effect.gen(function*() {
        let runs = 0
        yield* timed(Effect.repeat(Effect.sync(() => ++runs), policy))
        assert.strictEqual(runs, 5)
      }))

    it.effect("Retry.ledger names the limit that ended the attempts", () =>
      Effect.gen(function*() {
        const reasons = (schedule: Schedule.Schedule<unknown, number>) =>
          Effect.gen(function*() {
            const { result } = yield* timed(Retry.ledger(yield* failing, schedule))
            const [, ledger] = Either.getOrThrow(result)
            return ledger.map((attempt) => attempt.reason)
          })
        assert.deepStrictEqual(yield* reasons(Backoff.attempts(policy, 3)), ["backoff", "backoff", "attempts"])
        assert.deepStrictEqual(yield* reasons(Backoff.within(policy, "3 seconds")), ["backoff", "backoff", "within"])
      }))
  })

  describe("options that make no sense", () => {
    const rejects = (option: string, value: unknown, make: () => unknown) => {
      try {
        make()
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.strictEqual(error.option, option)
        assert.deepStrictEqual(error.value, value)
        return
      }
      assert.fail(`${option} ${String(value)} was accepted`)
    }

    it("throw where the schedule is made, naming the option", () => {
      for (const base of [0, -1, NaN, Infinity, 2 ** 31, "soon" as "1 second"]) {
        rejects("base", base, () => Backoff.exponential(base))
        rejects("base", base, () => Backoff.linear(base))
        rejects("one", base, () => Backoff.fibonacci(base))
        rejects("base", base, () => Backoff.decorrelated({ base, cap: "1 minute" }))
        rejects("max", base, () => Backoff.random({ min: 0, max: base }))
      }
      for (const factor of [0, 0.99, -2, NaN, Infinity]) {
        rejects("factor", factor, () => Backoff.exponential("1 second", { factor }))
      }
      rejects("increment", -1, () => Backoff.linear("1 second", { increment: -1 }))
      rejects("min", -1, () => Backoff.random({ min: -1, max: 1 }))
      rejects("max", 999, () => Backoff.random({ min: "1 second", max: 999 }))
      rejects("cap", 999, () => Backoff.decorrelated({ base: "1 second", cap: 999 }))
    })

    it("throw before a combinator is given its schedule, and with it too", () => {
      const schedule = Schedule.forever
      for (const duration of [0, -1, NaN, Infinity, 2 ** 31, "soon" as "1 second"]) {
        rejects("max", duration, () => Backoff.capped(duration))
        rejects("max", duration, () => Backoff.capped(schedule, duration))
        rejects("max", duration, () => Backoff.additiveJitter(duration))
        rejects("duration", duration, () => Backoff.within(duration))
      }
      for (const n of [0, -1, 1.5, NaN, Infinity]) {
        rejects("n", n, () => Backoff.attempts(n))
        rejects("n", n, () => Backoff.attempts(schedule, n))
      }
      rejects("min", -0.1, () => Backoff.proportionalJitter({ min: -0.1, max: 1 }))
      rejects("min", NaN, () => Backoff.proportionalJitter({ min: NaN, max: 1 }))
      rejects("max", 0.5, () => Backoff.proportionalJitter({ min: 1, max: 0.5 }))
      rejects("max", Infinity, () => Backoff.proportionalJitter({ min: 1, max: Infinity }))
    })

    it("a chain of nothing throws", () => {
      const none: Array<Schedule.Schedule<number>> = []
      // @ts-expect-error an empty chain is a type error as well
      rejects("schedules", [], () => Backoff.chain(...none))
    })
  })
})
