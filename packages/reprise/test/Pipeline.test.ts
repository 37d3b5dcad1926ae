import { assert, describe, it } from "@effect/vitest"
import type { Duration } from "effect"
import { Clock, Data, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as Hedge from "reprise/Hedge"
import { InvalidOption } from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as Pipeline from "reprise/Pipeline"
import * as Policy from "reprise/Policy"
import * as RateLimiter from "reprise/RateLimiter"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Telemetry from "reprise/Telemetry"
import type { AttemptTimeout } from "reprise/Timeout"
import * as Tripping from "reprise/Tripping"

class Down extends Data.TaggedError("Down")<{ readonly number: number }> {}
class Broken extends Data.TaggedError("Broken")<{ readonly retryable: boolean }> {}

class Busy extends Data.TaggedError("Busy")<{}> {
  readonly retryable = true
  readonly retryAfter: Option.Option<Duration.Duration> = Option.none()
}

/** Fails so many times, then succeeds with the number of the attempt. */
const failing = (times: number) => {
  let attempts = 0
  return Effect.suspend(() =>
    ++attempts <= times ? Effect.fail(new Down({ number: attempts })) : Effect.succeed(attempts)
  )
}

describe("retries", () => {
  it.effect("go on as long as the schedule does", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ retry: Schedule.recurs(2) })
      assert.strictEqual(yield* resilient(failing(2)), 3)
      assert.deepStrictEqual(yield* Effect.flip(resilient(failing(3))), new Down({ number: 3 }))
    }))

  it.effect("are limited by `times` and by `while`", () =>
    Effect.gen(function*() {
      const limited = Pipeline.make({ retry: { schedule: Schedule.forever, times: 1 } })
      assert.deepStrictEqual(yield* Effect.flip(limited(failing(5))), new Down({ number: 2 }))
      const choosy = Pipeline.make({
        retry: {
          schedule: Schedule.forever,
          times: 5,
          while: (error: Down | AttemptTimeout) => error._tag === "Down" && error.number < 3
        }
      })
      assert.deepStrictEqual(yield* Effect.flip(choosy(failing(5))), new Down({ number: 3 }))
    }))

  it.effect("do not follow an error that says that it is not retryable", () =>
    Effect.gen(function*() {
      let attempts = 0
      const broken = Effect.suspend(() => {
        attempts++
        return Effect.fail(new Broken({ retryable: false }))
      })
      yield* Effect.flip(Pipeline.make({ retry: Schedule.recurs(3) })(broken))
      assert.strictEqual(attempts, 1)
    }))

  it.effect("follow an error that is not retryable if a filter of the schedule or `while` accepts it", () =>
    Effect.gen(function*() {
      const broken = () => {
        let attempts = 0
        return Effect.suspend(() => Effect.fail(new Broken({ retryable: ++attempts === 0 }))).pipe(
          Effect.mapError((error) => ({ ...error, _tag: error._tag, retryable: error.retryable, attempts }))
        )
      }
      const attempts = (retry: Pipeline.Options<{ readonly retryable: boolean }, never, []>["retry"]) =>
        Effect.map(Effect.flip(Pipeline.make({ retry })(broken())), (error) => "attempts" in error ? error.attempts : 0)
      const schedule = Schedule.recurs(2).pipe(Retry.whileRetryable)
      assert.strictEqual(yield* attempts(schedule), 1)
      // In either order: the filter that accepts decides.
      assert.strictEqual(yield* attempts(schedule.pipe(Retry.whileTag("Broken"))), 3)
      assert.strictEqual(yield* attempts(Schedule.recurs(2).pipe(Retry.whileTag("Broken"), Retry.whileRetryable)), 3)
      assert.strictEqual(yield* attempts({ schedule, while: () => true }), 3)
      assert.strictEqual(yield* attempts({ schedule: schedule.pipe(Retry.whileTag("Broken")), while: () => false }), 1)
      assert.strictEqual(yield* attempts({ schedule: schedule.pipe(Retry.whileTag("Down")), while: () => true }), 1)
    }))

  it.effect("follow a rejection if a filter of the schedule accepts it", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("1 second")
      })
      const retry = Schedule.spaced("2 seconds").pipe(Backoff.attempts(9), Retry.whileTag("Down", "CircuitOpen"))
      const resilient = Pipeline.make({ policies: [breaker], retry })
      const fiber = yield* Effect.fork(resilient(failing(1)))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), 2)
    }))

  it.effect("are paid for by the budget", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens({ capacity: 2, cost: 1 })
      const resilient = Pipeline.make({ retry: Schedule.recurs(10), budget })
      assert.deepStrictEqual(yield* Effect.flip(resilient(failing(9))), new Down({ number: 3 }))
    }))
})

describe("the retries of a pipeline", () => {
  it.effect("have a backoff and an end where no schedule is given", () =>
    Effect.gen(function*() {
      const attempts = (retry: { readonly times?: number; readonly while?: () => boolean }) =>
        Effect.gen(function*() {
          const begins: Array<number> = []
          const down = Effect.flatMap(Clock.currentTimeMillis, (now) => {
            begins.push(now)
            return Effect.fail(new Down({ number: 0 }))
          })
          const fiber = yield* Effect.fork(Effect.flip(Pipeline.make({ retry })(down)))
          yield* TestClock.adjust("1 hour")
          yield* Fiber.join(fiber)
          return begins
        })
      const [first = NaN, second = NaN, third = NaN, ...rest] = yield* attempts({ while: () => true })
      assert.lengthOf(rest, 0)
      assert.isAtLeast(second - first, 80)
      assert.isAtMost(second - first, 120)
      assert.isAtLeast(third - second, 160)
      assert.lengthOf(yield* attempts({ times: 7 }), 8)
      assert.lengthOf(yield* attempts({ times: 0 }), 1)
    }))

  it.effect("end at a rejection of any policy, whatever the error and the schedule", () =>
    Effect.gen(function*() {
      class FlagOff extends Data.TaggedError("FlagOff")<{}> {}
      for (const error of ["off", { code: 1 }, new FlagOff(), undefined]) {
        let asked = 0
        const flag = Policy.make({
          admit: () => {
            asked++
            return error ?? null
          }
        })
        for (const retry of [Schedule.recurs(3), { schedule: Schedule.recurs(3), while: () => true }]) {
          asked = 0
          const resilient = Pipeline.make({ policies: [flag], retry })
          assert.strictEqual(yield* Effect.flip(resilient(Effect.void)), error ?? null)
          assert.strictEqual(asked, 1)
        }
        const hinted = Pipeline.make({
          policies: [flag],
          retry: Schedule.recurs(3).pipe(Retry.whileRetryable, Retry.honorHint())
        })
        const broken = Effect.fail(new Busy())
        const rejection: unknown = yield* Effect.flip(hinted(broken))
        assert.strictEqual(rejection, error ?? null)
      }
    }))

  it.effect("follow an attempt that timed out, unless `while` refuses: an insert that timed out may have been made", () =>
    Effect.gen(function*() {
      const attempts = (retry: Pipeline.Options<Down, never, []>["retry"]) =>
        Effect.gen(function*() {
          let attempts = 0
          const slow = Effect.suspend(() => ++attempts < 9 ? Effect.never : Effect.fail(new Down({ number: attempts })))
          const fiber = yield* Effect.fork(Effect.flip(Pipeline.make({ attemptTimeout: 100, retry })(slow)))
          yield* TestClock.adjust("1 minute")
          const error = yield* Fiber.join(fiber)
          return [attempts, error._tag] as const
        })
      const schedule = Schedule.recurs(2)
      assert.deepStrictEqual(yield* attempts(schedule), [3, "AttemptTimeout"])
      assert.deepStrictEqual(yield* attempts({ schedule, while: () => true }), [3, "AttemptTimeout"])
      assert.deepStrictEqual(yield* attempts({ schedule, while: ({ _tag }) => _tag === "Down" }), [1, "AttemptTimeout"])
    }))

  it.effect("end with the error that opens a circuit, at once", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2), openFor: "1 hour" })
      const resilient = Pipeline.make({ retry: Schedule.spaced("1 minute"), policies: [breaker] })
      const fiber = yield* Effect.fork(Effect.flip(resilient(failing(9))))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), new Down({ number: 2 }))
    }))

  it.effect("end with the error that opens the circuit of a key", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({
        breaker: { trip: Tripping.consecutive(2), openFor: "1 hour" }
      })
      const resilient = Pipeline.make({
        retry: Schedule.spaced("1 minute"),
        policies: [Keyed.policy(breakers, "a")]
      })
      const fiber = yield* Effect.fork(Effect.flip(resilient(failing(9))))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(fiber), new Down({ number: 2 }))
    }))

  it.effect("do not follow a rejection that a predicate accepts, only one that the schedule names", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1), openFor: "1 hour" })
      yield* CircuitBreaker.isolate(breaker)
      const rejections = (filter: <A>(self: Schedule.Schedule<A>) => Schedule.Schedule<unknown, unknown>) =>
        Effect.gen(function*() {
          let rejected = 0
          yield* Effect.ignore(
            Pipeline.make({
              retry: filter(Schedule.recurs(3)),
              policies: [breaker],
              listener: Telemetry.listener(({ _tag }) => {
                if (_tag === "Rejected") rejected++
              })
            })(Effect.void)
          )
          return rejected
        })
      assert.strictEqual(yield* rejections(Retry.whileError(() => true)), 1)
      assert.strictEqual(yield* rejections(Retry.whileTag("CircuitOpen")), 4)
    }))

  it.effect("end with DeadlineExceeded if the deadline comes in the queue of a policy", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1, maxQueued: 1 })
      const holder = yield* Effect.fork(Bulkhead.protect(Effect.never, bulkhead))
      const fiber = yield* Effect.fork(Effect.flip(Pipeline.make({ deadline: 100, policies: [bulkhead] })(Effect.void)))
      yield* TestClock.adjust(100)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.propertyVal(error._tag === "DeadlineExceeded" && Option.getOrThrow(error.last), "_tag", "BulkheadFull")
      yield* Fiber.interrupt(holder)
    }))

  it("refuse an attempt timeout that is longer than the deadline", () => {
    assert.throws(() => Pipeline.make({ deadline: 100, attemptTimeout: 200 }), InvalidOption, "attemptTimeout")
    assert.doesNotThrow(() => Pipeline.make({ deadline: 100, attemptTimeout: 100 }))
  })
})

describe("a hedge", () => {
  const hedge = Effect.runSync(Hedge.make({ after: 50 }))

  it.effect("runs beside an attempt that takes too long, under the same policies", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 2 })
      let attempts = 0
      const slow = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed(attempts))
      const fiber = yield* Effect.fork(Pipeline.make({ hedge, policies: [bulkhead] })(slow))
      yield* TestClock.adjust(49)
      assert.strictEqual((yield* Bulkhead.snapshot(bulkhead)).running, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.strictEqual((yield* Bulkhead.snapshot(bulkhead)).running, 0)
    }))

  it.effect("never waits for a policy, and does not start while the attempt waits", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1, maxQueued: 5 })
      const resilient = Pipeline.make({ hedge, policies: [bulkhead] })
      let attempts = 0
      const slow = Effect.suspend(() => {
        attempts++
        return Effect.as(Effect.sleep(200), "done")
      })
      const [one, other] = [yield* Effect.fork(resilient(slow)), yield* Effect.fork(resilient(slow))]
      yield* TestClock.adjust(199)
      assert.strictEqual((yield* Bulkhead.snapshot(bulkhead)).queued, 1)
      assert.strictEqual(attempts, 1)
      yield* TestClock.adjust(201)
      assert.deepStrictEqual([yield* Fiber.join(one), yield* Fiber.join(other)], ["done", "done"])
      assert.strictEqual(attempts, 2)
    }))

  it.effect("is paid for by the budget", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens({ capacity: 1, cost: 1 })
      let attempts = 0
      const slow = Effect.suspend(() => {
        attempts++
        return Effect.as(Effect.sleep(200), attempts)
      })
      const resilient = Pipeline.make({ hedge, budget })
      for (const expected of [2, 3]) {
        const fiber = yield* Effect.fork(resilient(slow))
        yield* TestClock.adjust(300)
        yield* Fiber.join(fiber)
        assert.strictEqual(attempts, expected)
      }
    }))
})

describe("time", () => {
  it.effect("ends an attempt with AttemptTimeout, which is tried again", () =>
    Effect.gen(function*() {
      let attempts = 0
      const slow = Effect.suspend(() => ++attempts < 3 ? Effect.never : Effect.succeed(attempts))
      const fiber = yield* Effect.fork(Pipeline.make({ attemptTimeout: 100, retry: Schedule.recurs(2) })(slow))
      yield* TestClock.adjust(200)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
    }))

  it.effect("ends the call with DeadlineExceeded and the last failure", () =>
    Effect.gen(function*() {
      let attempts = 0
      const slow = Effect.suspend(() => ++attempts === 1 ? Effect.fail(new Down({ number: 1 })) : Effect.never)
      const resilient = Pipeline.make({ deadline: 150, attemptTimeout: 100, retry: Schedule.spaced(20) })
      const fiber = yield* Effect.fork(Effect.flip(resilient(slow)))
      yield* TestClock.adjust(150)
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "DeadlineExceeded")
      if (error._tag === "DeadlineExceeded") assert.isTrue(Option.isSome(error.last))
    }))

  it.effect("never begins a wait that the deadline has no time for", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ deadline: 150, retry: Schedule.spaced(200) })
      const error = yield* Effect.flip(resilient(failing(3)))
      assert.strictEqual(error._tag, "DeadlineExceeded")
    }))
})

describe("policies", () => {
  it.effect("are asked in their order, and an open circuit rejects before a limiter", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2) })
      const limiter = yield* RateLimiter.make({ limit: 10, window: "1 hour" })
      const resilient = Pipeline.make({ policies: [breaker, limiter], retry: Schedule.recurs(5) })
      assert.strictEqual((yield* Effect.flip(resilient(failing(9))))._tag, "Down")
      assert.strictEqual((yield* Effect.flip(resilient(failing(9))))._tag, "CircuitOpen")
      // The rejected attempt took no token.
      assert.strictEqual((yield* RateLimiter.snapshot(limiter)).remaining, 8)
    }))

  it.effect("end the call with their rejection", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1 })
      const resilient = Pipeline.make({
        policies: [bulkhead],
        retry: Backoff.exponential("10 millis").pipe(Backoff.attempts(3))
      })
      const fiber = yield* Effect.fork(resilient(Effect.never))
      yield* Effect.yieldNow()
      assert.strictEqual((yield* Effect.flip(resilient(failing(0))))._tag, "BulkheadFull")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(resilient(failing(0)))))
    }))
})
