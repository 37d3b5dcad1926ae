import { assert, describe } from "@effect/vitest"
import { Data, Effect, Fiber, Predicate, Stream, TestClock } from "effect"
import { CircuitBreaker, CircuitBreakerStore, SharedCircuitBreaker, Tripping } from "reprise"
import { assertOpens, atOnce, failing, migration } from "./migrations.js"

const { checkPage, row } = migration("pybreaker", import.meta.url)

class NotFound extends Data.TaggedError("NotFound") {}

const trip = Tripping.consecutive(1)
const task = Effect.succeed("ok")

describe("From pybreaker", () => {
  row(
    "CircuitBreaker(fail_max=5, reset_timeout=60)",
    "opens with the fifth failure in a row, for a minute",
    () => assertOpens(CircuitBreaker.make({ trip: Tripping.consecutive(5), openFor: "60 seconds" }), 5, 60_000)
  )

  row("CircuitBreaker(success_threshold=3)", "closes with the third successful probe", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5), successes: 3 })
      yield* CircuitBreaker.trip(breaker, { openFor: 0 })
      yield* Effect.replicateEffect(CircuitBreaker.protect(task, breaker), 2)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
      yield* CircuitBreaker.protect(task, breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("CircuitBreaker(exclude=[NotFound])", "does not count the error", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        trip: Tripping.consecutive(2),
        isFailure: (error) => !CircuitBreaker.isRejection(error) && !Predicate.isTagged(error, "NotFound")
      })
      yield* failing(breaker, 1)
      yield* failing(breaker, 5, new NotFound())
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      yield* failing(breaker, 1)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  row("CircuitBreaker(name=\"payments\")", "is in the rejection", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip, key: "payments" })
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(task, breaker))).key, "payments")
    }))

  row("breaker.call(f)", "runs calls at the same time", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const { running } = yield* atOnce(5, (task) => CircuitBreaker.protect(task, breaker))
      assert.strictEqual(running, 5)
    }))

  row("except CircuitBreakerError", "handles the rejection", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* failing(breaker, 1)
      const handled = task.pipe(
        CircuitBreaker.protect(breaker),
        Effect.catchTag("CircuitOpen", () => Effect.succeed("cached"))
      )
      assert.strictEqual(yield* handled, "cached")
    }))

  row("breaker.open()", "rejects calls", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual((yield* Effect.flip(CircuitBreaker.protect(task, breaker)))._tag, "CircuitOpen")
    }))

  row("breaker.half_open()", "makes the next call the probe", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* CircuitBreaker.trip(breaker, { openFor: 0 })
      yield* CircuitBreaker.protect(task, breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("breaker.close()", "admits calls", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      yield* failing(breaker, 1)
      yield* CircuitBreaker.close(breaker)
      assert.strictEqual(yield* CircuitBreaker.protect(task, breaker), "ok")
    }))

  row("breaker.current_state", "is the state", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  row("breaker.fail_counter", "is the number of failures in a row", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(5) })
      const counter = Effect.map(CircuitBreaker.snapshot(breaker), ({ failures }) => failures)
      yield* failing(breaker, 3)
      assert.strictEqual(yield* counter, 3)
      yield* CircuitBreaker.protect(task, breaker)
      assert.strictEqual(yield* counter, 0)
    }))

  row("listeners=[Listener()]", "hears of every transition", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip })
      const states = yield* CircuitBreaker.changes(breaker).pipe(
        Stream.map(({ to }) => to),
        Stream.take(3),
        Stream.runCollect,
        Effect.fork
      )
      yield* TestClock.adjust(0)
      yield* failing(breaker, 1)
      yield* CircuitBreaker.close(breaker)
      assert.deepStrictEqual([...yield* Fiber.join(states)], ["Closed", "Open", "Closed"])
    }))

  row("state_storage=CircuitRedisStorage(...)", "opens in all processes", () =>
    Effect.gen(function*() {
      const make = SharedCircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(5) })
      const [one, other] = yield* Effect.all([make, make])
      yield* failing(one, 5)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* CircuitBreaker.state(other), "Open")
    }).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory())))
})

describe("docs/migrations/pybreaker.md", checkPage)
