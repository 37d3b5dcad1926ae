import { assert, describe, it } from "@effect/vitest"
import type { Scope } from "effect"
import {
  Cause,
  Clock,
  Cron,
  Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  Layer,
  Option,
  Schedule,
  Stream
} from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as Deadline from "reprise/Deadline"
import * as Hedge from "reprise/Hedge"
import * as Keyed from "reprise/Keyed"
import * as RateLimiter from "reprise/RateLimiter"
import * as Retry from "reprise/Retry"
import * as RetryAfterStore from "reprise/RetryAfterStore"
import * as RetryBudget from "reprise/RetryBudget"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as SharedPauses from "reprise/SharedPauses"
import * as SharedRetryBudget from "reprise/SharedRetryBudget"
import * as Timeout from "reprise/Timeout"
import * as Tripping from "reprise/Tripping"
import { type Steps, steps, withSteps } from "./clockSteps.js"
import * as Schedules from "./schedules.js"
import * as Virtual from "./virtual.js"

/** A call: when it comes after the one before, how long each of its attempts takes, and whether they fail. */
interface Call {
  readonly gapMillis: number
  readonly takesMillis: number
  readonly fails: boolean
}

const calls = fc.array(
  fc.record({
    gapMillis: fc.oneof(fc.constant(0), fc.nat(300), fc.nat(5_000)),
    takesMillis: fc.oneof(fc.constant(0), fc.nat(200), fc.nat(2_000)),
    fails: fc.boolean()
  }),
  { minLength: 1, maxLength: 12, size: "max" }
)

type Attempt = Effect.Effect<string, string>
type Made = readonly [protect: (attempt: Attempt) => Effect.Effect<unknown, unknown>, about: Effect.Effect<unknown>]
type Stores =
  | CircuitBreakerStore.CircuitBreakerStore
  | RetryBudgetStore.RetryBudgetStore
  | RetryAfterStore.RetryAfterStore
type Make = Effect.Effect<Made, never, Scope.Scope | Stores>

const stores = Layer.mergeAll(
  CircuitBreakerStore.layerMemory(),
  RetryBudgetStore.layerMemory(),
  RetryAfterStore.layerMemory()
)

/** What an error says, but for dates. */
const plain = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : Option.match(Cause.failureOption(exit.cause), {
    onNone: () => Cause.pretty(exit.cause),
    onSome: (error) =>
      error instanceof Error ? { ...error, name: error.name, stack: undefined, openedAtMillis: undefined } : error
  })

/** However the wall clock is set. */
const passed = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

const observe = (make: Make, script: ReadonlyArray<Call>, wrong: Steps | undefined) => {
  const log: Array<unknown> = []
  const note = (...what: ReadonlyArray<unknown>) =>
    Effect.map(passed, (now) => {
      log.push([now, ...what])
    })
  const program = Effect.gen(function*() {
    const [protect, about] = yield* make
    const running: Array<Fiber.RuntimeFiber<void>> = []
    for (const [index, { fails, gapMillis, takesMillis }] of script.entries()) {
      yield* Effect.sleep(gapMillis)
      const attempt = note(index, "begins").pipe(
        Effect.zipRight(Effect.sleep(takesMillis)),
        Effect.zipRight(fails ? Effect.fail("no") : Effect.succeed("yes"))
      )
      running.push(
        yield* Effect.fork(
          Effect.flatMap(Effect.exit(protect(attempt)), (exit) => note(index, plain(exit)))
        )
      )
    }
    yield* Fiber.joinAll(running)
    yield* note(yield* about)
  }).pipe(Effect.scoped, Effect.provide(stores))
  const { fibersLeft, sleepsLeft } = Virtual.run(wrong === undefined ? program : withSteps(program, wrong))
  return { log, fibersLeft, sleepsLeft }
}

const nothing = Effect.void

/** All that waits, lasts, counts or ends. */
const policies: Record<string, Make> = {
  "a circuit breaker": Effect.map(
    CircuitBreaker.make({
      trip: Tripping.rate({ threshold: 0.5, minimumCalls: 3, window: { duration: "3 seconds" } }),
      openFor: Schedule.spaced("1 second"),
      onFull: "wait",
      lease: "500 millis",
      ramp: Schedule.map(Schedule.spaced("1 second").pipe(Schedule.intersect(Schedule.recurs(2))), () => 0.5)
    }),
    (breaker) => [
      CircuitBreaker.protect(breaker),
      Effect.map(CircuitBreaker.snapshot(breaker), (snapshot) => ({ ...snapshot, openedAtMillis: undefined }))
    ]
  ),
  "a circuit breaker that watches durations": Effect.map(
    CircuitBreaker.make({
      trip: Tripping.slowRate({ threshold: 0.5, minimumCalls: 2, window: { calls: 4 }, slowerThan: "300 millis" }),
      openFor: Schedule.spaced("1 second")
    }),
    (breaker) => [CircuitBreaker.protect(breaker), nothing]
  ),
  "a circuit breaker that is shared": Effect.map(
    SharedCircuitBreaker.make({ key: "shared", trip: Tripping.consecutive(2), openFor: Schedule.spaced("1 second") }),
    (breaker) => [CircuitBreaker.protect(breaker), nothing]
  ),
  "a bulkhead with a queue": Effect.map(
    Bulkhead.make({ maxConcurrent: 1, maxQueued: 3, queueTimeout: "1 second" }),
    (bulkhead) => [
      (attempt) => Deadline.within(Bulkhead.protect(attempt, bulkhead), "1500 millis"),
      Bulkhead.snapshot(bulkhead)
    ]
  ),
  "an adaptive limiter": Effect.map(
    AdaptiveLimiter.make({
      algorithm: AdaptiveLimiter.aimd({ initial: 2, timeout: "500 millis" }),
      maxQueued: 3,
      queueTimeout: "1 second"
    }),
    (
      limiter
    ) => [
      (attempt) => Deadline.within(AdaptiveLimiter.protect(attempt, limiter), "800 millis"),
      AdaptiveLimiter.snapshot(limiter)
    ]
  ),
  "a rate limiter that delays": Effect.map(
    RateLimiter.make({ limit: 1, window: "1 second", burst: 2, onExceeded: "delay" }),
    (limiter) => [
      (attempt) => Deadline.within(RateLimiter.protect(attempt, limiter), "3 seconds"),
      RateLimiter.snapshot(limiter)
    ]
  ),
  "a rate limiter that rejects": Effect.map(
    RateLimiter.make({ limit: 1, window: "1 second" }),
    (limiter) => [RateLimiter.protect(limiter), RateLimiter.snapshot(limiter)]
  ),
  "a retry budget": Effect.map(
    RetryBudget.share({ ratio: 0.5, minPerSecond: 0.1, window: "3 seconds" }),
    (budget) => [
      (attempt) => RetryBudget.retry(attempt, Schedule.spaced("100 millis").pipe(Backoff.attempts(3)), budget),
      RetryBudget.snapshot(budget)
    ]
  ),
  "a retry budget that is shared": Effect.map(
    SharedRetryBudget.share({ ratio: 0.5, minPerSecond: 0.1, window: "3 seconds", key: "shared" }),
    (budget) => [
      (attempt) => RetryBudget.retry(attempt, Schedule.spaced("100 millis").pipe(Backoff.attempts(3)), budget),
      nothing
    ]
  ),
  "a hedge": Effect.map(
    Hedge.make({ after: Hedge.quantile({ quantile: 0.5, warmUp: 3, initial: "100 millis", window: "3 seconds" }) }),
    (hedge) => [Hedge.protect(hedge), Hedge.snapshot(hedge)]
  ),
  "a retry with a deadline": Effect.succeed([
    (attempt) =>
      Retry.ledger(
        attempt,
        Schedules.resetAfter(Backoff.within(Schedule.exponential("100 millis"), "2 seconds"), "1 second")
      ).pipe(
        Effect.map(([exit, ledger]) => [plain(exit), ledger.map(({ startMillis: _, ...line }) => line)]),
        Deadline.within("3 seconds")
      ),
    nothing
  ]),
  "a retry until a time has passed": Effect.succeed([
    (attempt) => Retry.retry(attempt, Schedule.spaced("100 millis").pipe(Schedule.upTo("1 second"))),
    nothing
  ]),
  "a timeout": Effect.succeed([
    (attempt) =>
      Effect.zip(
        Timeout.timeoutFail(attempt, { duration: "500 millis", onTimeout: () => "late" }),
        Deadline.remaining
      ).pipe(Deadline.within("1 second")),
    nothing
  ]),
  "keys that are let go of": Effect.map(
    Effect.suspend(() => {
      let made = 0
      return Keyed.make({ make: () => Effect.sync(() => ++made), idleTimeToLive: "1 second" })
    }),
    (keyed) => {
      let calls = 0
      return [
        (attempt) => Keyed.use(keyed, calls++ % 3, (value) => Effect.zip(Effect.succeed(value), Effect.exit(attempt))),
        Effect.map(Keyed.entries(keyed), (entries) => entries)
      ]
    }
  ),
  "pauses that are shared": Effect.map(
    Effect.suspend(() => {
      const heard: Array<unknown> = []
      return Effect.zip(
        SharedPauses.make({
          onPause: (key, pause) =>
            Effect.map(passed, (now) => {
              heard.push([now, key, Duration.toMillis(pause)])
            })
        }),
        Effect.zip(SharedPauses.make({ onPause: () => Effect.void }), Effect.sync(() => heard))
      )
    }),
    ([, [pauses, heard]]) => [
      (attempt) => Effect.tapError(attempt, () => SharedPauses.pause(pauses, "key", "2 seconds")),
      Effect.sync(() => heard)
    ]
  )
}

describe("a wall clock that is set to and fro", () => {
  for (const [name, make] of Object.entries(policies)) {
    it(`changes nothing for ${name}`, () => {
      fc.assert(
        fc.property(calls, steps, (script, steps) => {
          assert.deepStrictEqual(observe(make, script, steps), observe(make, script, undefined))
        }),
        { numRuns: 30, seed: 1 }
      )
    })
  }
})

describe("what has a date", () => {
  const hour = 3_600_000
  const ahead = <A, E>(millis: number, self: Effect.Effect<A, E>) => withSteps(self, [millis])
  const virtually = <A, E>(program: Effect.Effect<A, E>) => Virtual.plain(Virtual.run(program).exit)

  it("has that of the wall clock: an opening, what is told of it, and the lines of a ledger", () => {
    const program = Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ key: "a", trip: Tripping.consecutive(1) })
      const told: Array<number> = []
      const attempt = Effect.delay(CircuitBreaker.trip(breaker, { openFor: "5 seconds" }), "1 second")
      yield* Effect.forkDaemon(
        Stream.runForEach(
          Stream.take(Stream.drop(CircuitBreaker.changes(breaker), 1), 1),
          ({ atMillis }) => Effect.sync(() => told.push(atMillis))
        )
      )
      yield* Effect.sleep(0)
      const [, ledger] = yield* Retry.ledger(attempt, Schedule.stop)
      const error = yield* Effect.flip(CircuitBreaker.protect(Effect.void, breaker))
      // What was said of it stays as it is.
      const { openedAtMillis } = yield* ahead(-hour, CircuitBreaker.snapshot(breaker))
      yield* Effect.sleep(0)
      return [told, error.openedAtMillis, openedAtMillis, ledger[0]!.startMillis]
    })
    const opened = 2 * hour + 1_000
    assert.deepStrictEqual(virtually(ahead(2 * hour, program)), { success: [[opened], opened, opened, 2 * hour] })
  })

  it("is written down with it, and goes on in a process that began with another time", () => {
    const trip = Tripping.rate({ threshold: 0.5, minimumCalls: 3, window: { duration: "10 seconds", buckets: 10 } })
    const make: Effect.Effect<CircuitBreaker.CircuitBreaker> = CircuitBreaker.make({ trip })
    const rest = (breaker: CircuitBreaker.CircuitBreaker) =>
      Effect.map(CircuitBreaker.snapshot(breaker), ({ calls, retryAfter }) => [
        calls,
        Duration.toMillis(Option.getOrElse(retryAfter, () => Duration.zero))
      ])
    const program = Effect.gen(function*() {
      const open = yield* make
      const closed = yield* make
      yield* CircuitBreaker.trip(open, { openFor: "5 seconds" })
      yield* CircuitBreaker.protect(Effect.void, closed)
      yield* Effect.sleep("4 seconds")
      yield* CircuitBreaker.protect(Effect.void, closed)
      // Its clock was set after it had opened.
      const written = yield* ahead(hour, Effect.forEach([open, closed], CircuitBreakerSchema.exportState))
      const dates = written.map(({ state }) =>
        state._tag === "Open" ? [state.openedAtMillis, state.untilMillis] : state.window
      )
      const after = Effect.forEach(written, (state) =>
        Effect.gen(function*() {
          const breaker = yield* make
          yield* CircuitBreakerSchema.importState(breaker, state)
          const first = yield* rest(breaker)
          yield* Effect.sleep("7 seconds")
          return [first, yield* rest(breaker)]
        }))
      return [dates, yield* ahead(hour, after)]
    })
    const spans = [{ atMillis: hour, calls: 1, bad: 0 }, { atMillis: hour + 4_000, calls: 1, bad: 0 }]
    assert.deepStrictEqual(virtually(program), {
      success: [
        [[hour, hour + 5_000], { kind: "time", spans }],
        [[[0, 1_000], [0, 0]], [[1, 0], [0, 0]]]
      ]
    })
  })

  it("is what a schedule sees that knows of dates", () => {
    const seen: Array<number> = []
    const program = Effect.gen(function*() {
      const attempt = Effect.zipRight(Effect.map(passed, (now) => void seen.push(now)), Effect.fail("no"))
      yield* Effect.exit(
        Retry.retry(
          attempt,
          Schedule.cron(Cron.unsafeParse("0 0 * * * *", "UTC")).pipe(Schedule.intersect(Schedule.recurs(2)))
        )
      )
    })
    Virtual.run(ahead(59 * 60_000, program))
    assert.deepStrictEqual(seen, [0, 60_000, 60_000 + hour])
  })
})
