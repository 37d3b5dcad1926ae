import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Pipeline from "reprise/Pipeline"
import * as RateLimiter from "reprise/RateLimiter"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"

class Down extends Data.TaggedError("Down")<{ readonly number: number }> {}
class Broken extends Data.TaggedError("Broken")<{ readonly retryable: boolean }> {}

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
      const limited = Pipeline.make({ retry: { times: 1 } })
      assert.deepStrictEqual(yield* Effect.flip(limited(failing(5))), new Down({ number: 2 }))
      const choosy = Pipeline.make({ retry: { times: 5, while: (error: Down) => error.number < 3 } })
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

describe("time", () => {
  it.effect("ends an attempt with AttemptTimeout, which is tried again", () =>
    Effect.gen(function*() {
      let attempts = 0
      const slow = Effect.suspend(() => ++attempts < 3 ? Effect.never : Effect.succeed(attempts))
      const fiber = yield* Effect.fork(Pipeline.make({ attemptTimeout: 100, retry: { times: 2 } })(slow))
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
  it.effect("are asked in their order, and an open circuit ends the call at once", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2) })
      const limiter = yield* RateLimiter.make({ limit: 10, window: "1 hour" })
      const resilient = Pipeline.make({ policies: [breaker, limiter], retry: { times: 5 } })
      const error = yield* Effect.flip(resilient(failing(9)))
      assert.strictEqual(error._tag, "CircuitOpen")
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
