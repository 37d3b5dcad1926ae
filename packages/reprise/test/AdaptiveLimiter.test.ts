import { assert, describe, it } from "@effect/vitest"
import { Array, Cause, Context, Data, Deferred, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"

type Limiter = AdaptiveLimiter.AdaptiveLimiter
type Options<S> = AdaptiveLimiter.Options<S>
type Sample = AdaptiveLimiter.Sample

/** A limit that stays as it is, and the samples it was shown. */
const fixed = (limit: number) => {
  const samples: Array<Sample> = []
  const algorithm: AdaptiveLimiter.Algorithm<undefined> = {
    initial: undefined,
    next: (state, sample) => {
      samples.push(sample)
      return state
    },
    limit: () => limit
  }
  return { algorithm, samples }
}

const make = (limit: number, options: Partial<Options<undefined>> = {}) =>
  AdaptiveLimiter.make({ algorithm: fixed(limit).algorithm, ...options })

const said = (exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  const error = Cause.failureOption(exit.cause)
  if (Option.isNone(error)) return `defect ${Cause.squash(exit.cause)}`
  return error.value instanceof AdaptiveLimiter.LimitExceeded ? error.value.reason : String(error.value)
}

interface Call {
  readonly fiber: Fiber.Fiber<string, unknown>
  readonly end: (exit?: Exit.Exit<string, string>) => Effect.Effect<string>
}

/** A call that runs until it is told to end. */
const begin = (limiter: Limiter, partition?: string, deadlineMillis = Infinity): Effect.Effect<Call> =>
  Effect.gen(function*() {
    const gate = yield* Deferred.make<string, string>()
    const fiber = yield* Deferred.await(gate).pipe(
      AdaptiveLimiter.protect(limiter, { partition }),
      Deadline.locally(deadlineMillis),
      Effect.forkDaemon
    )
    yield* TestClock.adjust(0)
    return {
      fiber,
      end: (exit: Exit.Exit<string, string> = Exit.succeed("ok")) =>
        Deferred.done(gate, exit).pipe(
          Effect.zipRight(Fiber.await(fiber)),
          Effect.zipLeft(TestClock.adjust(0)),
          Effect.map(said)
        )
    }
  })

const call = (limiter: Limiter, effect: Effect.Effect<string, unknown> = Effect.succeed("ok")) =>
  Effect.map(Effect.exit(AdaptiveLimiter.protect(effect, limiter)), said)

const outcome = ({ fiber }: Call) => Effect.map(Fiber.poll(fiber), Option.match({ onNone: () => "runs", onSome: said }))

const counts = (limiter: Limiter) =>
  Effect.map(AdaptiveLimiter.snapshot(limiter), ({ limit, queued, running }) => [limit, running, queued])

describe("an adaptive limiter", () => {
  it.effect("lets as many calls run as its limit, and rejects the next with the numbers", () =>
    Effect.gen(function*() {
      const limiter = yield* make(2, { key: "a" })
      const first = yield* begin(limiter)
      yield* begin(limiter)
      const error = yield* Effect.flip(AdaptiveLimiter.protect(Effect.void, limiter))
      assert.deepStrictEqual({ ...error }, {
        _tag: "LimitExceeded",
        key: "a",
        reason: "full",
        limit: 2,
        running: 2,
        queued: 0,
        partition: undefined
      })
      assert.instanceOf(error, AdaptiveLimiter.LimitExceeded)
      assert.isUndefined(error.stack)
      assert.strictEqual(error.message, "The limit of \"a\" is reached: 2 running of 2, 0 queued")
      yield* first.end()
      assert.strictEqual(yield* call(limiter), "ok")
    }))

  it.effect("lets calls wait where asked to, in their order, up to their time", () =>
    Effect.gen(function*() {
      const limiter = yield* make(1, { maxQueued: 3, queueTimeout: "1 second" })
      const first = yield* begin(limiter)
      const second = yield* begin(limiter)
      const third = yield* begin(limiter)
      const short = yield* begin(limiter, undefined, 500)
      assert.strictEqual(yield* outcome(yield* begin(limiter)), "full")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* outcome(short), "deadline")
      yield* first.end()
      assert.deepStrictEqual(yield* counts(limiter), [1, 1, 1])
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* outcome(third), "timeout")
      assert.strictEqual(yield* second.end(), "ok")
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), {
        running: 0,
        queued: 0,
        maxQueued: 3,
        rejected: { full: 1, timeout: 1, deadline: 1 }
      })
    }))

  it.effect("lets those who wait run as soon as the limit grows, and interrupts nobody as it shrinks", () =>
    Effect.gen(function*() {
      let limit = 1
      const algorithm = { initial: undefined, next: () => undefined, limit: () => limit }
      const limiter = yield* AdaptiveLimiter.make({ algorithm, maxQueued: 4 })
      const calls = yield* Effect.replicateEffect(begin(limiter), 5)
      limit = 3
      yield* calls[0]!.end()
      assert.deepStrictEqual(yield* counts(limiter), [3, 3, 1])
      limit = 1
      yield* calls[1]!.end()
      assert.deepStrictEqual(yield* counts(limiter), [1, 2, 1])
      yield* calls[2]!.end()
      assert.deepStrictEqual(yield* counts(limiter), [1, 1, 1])
      yield* calls[3]!.end()
      assert.strictEqual(yield* calls[4]!.end(), "ok")
    }))

  it.effect("rounds a limit down, and takes what is no limit for 1", () =>
    Effect.gen(function*() {
      const limits = yield* Effect.forEach([2.9, 1, 0.9, 0, -3, NaN, Infinity], (limit) =>
        Effect.flatMap(make(limit), counts))
      assert.deepStrictEqual(
        limits.map(([limit]) =>
          limit
        ),
        [2, 1, 1, 1, 1, 1, Infinity]
      )
    }))

  it.effect("is a layer of its tag", () => {
    class Orders extends Context.Tag("test/Orders")<Orders, Limiter>() {}
    const layer = AdaptiveLimiter.layer(Orders, { algorithm: AdaptiveLimiter.vegas(), key: "orders" })
    return Effect.gen(function*() {
      const { key, limit } = yield* Effect.flatMap(Orders, AdaptiveLimiter.snapshot)
      assert.deepStrictEqual([key, limit], ["orders", 20])
    }).pipe(Effect.provide(layer))
  })
})

describe("the sample of a call", () => {
  class TimeoutException extends Data.TaggedError("TimeoutException") {}
  class Busy extends Data.TaggedError("Busy") {}

  it.effect("is how long it took without its wait, how many ran as it began, itself among them, and no drop", () =>
    Effect.gen(function*() {
      const { algorithm, samples } = fixed(2)
      const limiter = yield* AdaptiveLimiter.make({ algorithm, maxQueued: 1 })
      const first = yield* begin(limiter)
      const second = yield* begin(limiter)
      const third = yield* begin(limiter)
      yield* TestClock.adjust("10 millis")
      yield* first.end()
      yield* TestClock.adjust("3 millis")
      yield* third.end()
      yield* second.end()
      assert.deepStrictEqual(samples, [
        { rttMillis: 10, inFlight: 1, didDrop: false, isSameEvent: false },
        { rttMillis: 3, inFlight: 2, didDrop: false, isSameEvent: false },
        { rttMillis: 13, inFlight: 2, didDrop: false, isSameEvent: false }
      ])
    }))

  it.effect("has fractions of a millisecond", () =>
    Effect.gen(function*() {
      const { algorithm, samples } = fixed(1)
      const limiter = yield* AdaptiveLimiter.make({ algorithm })
      const first = yield* begin(limiter)
      yield* TestClock.adjust("250 micros")
      yield* first.end()
      assert.deepStrictEqual(samples.map(({ rttMillis }) => rttMillis), [0.25])
    }))

  it.effect("takes no time where the clock stepped back, and as much as it says where it leapt", () =>
    Effect.gen(function*() {
      const { algorithm, samples } = fixed(2)
      const limiter = yield* AdaptiveLimiter.make({ algorithm })
      yield* TestClock.setTime(1_000_000)
      const first = yield* begin(limiter)
      yield* TestClock.setTime(5_000)
      yield* first.end()
      const second = yield* begin(limiter)
      yield* TestClock.setTime(1_000_000_000)
      yield* second.end()
      assert.deepStrictEqual(samples.map(({ rttMillis }) => rttMillis), [0, 999_995_000])
    }))

  const timeout = Effect.fail(new TimeoutException())
  const calls: Record<string, Effect.Effect<string, unknown>> = {
    success: Effect.succeed("ok"),
    timeout,
    busy: Effect.fail(new Busy()),
    down: Effect.fail("down"),
    nothing: Effect.fail(undefined),
    defect: Effect.die("bug"),
    interruption: Effect.interrupt
  }
  const heard = (options: Partial<Options<undefined>>) =>
    Effect.gen(function*() {
      const { algorithm, samples } = fixed(1)
      const limiter = yield* AdaptiveLimiter.make({ algorithm, ...options })
      const said: Record<string, boolean> = {}
      for (const [name, effect] of Object.entries(calls)) {
        const before = samples.length
        yield* Effect.exit(AdaptiveLimiter.protect(effect, limiter))
        if (samples.length > before) said[name] = samples.at(-1)!.didDrop
      }
      assert.deepStrictEqual(yield* counts(limiter), [1, 0, 0])
      return said
    })

  it.effect("is a drop where a call timed out; other errors, defects and interruptions give none", () =>
    Effect.map(heard({}), (heard) => assert.deepStrictEqual(heard, { success: false, timeout: true })))

  it.effect("is a drop where asked to take the error for one", () =>
    Effect.map(heard({ dropped: (error) => error instanceof Busy }), (heard) => {
      assert.deepStrictEqual(heard, { success: false, busy: true })
    }))

  it.effect("is what `outcome` makes of it, in place of `dropped`", () =>
    Effect.gen(function*() {
      const outcome = (exit: Exit.Exit<unknown, unknown>) => {
        if (Exit.isSuccess(exit)) return "dropped"
        return Option.contains(Cause.failureOption(exit.cause), "down") ? "ignored" : "success"
      }
      const seen = yield* heard({ dropped: () => true, outcome })
      assert.deepStrictEqual(seen, { success: true, timeout: false, busy: false, nothing: false })
    }))

  it.effect("that cannot be judged is a defect of the call, which gives its permit back all the same", () =>
    Effect.gen(function*() {
      const bug = () => {
        throw "bug"
      }
      const limiters = yield* Effect.all([
        make(1, { dropped: bug }),
        make(1, { outcome: bug }),
        make(1, { algorithm: { initial: undefined, next: bug, limit: () => 1 } })
      ])
      const said = yield* Effect.forEach(
        limiters,
        (limiter) => Effect.all([call(limiter), call(limiter, timeout)])
      )
      assert.deepStrictEqual(said.map((pair) => pair.map((one) => one.startsWith("defect bug"))), [
        [false, true],
        [true, true],
        [true, true]
      ])
      for (const limiter of limiters) assert.deepStrictEqual(yield* counts(limiter), [1, 0, 0])
    }))

  it.effect("moves the limit before the next call is asked about", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({
        algorithm: AdaptiveLimiter.aimd({ initial: 2 }),
        dropped: () => true
      })
      const first = yield* begin(limiter)
      const second = yield* begin(limiter)
      yield* first.end(Exit.fail("busy"))
      assert.strictEqual(yield* call(limiter), "full")
      // It began before the limit was lowered, and does not raise it again.
      yield* second.end()
      assert.deepStrictEqual(yield* counts(limiter), [1, 0, 0])
      assert.strictEqual(yield* call(limiter), "ok")
      assert.deepStrictEqual(yield* counts(limiter), [2, 0, 0])
    }))
})

describe("one pause of a server", () => {
  const { aimd, gradient2, vegas } = AdaptiveLimiter
  const pause = <S>(algorithm: AdaptiveLimiter.Algorithm<S>, share: number) =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm, dropped: () => true })
      const fast = Effect.sleep("10 millis").pipe(AdaptiveLimiter.protect(limiter))
      // It learns how long calls take, where it counts that.
      const warm = yield* Effect.fork(Effect.all(Array.makeBy(100, () => Effect.ignore(fast)), { concurrency: 30 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(warm)
      const before = (yield* AdaptiveLimiter.snapshot(limiter)).limit
      const slow = (n: number) =>
        Effect.delay(n < 30 * share ? Effect.fail("timeout") : Effect.void, "1 second").pipe(
          AdaptiveLimiter.protect(limiter),
          Effect.ignore
        )
      const paused = yield* Effect.fork(Effect.all(Array.makeBy(30, slow), { concurrency: 30 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(paused)
      return { before, after: (yield* AdaptiveLimiter.snapshot(limiter)).limit }
    })

  for (const share of [1, 0.5]) {
    it.effect(`in which ${share * 30} of 30 calls time out lowers the limit of aimd once`, () =>
      Effect.gen(function*() {
        const { after, before } = yield* pause(aimd({ initial: 31, max: 31 }), share)
        assert.deepStrictEqual([before, after], [31, 27])
      }))
    it.effect(`in which ${share * 30} of 30 calls time out lowers the limit of gradient2 by at most a half`, () =>
      Effect.gen(function*() {
        const { after, before } = yield* pause(gradient2({ initial: 31, max: 31 }), share)
        assert.isTrue(after < before && after >= Math.floor(before / 2), `from ${before} to ${after}`)
      }))
    it.effect(`in which ${share * 30} of 30 calls time out lowers the limit of vegas by at most a quarter`, () =>
      Effect.gen(function*() {
        const { after, before } = yield* pause(vegas({ initial: 31, max: 31 }), share)
        assert.isTrue(after < before && after >= Math.floor(before * 0.75), `from ${before} to ${after}`)
      }))
  }

  it.effect("lowers the limit again if calls that begin afterwards time out too", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 100 }), dropped: () => true })
      const limits: Array<number> = []
      for (let round = 0; round < 3; round++) {
        const down = Effect.ignore(AdaptiveLimiter.protect(Effect.delay(Effect.fail("timeout"), "1 second"), limiter))
        const fiber = yield* Effect.fork(Effect.all(Array.makeBy(40, () => down), { concurrency: "unbounded" }))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
        limits.push((yield* AdaptiveLimiter.snapshot(limiter)).limit)
      }
      assert.deepStrictEqual(limits, [90, 81, 72])
    }))
})

describe("the partitions of an adaptive limiter", () => {
  const partitions = { batch: 0.25, live: 0.75 }

  // AbstractPartitionedLimiterTest `useExcessCapacityUntilTotalLimit`.
  it.effect("may run more than their share while the whole is below the limit", () =>
    Effect.gen(function*() {
      const limiter = yield* make(4, { partitions })
      const calls = yield* Effect.replicateEffect(begin(limiter, "batch"), 5)
      assert.deepStrictEqual(yield* Effect.forEach(calls, outcome), ["runs", "runs", "runs", "runs", "full"])
    }))

  // AbstractPartitionedLimiterTest `exceedTotalLimitForUnusedBin`.
  it.effect("may run their share whatever the others do, and no more at the limit", () =>
    Effect.gen(function*() {
      const limiter = yield* make(4, { partitions })
      yield* Effect.replicateEffect(begin(limiter, "batch"), 4)
      const calls = yield* Effect.replicateEffect(begin(limiter, "live"), 4)
      assert.deepStrictEqual(yield* Effect.forEach(calls, outcome), ["runs", "runs", "runs", "full"])
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), {
        limit: 4,
        running: 7,
        partitions: {
          batch: { guaranteed: 1, running: 4, queued: 0 },
          live: { guaranteed: 3, running: 3, queued: 0 }
        }
      })
      const error = yield* Effect.void.pipe(AdaptiveLimiter.protect(limiter, { partition: "live" }), Effect.flip)
      assert.strictEqual(error.partition, "live")
      assert.strictEqual(error.message, "The limit is reached for \"live\": 7 running of 4, 0 queued")
    }))

  it.effect("get their share back before anybody else who waits, and else it is in the order of arrival", () =>
    Effect.gen(function*() {
      const limiter = yield* make(4, { partitions, maxQueued: 9 })
      const live = yield* Effect.replicateEffect(begin(limiter, "live"), 3)
      const batch = yield* begin(limiter, "batch")
      const queued = yield* Effect.forEach(["batch", undefined, "live", "batch"], (name) => begin(limiter, name))
      // The limit is reached, and both have their share: all wait.
      assert.deepStrictEqual(yield* counts(limiter), [4, 4, 4])
      yield* live[0]!.end()
      const running = () =>
        Effect.map(AdaptiveLimiter.snapshot(limiter), ({ partitions, running }) => [
          running,
          partitions["batch"]!.running,
          partitions["live"]!.running
        ])
      assert.deepStrictEqual(yield* running(), [4, 1, 3])
      yield* batch.end()
      assert.deepStrictEqual(yield* running(), [4, 1, 3])
      yield* live[1]!.end()
      // Nobody of `live` waits any more: it is the turn of the call without a partition.
      assert.deepStrictEqual(yield* running(), [4, 1, 2])
      yield* queued[1]!.end()
      assert.deepStrictEqual(yield* running(), [4, 2, 2])
      assert.deepStrictEqual(yield* counts(limiter), [4, 4, 0])
    }))

  it.effect("wait in their share of a queue that others have filled, in place of those who came last", () =>
    Effect.gen(function*() {
      const limiter = yield* make(2, { partitions: { batch: 0.5, live: 0.5 }, maxQueued: 4 })
      const running = yield* Effect.forEach(["batch", "live"], (name) => begin(limiter, name))
      const batch = yield* Effect.replicateEffect(begin(limiter, "batch"), 4)
      const live = yield* Effect.replicateEffect(begin(limiter, "live"), 3)
      assert.deepStrictEqual(yield* Effect.forEach(batch, outcome), ["runs", "runs", "full", "full"])
      assert.deepStrictEqual(yield* Effect.forEach(live, outcome), ["runs", "runs", "full"])
      // Nobody is below its share of the queue.
      assert.strictEqual(yield* outcome(yield* begin(limiter, "batch")), "full")
      yield* Effect.forEach([...running, ...batch.slice(0, 2), ...live.slice(0, 2)], (call) => call.end())
      assert.deepStrictEqual(yield* counts(limiter), [2, 0, 0])
    }))

  it.effect("take a place in a full queue from calls without a share, and never from another that is within its own", () =>
    Effect.gen(function*() {
      const limiter = yield* make(2, { partitions: { batch: 0.5, live: 0.5 }, maxQueued: 2 })
      yield* Effect.forEach(["batch", "live"], (name) => begin(limiter, name))
      const queued = yield* Effect.forEach(["batch", undefined], (name) => begin(limiter, name))
      const live = yield* begin(limiter, "live")
      assert.deepStrictEqual(yield* Effect.forEach([...queued, live], outcome), ["runs", "full", "runs"])
      assert.strictEqual(yield* outcome(yield* begin(limiter)), "full")
      assert.strictEqual(yield* outcome(yield* begin(limiter, "live")), "full")
    }))

  it.effect("keep their share of a queue that gets smaller", () =>
    Effect.gen(function*() {
      const limiter = yield* make(2, { partitions: { batch: 0.5, live: 0.5 }, maxQueued: 9 })
      yield* Effect.forEach(["batch", "live"], (name) => begin(limiter, name))
      const live = yield* Effect.replicateEffect(begin(limiter, "live"), 2)
      const batch = yield* Effect.replicateEffect(begin(limiter, "batch"), 5)
      yield* AdaptiveLimiter.reconfigure(limiter, { maxQueued: 4 })
      yield* TestClock.adjust(0)
      const states = yield* Effect.forEach([...live, ...batch], outcome)
      assert.deepStrictEqual(states, ["runs", "runs", "runs", "runs", "full", "full", "full"])
    }))

  it.effect("grow and shrink with the limit, rounded up", () =>
    Effect.gen(function*() {
      let limit = 25
      const limiter = yield* AdaptiveLimiter.make({
        algorithm: { initial: undefined, next: () => undefined, limit: () => limit },
        partitions: { a: 0.28, b: 0.01, none: 0, rest: 0.71 }
      })
      const guaranteed = () =>
        Effect.map(AdaptiveLimiter.snapshot(limiter), ({ partitions }) =>
          Object.values(partitions).map(({ guaranteed }) => guaranteed))
      // 25 times 0.28 is 7.000000000000001.
      assert.deepStrictEqual(yield* guaranteed(), [7, 1, 0, 18])
      limit = 3
      yield* call(limiter)
      assert.deepStrictEqual(yield* guaranteed(), [1, 1, 0, 3])
    }))

  it.effect("have no call that is in none of them, or in one that there is not: it runs where there is room", () =>
    Effect.gen(function*() {
      const limiter = yield* make(2, { partitions: { all: 1 } })
      const first = yield* begin(limiter, "unheard of")
      yield* begin(limiter)
      assert.strictEqual(yield* outcome(yield* begin(limiter, "toString")), "full")
      assert.strictEqual(yield* outcome(yield* begin(limiter, "all")), "runs")
      yield* first.end()
      assert.deepStrictEqual(yield* counts(limiter), [2, 2, 0])
    }))
})

describe("an option out of range", () => {
  const of = (options: Partial<Options<number>>) => () =>
    AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd(), ...options })
  const mistakes: ReadonlyArray<readonly [make: () => unknown, message: string]> = [
    [of({ maxQueued: -1 }), "Invalid option \"maxQueued\": expected a whole number >= 0, got -1"],
    [of({ queueTimeout: 0 }), "Invalid option \"queueTimeout\": expected a duration longer than 0 ms"],
    [of({ partitions: { a: 1.1 } }), "Invalid option \"partitions.a\": expected a number from 0 to 1, got 1.1"],
    [of({ partitions: { a: NaN } }), "Invalid option \"partitions.a\": expected a number from 0 to 1, got NaN"],
    [of({ partitions: { a: 0.5, b: 0.75 } }), "\"partitions\": expected shares of together at most 1, got 1.25"]
  ]
  for (const [mistake, message] of mistakes) {
    it(`is named with its range and its value: ${message}`, () => {
      assert.throws(mistake, InvalidOption, message)
    })
  }

  it("is not a sum of shares that is more than 1 by rounding", () => {
    of({ partitions: { a: 0.1, b: 0.2, c: 0.3, d: 0.4 } })()
    of({ partitions: { a: 0.33, b: 0.56, c: 0.11 } })()
  })
})
