import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Exit, Fiber, Predicate, Schedule, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import {
  begin,
  type Breaker,
  call,
  counts,
  fail,
  make,
  queue,
  rejection,
  retryAfter,
  ripe,
  succeed,
  times
} from "./breakerCalls.js"
import { is, peers } from "./breakerPeers.js"

class NotFound extends Data.TaggedError("NotFound") {}
class Down extends Data.TaggedError("Down") {}
class Maintenance extends Data.TaggedError("Maintenance")<{ readonly left: Duration.DurationInput }> {}

const { check, row } = peers(import.meta.url, [
  "When it opens",
  "How long it stays open",
  "Probes",
  "Which calls count"
])

/** Opens with exactly so many failures, and with not one less. */
const opensWith = (failures: number, trip: Tripping.Tripping) =>
  Effect.gen(function*() {
    const breaker = yield* make({ trip })
    yield* times(failures - 1, fail(breaker))
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    yield* fail(breaker)
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
  })

/** How long it opens for, time after time, each probe failing. */
const openTimes = (breaker: Breaker, n: number) =>
  times(n, Effect.zipRight(fail(breaker), Effect.tap(retryAfter(breaker), (millis) => TestClock.adjust(millis))))

describe("from another library: when it opens", () => {
  row(
    "fail_max (pybreaker), ConsecutiveBreaker (cockatiel), failureCount (rezilience)",
    "counts failures in a row",
    () => opensWith(5, Tripping.consecutive(5))
  )

  row("CountBreaker (cockatiel), COUNT_BASED (resilience4j)", "counts the last calls", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: Tripping.rate({ threshold: 0.5, minimumCalls: 10, window: { calls: 100 } })
      })
      yield* Effect.all([times(50, succeed(breaker)), times(49, fail(breaker))])
      yield* is(breaker, "Closed")
      yield* fail(breaker)
      yield* is(breaker, "Open")
    }))

  row(
    "errorThresholdPercentage, rollingCountTimeout, rollingCountBuckets (opossum), SamplingBreaker (cockatiel), FailureRatio, SamplingDuration (Polly), TIME_BASED (resilience4j), failureRate (rezilience)",
    "counts the calls of the last seconds",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({
          trip: Tripping.rate({ threshold: 0.5, minimumCalls: 10, window: { duration: "10 seconds", buckets: 10 } })
        })
        yield* times(9, fail(breaker))
        yield* TestClock.adjust("10 seconds")
        yield* times(9, fail(breaker))
        yield* is(breaker, "Closed")
        yield* succeed(breaker)
        yield* is(breaker, "Open")
      })
  )

  row(
    "volumeThreshold (opossum), minimumRps (cockatiel), MinimumThroughput (Polly), minimumNumberOfCalls (resilience4j), minThroughput (rezilience)",
    "says nothing before there are enough calls",
    () => opensWith(100, Tripping.rate({ threshold: 0.1, minimumCalls: 100, window: { duration: "30 seconds" } }))
  )

  row(
    "allowWarmUp (opossum)",
    "needs calls at the start, not time",
    () => opensWith(20, Tripping.rate({ threshold: 1, minimumCalls: 20, window: { duration: "10 seconds" } }))
  )

  row(
    "slowCallRateThreshold, slowCallDurationThreshold (resilience4j)",
    "counts slow calls while they run",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({
          trip: Tripping.slowRate({ slowerThan: "60 seconds", threshold: 1, minimumCalls: 2, window: { calls: 100 } })
        })
        yield* times(2, begin(breaker))
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(yield* succeed(breaker), "rejected")
      })
  )

  row(
    "failureRateThreshold beside slowCallRateThreshold (resilience4j)",
    "opens with the first rule that trips",
    () =>
      Effect.gen(function*() {
        const failing = Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { calls: 10 } })
        const slow = Tripping.slowRate({ slowerThan: "1 second", threshold: 1, minimumCalls: 1, window: { calls: 10 } })
        const trip = Tripping.any(failing, slow)
        yield* opensWith(4, trip)
        const breaker = yield* make({ trip })
        yield* begin(breaker)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* rejection(breaker)).trip?.rule, "slowRate")
      })
  )

  row("IBreaker (cockatiel), TrippingStrategy (rezilience) of your own", "takes two pure functions", () =>
    opensWith(
      5,
      Tripping.make({
        initial: 0,
        record: (score, { outcome }) => outcome === "failure" ? score + 2 : Math.max(score - 1, 0),
        tripped: (score) => score >= 10 ? { rule: "score", calls: 0, failures: 0, slow: 0 } : undefined
      })
    ))

  row(
    "transitionOnResult (resilience4j)",
    "opens with one answer, for as long as the answer says",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({ trip: Tripping.consecutive(5) })
        const task = Effect.fail(new Maintenance({ left: "30 minutes" }))
        const call = task.pipe(
          CircuitBreaker.protect(breaker),
          Effect.tapErrorTag("Maintenance", ({ left }) => CircuitBreaker.trip(breaker, { openFor: left }))
        )
        yield* Effect.ignore(call)
        assert.strictEqual(yield* retryAfter(breaker), 1_800_000)
      })
  )

  row("healthCheck(fn, interval) (opossum)", "opens when a check fails", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      let checks = 0
      const check = Effect.suspend(() => ++checks < 3 ? Effect.void : Effect.fail("ill"))
      yield* check.pipe(
        Effect.catchAll(() => CircuitBreaker.trip(breaker)),
        Effect.repeat(Schedule.spaced("5 seconds")),
        Effect.fork
      )
      yield* TestClock.adjust("9 seconds")
      yield* is(breaker, "Closed")
      yield* TestClock.adjust("1 second")
      yield* is(breaker, "Open")
    }))
})

describe("from another library: how long it stays open", () => {
  row(
    "reset_timeout (pybreaker), resetTimeout (opossum), halfOpenAfter (cockatiel), BreakDuration (Polly), waitDurationInOpenState (resilience4j)",
    "stays open for a fixed time",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({ openFor: "60 seconds" })
        assert.deepStrictEqual(yield* openTimes(breaker, 3), [60_000, 60_000, 60_000])
      })
  )

  row(
    "halfOpenAfter with a backoff (cockatiel), waitIntervalFunctionInOpenState (resilience4j), resetPolicy (rezilience)",
    "stays open for longer each time, with jitter",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({
          openFor: Backoff.exponential("1 second").pipe(Backoff.capped("1 minute"), Backoff.fullJitter)
        })
        const lengths = yield* openTimes(breaker, 20)
        assert.isTrue(lengths.every((millis, i) => millis <= Math.min(1_000 * 2 ** i, 60_000)))
        assert.isTrue(lengths.some((millis) => millis > 1_000))
      })
  )

  row("BreakDurationGenerator (Polly)", "asks why it opens", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: Tripping.rate({ threshold: 0.5, minimumCalls: 4, window: { calls: 4 } }),
        openFor: Schedule.identity<CircuitBreaker.Opening>().pipe(
          Schedule.addDelay(({ failures }) => Duration.seconds(failures))
        )
      })
      yield* times(4, fail(breaker))
      assert.strictEqual(yield* retryAfter(breaker), 4_000)
    }))

  row(
    "automaticTransitionFromOpenToHalfOpenEnabled (resilience4j)",
    "probes without traffic, where you want it",
    () =>
      Effect.gen(function*() {
        let pings = 0
        let isUp = false
        const ping = Effect.suspend(() => ++pings && isUp ? Effect.void : Effect.fail(new Down()))
        const breaker = yield* make()
        yield* CircuitBreaker.trip(breaker)
        yield* ping.pipe(
          CircuitBreaker.protect(breaker),
          Effect.ignore,
          Effect.repeat(Schedule.spaced("1 second")),
          Effect.fork
        )
        // Only a ping that has succeeded closes it.
        yield* TestClock.adjust("3 seconds")
        yield* is(breaker, "Open")
        assert.strictEqual(pings, 3)
        isUp = true
        yield* TestClock.adjust("1 second")
        yield* is(breaker, "Closed")
        assert.strictEqual(pings, 4)
      })
  )

  row(
    "throw_new_error_on_trip=False (pybreaker)",
    "gives the call that trips it its own error",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const task = Effect.fail(new Down())
        const error = yield* Effect.flip(CircuitBreaker.protect(task, breaker))
        assert.strictEqual(error._tag, "Down")
        yield* is(breaker, "Open")
      })
  )
})

describe("from another library: probes", () => {
  row("success_threshold=3 (pybreaker)", "closes with the third success", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ successes: 3 })
      yield* times(2, succeed(breaker))
      yield* is(breaker, "HalfOpen")
      yield* succeed(breaker)
      yield* is(breaker, "Closed")
    }))

  row(
    "halfOpenSampling: { calls: 10, threshold: 0.3 } (cockatiel)",
    "bears three failures of ten",
    () =>
      Effect.gen(function*() {
        const breaker = yield* ripe({ probes: 10, successes: 7, toleratedProbeFailures: 3 })
        yield* Effect.all([times(3, fail(breaker)), times(7, succeed(breaker))])
        yield* is(breaker, "Closed")
      })
  )

  row(
    "permittedNumberOfCallsInHalfOpenState=10 at 50 % (resilience4j)",
    "bears four failures of ten",
    () =>
      Effect.gen(function*() {
        const breaker = yield* ripe({ probes: 10, successes: 6, toleratedProbeFailures: 4 })
        yield* Effect.all([times(5, succeed(breaker)), times(4, fail(breaker))])
        yield* is(breaker, "HalfOpen")
        yield* fail(breaker)
        yield* is(breaker, "Open")
      })
  )

  row(
    "maxWaitDurationInHalfOpenState (resilience4j)",
    "takes the permit of a silent probe back",
    () =>
      Effect.gen(function*() {
        const breaker = yield* ripe({ lease: "30 seconds" })
        yield* begin(breaker)
        assert.strictEqual(yield* succeed(breaker), "rejected")
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* succeed(breaker), "ok")
      })
  )

  row(
    "execute() during a probe (cockatiel)",
    "waits for what the probe says, where it may",
    () =>
      Effect.gen(function*() {
        const breaker = yield* ripe({ onFull: "wait", maxWaiting: 100 })
        const probe = yield* begin(breaker)
        const waiter = yield* queue(breaker)
        yield* probe.end(Exit.succeed("ok"))
        assert.strictEqual(yield* Fiber.join(waiter), "ok")
      })
  )
})

describe("from another library: what counts", () => {
  const notFound = Effect.fail(new NotFound())

  row(
    "exclude (pybreaker), errorFilter (opossum), ignoreExceptions (resilience4j)",
    "leaves errors out",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({
          trip: Tripping.consecutive(2),
          isFailure: (error) => !CircuitBreaker.isRejection(error) && !Predicate.isTagged(error, "NotFound")
        })
        yield* fail(breaker)
        yield* call(breaker, notFound)
        // A full bulkhead inside says nothing about the dependency.
        const full = yield* Bulkhead.make({ maxConcurrent: 1 })
        yield* Effect.never.pipe(Bulkhead.protect(full), Effect.fork, Effect.zipLeft(Effect.yieldNow()))
        yield* call(breaker, Effect.succeed("ok").pipe(Bulkhead.protect(full)))
        assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      })
  )

  row(
    "handleType, handleWhen (cockatiel), ShouldHandle (Polly), recordExceptions (resilience4j), isFailure, widen (rezilience)",
    "counts only some errors",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({ isFailure: (error) => error instanceof Down })
        yield* call(breaker, notFound)
        yield* is(breaker, "Closed")
        yield* call(breaker, Effect.fail(new Down()))
        yield* is(breaker, "Open")
      })
  )

  row(
    "handleWhenResult (cockatiel), ShouldHandle (Polly), recordResult (resilience4j)",
    "counts values too",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make({
          outcome: (exit) =>
            Exit.isSuccess(exit) && exit.value === "503" ? "failure" : CircuitBreaker.defaultOutcome(exit)
        })
        // A rejection of another policy still says nothing.
        const open = yield* ripe({ probe: Effect.fail("down") })
        yield* call(breaker, Effect.succeed("ok").pipe(CircuitBreaker.protect(open)))
        yield* is(breaker, "Closed")
        assert.strictEqual(yield* call(breaker, Effect.succeed("503")), "503")
        yield* is(breaker, "Open")
      })
  )
})

describe("docs/migrations/circuit-breakers.md", () => {
  it("has a row for every test of this file, a test for every row, and no snippet that is not run", check)
})
