import { assert, describe } from "@effect/vitest"
import { Data, Effect, Either, Fiber, Predicate, Schedule, TestClock } from "effect"
import {
  Backoff,
  Bulkhead,
  CircuitBreaker,
  CircuitBreakers,
  Hedge,
  Pipeline,
  RateLimiter,
  Retry,
  Tripping
} from "reprise"
import { assertBetween, assertOpens, atOnce, failing, inADay, migration, times, waits } from "./migrations.js"

const { checkPage, row } = migration("resilience4j", import.meta.url)

class Busy extends Data.TaggedError("Busy") {}
class Denied extends Data.TaggedError("Denied") {}

const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(3))
const trip = Tripping.consecutive(1)

/** Half-open, with the results of these probes. */
const afterProbes = (successes: number, failures: number) =>
  Effect.gen(function*() {
    const breaker = yield* CircuitBreaker.make({ trip, probes: 10, successes: 6, toleratedProbeFailures: 4 })
    yield* CircuitBreaker.trip(breaker, { openFor: 0 })
    yield* Effect.replicateEffect(CircuitBreaker.protect(Effect.void, breaker), successes)
    yield* failing(breaker, failures)
    return yield* CircuitBreaker.state(breaker)
  })

describe("From resilience4j", () => {
  row(
    "RetryConfig: maxAttempts(3), waitDuration(500 ms)",
    "makes three attempts, half a second apart",
    () =>
      Effect.gen(function*() {
        const options = { retry: Schedule.spaced("500 millis").pipe(Backoff.attempts(3)) }
        assert.deepStrictEqual(yield* times(options), [0, 500, 1000])
      })
  )

  row("IntervalFunction.ofExponentialBackoff(500, 2)", "doubles the waits", () =>
    Effect.gen(function*() {
      const options = { retry: Backoff.exponential("500 millis", { factor: 2 }).pipe(Backoff.attempts(3)) }
      assert.deepStrictEqual(yield* times(options), [0, 500, 1500])
    }))

  row(
    "IntervalFunction.ofExponentialRandomBackoff(500, 2, 0.5)",
    "spreads the waits by a half",
    () =>
      Effect.gen(function*() {
        const options = {
          retry: Backoff.exponential("500 millis").pipe(
            Backoff.proportionalJitter({ min: 0.5, max: 1.5 }),
            Backoff.attempts(3)
          )
        }
        const [, second, third] = yield* times(options)
        assertBetween(second, 250, 750)
        assertBetween(third! - second!, 500, 1500)
      })
  )

  row("RetryConfig: retryExceptions(Busy.class)", "retries that error only", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* waits(policy.pipe(Retry.whileTag("Busy")), new Busy()), 2)
      assert.lengthOf(yield* waits(policy.pipe(Retry.whileTag("Busy")), new Denied()), 0)
    }))

  row("RetryConfig: ignoreExceptions(Denied.class)", "does not retry that error", () =>
    Effect.gen(function*() {
      const ignoring = policy.pipe(Schedule.untilInput(Predicate.isTagged("Denied")))
      assert.lengthOf(yield* waits(ignoring, new Busy()), 2)
      assert.lengthOf(yield* waits(ignoring, new Denied()), 0)
    }))

  row("RetryConfig: retryOnResult(f)", "retries that result", () =>
    Effect.gen(function*() {
      const results: Array<string> = ["pending", "pending", "done"]
      const task = Effect.sync(() => results.shift()!).pipe(
        Effect.filterOrFail((result) => result !== "pending", () => "pending" as const)
      )
      assert.strictEqual(yield* inADay(Pipeline.make({ retry: policy })(task)), "done")
    }))

  row(
    "COUNT_BASED, slidingWindowSize(100), failureRateThreshold(50)",
    "opens if half of 100 calls failed",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.5, minimumCalls: 100, window: { calls: 100 } })
        })
        yield* Effect.replicateEffect(CircuitBreaker.protect(Effect.void, breaker), 50)
        yield* failing(breaker, 49)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      })
  )

  row(
    "TIME_BASED, slidingWindowSize(10), minimumNumberOfCalls(20)",
    "opens if half of the last 10 seconds failed",
    () =>
      Effect.gen(function*() {
        const make = CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.5, minimumCalls: 20, window: { duration: "10 seconds" } })
        })
        yield* assertOpens(make, 20)
        const breaker = yield* make
        yield* failing(breaker, 19)
        yield* TestClock.adjust("11 seconds")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      })
  )

  row(
    "slowCallDurationThreshold(2 s), slowCallRateThreshold(80)",
    "opens while the slow calls still run",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.slowRate({ slowerThan: "2 seconds", threshold: 0.8, minimumCalls: 10, window: { calls: 100 } })
        })
        const hanging = Effect.fork(CircuitBreaker.protect(Effect.never, breaker))
        const fibers = yield* Effect.replicateEffect(hanging, 10)
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker)))._tag, "CircuitOpen")
        yield* Fiber.interruptAll(fibers)
      })
  )

  row(
    "waitDurationInOpenState(60 s)",
    "stays open for that time",
    () => assertOpens(CircuitBreaker.make({ trip, openFor: "60 seconds" }), 1, 60_000)
  )

  row(
    "permittedNumberOfCallsInHalfOpenState(10)",
    "closes or opens as soon as the probes have decided",
    () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* afterProbes(5, 4), "HalfOpen")
        assert.strictEqual(yield* afterProbes(6, 0), "Closed")
        assert.strictEqual(yield* afterProbes(0, 5), "Open")
      })
  )

  row(
    "maxWaitDurationInHalfOpenState(30 s)",
    "gives the permit of a probe that never ends to another call",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ trip, lease: "30 seconds" })
        yield* CircuitBreaker.trip(breaker, { openFor: 0 })
        const probe = yield* Effect.fork(CircuitBreaker.protect(Effect.never, breaker))
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker)))._tag, "CircuitOpen")
        yield* TestClock.adjust("1 second")
        yield* CircuitBreaker.protect(Effect.void, breaker)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* Fiber.interrupt(probe)
      })
  )

  row("CircuitBreakerConfig: ignoreExceptions(Denied.class)", "does not count the error", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip,
        isFailure: (error) => !CircuitBreaker.isRejection(error) && !Predicate.isTagged(error, "Denied")
      })
      yield* failing(breaker, 5, new Denied())
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      yield* failing(breaker, 1)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  row(
    "BulkheadConfig: maxConcurrentCalls(25), maxWaitDuration(1 s)",
    "runs 25 calls, and the others wait a second",
    () =>
      Effect.gen(function*() {
        const bulkhead = yield* Bulkhead.make({ maxConcurrent: 25, maxQueued: 100, queueTimeout: "1 second" })
        const fibers = yield* Effect.replicateEffect(Effect.fork(Bulkhead.protect(Effect.never, bulkhead)), 26)
        yield* TestClock.adjust("999 millis")
        const before = yield* Bulkhead.snapshot(bulkhead)
        yield* TestClock.adjust("1 millis")
        const after = yield* Bulkhead.snapshot(bulkhead)
        assert.deepStrictEqual([before.running, before.queued, before.rejected.timeout], [25, 1, 0])
        assert.deepStrictEqual([after.running, after.queued, after.rejected.timeout], [25, 0, 1])
        yield* Fiber.interruptAll(fibers)
      })
  )

  row(
    "RateLimiterConfig: limitForPeriod(50), limitRefreshPeriod(1 s), timeoutDuration(0)",
    "admits 50 calls, then one every 20 ms",
    () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ limit: 50, window: "1 second" })
        assert.lengthOf((yield* atOnce(51, (task) => RateLimiter.protect(task, limiter))).rejections, 1)
        yield* TestClock.adjust("20 millis")
        assert.lengthOf((yield* atOnce(2, (task) => RateLimiter.protect(task, limiter))).rejections, 1)
      })
  )

  row("RateLimiterConfig: timeoutDuration(5 s)", "waits, but not beyond the deadline", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ limit: 50, window: "1 second", onExceeded: "delay" })
      const resilient = Pipeline.make({ policies: [limiter], deadline: "5 seconds" })
      const calls = yield* Effect.replicateEffect(Effect.fork(Effect.either(resilient(Effect.void))), 301)
      yield* TestClock.adjust("1 minute")
      const failed = (yield* Effect.forEach(calls, Fiber.join)).filter(Either.isLeft)
      assertBetween(failed.length, 1, 2)
    }))

  row("TimeLimiterConfig: timeoutDuration(1 s)", "is the limit of each attempt", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ attemptTimeout: "1 second" })
      assert.strictEqual((yield* inADay(Effect.flip(resilient(Effect.never))))._tag, "AttemptTimeout")
    }))

  row(
    "HedgeConfig: preconfiguredDuration(2 s)",
    "starts one more attempt after two seconds",
    () =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after: "2 seconds" })
        let attempts = 0
        const task = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed("done"))
        assert.strictEqual(yield* inADay(Hedge.protect(task, hedge)), "done")
      })
  )

  row("CircuitBreakerRegistry", "has a breaker for each key", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make({ breaker: { trip: Tripping.consecutive(5) } })
      const fail = Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), breakers, "a"))
      yield* Effect.replicateEffect(fail, 5)
      assert.strictEqual(yield* CircuitBreakers.protect(Effect.succeed("ok"), breakers, "b"), "ok")
      const states = (yield* CircuitBreakers.entries(breakers)).map(([key, { state }]) => [key, state])
      assert.deepStrictEqual(states, [["a", "Open"], ["b", "Closed"]])
    }))

  row("Decorators.withFallback(f)", "handles the rejection", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* failing(breaker, 1)
      const call = Effect.succeed("ok").pipe(
        CircuitBreaker.protect(breaker),
        Effect.catchTag("CircuitOpen", () => Effect.succeed("cached"))
      )
      assert.strictEqual(yield* call, "cached")
    }))

  row(
    "Decorators.withBulkhead(b).withCircuitBreaker(c).withRetry(r)",
    "applies the policies to every attempt",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(3) })
        const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1 })
        const resilient = Pipeline.make({ retry: policy, policies: [breaker, bulkhead] })
        yield* inADay(Effect.flip(resilient(Effect.fail("down"))))
        assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).admitted, 3)
      })
  )
})

describe("docs/migrations/resilience4j.md", checkPage)
