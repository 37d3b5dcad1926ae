import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Runtime, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as Virtual from "./virtual.js"

const exceeded = new Deadline.DeadlineExceeded({ last: Option.none() })

const outcome = <A, E>(program: Effect.Effect<A, E>): ReadonlyArray<unknown> => {
  const { endMillis, exit } = Virtual.run(program)
  return [Option.getOrUndefined(exit), endMillis]
}

describe("Deadline", () => {
  it.effect("is none by default", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Deadline.current, Infinity)
      assert.deepStrictEqual(yield* Deadline.remaining, Duration.infinity)
    }))

  it.effect("is seen by what runs under it, and by the fibers it forks", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000)
      const program = Effect.gen(function*() {
        const forked = yield* Effect.flatMap(Effect.fork(Deadline.current), Fiber.join)
        return [yield* Deadline.current, forked, Duration.toMillis(yield* Deadline.remaining)]
      })
      assert.deepStrictEqual(yield* Deadline.within(program, "5 seconds"), [6_000, 6_000, 5_000])
      assert.strictEqual(yield* Deadline.current, Infinity)
    }))

  it("leaves less time as time passes, and never less than none", () => {
    const left = Effect.map(Deadline.remaining, Duration.toMillis)
    const program = Effect.all([left, Effect.delay(left, 60), Effect.delay(left, 60)])
    assert.deepStrictEqual(outcome(Deadline.locally(program, 100)), [Exit.succeed([100, 40, 0]), 120])
  })

  it.effect("fails with the deadline when it passes, by the TestClock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Deadline.within(Effect.never, "5 seconds"))
      yield* TestClock.adjust("4999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail(exceeded))
    }))

  it("gives the result of an effect that ends before it", () => {
    const early = Effect.delay(Effect.succeed("done"), 99)
    assert.deepStrictEqual(outcome(early.pipe(Deadline.within(100))), [Exit.succeed("done"), 99])
  })

  it("is the earlier one when nested, whichever is inside", () => {
    const nested = (outer: number, inner: number) =>
      outcome(Effect.never.pipe(Deadline.within(inner), Deadline.within(outer)))
    assert.deepStrictEqual(nested(50, 100), [Exit.fail(exceeded), 50])
    assert.deepStrictEqual(nested(100, 50), [Exit.fail(exceeded), 50])
  })

  it.effect("is what it was before, and the same fiber can be under another one", () =>
    Effect.gen(function*() {
      const both = Effect.zip(Deadline.locally(Deadline.current, 100), Deadline.current)
      assert.deepStrictEqual(yield* Deadline.locally(both, 200), [100, 200])
      assert.strictEqual(yield* Deadline.current, Infinity)
      assert.deepStrictEqual(yield* Deadline.locally(both, 300), [100, 300])
      assert.strictEqual(yield* Deadline.current, Infinity)
    }))

  it.effect("is none for what begins with a runtime that was got under it, once it is over", () =>
    Effect.gen(function*() {
      const seen = (runtime: Runtime.Runtime<never>) => Runtime.runSync(runtime)(Deadline.current)
      const [runtime, before] = yield* Deadline.locally(
        Effect.map(Effect.runtime<never>(), (runtime) => [runtime, seen(runtime)] as const),
        100
      )
      assert.deepStrictEqual([before, seen(runtime)], [100, Infinity])
    }))

  it("is the outer one again after the inner one", () => {
    const inner = Deadline.within(Deadline.current, 50)
    const program = Effect.all([inner, Deadline.current]).pipe(Deadline.within(100))
    assert.deepStrictEqual(outcome(program), [Exit.succeed([50, 100]), 0])
  })

  it("is the outer one again after a failure", () => {
    const inner = Effect.fail("boom").pipe(Deadline.locally(50), Effect.ignore)
    const program = Effect.zipRight(inner, Deadline.current).pipe(Deadline.locally(100))
    assert.deepStrictEqual(outcome(program), [Exit.succeed(100), 0])
  })

  it("does not start the effect once it has passed", () => {
    let started = 0
    const work = Deadline.within(Effect.sync(() => started++), "1 minute")
    const program = Effect.zipRight(Effect.sleep(100), work)
    assert.deepStrictEqual(outcome(Deadline.locally(program, 100)), [Exit.fail(exceeded), 100])
    assert.deepStrictEqual(outcome(Deadline.locally(program, 99)), [Exit.fail(exceeded), 100])
    assert.strictEqual(started, 0)
    assert.deepStrictEqual(outcome(Deadline.locally(program, 101)), [Exit.succeed(0), 100])
  })

  it("is not enforced by locally, which keeps the earlier one too", () => {
    const program = Effect.delay(Deadline.current, 100)
    assert.deepStrictEqual(outcome(Deadline.locally(program, 10)), [Exit.succeed(10), 100])
    assert.deepStrictEqual(outcome(program.pipe(Deadline.locally(20), Deadline.locally(10))), [Exit.succeed(10), 100])
    assert.deepStrictEqual(outcome(program.pipe(Deadline.locally(10), Deadline.locally(20))), [Exit.succeed(10), 100])
  })

  it("ends a retry before a wait that would pass it, with the last failure", () => {
    let attempts = 0
    const flaky = Effect.suspend(() => Effect.fail(`failure ${++attempts}`))
    const policy = Schedule.exponential(10)
    // After waits of 10 + 20 ms the next one, 40 ms, would end at 70.
    assert.deepStrictEqual(outcome(Retry.retry(flaky, policy).pipe(Deadline.within(70))), [Exit.fail("failure 3"), 30])
    assert.deepStrictEqual(outcome(Retry.retry(flaky, policy).pipe(Deadline.within(71))), [Exit.fail("failure 7"), 70])
  })

  it("ends a retry without waits when it is there", () => {
    let attempts = 0
    const flaky = Effect.delay(Effect.suspend(() => Effect.fail(`failure ${++attempts}`)), 10)
    const program = Retry.retry(flaky, Schedule.forever).pipe(Deadline.locally(30))
    assert.deepStrictEqual(outcome(program), [Exit.fail("failure 3"), 30])
  })

  it("interrupts an attempt that runs when it passes, and waits for its finalizer", () => {
    const attempt = Effect.never.pipe(Effect.ensuring(Effect.sleep(20)))
    assert.deepStrictEqual(outcome(Retry.retry(attempt, Schedule.forever).pipe(Deadline.within(50))), [
      Exit.fail(exceeded),
      70
    ])
  })

  it("leaves no fiber or timer behind, at whatever operation it is interrupted", () => {
    const points = Virtual.interruptEverywhere(
      () => ({ program: Effect.sleep(20).pipe(Deadline.within(50), Deadline.within(10), Effect.ignore) }),
      ({ fibersLeft, sleepsLeft }, at) =>
        assert.deepStrictEqual({ at, fibersLeft, sleepsLeft }, { at, fibersLeft: 0, sleepsLeft: 0 })
    )
    assert.isAbove(points, 20)
  })

  it("says what the last failure was, where there was one", () => {
    const message = (last: Option.Option<unknown>) => new Deadline.DeadlineExceeded({ last }).message
    const start = "The deadline leaves no time for another attempt"
    assert.strictEqual(message(Option.none()), start)
    assert.strictEqual(message(Option.some(new Error("refused"))), `${start}; the last failure: refused`)
    assert.strictEqual(message(Option.some("refused")), `${start}; the last failure: refused`)
  })

  it("refuses a time that is none, or more than a timer can hold", () => {
    for (const duration of [0, -1, NaN, Infinity, "25 days"] as const) {
      assert.throws(() => Deadline.within(Effect.void, duration), InvalidOption)
      assert.throws(() => Effect.void.pipe(Deadline.within(duration)), InvalidOption)
    }
  })
})

describe("a deadline over a retry", () => {
  const never = Schedule.mapEffect(Schedule.recurs(1), () => Effect.never)

  it.effect("ends it where its schedule never answers", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(
        Effect.flip(Retry.retry(Effect.fail("no"), never).pipe(Deadline.within("1 second")))
      )
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.instanceOf(yield* Fiber.join(fiber), Deadline.DeadlineExceeded)
    }))

  it.effect("that has passed asks no schedule", () =>
    Effect.gen(function*() {
      const [, ledger] = yield* Deadline.locally(Retry.ledger(Effect.fail("no"), never), 0)
      assert.deepStrictEqual(ledger.map(({ reason }) => reason), ["deadline"])
    }))

  it.scoped("ends it where a store is asked for a probe and never answers", () =>
    Effect.gen(function*() {
      let asked = 0
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      const breaker = yield* Effect.provideService(
        SharedCircuitBreaker.make({ key: "key", trip: Tripping.consecutive(1), openFor: Schedule.spaced("1 second") }),
        CircuitBreakerStore.CircuitBreakerStore,
        {
          ...store,
          // Later questions are answered, so that the scope can close under the clock of a test.
          admit: (key, request) => asked++ === 0 ? Effect.never : store.admit(key, request),
          timeout: Duration.minutes(1)
        }
      )
      yield* CircuitBreaker.trip(breaker)
      yield* TestClock.adjust("2 seconds")
      const call = CircuitBreaker.protect(Effect.void, breaker).pipe(Deadline.within("1 second"))
      const fiber = yield* Effect.fork(Effect.flip(call))
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.instanceOf(yield* Fiber.join(fiber), Deadline.DeadlineExceeded)
    }).pipe(Effect.provide(CircuitBreakerStore.layerMemory())))
})
