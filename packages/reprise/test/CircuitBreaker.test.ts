import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, FastCheck as fc, Fiber, Option, Schedule, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as RateLimiter from "reprise/RateLimiter"
import * as Tripping from "reprise/Tripping"
import {
  begin,
  call,
  counts,
  down,
  fail,
  make,
  millisOf,
  type Options,
  rejection,
  retryAfter,
  ripe,
  type Running,
  succeed,
  times
} from "./breakerCalls.js"
import * as Schedules from "./schedules.js"
import * as Virtual from "./virtual.js"

const rate = (threshold: number, minimumCalls: number, calls: number) =>
  Tripping.rate({ threshold, minimumCalls, window: { calls } })
const tenSeconds = { duration: "10 seconds", buckets: 10 } as const

describe("a rule of consecutive failures", () => {
  it.effect("opens with the last of them, and each caller sees its own error", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(3) })
      assert.deepStrictEqual(yield* times(2, fail(breaker)), ["down", "down"])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      assert.strictEqual(yield* fail(breaker), "down")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      assert.strictEqual(yield* succeed(breaker), "rejected")
    }))

  it.effect("starts to count again after a success", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(3) })
      yield* times(2, fail(breaker))
      yield* succeed(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* times(2, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("neither counts ignored errors nor starts again with them", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2), isFailure: (error) => error !== "not found" })
      const ignored = call(breaker, Effect.fail("not found"))
      assert.deepStrictEqual(yield* times(50, ignored), Array<string>(50).fill("not found"))
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* Effect.all([fail(breaker), ignored, fail(breaker)])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("opens with exactly so many of a thousand concurrent failures", () =>
    Effect.gen(function*() {
      const run = (limit: number) =>
        Effect.gen(function*() {
          const breaker = yield* make({ trip: Tripping.consecutive(limit) })
          const late = Effect.zipRight(Effect.yieldNow(), down)
          const seen = yield* Effect.all(Array.from({ length: 1_000 }, () => call(breaker, late)), {
            concurrency: "unbounded"
          })
          assert.isTrue(seen.every((word) => word === "down"))
          return yield* CircuitBreaker.snapshot(breaker)
        })
      assert.deepInclude(yield* run(1_001), { state: "Closed", failures: 1_000, rejected: 0 })
      assert.deepInclude(yield* run(1_000), { state: "Open", generation: 1, trips: 1 })
      assert.deepInclude((yield* run(700)).trip, { failures: 700 })
    }))
})

describe("a rule of a failure rate", () => {
  it.effect("opens at exactly the threshold, and not one failure below", () =>
    Effect.gen(function*() {
      const below = yield* make({ trip: rate(0.5, 10, 10) })
      yield* Effect.all([times(6, succeed(below)), times(4, fail(below))])
      assert.strictEqual(yield* CircuitBreaker.state(below), "Closed")
      const at = yield* make({ trip: rate(0.5, 10, 10) })
      yield* Effect.all([times(5, succeed(at)), times(5, fail(at))])
      assert.strictEqual(yield* CircuitBreaker.state(at), "Open")
    }))

  it.effect("stays closed at any share that is below the threshold, round after round, and opens with one more", () =>
    Effect.gen(function*() {
      for (let rounds = 10; rounds < 20; rounds++) {
        const breaker = yield* make({ trip: rate(0.3, 10, 10) })
        yield* times(rounds, Effect.all([times(4, succeed(breaker)), fail(breaker)]))
        assert.deepStrictEqual(yield* counts(breaker), [10, 2, 0])
        yield* times(2, fail(breaker))
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      }
    }))

  it.effect("never opens with fewer calls than the minimum, and does with the last of them", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate(0.01, 10, 100) })
      yield* times(9, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      yield* fail(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("opens with the success that makes the calls enough, and the caller gets its value", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate(0.5, 3, 10) })
      yield* times(2, fail(breaker))
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), {
        state: "Open",
        trip: { rule: "rate", calls: 3, failures: 2, slow: 0 }
      })
    }))

  it.effect("opens as soon as there are enough calls, without waiting for a whole window of time", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: Tripping.rate({ threshold: 1, minimumCalls: 2, window: { duration: "1 hour" } })
      })
      yield* times(2, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("goes on with the oldest calls forgotten, however often the ring of the window wraps", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate(1, 3, 3) })
      const seen: Array<ReadonlyArray<number>> = []
      for (let i = 0; i < 100; i++) {
        yield* i % 3 === 0 ? succeed(breaker) : fail(breaker)
        seen.push(yield* counts(breaker))
      }
      assert.deepStrictEqual(seen.slice(0, 2), [[1, 0, 0], [2, 1, 0]])
      assert.isTrue(seen.slice(2).every((counts) => counts.join() === "3,2,0"))
    }))

  it.effect("must see the minimum of calls anew after a recovery", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate(0.5, 4, 10) })
      yield* times(4, fail(breaker))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* times(3, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      yield* fail(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("does not count rejected calls", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: rate(0.5, 4, 100) })
      yield* times(4, fail(breaker))
      yield* times(100, succeed(breaker))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { rejected: 100, calls: 0, failures: 0 })
      yield* TestClock.adjust("1 second")
      yield* succeed(breaker)
      yield* times(3, fail(breaker))
      assert.deepStrictEqual(yield* counts(breaker), [3, 3, 0])
      yield* succeed(breaker)
      assert.deepInclude((yield* CircuitBreaker.snapshot(breaker)).trip, { calls: 4, failures: 3 })
    }))
})

describe("a window of time", () => {
  const timed = (window: Tripping.Rate["window"], threshold = 1) =>
    make({ trip: Tripping.rate({ threshold, minimumCalls: 1_000, window }) })

  it.effect("counts a call until exactly the duration has passed", () =>
    Effect.gen(function*() {
      const breaker = yield* timed(tenSeconds)
      yield* fail(breaker)
      yield* TestClock.setTime(9_999)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      yield* TestClock.setTime(10_000)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    }))

  it.effect("forgets a span with all its calls at once, at its border", () =>
    Effect.gen(function*() {
      const breaker = yield* timed(tenSeconds)
      yield* TestClock.setTime(999)
      yield* fail(breaker)
      yield* TestClock.setTime(1_000)
      yield* succeed(breaker)
      yield* TestClock.setTime(9_999)
      assert.deepStrictEqual(yield* counts(breaker), [2, 1, 0])
      yield* TestClock.setTime(10_000)
      assert.deepStrictEqual(yield* counts(breaker), [1, 0, 0])
      yield* TestClock.setTime(11_000)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    }))

  it.effect("has one call less with each second, where there was one in each", () =>
    Effect.gen(function*() {
      const breaker = yield* timed(tenSeconds)
      for (let second = 0; second < 25; second++) {
        yield* TestClock.setTime(second * 1_000)
        yield* succeed(breaker)
      }
      for (let left = 10; left >= 0; left--) {
        assert.deepStrictEqual(yield* counts(breaker), [left, 0, 0])
        yield* TestClock.adjust("1 second")
      }
    }))

  it.effect("forgets all spans that passed unseen, and none of the others", () =>
    Effect.gen(function*() {
      const breaker = yield* timed(tenSeconds)
      for (const millis of [0, 3_000, 6_000]) {
        yield* TestClock.setTime(millis)
        yield* fail(breaker)
      }
      yield* TestClock.setTime(14_000)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      yield* TestClock.adjust("1 hour")
      yield* succeed(breaker)
      yield* fail(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [2, 1, 0])
    }))

  it.effect("stays closed where failures are spread over more than its duration", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.rate({ threshold: 1, minimumCalls: 3, window: tenSeconds }) })
      for (let i = 0; i < 20; i++) {
        yield* fail(breaker)
        yield* TestClock.adjust("5 seconds")
      }
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("counts no other calls than those of its spans, whatever its duration and the times of the calls", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(1, 10, 103, 199, 1_000, 10_001),
          fc.integer({ min: 1, max: 12 }),
          fc.array(fc.tuple(fc.nat(400), fc.boolean()), { maxLength: 40, size: "max" }),
          (duration, buckets, steps) =>
            Effect.runPromise(Effect.gen(function*() {
              const clock = Virtual.clock()
              const breaker = yield* Effect.withClock(timed({ duration, buckets }), clock)
              const spanOf = (millis: number) => Math.floor(millis * buckets / duration)
              const log: Array<readonly [span: number, isBad: boolean]> = []
              for (const [millis, isBad] of steps) {
                clock.millis += millis
                log.push([spanOf(clock.millis), isBad])
                yield* Effect.withClock(isBad ? fail(breaker) : succeed(breaker), clock)
                const live = log.filter(([span]) => span > spanOf(clock.millis) - buckets)
                const expected = [live.length, live.filter(([, isBad]) => isBad).length, 0]
                assert.deepStrictEqual(yield* Effect.withClock(counts(breaker), clock), expected)
              }
            }))
        ),
        { numRuns: 100 }
      )
    ))
})

describe("slow calls", () => {
  const slow = (minimumCalls = 2, options: Partial<Options> = {}) =>
    make({
      trip: Tripping.slowRate({ threshold: 0.5, minimumCalls, slowerThan: "1 second", window: { calls: 10 } }),
      ...options
    })

  it.effect("are those that take exactly the limit, however they end", () =>
    Effect.gen(function*() {
      const breaker = yield* slow(9)
      const [success, failure, defect, interrupted, quick] = yield* times(5, begin(breaker))
      yield* TestClock.adjust(999)
      yield* quick!.end(Exit.succeed("ok"))
      assert.deepStrictEqual(yield* counts(breaker), [1, 0, 0])
      yield* TestClock.adjust(1)
      yield* success!.end(Exit.succeed("ok"))
      yield* failure!.end(Exit.fail("down"))
      yield* defect!.end(Exit.die("bug"))
      yield* Fiber.interrupt(interrupted!.fiber)
      assert.deepStrictEqual(yield* counts(breaker), [5, 0, 4])
    }))

  it.effect("open it before they end", () =>
    Effect.gen(function*() {
      const breaker = yield* slow()
      yield* times(2, begin(breaker))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* counts(breaker), [2, 0, 2])
      const { retryAfter, trip } = yield* rejection(breaker)
      assert.deepStrictEqual(trip, { rule: "slowRate", calls: 2, failures: 0, slow: 2 })
      assert.deepStrictEqual(retryAfter, Option.some(Duration.seconds(1)))
    }))

  it.effect("count once, while they run and after", () =>
    Effect.gen(function*() {
      const breaker = yield* slow(9)
      const [one, two] = yield* times(2, begin(breaker))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* counts(breaker), [2, 0, 2])
      yield* one!.end(Exit.succeed("ok"))
      yield* two!.end(Exit.fail("down"))
      assert.deepStrictEqual(yield* counts(breaker), [2, 0, 2])
    }))

  it.effect("that are interrupted count, and quick ones that are interrupted do not", () =>
    Effect.gen(function*() {
      const breaker = yield* slow(9)
      const [young, old] = yield* times(2, begin(breaker))
      yield* TestClock.adjust(999)
      yield* Fiber.interrupt(young!.fiber)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(old!.fiber)
      assert.deepStrictEqual(yield* counts(breaker), [1, 0, 1])
    }))

  it.effect("open it through timeouts around them", () =>
    Effect.gen(function*() {
      const breaker = yield* slow()
      const hanging = Effect.never.pipe(CircuitBreaker.protect(breaker), Effect.timeout("2 seconds"), Effect.exit)
      yield* Effect.forkDaemon(times(2, hanging))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* succeed(breaker), "rejected")
    }))

  it.effect("fail a probe, even one that succeeds or is interrupted", () =>
    Effect.gen(function*() {
      for (
        const end of [(probe: Running) => probe.end(Exit.succeed("ok")), ({ fiber }: Running) => Fiber.interrupt(fiber)]
      ) {
        const breaker = yield* slow()
        yield* CircuitBreaker.trip(breaker, { openFor: 0 })
        const probe = yield* begin(breaker)
        yield* TestClock.adjust("1 second")
        yield* end(probe)
        assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Open", trips: 2 })
      }
    }))
})

describe("what counts", () => {
  it.effect("is a defect, always", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2), isFailure: () => false, outcome: () => "ignored" })
      assert.deepStrictEqual(yield* times(2, call(breaker, Effect.die("bug"))), ["defect bug", "defect bug"])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("is not an interruption, inside or outside", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      assert.strictEqual(yield* call(breaker, Effect.interrupt), "interrupted")
      const running = yield* begin(breaker)
      yield* Fiber.interrupt(running.fiber)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0 })
    }))

  it.effect("is not a call that a policy inside has rejected, unless isFailure says so", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ limit: 1, window: "1 minute" })
      const adaptive = yield* AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd({ initial: 1 }) })
      const limited = Effect.fail("down").pipe(RateLimiter.protect(limiter))
      const inOne = Effect.void.pipe(AdaptiveLimiter.protect(adaptive))
      yield* Effect.ignore(limited)
      const both: ReadonlyArray<Effect.Effect<void, unknown>> = [limited, inOne.pipe(AdaptiveLimiter.protect(adaptive))]
      for (const rejected of both) {
        const own = yield* make()
        yield* Effect.ignore(CircuitBreaker.protect(rejected, own))
        assert.strictEqual(yield* CircuitBreaker.state(own), "Closed")
        const all = yield* make({ isFailure: () => true })
        yield* Effect.ignore(CircuitBreaker.protect(rejected, all))
        assert.strictEqual(yield* CircuitBreaker.state(all), "Open")
      }
    }))

  it.effect("is what outcome says of successes and errors", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: rate(1, 10, 10),
        outcome: Exit.match({
          onSuccess: (value) => value === "bad" ? "failure" : value === "odd" ? "ignored" : "success",
          onFailure: () => "success"
        })
      })
      const seen = yield* Effect.forEach(["good", "bad", "odd"], (word) => call(breaker, Effect.succeed(word)))
      assert.deepStrictEqual([...seen, yield* fail(breaker)], ["good", "bad", "odd", "down"])
      assert.deepStrictEqual(yield* counts(breaker), [3, 1, 0])
    }))

  const broken = () => {
    throw "broken"
  }
  for (const [name, options] of [["isFailure", { isFailure: broken }], ["outcome", { outcome: broken }]] as const) {
    it.effect(`is a call whose ${name} throws: its defect is the call's own`, () =>
      Effect.gen(function*() {
        const closed = yield* make({ trip: Tripping.consecutive(2), ...options })
        assert.strictEqual(yield* fail(closed), "defect broken")
        assert.deepStrictEqual(yield* counts(closed), [1, 1, 0])
        const probed = yield* ripe({ toleratedProbeFailures: 1, ...options })
        assert.strictEqual(yield* fail(probed), "defect broken")
        assert.deepInclude(yield* CircuitBreaker.snapshot(probed), { state: "HalfOpen", probes: 0 })
        assert.strictEqual(yield* fail(probed), "defect broken")
        assert.strictEqual(yield* CircuitBreaker.state(probed), "Open")
      }))
  }
})

describe("an open breaker", () => {
  it.effect("says how long it stays open, to the millisecond, and lets a probe through at exactly the end", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* fail(breaker)
      const snapshot = Effect.map(
        CircuitBreaker.snapshot(breaker),
        ({ retryAfter }) => millisOf(Option.orElseSome(retryAfter, () => Duration.zero))
      )
      assert.deepStrictEqual([yield* retryAfter(breaker), yield* snapshot], [1_000, 1_000])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* retryAfter(breaker), yield* snapshot], [999, 999])
      yield* TestClock.adjust(998)
      assert.deepStrictEqual([yield* retryAfter(breaker), yield* snapshot], [1, 1])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual([yield* CircuitBreaker.state(breaker), yield* snapshot], ["Open", 0])
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepStrictEqual([yield* CircuitBreaker.state(breaker), yield* snapshot], ["Closed", 0])
    }))

  it.effect("stays open for longer with each failed probe, and begins anew after a recovery that lasts", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: Schedule.exponential("1 second") })
      const waits: Array<number> = []
      for (const recovers of [false, false, true, false, false, true, false]) {
        yield* fail(breaker)
        waits.push(yield* retryAfter(breaker))
        yield* TestClock.adjust(waits.at(-1)!)
        if (recovers) yield* Effect.zipRight(succeed(breaker), TestClock.adjust(waits.at(-1)!))
      }
      assert.deepStrictEqual(waits, [1_000, 2_000, 4_000, 1_000, 2_000, 4_000, 1_000])
    }))

  it.effect("tells its schedule why it opens, how the call failed and what the server asked for", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const openFor = Schedule.spaced("1 second").pipe(
        Schedule.tapInput((opening: CircuitBreaker.Opening) => Effect.sync(() => seen.push(opening)))
      )
      const breaker = yield* make({ trip: Tripping.consecutive(2), openFor })
      const asked = { retryAfter: Option.some(Duration.seconds(7)) }
      yield* fail(breaker)
      yield* call(breaker, Effect.fail(asked))
      yield* TestClock.adjust("1 second")
      yield* call(breaker, Effect.die("bug"))
      yield* CircuitBreaker.close(breaker)
      yield* CircuitBreaker.trip(breaker)
      const none = { error: Option.none(), retryAfter: Option.none() }
      assert.deepStrictEqual(seen, [
        {
          rule: "consecutive",
          calls: 2,
          failures: 2,
          slow: 0,
          error: Option.some(asked),
          retryAfter: asked.retryAfter
        },
        { rule: "probe", calls: 1, failures: 1, slow: 0, ...none },
        { rule: "manual", calls: 0, failures: 0, slow: 0, ...none }
      ])
    }))

  it.effect("repeats the last delay of a schedule that has ended, until it has recovered for as long", () =>
    Effect.gen(function*() {
      const openFor = Schedule.exponential("1 second").pipe(Schedule.intersect(Schedule.recurs(2)))
      const breaker = yield* make({ openFor })
      const waits = yield* times(
        5,
        Effect.zipRight(fail(breaker), Effect.tap(retryAfter(breaker), (millis) => TestClock.adjust(millis)))
      )
      assert.deepStrictEqual(waits, [1_000, 2_000, 2_000, 2_000, 2_000])
      yield* succeed(breaker)
      yield* TestClock.adjust("2 seconds")
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
    }))

  it.effect("stays open for a second where its schedule has no delay at all", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: Schedule.stop })
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
    }))

  const thrown = () => {
    throw new Error("schedule")
  }
  for (
    const [how, dying] of [
      ["dies", Schedule.spaced("1 second").pipe(Schedule.modifyDelayEffect(() => Effect.die("schedule")))],
      ["throws in its step", Schedules.fromDelays(thrown)]
    ] as const
  ) {
    it.effect(`opens, and the caller gets its own error, where the schedule ${how}`, () =>
      Effect.gen(function*() {
        const breaker = yield* make({ openFor: dying })
        assert.strictEqual(yield* fail(breaker), "down")
        assert.strictEqual(yield* retryAfter(breaker), 1_000)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* succeed(breaker), "ok")
      }))
  }

  it.effect("can stay open for longer than any timer, and for ever", () =>
    Effect.gen(function*() {
      const long = yield* make({ openFor: Schedule.spaced("100000 days") })
      yield* fail(long)
      assert.strictEqual(yield* retryAfter(long), Duration.toMillis("100000 days"))
      const forever = yield* make({ openFor: Schedule.spaced(Duration.infinity) })
      yield* fail(forever)
      yield* TestClock.adjust("100000 days")
      assert.strictEqual(yield* retryAfter(forever), Infinity)
    }))
})
