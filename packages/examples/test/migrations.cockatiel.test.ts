import { assert, describe } from "@effect/vitest"
import { Data, Effect, Fiber, Schedule, TestClock } from "effect"
import { Backoff, Bulkhead, CircuitBreaker, Pipeline, Retry, Telemetry, Tripping } from "reprise"
import {
  assertBetween,
  assertOpens,
  atOnce,
  failing,
  inADay,
  migration,
  openMillis,
  scripted,
  waits
} from "./migrations.js"

const { checkPage, row } = migration("cockatiel", import.meta.url)

class Busy extends Data.TaggedError("Busy") {}
class Denied extends Data.TaggedError("Denied") {}

const policy = Backoff.linear("1 second").pipe(Backoff.attempts(4))
const trip = Tripping.consecutive(1)

describe("From cockatiel", () => {
  row("retry(handleAll, { maxAttempts: 3 })", "makes four attempts", () =>
    Effect.gen(function*() {
      const { task, times } = scripted(...Array<string>(10).fill("busy"))
      const resilient = Pipeline.make({ retry: Backoff.linear("1 second").pipe(Backoff.attempts(4)) })
      yield* inADay(Effect.flip(resilient(task)))
      assert.lengthOf(times, 4)
    }))

  row("new ConstantBackoff(50)", "waits the same each time", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* waits(Schedule.spaced("50 millis"), "busy", 3), [50, 50, 50])
    }))

  row(
    "new ExponentialBackoff({ generator: noJitterGenerator })",
    "doubles from 128 ms up to 30 s",
    () =>
      Effect.gen(function*() {
        const policy = Backoff.exponential("128 millis").pipe(Backoff.capped("30 seconds"))
        const expected = [128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 30_000, 30_000]
        assert.deepStrictEqual(yield* waits(policy, "busy"), expected)
      })
  )

  row("new ExponentialBackoff({ generator: fullJitterGenerator })", "draws from zero", () =>
    Effect.gen(function*() {
      const policy = Backoff.exponential("128 millis").pipe(Backoff.capped("30 seconds"), Backoff.fullJitter)
      const [first, second] = yield* waits(policy, "busy")
      assertBetween(first, 0, 128)
      assertBetween(second, 0, 256)
    }))

  row("new ExponentialBackoff({ generator: halfJitterGenerator })", "draws from a half", () =>
    Effect.gen(function*() {
      const policy = Backoff.exponential("128 millis").pipe(Backoff.capped("30 seconds"), Backoff.equalJitter)
      const [first, second] = yield* waits(policy, "busy")
      assertBetween(first, 64, 128)
      assertBetween(second, 128, 256)
    }))

  row(
    "new IterableBackoff([100, 200, 500])",
    "waits the next of the list, and then the last",
    () =>
      Effect.gen(function*() {
        const policy = Backoff.chain(
          Schedule.spaced("100 millis"),
          Schedule.spaced("200 millis"),
          Schedule.spaced("500 millis")
        )
        assert.deepStrictEqual(yield* waits(policy, "busy", 5), [100, 200, 500, 500, 500])
      })
  )

  row(
    "new DelegateBackoff(({ attempt }) => attempt * 100)",
    "waits 100 ms more each time",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* waits(Backoff.linear("100 millis"), "busy", 3), [100, 200, 300])
      })
  )

  row("handleType(Busy)", "retries that error only", () =>
    Effect.gen(function*() {
      const busy = policy.pipe(Retry.whileTag("Busy"))
      assert.lengthOf(yield* waits(busy, new Busy()), 3)
      assert.lengthOf(yield* waits(busy, new Denied()), 0)
    }))

  row("handleWhenResult((result) => result === \"pending\")", "retries that result", () =>
    Effect.gen(function*() {
      const results: Array<string> = ["pending", "pending", "done"]
      const task = Effect.sync(() => results.shift()!).pipe(
        Effect.filterOrFail((result) => result !== "pending", () => "pending" as const)
      )
      assert.strictEqual(yield* inADay(Retry.retry(task, policy)), "done")
    }))

  row("timeout(2_000, TimeoutStrategy.Aggressive)", "interrupts the effect", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ attemptTimeout: "2 seconds" })
      assert.strictEqual((yield* inADay(Effect.flip(resilient(Effect.never))))._tag, "AttemptTimeout")
    }))

  row(
    "new ConsecutiveBreaker(5)",
    "opens with the fifth failure in a row",
    () => assertOpens(CircuitBreaker.make({ trip: Tripping.consecutive(5) }), 5)
  )

  row(
    "new SamplingBreaker({ threshold: 0.2, duration: 30_000, minimumRps: 5 })",
    "needs 150 calls in 30 seconds",
    () =>
      assertOpens(
        CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.2, minimumCalls: 150, window: { duration: "30 seconds" } })
        }),
        150
      )
  )

  row(
    "new CountBreaker({ threshold: 0.2, size: 100 })",
    "needs 20 failures in 100 calls",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.2, minimumCalls: 100, window: { calls: 100 } })
        })
        yield* Effect.replicateEffect(CircuitBreaker.protect(Effect.void, breaker), 80)
        yield* failing(breaker, 19)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      })
  )

  row(
    "halfOpenAfter: 10_000",
    "stays open for that time",
    () => assertOpens(CircuitBreaker.make({ trip, openFor: "10 seconds" }), 1, 10_000)
  )

  row(
    "halfOpenAfter: new ExponentialBackoff()",
    "stays open longer after each failed probe",
    () =>
      Effect.gen(function*() {
        const breaker = yield* assertOpens(
          CircuitBreaker.make({
            trip,
            openFor: Backoff.exponential("128 millis").pipe(Backoff.capped("30 seconds"))
          }),
          1,
          128
        )
        yield* TestClock.adjust("128 millis")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* openMillis(breaker), 256)
      })
  )

  row("breaker.isolate()", "rejects calls until it is released", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const { release } = yield* CircuitBreaker.isolate(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
      yield* release
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("bulkhead(12, 4)", "runs 12 calls, and 4 wait", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 12, maxQueued: 4 })
      const { rejections, running } = yield* atOnce(17, (task) => Bulkhead.protect(task, bulkhead))
      assert.deepStrictEqual([running, rejections.length], [12, 1])
    }))

  row("fallback(handleAll, \"cached\")", "replaces every error", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.fail("down").pipe(Effect.orElseSucceed(() => "cached")), "cached")
    }))

  row("wrap(retries, breaker, bulkhead)", "applies the policies to every attempt", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(4) })
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1 })
      const resilient = Pipeline.make({ retry: policy, policies: [breaker, bulkhead] })
      yield* inADay(Effect.flip(resilient(Effect.fail("down"))))
      const { admitted, failed } = yield* CircuitBreaker.snapshot(breaker)
      assert.deepStrictEqual([admitted, failed], [4, 4])
    }))

  row("noop", "changes nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Pipeline.make({})(Effect.succeed("ok")), "ok")
    }))

  row("retries.onRetry(f)", "hears of every retry", () =>
    Effect.gen(function*() {
      const logged: Array<number> = []
      const log = (attempt: number) => logged.push(attempt)
      const resilient = Pipeline.make({
        retry: policy,
        listener: Telemetry.listener((event) => event._tag === "RetryScheduled" && log(event.number))
      })
      yield* inADay(Effect.flip(resilient(Effect.fail("down"))))
      assert.deepStrictEqual(logged, [1, 2, 3])
    }))

  row("policy.execute(f, signal)", "stops the call, which does not count", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const fiber = yield* Effect.fork(CircuitBreaker.protect(Effect.never, breaker))
      yield* TestClock.adjust(0)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))
})

describe("docs/migrations/cockatiel.md", checkPage)
