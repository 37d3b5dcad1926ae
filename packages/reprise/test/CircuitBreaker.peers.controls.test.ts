import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Fiber, Metric, Option, Stream, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as Timeout from "reprise/Timeout"
import * as Tripping from "reprise/Tripping"
import { begin, counts, fail, make, rejection, retryAfter, ripe, succeed, times } from "./breakerCalls.js"
import { is, opened, peers } from "./breakerPeers.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

class Down extends Data.TaggedError("Down") {}
class TimedOut extends Data.TaggedError("TimedOut") {}

const { check, row } = peers(import.meta.url, ["By hand", "Its state elsewhere", "Seeing it", "Around it"])

describe("from another library: by hand", () => {
  row("open() (pybreaker, opossum), transitionToOpenState() (resilience4j)", "opens", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* CircuitBreaker.trip(breaker)
      yield* is(breaker, "Open")
    }))

  row(
    "transitionToOpenStateFor(), transitionToOpenStateUntil() (resilience4j)",
    "opens for a given time",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        yield* CircuitBreaker.trip(breaker, { openFor: "30 minutes" })
        assert.strictEqual(yield* retryAfter(breaker), 1_800_000)
      })
  )

  row(
    "half_open() (pybreaker), transitionToHalfOpenState() (resilience4j)",
    "probes with the next call",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        yield* CircuitBreaker.trip(breaker, { openFor: 0 })
        yield* begin(breaker)
        yield* is(breaker, "HalfOpen")
      })
  )

  row(
    "close() (pybreaker, opossum), CloseAsync (Polly), transitionToClosedState() (resilience4j)",
    "closes with a new window",
    () =>
      Effect.gen(function*() {
        const breaker = yield* opened
        yield* CircuitBreaker.close(breaker)
        assert.strictEqual(yield* succeed(breaker), "ok")
      })
  )

  row("reset() (resilience4j)", "begins anew, whatever the state", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.tap(opened, CircuitBreaker.isolate)
      yield* CircuitBreaker.reset(breaker)
      yield* is(breaker, "Closed")
    }))

  row(
    "isolate() (cockatiel), IsolateAsync (Polly), FORCED_OPEN (resilience4j)",
    "rejects all for a while",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const maintenance = Effect.delay(succeed(breaker), "1 day")
        const program = Effect.acquireUseRelease(
          CircuitBreaker.isolate(breaker),
          () => maintenance,
          ({ release }) => release
        )
        const fiber = yield* Effect.fork(program)
        yield* TestClock.adjust("1 day")
        assert.deepStrictEqual([yield* Fiber.join(fiber), yield* succeed(breaker)], ["rejected", "ok"])
      })
  )

  row("one ManualControl for several (Polly)", "isolates them all", () =>
    Effect.gen(function*() {
      const breakers = yield* times(3, make())
      yield* Effect.forEach(breakers, CircuitBreaker.isolate)
      assert.deepStrictEqual(yield* Effect.forEach(breakers, succeed), ["rejected", "rejected", "rejected"])
    }))

  row(
    "disable(), enabled: false (opossum), noop (cockatiel), DISABLED (resilience4j)",
    "lets all through",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        yield* CircuitBreaker.disable(breaker)
        assert.deepStrictEqual(yield* times(3, fail(breaker)), ["down", "down", "down"])
        assert.deepStrictEqual(yield* counts(breaker), [3, 3, 0])
      })
  )

  row("METRICS_ONLY (resilience4j)", "says what a rule would have done", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: Tripping.consecutive(100),
        shadow: { trip: Tripping.consecutive(2) }
      })
      assert.deepStrictEqual(yield* times(3, fail(breaker)), ["down", "down", "down"])
      const shadow = Option.getOrThrow(CircuitBreaker.shadow(breaker))
      assert.strictEqual((yield* CircuitBreaker.snapshot(shadow)).rejected, 1)
    }))

  row("the setters (pybreaker), reload of options (Polly)", "keeps what it has counted", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(5) })
      yield* times(4, fail(breaker))
      yield* CircuitBreaker.reconfigure(breaker, { trip: Tripping.consecutive(10) })
      yield* times(5, fail(breaker))
      yield* is(breaker, "Closed")
      yield* fail(breaker)
      yield* is(breaker, "Open")
    }))

  row("shutdown() (opossum)", "is not needed, for nothing runs", () =>
    Effect.sync(() => {
      const { fibersLeft, sleepsLeft } = Virtual.run(Effect.flatMap(opened, CircuitBreaker.isolate))
      assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
    }))

  row(
    "decorator, call(), calling(), call_async() (pybreaker), fire() (opossum)",
    "wraps any effect",
    () =>
      Effect.gen(function*() {
        const breaker = yield* opened
        const task = Effect.succeed("done")
        const error = yield* task.pipe(CircuitBreaker.protect(breaker), Effect.flip)
        assert.strictEqual((error as CircuitBreaker.CircuitOpen)._tag, "CircuitOpen")
      })
  )

  row(
    "tryAcquirePermission(), onSuccess(), onError(), releasePermission() (resilience4j)",
    "takes two steps",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const task = Effect.fail(new Down())
        const call = Effect.acquireUseRelease(
          CircuitBreaker.admit(breaker),
          () => task,
          (permit, exit) => CircuitBreaker.settle(breaker, permit, exit)
        )
        const errors = [yield* Effect.flip(call), yield* Effect.flip(call)]
        assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["Down", "CircuitOpen"])
      })
  )
})

describe("from another library: where its state is", () => {
  row("toJSON() (opossum, cockatiel)", "writes its state down", () =>
    Effect.gen(function*() {
      const breaker = yield* opened
      const state = yield* CircuitBreakerSchema.exportState(breaker)
      assert.strictEqual(JSON.parse(JSON.stringify(state)).version, 1)
    }))

  row(
    "state, status (opossum), initialState (cockatiel, resilience4j)",
    "goes on where another one was",
    () =>
      Effect.gen(function*() {
        const state = JSON.parse(JSON.stringify(yield* CircuitBreakerSchema.exportState(yield* opened)))
        const breaker = yield* make()
        yield* TestClock.adjust(400)
        yield* CircuitBreakerSchema.importState(breaker, state)
        assert.strictEqual(yield* retryAfter(breaker), 600)
      })
  )

  row(
    "state_storage, fallback_circuit_state (pybreaker)",
    "is told to others where you want it",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const saved: Array<CircuitBreakerSchema.State> = []
        const save = (state: CircuitBreakerSchema.State) => Effect.sync(() => saved.push(state))
        yield* Effect.fork(
          Stream.runForEach(
            CircuitBreaker.changes(breaker),
            () => Effect.flatMap(CircuitBreakerSchema.exportState(breaker), save)
          )
        )
        yield* TestClock.adjust(0)
        yield* fail(breaker)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(saved.map(({ state }) => state._tag), ["Closed", "Open"])
      })
  )

  row(
    "CircuitBreakerRegistry (resilience4j), ResiliencePipelineRegistry (Polly)",
    "has one for each key",
    () =>
      Effect.gen(function*() {
        const tenants = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) } })
        const task = Effect.fail("down")
        const first = yield* Effect.flip(task.pipe(CircuitBreakers.protect(tenants, "a")))
        const other = yield* Effect.succeed("ok").pipe(CircuitBreakers.protect(tenants, "b"))
        assert.deepStrictEqual([first, other], ["down", "ok"])
      })
  )
})

describe("from another library: seeing it", () => {
  row(
    "state_change (pybreaker), open, halfOpen, close (opossum), onBreak, onHalfOpen, onReset (cockatiel), OnOpened, OnHalfOpened, OnClosed (Polly), onStateTransition (resilience4j), onStateChange (rezilience)",
    "is a stream of the transitions",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const lines: Array<string> = []
        const log = (from: string, to: string) => Effect.sync(() => lines.push(`${from} ${to}`))
        yield* Effect.fork(
          CircuitBreaker.changes(breaker).pipe(Stream.drop(1), Stream.runForEach(({ from, to }) => log(from, to)))
        )
        yield* TestClock.adjust(0)
        yield* fail(breaker)
        yield* TestClock.adjust("1 second")
        yield* succeed(breaker)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(lines, ["Closed Open", "Open HalfOpen", "HalfOpen Closed"])
      })
  )

  row(
    "before_call, success, failure (pybreaker), fire, reject (opossum)",
    "is what an effect can say itself",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const seen: Array<string> = []
        const say = (word: string) => Effect.sync(() => seen.push(word))
        const task = Effect.fail(new Down())
        const call = Effect.zipRight(say("call"), task).pipe(
          Effect.tapBoth({ onFailure: () => say("failure"), onSuccess: () => say("success") }),
          CircuitBreaker.protect(breaker),
          Effect.tapErrorTag("CircuitOpen", () => say("rejected"))
        )
        yield* times(2, Effect.ignore(call))
        assert.deepStrictEqual(seen, ["call", "failure", "rejected"])
      })
  )

  row(
    "current_state, fail_counter (pybreaker), stats (opossum), state (cockatiel), StateProvider (Polly), getMetrics() (resilience4j)",
    "is a snapshot, and reading it changes nothing",
    () =>
      Effect.gen(function*() {
        const breaker = yield* opened
        yield* TestClock.adjust("1 second")
        const snapshot = yield* CircuitBreaker.snapshot(breaker)
        assert.deepInclude(snapshot, { state: "Open", generation: 1 })
        yield* is(breaker, "Open")
      })
  )

  row("rollingPercentilesEnabled, enableSnapshots (opossum)", "is a metric of the call", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const task = Effect.succeed("ok")
      const latency = Services.latency
      yield* task.pipe(Metric.trackDuration(latency), CircuitBreaker.protect(breaker))
      assert.strictEqual((yield* Metric.value(latency)).count, 1)
    }))

  row("metrics (rezilience, resilience4j, Polly)", "is a metric of the transitions", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const states = Metric.frequency("payments_circuit")
      yield* Effect.fork(
        Stream.runForEach(CircuitBreaker.changes(breaker), ({ to }) => Metric.update(states, to))
      )
      yield* TestClock.adjust(0)
      yield* fail(breaker)
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* Metric.value(states)).occurrences.get("Open"), 1)
    }))

  row(
    "name (pybreaker, opossum, resilience4j), group (opossum)",
    "is in errors and transitions",
    () =>
      Effect.gen(function*() {
        const breaker = yield* ripe({ key: "payments" })
        yield* CircuitBreaker.isolate(breaker)
        assert.strictEqual((yield* rejection(breaker)).key, "payments")
      })
  )

  row(
    "CircuitBreakerError (pybreaker), isOurError() (opossum), BrokenCircuitException (Polly), CallNotPermittedException (resilience4j), CircuitBreakerOpen (rezilience), fallback() (opossum)",
    "is an error with a tag",
    () =>
      Effect.gen(function*() {
        const breaker = yield* opened
        const task = Effect.fail(new Down())
        const cached = Effect.succeed("cached")
        const call = task.pipe(CircuitBreaker.protect(breaker), Effect.catchTag("CircuitOpen", () => cached))
        assert.strictEqual(yield* call, "cached")
      })
  )

  row("RetryAfter (Polly)", "is a field of the error", () =>
    Effect.gen(function*() {
      const error = yield* rejection(yield* opened)
      const later = Option.map(error.retryAfter, Duration.toSeconds)
      assert.deepStrictEqual(later, Option.some(1))
    }))

  row(
    "IsolatedCircuitError (cockatiel), IsolatedCircuitException (Polly)",
    "is a state of the error",
    () =>
      Effect.gen(function*() {
        const error = yield* rejection(yield* Effect.tap(opened, CircuitBreaker.isolate))
        assert.isTrue(error.state === "Isolated")
      })
  )

  row(
    "lastFailure (cockatiel), inner exception (Polly)",
    "is the rule that tripped, with its counts",
    () =>
      Effect.gen(function*() {
        const error = yield* rejection(yield* Effect.tap(make(), fail))
        assert.deepStrictEqual(error.trip, { rule: "consecutive", calls: 1, failures: 1, slow: 0 })
      })
  )

  row("writableStackTraceEnabled (resilience4j)", "has no stack", () =>
    Effect.gen(function*() {
      const error = yield* rejection(yield* opened)
      assert.isTrue(error.stack === undefined)
    }))
})

describe("from another library: around it", () => {
  row("timeout (opossum)", "goes inside, and counts", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const task = Effect.never
      const call = task.pipe(
        Timeout.timeoutFail({ duration: "10 seconds", onTimeout: () => new TimedOut() }),
        CircuitBreaker.protect(breaker)
      )
      yield* Effect.fork(Effect.ignore(call))
      yield* TestClock.adjust("10 seconds")
      yield* is(breaker, "Open")
    }))

  row("capacity (opossum)", "goes outside, and does not count", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const semaphore = yield* Effect.makeSemaphore(1)
      const task = Effect.delay(Effect.void, "1 second")
      const call = semaphore.withPermitsIfAvailable(1)(CircuitBreaker.protect(task, breaker))
      yield* Effect.fork(call)
      yield* TestClock.adjust(0)
      assert.strictEqual((yield* call)._tag, "None")
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    }))

  row("cache, coalesce (opossum)", "goes around", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      let calls = 0
      const task = Effect.sync(() => ++calls)
      const cached = yield* Effect.cachedWithTTL(CircuitBreaker.protect(task, breaker), "5 seconds")
      yield* Effect.all([cached, cached], { concurrency: 2 })
      assert.strictEqual(calls, 1)
    }))

  row(
    "abortController (opossum), signal (cockatiel), CancellationToken (Polly)",
    "is interruption, and no failure",
    () =>
      Effect.gen(function*() {
        const breaker = yield* make()
        const { fiber } = yield* begin(breaker)
        yield* Fiber.interrupt(fiber)
        yield* is(breaker, "Closed")
      })
  )

  row("TimeProvider (Polly), clock (resilience4j)", "is the clock of the fiber", () =>
    Effect.gen(function*() {
      const clock = Virtual.clock()
      const breaker = yield* opened
      clock.millis = 1_000
      const program = succeed(breaker)
      assert.strictEqual(yield* program, "rejected")
      assert.strictEqual(yield* program.pipe(Effect.withClock(clock)), "ok")
    }))
})

describe("docs/migrations/circuit-breakers.md", () => {
  it("has a row for every test of this file, a test for every row, and no snippet that is not run", check)
})
