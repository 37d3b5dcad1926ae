/** For how long a breaker opens: at once, while its schedule decides, and after a recovery that does not last. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Option, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import * as Tripping from "reprise/Tripping"
import { begin, type Breaker, call, down, fail, make, millisOf, retryAfter, succeed, times } from "./breakerCalls.js"
import { is } from "./breakerPeers.js"
import * as Virtual from "./virtual.js"

/** Opens for 5 s, then for 10 s, and so on, and takes so long to say so. */
const deciding = (time: Effect.Effect<unknown>) =>
  Schedule.exponential("5 seconds").pipe(Schedule.modifyDelayEffect((_, delay) => Effect.as(time, delay)))

const slowly = (millis: number) => deciding(Effect.sleep(Duration.millis(millis)))

const left = (breaker: Breaker) =>
  Effect.map(CircuitBreaker.snapshot(breaker), ({ retryAfter }) => millisOf(retryAfter))

describe("while its schedule decides for how long, a breaker", () => {
  it.effect("rejects every call after the trip, and is then open for as long as the schedule says", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: slowly(30) })
      const tripping = yield* Effect.fork(fail(breaker))
      yield* TestClock.adjust(0)
      const calls = yield* times(20, succeed(breaker))
      assert.deepStrictEqual(calls, Array.from({ length: 20 }, () => "rejected"))
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
      yield* TestClock.adjust(30)
      assert.strictEqual(yield* Fiber.join(tripping), "down")
      assert.strictEqual(yield* retryAfter(breaker), 4_970)
    }))

  it.effect("is open for the last duration when a probe has failed", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: slowly(30) })
      const failing = Effect.zipLeft(Effect.fork(fail(breaker)), TestClock.adjust(0))
      yield* failing
      yield* TestClock.adjust("5 seconds")
      yield* failing
      assert.strictEqual(yield* retryAfter(breaker), 5_000)
      yield* TestClock.adjust(30)
      assert.strictEqual(yield* retryAfter(breaker), 9_970)
    }))

  it.effect("rejects every call after calls in flight have tripped it", () =>
    Effect.gen(function*() {
      const trip = Tripping.slowRate({ slowerThan: "1 second", threshold: 1, minimumCalls: 1, window: { calls: 9 } })
      const breaker = yield* make({ trip, openFor: slowly(30) })
      yield* begin(breaker)
      yield* TestClock.adjust("1 second")
      const tripping = yield* Effect.fork(succeed(breaker))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* times(3, succeed(breaker)), ["rejected", "rejected", "rejected"])
      yield* TestClock.adjust(30)
      assert.strictEqual(yield* Fiber.join(tripping), "rejected")
    }))

  it.effect("rejects every call after an operator has tripped it", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: slowly(30) })
      yield* Effect.fork(CircuitBreaker.trip(breaker))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* times(3, succeed(breaker)), ["rejected", "rejected", "rejected"])
      yield* TestClock.adjust(30)
      assert.strictEqual(yield* retryAfter(breaker), 4_970)
    }))

  it.effect("waits for it no longer than a second, and opens for the last duration", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: deciding(Effect.never) })
      const tripping = yield* Effect.fork(fail(breaker))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual([tripping.unsafePoll(), yield* succeed(breaker)], [null, "rejected"])
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(tripping), "down")
      assert.strictEqual(yield* succeed(breaker), "ok")
      yield* is(breaker, "Closed")
    }))

  it.effect("waits for it no longer than the deadline of the call", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: deciding(Effect.never) })
      const tripping = yield* Effect.fork(Effect.exit(Deadline.within(fail(breaker), "300 millis")))
      yield* TestClock.adjust(299)
      assert.isNull(tripping.unsafePoll())
      yield* TestClock.adjust(1)
      assert.isNotNull(tripping.unsafePoll())
      assert.strictEqual(yield* left(breaker), 700)
    }))

  it.effect("ignores an answer that comes after it has been closed and has opened again", () =>
    Effect.gen(function*() {
      let steps = 0
      const breaker = yield* make({ openFor: deciding(Effect.suspend(() => Effect.sleep(++steps === 1 ? 900 : 0))) })
      yield* Effect.fork(fail(breaker))
      yield* TestClock.adjust(0)
      yield* CircuitBreaker.close(breaker)
      yield* CircuitBreaker.trip(breaker, { openFor: "2 seconds" })
      yield* TestClock.adjust(900)
      assert.strictEqual(yield* left(breaker), 1_100)
    }))

  it("stays open and leaves no fiber and no timer, whenever the call that tripped it is interrupted", () => {
    let openings = 0
    const runs = Virtual.interruptEverywhere(
      () => {
        const breaker = Effect.runSync(make({ openFor: slowly(30) }))
        return { breaker, program: fail(breaker) }
      },
      ({ fibersLeft, sleepsLeft }, at, { breaker }) => {
        const { generation, retryAfter, state } = Effect.runSync(CircuitBreaker.snapshot(breaker))
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0], `operation ${at}`)
        assert.include(["Closed", "Open"], state)
        assert.strictEqual(generation, state === "Open" ? 1 : 0)
        if (state === "Open") openings++
        assert.isBelow(Duration.toMillis(Option.getOrElse(retryAfter, () => Duration.zero)), 6_000)
      }
    )
    assert.isAbove(runs, openings)
    assert.isAbove(openings, 5)
  })
})

describe("after a recovery, a breaker", () => {
  /** Opens, stays open for as long as its schedule says, and recovers. */
  const outage = (breaker: Breaker) =>
    Effect.gen(function*() {
      yield* fail(breaker)
      const millis = yield* retryAfter(breaker)
      yield* TestClock.adjust(millis)
      assert.strictEqual(yield* succeed(breaker), "ok")
      return millis
    })
  const growing = () => make({ openFor: Schedule.exponential("1 second") })

  it.effect("opens for longer than before if it fails again at once", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      assert.deepStrictEqual(yield* times(4, outage(breaker)), [1_000, 2_000, 4_000, 8_000])
      yield* fail(breaker)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).trips, 5)
    }))

  it.effect("begins its schedule again once it has stayed closed for as long as it was open", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      yield* times(2, outage(breaker))
      yield* TestClock.adjust(1_999)
      assert.strictEqual(yield* outage(breaker), 4_000)
      yield* TestClock.adjust(4_000)
      assert.strictEqual(yield* outage(breaker), 1_000)
      assert.strictEqual(yield* outage(breaker), 2_000)
    }))

  it.effect("does not count the time in which nobody called it while it was open", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      yield* fail(breaker)
      yield* TestClock.adjust("1 hour")
      yield* succeed(breaker)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* outage(breaker), 1_000)
    }))

  it.effect("opens 7 times in two minutes in which the dependency fails after every second", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      let openings = 0
      for (let second = 0; second < 120; second++) {
        // Up whenever it is probed, and down again with the call after that.
        if ((yield* succeed(breaker)) === "ok") {
          yield* TestClock.adjust("500 millis")
          openings += (yield* fail(breaker)) === "down" ? 1 : 0
          yield* TestClock.adjust("500 millis")
        } else yield* TestClock.adjust("1 second")
      }
      assert.strictEqual(openings, 7)
    }))

  it.effect("keeps its schedule if an operator has closed it, and begins it again after a reset", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      yield* fail(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.strictEqual(yield* outage(breaker), 2_000)
      yield* CircuitBreaker.reset(breaker)
      assert.strictEqual(yield* outage(breaker), 1_000)
      yield* Effect.zipRight(CircuitBreaker.disable(breaker), CircuitBreaker.enable(breaker))
      assert.strictEqual(yield* outage(breaker), 1_000)
    }))

  it.effect("goes on with its schedule after an operator has opened it for a time", () =>
    Effect.gen(function*() {
      const breaker = yield* growing()
      yield* outage(breaker)
      yield* CircuitBreaker.trip(breaker, { openFor: "1 minute" })
      yield* TestClock.adjust("1 minute")
      yield* succeed(breaker)
      assert.strictEqual(yield* outage(breaker), 2_000)
    }))

  it.effect("judges its candidate by the same memory", () =>
    Effect.gen(function*() {
      const breaker = yield* make({
        trip: Tripping.consecutive(99),
        shadow: { trip: Tripping.consecutive(1), openFor: Schedule.exponential("1 second") }
      })
      const candidate = Option.getOrThrow(CircuitBreaker.shadow(breaker))
      yield* call(breaker, down)
      yield* TestClock.adjust("1 second")
      yield* succeed(breaker)
      yield* call(breaker, down)
      assert.strictEqual(yield* left(candidate), 2_000)
    }))
})
