import { assert, describe } from "@effect/vitest"
import { Effect, Stream, TestClock } from "effect"
import { Bulkhead, CircuitBreaker, Pipeline, Tripping } from "reprise"
import { assertOpens, atOnce, failing, inADay, migration } from "./migrations.js"

const { checkPage, row } = migration("opossum", import.meta.url)

const trip = Tripping.consecutive(1)
const task = Effect.succeed("ok")

describe("From opossum", () => {
  row("timeout: 3_000", "interrupts the call and counts as a failure", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const resilient = Pipeline.make({ attemptTimeout: "3 seconds", policies: [breaker] })
      let interrupted = false
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted = true))
      const error = yield* inADay(Effect.zip(Effect.flip(resilient(hanging)), CircuitBreaker.state(breaker)))
      assert.deepStrictEqual([error[0]._tag, error[1], interrupted], ["AttemptTimeout", "Open", true])
    }))

  row(
    "errorThresholdPercentage: 50, volumeThreshold: 10",
    "opens if half of at least ten calls failed",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.5, minimumCalls: 10, window: { duration: "10 seconds" } })
        })
        yield* Effect.replicateEffect(CircuitBreaker.protect(task, breaker), 5)
        yield* failing(breaker, 4)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      })
  )

  row(
    "rollingCountTimeout: 30_000, rollingCountBuckets: 10",
    "forgets calls after that time",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.5, minimumCalls: 2, window: { duration: "30 seconds", buckets: 10 } })
        })
        yield* failing(breaker, 1)
        yield* TestClock.adjust("31 seconds")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      })
  )

  row(
    "resetTimeout: 30_000",
    "stays open for that time",
    () => assertOpens(CircuitBreaker.make({ trip, openFor: "30 seconds" }), 1, 30_000)
  )

  row("errorFilter: (error) => error === \"not found\"", "does not count the error", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: Tripping.consecutive(2),
        isFailure: (error) => !CircuitBreaker.isRejection(error) && error !== "not found"
      })
      yield* failing(breaker, 1)
      yield* failing(breaker, 5, "not found")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      yield* failing(breaker, 1)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  row("capacity: 10", "rejects the eleventh call at once and leaves the circuit closed", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 10 })
      const resilient = Pipeline.make({ policies: [breaker, bulkhead] })
      const { rejections, running } = yield* atOnce(11, (task) => resilient(task))
      assert.deepStrictEqual([running, rejections.map(({ _tag }) => _tag)], [10, ["BulkheadFull"]])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("cache: true, cacheTTL: 5_000", "makes one call in that time", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      let calls = 0
      const task = Effect.sync(() => ++calls)
      const cached = yield* Effect.cachedWithTTL(CircuitBreaker.protect(task, breaker), "5 seconds")
      yield* Effect.replicateEffect(cached, 3)
      assert.strictEqual(calls, 1)
      yield* TestClock.adjust("6 seconds")
      assert.strictEqual(yield* cached, 2)
    }))

  row("breaker.fire()", "runs the task", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      assert.strictEqual(yield* CircuitBreaker.protect(task, breaker), "ok")
    }))

  row("breaker.fallback(() => \"cached\")", "replaces every error", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const call = Effect.fail("down").pipe(
        CircuitBreaker.protect(breaker),
        Effect.orElseSucceed(() => "cached")
      )
      assert.deepStrictEqual(yield* Effect.all([call, call]), ["cached", "cached"])
    }))

  row("breaker.open()", "rejects calls", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(task, breaker)))._tag, "CircuitOpen")
    }))

  row("breaker.close()", "admits calls and clears the window", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(2) })
      yield* failing(breaker, 2)
      yield* CircuitBreaker.close(breaker)
      yield* failing(breaker, 1)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("breaker.disable()", "never opens", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* CircuitBreaker.disable(breaker)
      yield* failing(breaker, 5)
      assert.strictEqual(yield* CircuitBreaker.protect(task, breaker), "ok")
    }))

  row("breaker.on(\"open\", f)", "hears that the circuit opened", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      let opened = 0
      const onOpen = () => Effect.sync(() => opened++)
      yield* CircuitBreaker.changes(breaker).pipe(
        Stream.filter(({ to }) => to === "Open"),
        Stream.runForEach(onOpen)
      ).pipe(Effect.fork)
      yield* TestClock.adjust(0)
      assert.strictEqual(opened, 0)
      yield* failing(breaker, 1)
      yield* TestClock.adjust(0)
      assert.strictEqual(opened, 1)
    }))

  row("breaker.stats", "counts calls, failures and rejections", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* CircuitBreaker.protect(task, breaker)
      yield* failing(breaker, 2)
      const { admitted, failed, rejected } = yield* CircuitBreaker.snapshot(breaker)
      assert.deepStrictEqual([admitted, failed, rejected], [2, 1, 1])
    }))
})

describe("docs/migrations/opossum.md", checkPage)
