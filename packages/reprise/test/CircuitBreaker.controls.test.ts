import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, FiberId, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import { begin, counts, fail, make, rejection, retryAfter, ripe, succeed, times } from "./breakerCalls.js"

const ok = Exit.succeed("ok")
const bad = Exit.fail("down")

const lastCalls = (calls: number, minimumCalls = calls) =>
  Tripping.rate({ threshold: 1, minimumCalls, window: { calls } })
const slowerThan = (slowerThan: Duration.DurationInput, minimumCalls: number) =>
  Tripping.slowRate({ threshold: 1, minimumCalls, slowerThan, window: { calls: 10 } })

describe("isolate", () => {
  it.effect("rejects all calls until each of its handles has been released once", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const [one, two] = yield* times(2, CircuitBreaker.isolate(breaker))
      yield* one!.release
      yield* one!.release
      const error = yield* rejection(breaker)
      assert.deepInclude({ ...error }, { state: "Isolated", retryAfter: Duration.infinity, trip: undefined })
      yield* two!.release
      assert.deepStrictEqual([yield* CircuitBreaker.state(breaker), yield* succeed(breaker)], ["Closed", "ok"])
    }))

  it.effect("is left by no success, no failure and no time", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      const [one, two] = yield* times(2, begin(breaker))
      yield* CircuitBreaker.isolate(breaker)
      yield* one!.end(ok)
      yield* two!.end(bad)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
      assert.strictEqual(yield* succeed(breaker), "rejected")
    }))

  it.effect("goes on afterwards where it was, with what ended in between", () =>
    Effect.gen(function*() {
      const closed = yield* make({ trip: Tripping.consecutive(2) })
      const running = yield* begin(closed)
      const isolation = yield* CircuitBreaker.isolate(closed)
      yield* running.end(bad)
      yield* isolation.release
      assert.deepStrictEqual(yield* counts(closed), [1, 1, 0])
      const open = yield* make()
      yield* fail(open)
      const another = yield* CircuitBreaker.isolate(open)
      yield* TestClock.adjust(400)
      yield* another.release
      assert.strictEqual(yield* retryAfter(open), 600)
    }))

  it.effect("closes several breakers to all calls by one handle for each", () =>
    Effect.gen(function*() {
      const breakers = yield* times(3, make())
      const isolations = yield* Effect.forEach(breakers, CircuitBreaker.isolate)
      assert.deepStrictEqual(yield* Effect.forEach(breakers, succeed), ["rejected", "rejected", "rejected"])
      yield* Effect.forEach(isolations, ({ release }) => release)
      assert.deepStrictEqual(yield* Effect.forEach(breakers, succeed), ["ok", "ok", "ok"])
    }))
})

describe("disable", () => {
  it.effect("lets all calls through, goes on counting, and never opens", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: lastCalls(5, 1) })
      yield* fail(breaker)
      yield* CircuitBreaker.disable(breaker)
      assert.deepStrictEqual(yield* times(50, fail(breaker)), Array<string>(50).fill("down"))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), {
        state: "Disabled",
        calls: 5,
        failures: 5,
        rejected: 0
      })
    }))

  it.effect("does not open by hand or because of slow calls either", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: slowerThan("1 second", 1) })
      yield* CircuitBreaker.disable(breaker)
      yield* CircuitBreaker.trip(breaker)
      yield* CircuitBreaker.trip(breaker, { openFor: "1 hour" })
      yield* begin(breaker)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([yield* succeed(breaker), yield* counts(breaker)], ["ok", [2, 0, 1]])
    }))

  it.effect("begins and ends with a new window, and hears no call from before", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      yield* fail(breaker)
      const early = yield* begin(breaker)
      yield* CircuitBreaker.disable(breaker)
      yield* early.end(bad)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* times(5, fail(breaker))
      const late = yield* begin(breaker)
      yield* CircuitBreaker.enable(breaker)
      yield* late.end(bad)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0, generation: 2 })
    }))

  it.effect("twice is disable once, and enable without it does nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: lastCalls(5) })
      yield* fail(breaker)
      yield* CircuitBreaker.enable(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      yield* CircuitBreaker.disable(breaker)
      yield* fail(breaker)
      yield* CircuitBreaker.disable(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
    }))
})

describe("close, trip and reset", () => {
  it.effect("close ends the open time with a new window, and nothing comes of that time later", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* fail(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0, trips: 0 })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* times(2, succeed(breaker)), ["ok", "ok"])
    }))

  it.effect("close does nothing to a closed breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      yield* fail(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { failures: 1, generation: 0 })
    }))

  it.effect("trip opens for as long as it is told, and no longer or shorter where it is open already", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* CircuitBreaker.trip(breaker, { openFor: "30 minutes" })
      yield* CircuitBreaker.trip(breaker, { openFor: "1 hour" })
      yield* CircuitBreaker.trip(breaker)
      yield* TestClock.adjust("15 minutes")
      assert.deepInclude({ ...(yield* rejection(breaker)) }, {
        retryAfter: Duration.minutes(15),
        openedAtMillis: 0,
        trip: { rule: "manual", calls: 0, failures: 0, slow: 0 }
      })
      yield* TestClock.adjust("15 minutes")
      assert.strictEqual(yield* succeed(breaker), "ok")
    }))

  it.effect("trip opens for as long as the schedule says where it is told nothing, and opens what is half-open", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: Schedule.exponential("1 second") })
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
      yield* TestClock.adjust("1 second")
      const probe = yield* begin(breaker)
      yield* CircuitBreaker.trip(breaker)
      yield* probe.end(ok)
      assert.strictEqual(yield* retryAfter(breaker), 2_000)
    }))

  it.effect("trip for zero makes the next call a probe", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* CircuitBreaker.trip(breaker, { openFor: 0 })
      yield* begin(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 1 })
    }))

  it.effect("reset makes it what it was at first, whatever happened", () =>
    Effect.gen(function*() {
      for (const happens of [CircuitBreaker.isolate, CircuitBreaker.disable, CircuitBreaker.trip, fail]) {
        const breaker = yield* make({ trip: Tripping.consecutive(2) })
        const late = yield* begin(breaker)
        yield* fail(breaker)
        yield* happens(breaker)
        yield* CircuitBreaker.reset(breaker)
        yield* late.end(bad)
        assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), {
          state: "Closed",
          calls: 0,
          failures: 0,
          trips: 0
        })
        yield* fail(breaker)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      }
    }))

  it.effect("reset does not let an earlier isolation end a later one", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const early = yield* CircuitBreaker.isolate(breaker)
      yield* CircuitBreaker.reset(breaker)
      yield* CircuitBreaker.isolate(breaker)
      yield* early.release
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
    }))
})

describe("admit and settle", () => {
  it.effect("are a call in two steps, of which the second counts once", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      const permit = yield* CircuitBreaker.admit(breaker)
      yield* CircuitBreaker.settle(breaker, permit, bad)
      yield* CircuitBreaker.settle(permit, bad)(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
    }))

  it.effect("take a permit and give it back to a half-open breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe()
      const permit = yield* CircuitBreaker.admit(breaker)
      const refused = yield* Effect.flip(CircuitBreaker.admit(breaker))
      assert.strictEqual(refused.state, "HalfOpen")
      yield* CircuitBreaker.settle(breaker, permit, Exit.interrupt(FiberId.none))
      const another = yield* CircuitBreaker.admit(breaker)
      yield* CircuitBreaker.settle(breaker, permit, bad)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, 1)
      yield* CircuitBreaker.settle(breaker, another, ok)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))
})
