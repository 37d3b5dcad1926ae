import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import * as Tripping from "reprise/Tripping"
import {
  begin,
  type Breaker,
  call,
  counts,
  down,
  fail,
  make,
  type Options,
  queue,
  rejection,
  retryAfter,
  ripe,
  type Running,
  succeed,
  times
} from "./breakerCalls.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

const ok = Exit.succeed("ok")
const bad = Exit.fail("down")

describe("a half-open breaker", () => {
  it.effect("lets one probe through and rejects the others, until the probe has answered", () =>
    Effect.gen(function*() {
      for (const [exit, state] of [[ok, "Closed"], [bad, "Open"]] as const) {
        const breaker = yield* ripe()
        const probe = yield* begin(breaker)
        assert.deepStrictEqual(yield* times(3, succeed(breaker)), ["rejected", "rejected", "rejected"])
        assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 1, rejected: 3 })
        yield* probe.end(exit)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), state)
      }
    }))

  it.effect("lets exactly as many probes through as it may, each time", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ probes: 4 })
      for (let round = 0; round < 3; round++) {
        const running = yield* times(4, begin(breaker))
        assert.deepStrictEqual(yield* times(2, succeed(breaker)), ["rejected", "rejected"])
        assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, 4)
        yield* running[0]!.end(bad)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
        yield* TestClock.adjust("1 second")
      }
    }))

  it.effect("tells those it rejects when the lease of the first probe ends", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ probes: 2, lease: "10 seconds" })
      yield* begin(breaker)
      yield* TestClock.adjust("3 seconds")
      yield* begin(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 7_000)
    }))

  const silent: ReadonlyArray<readonly [string, (probe: Running) => Effect.Effect<unknown>]> = [
    ["is interrupted", ({ fiber }) => Fiber.interrupt(fiber)],
    ["ends with an ignored error", (probe) => probe.end(Exit.fail("ignored"))]
  ]
  for (const [how, end] of silent) {
    it.effect(`goes on where a probe ${how}, and the next one decides either way`, () =>
      Effect.gen(function*() {
        for (const [exit, state] of [[ok, "Closed"], [bad, "Open"]] as const) {
          const breaker = yield* ripe({ isFailure: (error) => error !== "ignored" })
          yield* times(5, Effect.flatMap(begin(breaker), end))
          assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 0, rejected: 0 })
          const probe = yield* begin(breaker)
          yield* probe.end(exit)
          assert.strictEqual(yield* CircuitBreaker.state(breaker), state)
        }
      }))
  }

  it.effect("opens where a probe dies", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe()
      assert.strictEqual(yield* call(breaker, Effect.die("bug")), "defect bug")
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Open", trips: 2 })
    }))

  it.effect("closes with the last of the successes it wants, and a failure before starts them again", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ successes: 3 })
      yield* times(2, succeed(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
      yield* fail(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      yield* TestClock.adjust("1 second")
      yield* times(2, succeed(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
      yield* succeed(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("bears as many failed probes as it tolerates, and opens with the next", () =>
    Effect.gen(function*() {
      const options = { probes: 10, successes: 7, toleratedProbeFailures: 3 }
      const opens = yield* ripe(options)
      yield* Effect.all([times(3, fail(opens)), times(6, succeed(opens))])
      assert.strictEqual(yield* CircuitBreaker.state(opens), "HalfOpen")
      yield* fail(opens)
      assert.deepInclude((yield* CircuitBreaker.snapshot(opens)).trip, { rule: "probe", calls: 10, failures: 4 })
      const closes = yield* ripe(options)
      yield* Effect.all([times(3, fail(closes)), times(7, succeed(closes))])
      assert.strictEqual(yield* CircuitBreaker.state(closes), "Closed")
    }))

  it.effect("decides before all probes are back, once enough of them are", () =>
    Effect.gen(function*() {
      const options = { probes: 10, successes: 7, toleratedProbeFailures: 3 }
      for (const [exit, needed, state] of [[ok, 7, "Closed"], [bad, 4, "Open"]] as const) {
        const breaker = yield* ripe(options)
        const running = yield* times(10, begin(breaker))
        for (const probe of running.slice(0, needed - 1)) yield* probe.end(exit)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
        yield* running[needed - 1]!.end(exit)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), state)
      }
    }))

  it.effect("opens with a failed probe, however many calls its rule wants to see", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({
        trip: Tripping.rate({ threshold: 1, minimumCalls: 1_000, window: { calls: 1_000 } })
      })
      yield* fail(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("lets another probe through at exactly the end of a lease, and does not hear the late answer", () =>
    Effect.gen(function*() {
      for (const late of [ok, bad, Exit.die("bug")]) {
        const breaker = yield* ripe({ lease: "10 seconds" })
        const first = yield* begin(breaker)
        yield* TestClock.adjust(9_999)
        assert.strictEqual(yield* retryAfter(breaker), 1)
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, 0)
        const second = yield* begin(breaker)
        yield* first.end(late)
        assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 1 })
        assert.strictEqual(yield* succeed(breaker), "rejected")
        yield* second.end(ok)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      }
    }))

  it.effect("does not hear an answer that comes at exactly the end of its lease", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ lease: "10 seconds" })
      const probe = yield* begin(breaker)
      yield* TestClock.adjust("10 seconds")
      yield* probe.end(ok)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
    }))
})

describe("calls beyond the probes", () => {
  const waiting = (options: Partial<Options> = {}) => ripe({ onFull: "wait", ...options })

  it.effect("wait, and run once the probe has succeeded", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting()
      const probe = yield* begin(breaker)
      const waiters = yield* times(3, queue(breaker))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { waiting: 3, rejected: 0 })
      yield* probe.end(ok)
      assert.deepStrictEqual(yield* Effect.forEach(waiters, Fiber.join), ["ok", "ok", "ok"])
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 0)
    }))

  it.effect("wait, and are rejected without a run once the probe has failed", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting()
      const probe = yield* begin(breaker)
      let runs = 0
      const waiters = yield* times(3, queue(breaker, Effect.sync(() => `run ${++runs}`)))
      yield* probe.end(bad)
      assert.deepStrictEqual(yield* Effect.forEach(waiters, Fiber.join), ["rejected", "rejected", "rejected"])
      assert.strictEqual(runs, 0)
    }))

  it.effect("wait no longer than their deadline allows, and then are rejected by it", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting({ lease: "10 seconds" })
      yield* begin(breaker)
      const now = yield* Clock.currentTimeMillis
      const waiter = yield* Effect.fork(rejection(breaker).pipe(Deadline.locally(now + 3_000)))
      yield* TestClock.adjust("2999 millis")
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 1)
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(waiter)
      assert.deepStrictEqual(error.retryAfter, Option.some(Duration.seconds(7)))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { waiting: 0, rejected: 1 })
    }))

  it("wait for a probe at a fraction of a millisecond too", () => {
    const program = Effect.gen(function*() {
      const trip = Tripping.consecutive(1)
      const breaker = yield* CircuitBreaker.make({ trip, onFull: "wait", openFor: Schedule.spaced("1 minute") })
      yield* Effect.ignore(CircuitBreaker.protect(Effect.fail("down"), breaker))
      // Plus 30,000 for the lease, this is 90208.79301200001.
      yield* Effect.sleep(60_208.793012)
      const call = Effect.as(Effect.sleep(5), "up").pipe(CircuitBreaker.protect(breaker))
      return yield* Effect.all([call, call], { concurrency: "unbounded" })
    })
    assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: ["up", "up"] })
  })

  it.effect("do not wait at all where their deadline has passed", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting()
      yield* begin(breaker)
      const now = yield* Clock.currentTimeMillis
      yield* rejection(breaker).pipe(Deadline.locally(now))
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 0)
    }))

  it.effect("are rejected where as many wait as may, and take the places that become free", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting({ maxWaiting: 2 })
      const probe = yield* begin(breaker)
      const [first, second] = yield* times(2, queue(breaker))
      assert.strictEqual(yield* succeed(breaker), "rejected")
      yield* Fiber.interrupt(first!)
      const third = yield* queue(breaker)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 2)
      yield* probe.end(ok)
      assert.deepStrictEqual(yield* Effect.forEach([second!, third], Fiber.join), ["ok", "ok"])
    }))

  it.effect("leave at once when they are interrupted, and never run", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting()
      const probe = yield* begin(breaker)
      let runs = 0
      const waiter = yield* queue(breaker, Effect.sync(() => `run ${++runs}`))
      yield* Fiber.interrupt(waiter)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiter)))
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 0)
      yield* probe.end(ok)
      assert.strictEqual(runs, 0)
    }))

  it.effect("probe themselves when the lease has ended, one after another", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting({ lease: "10 seconds" })
      yield* begin(breaker)
      const waiters = yield* times(2, queue(breaker))
      yield* TestClock.adjust(9_999)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).waiting, 2)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Effect.forEach(waiters, Fiber.join), ["ok", "ok"])
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("probe themselves when the probe was interrupted", () =>
    Effect.gen(function*() {
      const breaker = yield* waiting()
      const probe = yield* begin(breaker)
      const waiter = yield* queue(breaker)
      yield* Fiber.interrupt(probe.fiber)
      assert.strictEqual(yield* Fiber.join(waiter), "ok")
    }))

  it.effect("are rejected when somebody isolates it, and run when somebody closes it", () =>
    Effect.gen(function*() {
      for (
        const [control, result] of [
          [CircuitBreaker.isolate, "rejected"],
          [CircuitBreaker.close, "ok"],
          [CircuitBreaker.disable, "ok"],
          [CircuitBreaker.reset, "ok"]
        ] as const
      ) {
        const breaker = yield* waiting()
        yield* begin(breaker)
        const waiter = yield* queue(breaker)
        yield* control(breaker)
        assert.strictEqual(yield* Fiber.join(waiter), result)
      }
    }))

  it("hear of the probe wherever they were when it ended, and leave nothing behind", () => {
    const operations = (n: number) =>
      Array.from({ length: n }).reduce<Effect.Effect<void>>(
        (before) => Effect.flatMap(before, () => Effect.void),
        Effect.void
      )
    for (let before = 0; before < 60; before++) {
      const program = Effect.gen(function*() {
        const breaker = yield* waiting({ lease: "10 seconds" })
        const waiter = Effect.zipRight(operations(before), call(breaker))
        return yield* Effect.all([call(breaker, Effect.as(operations(10), "probe")), waiter], { concurrency: 2 })
      })
      const { endMillis, exit, fibersLeft, sleepsLeft } = Virtual.run(program, { yieldAlways: true })
      assert.deepStrictEqual(
        [Virtual.plain(exit), endMillis, fibersLeft, sleepsLeft],
        [{ success: ["probe", "ok"] }, 0, 0, 0],
        `${before} operations before the call`
      )
    }
  })
})

describe("a probe of its own", () => {
  const probed = (probe: Effect.Effect<unknown, unknown>, options: Partial<Options> = {}) => ripe({ probe, ...options })

  it.effect("is run instead of the call, which runs after its success", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const say = (word: string) => Effect.sync(() => `${log.push(word)}`)
      const breaker = yield* probed(say("probe"))
      yield* call(breaker, say("call"))
      yield* call(breaker, say("call"))
      assert.deepStrictEqual(log, ["probe", "call", "call"])
    }))

  it.effect("spares the call where it fails or dies", () =>
    Effect.gen(function*() {
      for (const probe of [down, Effect.die("bug")]) {
        const breaker = yield* probed(probe)
        let runs = 0
        assert.strictEqual(yield* call(breaker, Effect.sync(() => `run ${++runs}`)), "rejected")
        assert.strictEqual(runs, 0)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      }
    }))

  it.effect("is run as often as successes are wanted, and failures tolerated", () =>
    Effect.gen(function*() {
      const answers = [false, true, true, false, true]
      let runs = 0
      const probe = Effect.suspend(() => answers[runs++] ? Effect.void : down)
      const breaker = yield* probed(probe, { successes: 3, toleratedProbeFailures: 2 })
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.strictEqual(runs, 5)
    }))

  it.effect("is interrupted with its caller, and the next caller probes", () =>
    Effect.gen(function*() {
      let runs = 0
      const breaker = yield* probed(Effect.suspend(() => runs++ === 0 ? Effect.never : Effect.void))
      const first = yield* queue(breaker)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, 1)
      yield* Fiber.interrupt(first)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 0 })
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.strictEqual(runs, 2)
    }))

  it.effect("is not run again and again for one call where its error is ignored", () =>
    Effect.gen(function*() {
      let runs = 0
      const probe = Effect.suspend(() => ++runs > 50 ? Effect.void : Effect.fail("ignored"))
      const breaker = yield* probed(probe, { isFailure: (error) => error !== "ignored" })
      yield* succeed(breaker)
      assert.isAtMost(runs, 1)
    }))
})

describe("a call from another generation", () => {
  const ends: ReadonlyArray<readonly [string, (late: Running) => Effect.Effect<unknown>]> = [
    ["success", (late) => late.end(ok)],
    ["failure", (late) => late.end(bad)],
    ["ignored error", (late) => late.end(Exit.fail("ignored"))],
    ["defect", (late) => late.end(Exit.die("bug"))],
    ["interruption", ({ fiber }) => Fiber.interrupt(fiber)]
  ]
  const tripBySlow = Tripping.slowRate({ threshold: 1, minimumCalls: 1, slowerThan: "1 day", window: { calls: 5 } })
  const rules = [Tripping.consecutive(1), Tripping.any(Tripping.consecutive(1), tripBySlow)]

  /** Whatever a late call says, all but the total of failures stays as it is, and as many more probes may go as before. */
  const unheard = (
    arrange: (breaker: Breaker) => Effect.Effect<Running>,
    admits: number
  ) =>
    Effect.forEach(rules, (trip) =>
      Effect.forEach(ends, ([name, end]) =>
        Effect.gen(function*() {
          const breaker = yield* make({ trip, probes: 3, isFailure: (error) => error !== "ignored" })
          const late = yield* arrange(breaker)
          const before = yield* CircuitBreaker.snapshot(breaker)
          yield* end(late)
          const failed = before.failed + (["failure", "defect"].includes(name) ? 1 : 0)
          assert.deepStrictEqual(yield* CircuitBreaker.snapshot(breaker), { ...before, failed }, name)
          yield* times(admits + 1, begin(breaker))
          assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, before.probes + admits, name)
        })))

  const opened = (breaker: Breaker) => Effect.tap(begin(breaker), () => CircuitBreaker.trip(breaker))
  const halfOpen = (breaker: Breaker) => Effect.zipRight(TestClock.adjust("1 second"), begin(breaker))

  it.effect("changes nothing in an open breaker", () => unheard(opened, 0))

  it.effect("changes nothing in a half-open breaker", () =>
    unheard((breaker) => Effect.tap(opened(breaker), () => halfOpen(breaker)), 2))

  it.effect("changes nothing in a later half-open breaker, where it was a probe of an earlier one", () =>
    unheard((breaker) =>
      Effect.gen(function*() {
        yield* opened(breaker)
        const late = yield* halfOpen(breaker)
        yield* fail(breaker)
        yield* halfOpen(breaker)
        return late
      }), 2))

  it.effect("changes nothing in a breaker that has closed again", () =>
    unheard((breaker) =>
      Effect.gen(function*() {
        const late = yield* opened(breaker)
        yield* CircuitBreaker.close(breaker)
        return late
      }), 0))

  it.effect("changes nothing in a breaker that was half-open and has closed", () =>
    unheard((breaker) =>
      Effect.gen(function*() {
        yield* opened(breaker)
        const late = yield* halfOpen(breaker)
        yield* CircuitBreaker.close(breaker)
        return late
      }), 0))

  it.effect("neither opens an open breaker again nor lengthens its time", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const late = yield* begin(breaker)
      yield* fail(breaker)
      yield* TestClock.adjust(400)
      assert.strictEqual(yield* late.end(bad), "down")
      assert.strictEqual(yield* retryAfter(breaker), 600)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { generation: 1, trips: 1 })
    }))
})

describe("a clock that jumps", () => {
  let millis = 0
  const jump = (to: number) =>
    Effect.sync(() => {
      millis = to
    })
  const clock = Services.changedClock({
    unsafeCurrentTimeMillis: () => millis,
    unsafeCurrentTimeNanos: () => BigInt(millis) * 1_000_000n
  })
  const jumping = <A, E, R>(test: Effect.Effect<A, E, R>) => Effect.withClock(test, clock)

  it.effect("back does not keep it open for longer than it was to be", () =>
    jumping(Effect.gen(function*() {
      yield* jump(3_600_000)
      const breaker = yield* make()
      yield* fail(breaker)
      yield* jump(0)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
      yield* jump(999)
      assert.strictEqual(yield* retryAfter(breaker), 1)
      yield* jump(1_000)
      assert.strictEqual(yield* succeed(breaker), "ok")
    })))

  it.effect("back does not lengthen a lease", () =>
    jumping(Effect.gen(function*() {
      yield* jump(3_600_000)
      const breaker = yield* ripe({ lease: "10 seconds" })
      yield* begin(breaker)
      yield* jump(0)
      assert.strictEqual(yield* retryAfter(breaker), 10_000)
      yield* jump(10_000)
      assert.strictEqual(yield* succeed(breaker), "ok")
    })))

  const window = Tripping.rate({ threshold: 1, minimumCalls: 4, window: { duration: "10 seconds" } })

  it.effect("back empties no window", () =>
    jumping(Effect.gen(function*() {
      yield* jump(3_600_000)
      const breaker = yield* make({ trip: window })
      yield* times(2, fail(breaker))
      yield* jump(0)
      assert.deepStrictEqual(yield* counts(breaker), [2, 2, 0])
      yield* times(2, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    })))

  it.effect("back does not make a window remember for longer than its duration", () =>
    jumping(Effect.gen(function*() {
      yield* jump(3_600_000)
      const breaker = yield* make({ trip: window })
      yield* times(3, fail(breaker))
      yield* jump(0)
      assert.deepStrictEqual(yield* counts(breaker), [3, 3, 0])
      yield* jump(60_000)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    })))

  it.effect("back makes no call slow, and none of its numbers negative", () =>
    jumping(Effect.gen(function*() {
      yield* jump(3_600_000)
      const breaker = yield* make({
        trip: Tripping.slowRate({ threshold: 1, minimumCalls: 5, slowerThan: "1 second", window: { calls: 5 } })
      })
      const running = yield* begin(breaker)
      yield* jump(0)
      yield* running.end(ok)
      assert.deepStrictEqual(yield* counts(breaker), [1, 0, 0])
      yield* CircuitBreaker.trip(breaker)
      yield* jump(-3_600_000)
      yield* jump(-3_600_000 + 1_000)
      const { openedAtMillis, retryAfter } = yield* CircuitBreaker.snapshot(breaker)
      assert.deepStrictEqual([openedAtMillis, retryAfter], [0, Option.some(Duration.seconds(1))])
      assert.strictEqual(yield* succeed(breaker), "rejected")
      yield* jump(millis + 1_000)
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.isAtLeast((yield* CircuitBreaker.snapshot(breaker)).downMillis, 0)
    })))

  it.effect("forward ends what its time is over, and brings nothing old back", () =>
    jumping(Effect.gen(function*() {
      const breaker = yield* make({ trip: window })
      yield* times(3, fail(breaker))
      yield* jump(3_600_000)
      yield* succeed(breaker)
      yield* fail(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [2, 1, 0])
      yield* CircuitBreaker.trip(breaker)
      yield* jump(7_200_000)
      assert.deepStrictEqual((yield* CircuitBreaker.snapshot(breaker)).retryAfter, Option.some(Duration.zero))
      assert.strictEqual(yield* succeed(breaker), "ok")
    })))
})

describe("a ramp after a recovery", () => {
  const tenths = Schedule.spaced("10 seconds").pipe(Schedule.map((n) => (n + 1) / 4))
  const admitted = (breaker: Breaker, n: number) =>
    Effect.map(times(n, succeed(breaker)), (seen) => seen.filter((word) => word === "ok").length)

  it.effect("lets through the share of each step, and all after the last", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ ramp: tenths })
      assert.strictEqual(yield* succeed(breaker), "ok")
      const seen: Array<number> = []
      for (let step = 0; step < 4; step++) {
        seen.push(yield* admitted(breaker, 100))
        yield* TestClock.adjust("10 seconds")
      }
      assert.deepStrictEqual(seen, [25, 50, 75, 100])
    }))

  it.effect("is there only after a recovery, not at the start nor after it was closed by hand", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ ramp: tenths })
      assert.strictEqual(yield* admitted(breaker, 10), 10)
      yield* CircuitBreaker.trip(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.strictEqual(yield* admitted(breaker, 10), 10)
    }))

  it.effect("says of a rejected call that it is closed, and when the step ends", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ key: "payments", ramp: tenths })
      yield* succeed(breaker)
      yield* TestClock.adjust("4 seconds")
      const error = yield* rejection(breaker)
      assert.deepInclude({ ...error }, { state: "Closed", trip: undefined, openedAtMillis: undefined })
      assert.strictEqual(
        error.message,
        "The circuit \"payments\" lets only a share of the calls through, retry after 6s"
      )
    }))

  it.effect("ends with a failure that trips, and begins anew", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ ramp: tenths })
      yield* succeed(breaker)
      yield* TestClock.adjust("25 seconds")
      yield* times(2, fail(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      yield* TestClock.adjust("1 second")
      yield* succeed(breaker)
      assert.strictEqual(yield* admitted(breaker, 100), 25)
    }))

  it.effect("lets a tenth through where the share is a tenth, give or take one call in a thousand", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ ramp: Schedule.spaced("1 hour").pipe(Schedule.as(0.1)) })
      yield* succeed(breaker)
      assert.approximately(yield* admitted(breaker, 1_000), 100, 1)
    }))
})
