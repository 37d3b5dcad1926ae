import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as RateLimiter from "reprise/RateLimiter"
import { millisOf } from "./breakerCalls.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

type Limiter = RateLimiter.RateLimiter

const make = (options: Partial<RateLimiter.Options> = {}) =>
  RateLimiter.make({ limit: 5, window: "1 second", ...options })

const delayed = (options: Partial<RateLimiter.Options> = {}) => make({ onExceeded: "delay", ...options })

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** When it begins. */
const call = (limiter: Limiter, tokens = 1) => RateLimiter.protect(now, limiter, { tokens })

const refusal = (limiter: Limiter, tokens = 1) =>
  Effect.map(Effect.flip(call(limiter, tokens)), (error) => [millisOf(error.retryAfter), error.remaining])

/** When each of so many calls at once begins. */
const startsOf = (limiter: Limiter, costs: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const fibers = yield* Effect.forEach(costs, (tokens) => Effect.fork(call(limiter, tokens)))
    yield* TestClock.adjust("1 hour")
    return yield* Effect.forEach(fibers, Fiber.join)
  })

/** All of a burst is taken. */
const empty = (limiter: Limiter, tokens: number) => RateLimiter.consume(limiter, { tokens })

describe("a limiter that fails", () => {
  it.effect("lets a burst through at once, and then one call each time that a token has come back", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* Effect.replicateEffect(call(limiter), 5)
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
      yield* TestClock.adjust(199)
      assert.deepStrictEqual(yield* refusal(limiter), [1, 0])
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* call(limiter), 200)
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
    }))

  it.effect("says how long to wait for what the call costs, and takes nothing for what it rejects", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* empty(limiter, 3)
      assert.deepStrictEqual(yield* refusal(limiter, 3), [200, 2])
      assert.deepStrictEqual(yield* refusal(limiter, 5), [600, 2])
      yield* empty(limiter, 2)
    }))

  it.effect("has all of its burst again after a rest, and no more", () =>
    Effect.gen(function*() {
      const limiter = yield* make({ burst: 3 })
      yield* empty(limiter, 3)
      yield* TestClock.adjust("1 day")
      yield* empty(limiter, 3)
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
    }))

  it.effect("rejects at once what costs more than the burst, for ever", () =>
    Effect.gen(function*() {
      for (const onExceeded of ["fail", "delay"] as const) {
        const limiter = yield* make({ key: "api", onExceeded })
        const error = yield* Effect.flip(call(limiter, 6))
        assert.deepInclude(error, { key: "api", limit: 5, remaining: 5, retryAfter: Option.none() })
        assert.strictEqual(
          error.message,
          "The rate limit \"api\" of 5 never has as many tokens at once as the call costs"
        )
      }
    }))

  it.effect("fails with an error by every test, without a stack, that a program can act on", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* empty(limiter, 5)
      const exit = yield* Effect.exit(call(limiter))
      const error = Option.getOrThrow(Cause.failureOption(Exit.isFailure(exit) ? exit.cause : Cause.empty))
      assert.instanceOf(error, RateLimiter.RateLimitExceeded)
      assert.instanceOf(error, Error)
      assert.isUndefined(error.stack)
      assert.deepStrictEqual([error._tag, error.key, error.limit, error.remaining], ["RateLimitExceeded", "", 5, 0])
      assert.strictEqual(error.message, "The rate limit of 5 is exceeded, retry after 200ms")
      assert.include(String(error), "RateLimitExceeded")
      assert.strictEqual(yield* Effect.flip(error), error)
      const caught = call(limiter).pipe(Effect.catchTag("RateLimitExceeded", () => Effect.succeed("caught")))
      assert.strictEqual(yield* caught, "caught")
    }))

  it.effect("never runs what it rejects", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* empty(limiter, 5)
      let runs = 0
      yield* Effect.flip(RateLimiter.protect(Effect.sync(() => runs++), limiter))
      assert.strictEqual(runs, 0)
    }))

  it.effect("limits when calls begin, and not how many run", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      const running = yield* Effect.replicateEffect(Effect.fork(RateLimiter.protect(Effect.never, limiter)), 5)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* call(limiter), 1_000)
      yield* Fiber.interruptAll(running)
    }))

  it.effect("passes on results, errors, defects and interruptions as they are", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      const ends = [Effect.succeed(1), Effect.fail("error"), Effect.die("defect"), Effect.interrupt]
      for (const end of ends) {
        const exits = yield* Effect.all([Effect.exit(RateLimiter.protect(end, limiter)), Effect.exit(end)])
        assert.deepStrictEqual(exits[0], exits[1])
      }
    }))

  it.effect("takes the effect first or last", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      assert.strictEqual(yield* RateLimiter.protect(Effect.succeed(1), limiter), 1)
      assert.strictEqual(yield* RateLimiter.protect(Effect.succeed(1), limiter, { tokens: 2 }), 1)
      assert.strictEqual(yield* Effect.succeed(1).pipe(RateLimiter.protect(limiter)), 1)
      assert.deepStrictEqual(yield* refusal(limiter, 2), [200, 1])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Effect.succeed(1).pipe(RateLimiter.protect(limiter, { tokens: 5 })), 1)
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
    }))
})

describe("a limiter that delays", () => {
  it.effect("starts the calls beyond the burst evenly, in their order", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      assert.deepStrictEqual(yield* startsOf(limiter, [1, 1, 1, 1, 1, 1, 1, 1]), [0, 0, 0, 0, 0, 200, 400, 600])
    }))

  it.effect("spaces all calls evenly where the burst is 1, and saves up nothing (Failsafe, smooth)", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed({ burst: 1 })
      assert.deepStrictEqual(yield* startsOf(limiter, [1, 1, 1]), [0, 200, 400])
      const later = (yield* startsOf(limiter, [1, 1, 1])).map((millis) => millis - Duration.toMillis("1 hour"))
      assert.deepStrictEqual(later, [0, 200, 400])
    }))

  it.effect("makes a call wait that costs more than a window has, where the burst is enough (resilience4j)", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed({ burst: 12 })
      yield* empty(limiter, 12)
      assert.deepStrictEqual(yield* startsOf(limiter, [11, 1]), [2_200, 2_400])
    }))

  it.effect("lets nobody overtake, not even a call that costs less and whose tokens are there", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 2)
      const large = yield* Effect.fork(call(limiter, 5))
      yield* TestClock.adjust(100)
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { remaining: 0, waiting: 1 })
      const small = yield* Effect.fork(call(limiter, 1))
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Effect.all([Fiber.join(large), Fiber.join(small)]), [400, 600])
    }))

  it.effect("starts calls in their order that become due in the same moment", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 2)
      const large = yield* Effect.fork(call(limiter, 5))
      const began: Array<string> = []
      const small = yield* Effect.forEach(
        ["first", "second", "third"],
        (name) => Effect.fork(RateLimiter.protect(Effect.sync(() => began.push(name)), limiter))
      )
      yield* TestClock.adjust(100)
      yield* Fiber.interrupt(large)
      yield* Effect.forEach(small, Fiber.join)
      assert.deepStrictEqual(began, ["first", "second", "third"])
    }))

  it.effect("rejects what finds its queue full, and says when there will be room in time", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed({ maxQueued: 2 })
      yield* empty(limiter, 5)
      const waiting = yield* Effect.replicateEffect(Effect.fork(call(limiter)), 2)
      yield* Effect.yieldNow()
      assert.deepStrictEqual(yield* refusal(limiter), [600, 0])
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { waiting: 2, rejected: 1 })
      yield* TestClock.adjust(200)
      const third = yield* Effect.fork(call(limiter))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Effect.all([Effect.all(waiting.map(Fiber.join)), Fiber.join(third)]), [
        [200, 400],
        600
      ])
    }))

  it.effect("lets 1,000 wait unless told otherwise, and none where there is no queue", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const waiting = yield* Effect.replicateEffect(Effect.fork(call(limiter)), 1_000)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* refusal(limiter), [200_200, 0])
      yield* Fiber.interruptAll(waiting)
      const without = yield* delayed({ maxQueued: 0 })
      yield* empty(without, 5)
      assert.deepStrictEqual(yield* refusal(without), [200, 0])
    }))

  it.effect("begins no wait that would last until the deadline", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const late = yield* Effect.flip(Deadline.locally(call(limiter), 200))
      assert.deepInclude(late, { _tag: "RateLimitExceeded", remaining: 0 })
      assert.deepStrictEqual(late.retryAfter, Option.some(Duration.millis(200)))
      const inTime = yield* Effect.fork(Deadline.locally(call(limiter), 201))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(inTime), 200)
    }))

  it.effect("counts those that wait already against the deadline", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const first = yield* Effect.fork(call(limiter, 3))
      yield* Effect.yieldNow()
      assert.strictEqual(millisOf((yield* Effect.flip(Deadline.locally(call(limiter), 800))).retryAfter), 800)
      yield* Fiber.interrupt(first)
      const second = yield* Effect.fork(Deadline.locally(call(limiter), 800))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), 200)
    }))

  it.effect("starts neither what is interrupted before its time, nor counts it: those behind move up (rezilience)", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const fibers = yield* Effect.forEach([1, 2, 1, 1], (tokens) => Effect.fork(call(limiter, tokens)))
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(fibers[1]!)
      yield* TestClock.adjust(50)
      yield* Fiber.interrupt(fibers[0]!)
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { waiting: 2 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Effect.all([Fiber.join(fibers[2]!), Fiber.join(fibers[3]!)]), [200, 400])
    }))

  it.effect("gives the place back of all that are interrupted (V10), so that the next call waits for one token alone", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed({ limit: 2 })
      yield* empty(limiter, 2)
      const fibers = yield* Effect.replicateEffect(Effect.fork(call(limiter)), 10)
      yield* TestClock.adjust(1)
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(yield* startsOf(limiter, [1]), [500])
    }))

  it.effect("keeps the tokens of what is interrupted after its time has come", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const running = yield* Effect.fork(RateLimiter.protect(Effect.never, limiter))
      yield* TestClock.adjust(200)
      yield* Fiber.interrupt(running)
      assert.deepStrictEqual(yield* startsOf(limiter, [1]), [400])
    }))

  it.effect("lets an interruption wait for the finalizers of what already runs (rezilience)", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const log: Array<string> = []
      const slow = Effect.never.pipe(Effect.ensuring(Effect.delay(Effect.sync(() => log.push("released")), 100)))
      const running = yield* Effect.fork(RateLimiter.protect(slow, limiter))
      yield* TestClock.adjust(200)
      const interruption = yield* Effect.fork(Fiber.interrupt(running))
      yield* TestClock.adjust(99)
      assert.isNull(interruption.unsafePoll())
      yield* TestClock.adjust(1)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(log, ["released"])
    }))

  it.effect("waits in an uninterruptible region too, and takes its tokens", () =>
    Effect.gen(function*() {
      const limiter = yield* delayed()
      yield* empty(limiter, 5)
      const fiber = yield* Effect.fork(Effect.uninterruptible(call(limiter)))
      yield* TestClock.adjust(50)
      yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(100)
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust(50)
      assert.deepStrictEqual(yield* startsOf(limiter, [1]), [400])
    }))

  it("waits longer than a timer can hold, with timers that can hold their part of it", () => {
    const program = Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ limit: 1, window: 2e9, burst: 2, onExceeded: "delay" })
      yield* empty(limiter, 2)
      return yield* call(limiter, 2)
    })
    const sleeps: Array<number> = []
    const watched = Effect.clockWith((clock) =>
      Effect.withClock(
        program,
        Services.changedClock({
          sleep: (duration) => {
            sleeps.push(Duration.toMillis(duration))
            return clock.sleep(duration)
          }
        }, clock)
      )
    )
    assert.deepStrictEqual(Virtual.plain(Virtual.run(watched).exit), { success: 4e9 })
    assert.deepStrictEqual(sleeps, [2_147_483_647, 4e9 - 2_147_483_647])
  })
})

describe("a clock that does not run evenly", () => {
  const at = <A, E>(millis: number, effect: Effect.Effect<A, E>) => Effect.zipRight(TestClock.setTime(millis), effect)
  const hour = 3_600_000

  it.effect("is not that of whoever looks at the limiter", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* empty(limiter, 5)
      const later = Virtual.clock()
      later.millis = hour
      assert.strictEqual((yield* Effect.withClock(RateLimiter.snapshot(limiter), later)).remaining, 5)
      later.millis = -hour
      assert.strictEqual((yield* Effect.withClock(RateLimiter.snapshot(limiter), later)).remaining, 0)
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
      assert.deepStrictEqual(yield* at(200, call(limiter)), 200)
    }))

  it.effect("lets no more than a burst through where it steps forward", () =>
    Effect.gen(function*() {
      const limiter = yield* make()
      yield* empty(limiter, 5)
      yield* at(hour, empty(limiter, 5))
      assert.deepStrictEqual(yield* refusal(limiter), [200, 0])
    }))

  it("neither rushes nor delays those that wait where it steps back", () => {
    const clock = Virtual.clock()
    const limiter = Effect.runSync(Effect.withClock(delayed(), clock))
    const begun = (millis: number) => {
      clock.millis = millis
      return Effect.runSync(Effect.withClock(RateLimiter.snapshot(limiter), clock))
    }
    Effect.runSync(Effect.withClock(empty(limiter, 5), clock))
    const ask = Effect.withClock(Effect.either(call(limiter)), clock)
    const fibers = [Effect.runFork(ask), Effect.runFork(ask)]
    assert.deepInclude(begun(0), { waiting: 2 })
    assert.deepInclude(begun(-hour), { waiting: 2 })
    assert.deepStrictEqual([...clock.sleeps.values()].map(({ atMillis }) => atMillis), [200])
    fibers.forEach((fiber) => fiber.unsafeInterruptAsFork(fiber.id()))
  })

  it("lets nobody overtake those whose timer is late", () => {
    const clock = Virtual.clock()
    const limiter = Effect.runSync(Effect.withClock(delayed(), clock))
    const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.runFork(Effect.withClock(effect, clock))
    const waiting = () => Effect.runSync(Effect.withClock(RateLimiter.snapshot(limiter), clock)).waiting
    Effect.runSync(Effect.withClock(empty(limiter, 5), clock))
    const first = fork(call(limiter))
    clock.millis = 500
    const second = fork(call(limiter))
    assert.strictEqual(waiting(), 2)
    assert.isTrue(clock.advance())
    return Effect.runPromise(Effect.all([Fiber.join(first), Fiber.join(second)])).then((began) => {
      assert.deepStrictEqual(began, [500, 500])
      assert.strictEqual(waiting(), 0)
    })
  })

  it("makes up for a timer that is late, up to 50 ms, and for no more", () => {
    const startsAfter = (lateMillis: number) => {
      const clock = Virtual.clock()
      const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.withClock(effect, clock))
      const wake = (millis: number) => {
        const [id, sleep] = [...clock.sleeps][0]!
        clock.sleeps.delete(id)
        clock.millis = millis
        sleep.wake()
        return new Promise((resolve) => setImmediate(resolve))
      }
      const left = () => [...clock.sleeps.values()].map(({ atMillis }) => atMillis - clock.millis)
      return run(delayed({ burst: 1 })).then(async (limiter) => {
        await run(empty(limiter, 1))
        const calls = [run(call(limiter)), run(call(limiter))]
        await new Promise((resolve) => setImmediate(resolve))
        await wake(200 + lateMillis)
        const [next] = left()
        await wake(clock.millis + next!)
        return [...await Promise.all(calls), next!]
      })
    }
    return Promise.all([startsAfter(30), startsAfter(50), startsAfter(80)]).then((starts) =>
      assert.deepStrictEqual(starts, [[230, 400, 170], [250, 400, 150], [280, 430, 150]])
    )
  })
})

describe("the options of a limiter", () => {
  it("have to make sense: what does not is refused where the limiter is made", () => {
    const refused = (options: Partial<RateLimiter.Options>, option: string) =>
      assert.throws(() => make(options), InvalidOption, option)
    for (const limit of [0, -1, 1.5, NaN, Infinity]) refused({ limit }, "limit")
    for (const window of [0, -1, NaN, Infinity, "0 seconds", "25 days"] as const) refused({ window }, "window")
    for (const burst of [0, 1.5, NaN, Infinity]) refused({ burst }, "burst")
    for (const maxQueued of [-1, 1.5, NaN, Infinity]) refused({ maxQueued }, "maxQueued")
  })

  it("have to make sense for a call too", () => {
    const limiter = Effect.runSync(make())
    for (const tokens of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(() => RateLimiter.protect(Effect.void, limiter, { tokens }), InvalidOption, "tokens")
      assert.throws(() => RateLimiter.protect(limiter, { tokens })(Effect.void), InvalidOption, "tokens")
      assert.throws(() => RateLimiter.consume(limiter, { tokens }), InvalidOption, "tokens")
    }
  })

  it.effect("default to failing, and to a burst of the limit", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ limit: 7, window: "1 minute" })
      const expected = { key: "", limit: 7, remaining: 7, waiting: 0, rejected: 0 }
      assert.deepStrictEqual(yield* RateLimiter.snapshot(limiter), expected)
      yield* empty(limiter, 7)
      yield* refusal(limiter)
      assert.deepStrictEqual(yield* RateLimiter.snapshot(limiter), { ...expected, remaining: 0, rejected: 1 })
    }))

  it.effect("make the limiter of a tag", () =>
    Effect.gen(function*() {
      class Api extends Context.Tag("test/Api")<Api, Limiter>() {}
      const program = Effect.flatMap(Api, (limiter) => Effect.zip(call(limiter), refusal(limiter)))
      const layer = RateLimiter.layer(Api, { limit: 1, window: "1 second", key: "api" })
      assert.deepStrictEqual(yield* Effect.provide(program, layer), [0, [1_000, 0]])
    }))
})
