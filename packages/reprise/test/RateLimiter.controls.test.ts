import { assert, describe, it } from "@effect/vitest"
import { Config, Context, Effect, Either, FastCheck as fc, Fiber, Option, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as RateLimiter from "reprise/RateLimiter"
import { millisOf } from "./breakerCalls.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

type Limiter = RateLimiter.RateLimiter
type Options = RateLimiter.Options

const second: Options = { limit: 5, window: "1 second", onExceeded: "delay" }

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

const emptied = (options: Options) =>
  Effect.tap(
    RateLimiter.make(options),
    (limiter) => RateLimiter.consume(limiter, { tokens: options.burst ?? options.limit })
  )

/** When it begins, or that it is rejected. */
const call = (limiter: Limiter, tokens = 1) =>
  now.pipe(RateLimiter.protect(limiter, { tokens }), Effect.catchAll(() => Effect.succeed("rejected" as const)))

const waiting = (calls: ReadonlyArray<Effect.Effect<number | "rejected">>) =>
  Effect.zipLeft(Effect.forEach(calls, (call) => Effect.fork(call)), TestClock.adjust(0))

const remaining = (limiter: Limiter) => Effect.map(RateLimiter.snapshot(limiter), ({ remaining }) => remaining)

describe("RateLimiter.reconfigure", () => {
  it.effect("counts what was taken on, up to the new burst", () =>
    Effect.gen(function*() {
      const taking = (tokens: number, options: Options) =>
        Effect.gen(function*() {
          const limiter = yield* RateLimiter.make({ limit: 10, window: "1 second" })
          yield* RateLimiter.consume(limiter, { tokens })
          yield* limiter.pipe(RateLimiter.reconfigure(options))
          const left = yield* remaining(limiter)
          const missing = Effect.flip(RateLimiter.consume(limiter, { tokens: left + 1 }))
          return [left, millisOf((yield* missing).retryAfter)]
        })
      // More at once, and as much again after as long.
      assert.deepStrictEqual(yield* taking(7, { limit: 20, window: "1 second" }), [13, 50])
      assert.deepStrictEqual(yield* taking(7, { limit: 10, window: "1 minute", burst: 9 }), [2, 6_000])
      // No debt, though eight were taken.
      assert.deepStrictEqual(yield* taking(8, { limit: 2, window: "1 second" }), [0, 500])
      assert.deepStrictEqual(yield* taking(1, { limit: 1, window: "1 second" }), [0, 1_000])
    }))

  it.effect("keeps the parts of a token that have come back", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied({ limit: 1, window: "1 second" })
      yield* TestClock.adjust(750)
      yield* RateLimiter.reconfigure(limiter, { limit: 1, window: "1 minute" })
      yield* TestClock.adjust(14_999)
      assert.strictEqual(yield* call(limiter), "rejected")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* call(limiter), 15_750)
    }))

  it.effect("leaves all of the burst to a limiter that has rested", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied({ limit: 1, window: "1 second" })
      yield* TestClock.adjust("1 day")
      yield* RateLimiter.reconfigure(limiter, { limit: 3, window: "1 second" })
      assert.strictEqual(yield* remaining(limiter), 3)
      yield* RateLimiter.consume(limiter, { tokens: 3 })
      assert.strictEqual(yield* remaining(limiter), 0)
    }))

  it.effect("makes those who wait begin sooner, in their order", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied({ ...second, window: "1 hour" })
      const fibers = yield* waiting([call(limiter), call(limiter, 2), call(limiter)])
      yield* TestClock.adjust(100)
      yield* RateLimiter.reconfigure(limiter, second)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [300, 700, 900])
    }))

  it.effect("lets those who wait begin at once whose tokens are there now", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied(second)
      const fibers = yield* waiting([1, 1, 1, 1].map((tokens) => call(limiter, tokens)))
      yield* TestClock.adjust(100)
      yield* RateLimiter.reconfigure(limiter, { ...second, burst: 7 })
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { waiting: 2 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [100, 100, 200, 400])
    }))

  it.effect("makes those who wait begin later", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied(second)
      const fibers = yield* waiting([call(limiter), call(limiter)])
      yield* TestClock.adjust(100)
      yield* RateLimiter.reconfigure(limiter, { ...second, window: "10 seconds" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [1_100, 3_100])
    }))

  it.effect("rejects those who may not wait any more: too many, for too much, for too long", () =>
    Effect.gen(function*() {
      const rejectedBy = (options: Partial<Options>) =>
        Effect.gen(function*() {
          const began = yield* now
          const limiter = yield* emptied(second)
          const fibers = yield* waiting([
            call(limiter),
            call(limiter, 3),
            Deadline.locally(call(limiter), began + 10_000),
            call(limiter)
          ])
          yield* RateLimiter.reconfigure(limiter, { ...second, ...options })
          const { rejected, waiting: left } = yield* RateLimiter.snapshot(limiter)
          yield* TestClock.adjust("1 hour")
          const ends = yield* Fiber.joinAll(fibers)
          assert.deepStrictEqual([rejected, left], [4 - left, ends.filter((end) => end !== "rejected").length])
          return ends.map((end) => end === "rejected" ? end : end - began)
        })
      assert.deepStrictEqual(yield* rejectedBy({}), [200, 800, 1_000, 1_200])
      assert.deepStrictEqual(yield* rejectedBy({ maxQueued: 2 }), [200, 800, "rejected", "rejected"])
      assert.deepStrictEqual(yield* rejectedBy({ onExceeded: "fail" }), Array(4).fill("rejected"))
      // Whoever is behind one that is rejected moves up.
      assert.deepStrictEqual(yield* rejectedBy({ burst: 2 }), [200, "rejected", 400, 600])
      assert.deepStrictEqual(yield* rejectedBy({ window: "10 seconds" }), [2_000, 8_000, "rejected", 10_000])
    }))

  it.effect("tells those it rejects when to come again", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied({ ...second, key: "api" })
      const fiber = yield* Effect.fork(Effect.flip(RateLimiter.consume(limiter)))
      yield* TestClock.adjust(100)
      yield* RateLimiter.reconfigure(limiter, { limit: 1, window: "1 second", key: "other" })
      const { key, limit, remaining, retryAfter } = yield* Fiber.join(fiber)
      assert.deepStrictEqual([key, limit, remaining, millisOf(retryAfter)], ["api", 1, 0, 1_000])
    }))

  it.effect("lets an interruption give back the place of a call that waits for its new time", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied(second)
      const fibers = yield* waiting([call(limiter), call(limiter)])
      yield* RateLimiter.reconfigure(limiter, { ...second, window: "10 seconds" })
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fibers[0]!)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fibers[1]!), 2_000)
    }))

  it.effect("goes on from where it was where the clock steps back", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(10_000)
      const limiter = yield* emptied(second)
      yield* TestClock.setTime(5_000)
      yield* RateLimiter.reconfigure(limiter, { ...second, window: "2 seconds" })
      const fibers = yield* waiting([call(limiter), call(limiter)])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [5_400, 5_800])
    }))

  it("takes those whose timer is late to have begun when they were due", async () => {
    const clock = Virtual.clock()
    const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(Effect.withClock(effect, clock))
    const spaced = { ...second, burst: 1 }
    const limiter = await run(emptied(spaced))
    const calls = [run(call(limiter)), run(call(limiter))]
    clock.millis = 230
    await run(RateLimiter.reconfigure(limiter, spaced))
    assert.strictEqual(await calls[0], 230)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepStrictEqual([...clock.sleeps.values()].map(({ atMillis }) => atMillis), [400])
    clock.advance()
    assert.strictEqual(await calls[1], 400)
  })

  it.effect("refuses options out of range, and changes nothing then", () =>
    Effect.gen(function*() {
      const limiter = yield* emptied(second)
      const refused = (options: Partial<Options>, option: string) =>
        assert.throws(() => RateLimiter.reconfigure(limiter, { ...second, ...options }), InvalidOption, `"${option}"`)
      refused({ limit: 0 }, "limit")
      refused({ window: 0 }, "window")
      refused({ burst: 0 }, "burst")
      refused({ maxQueued: -1 }, "maxQueued")
      // As an untyped caller might.
      refused({ onExceeded: "wait" as "fail" }, "onExceeded")
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { limit: 5, remaining: 0 })
    }))
})

/** A millisecond is a whole number of parts, and the parts of any two rates divide by each other. */
interface Rate {
  readonly millisPerToken: number
  readonly burst: number
  readonly maxQueued: number
}

type Event =
  | { readonly gapMillis: number; readonly tokens: number }
  | { readonly gapMillis: number; readonly rate: Rate }

const rates: fc.Arbitrary<Rate> = fc.record({
  millisPerToken: fc.constantFrom(2, 4, 8, 16, 32),
  burst: fc.integer({ min: 1, max: 6 }),
  maxQueued: fc.oneof({ weight: 3, arbitrary: fc.constant(100) }, fc.integer({ min: 0, max: 4 }))
})

const gapMillis = fc.oneof(fc.constant(0), fc.nat(10), fc.nat(60))

const events: fc.Arbitrary<ReadonlyArray<Event>> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ gapMillis, tokens: fc.constantFrom(1, 1, 1, 2, 3, 5) }) },
    { weight: 1, arbitrary: fc.record({ gapMillis, rate: rates }) }
  ),
  { minLength: 1, maxLength: 30, size: "max" }
)

/** Millisecond by millisecond, with a bucket of tokens and a queue. */
const model = (first: Rate, events: ReadonlyArray<Event>) => {
  const ends: Array<number | "rejected"> = []
  let rate = first
  let taken = 0
  let queue: Array<{ readonly index: number; readonly tokens: number }> = []
  let atMillis = 0
  const serve = () => {
    for (let head = queue[0]; head !== undefined && taken + head.tokens <= rate.burst; head = queue[0]) {
      ends[head.index] = atMillis
      taken += head.tokens
      queue.shift()
    }
  }
  const ask = (index: number, tokens: number) => {
    queue.push({ index, tokens })
    serve()
    if (queue.length === 0 || (queue.length <= rate.maxQueued && tokens <= rate.burst)) return
    queue.pop()
    ends[index] = "rejected"
  }
  const pass = (millis: number) => {
    for (let n = 0; n < millis; n++) {
      atMillis++
      taken = Math.max(taken - 1 / rate.millisPerToken, 0)
      serve()
    }
  }
  for (const [index, event] of events.entries()) {
    pass(event.gapMillis)
    if ("tokens" in event) {
      ask(index, event.tokens)
      continue
    }
    rate = event.rate
    taken = Math.min(taken, rate.burst)
    const waited = queue
    queue = []
    for (const { index, tokens } of waited) ask(index, tokens)
  }
  pass(queue.length * 5 * 64)
  return ends.filter(() => true)
}

const optionsOf = ({ burst, maxQueued, millisPerToken }: Rate): Options => ({
  limit: 4,
  window: 4 * millisPerToken,
  burst,
  maxQueued,
  onExceeded: "delay"
})

const observe = (first: Rate, events: ReadonlyArray<Event>) => {
  const program = Effect.gen(function*() {
    const limiter = yield* RateLimiter.make(optionsOf(first))
    const fibers: Array<Fiber.Fiber<number | "rejected">> = []
    for (const event of events) {
      if (event.gapMillis > 0) yield* Effect.sleep(event.gapMillis)
      if ("rate" in event) yield* RateLimiter.reconfigure(limiter, optionsOf(event.rate))
      else fibers.push(yield* Effect.fork(call(limiter, event.tokens)))
      yield* Effect.yieldNow()
    }
    const ends = yield* Fiber.joinAll(fibers)
    assert.deepInclude(yield* RateLimiter.snapshot(limiter), { waiting: 0 })
    return ends
  })
  const { exit, fibersLeft, sleepsLeft } = Virtual.run(program)
  assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
  return (Virtual.plain(exit) as { readonly success: unknown }).success
}

describe("a limiter that is reconfigured at random", () => {
  it("starts calls when a naive model says so", () => {
    let rejected = 0
    let waited = 0
    fc.assert(
      fc.property(rates, events, (rate, events) => {
        const expected = model(rate, events)
        assert.deepStrictEqual(observe(rate, events), expected)
        rejected += expected.filter((end) => end === "rejected").length
        waited += expected.length
      }),
      { numRuns: 120, seed: 17 }
    )
    assert.isAbove(rejected, 200)
    assert.isAbove(waited, 800)
  })

  it("does nothing else where the options are the same", () => {
    fc.assert(
      fc.property(rates, events, (rate, events) => {
        const calls = events.filter((event) => "tokens" in event)
        const same = calls.flatMap((event) => [event, { gapMillis: 0, rate }])
        // Who cannot wait is rejected as it comes, and nobody later.
        assert.deepStrictEqual(observe(rate, same), observe(rate, calls))
      }),
      { numRuns: 40, seed: 19 }
    )
  })

  it("leaves nothing behind where a call that waits is interrupted, at whatever operation", () => {
    const changes: ReadonlyArray<Partial<Options>> = [{ burst: 6 }, { window: "10 seconds" }, { onExceeded: "fail" }]
    for (const options of changes) {
      const points = Virtual.interruptEverywhere(() => {
        const limiter = Effect.runSync(Effect.withClock(emptied(second), Virtual.clock()))
        const change = Effect.delay(RateLimiter.reconfigure(limiter, { ...second, ...options }), 100)
        const calls = Effect.zip(call(limiter), call(limiter), { concurrent: true })
        return { limiter, program: Effect.zip(calls, change, { concurrent: true }) }
      }, ({ endMillis, exit, fibersLeft, interruptedMillis, sleepsLeft }, at, { limiter }) => {
        const where = `cut at operation ${at}`
        assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
        if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, where)
        const clock = Virtual.clock()
        clock.millis = 1_000_000
        const left = Effect.runSync(Effect.withClock(RateLimiter.snapshot(limiter), clock))
        assert.strictEqual(left.waiting, 0, where)
        assert.isAtLeast(left.remaining, 5, where)
      })
      assert.isAbove(points, 40)
    }
  })
})

describe("RateLimiter.layerConfig", () => {
  class Api extends Context.Tag("test/Api")<Api, Limiter>() {}

  const load = (entries: Readonly<Record<string, string>>, options?: Config.Config<Options>) =>
    Api.pipe(
      Effect.provide(RateLimiter.layerConfig(Api, options)),
      Effect.withConfigProvider(Services.settings(entries))
    )

  it.effect("takes its options from Config, behind a prefix where there is one", () =>
    Effect.gen(function*() {
      const env = { "API.LIMIT": "10", "API.WINDOW": "1 second", "API.BURST": "2", LIMIT: "1", WINDOW: "1 second" }
      const limiter = yield* load(env, RateLimiter.config("API"))
      assert.deepInclude(yield* RateLimiter.snapshot(limiter), { limit: 10, remaining: 2 })
      assert.deepInclude(yield* RateLimiter.snapshot(yield* load(env)), { limit: 1, remaining: 1 })
    }))

  it.effect("takes whether calls wait, and how many", () =>
    Effect.gen(function*() {
      const limiter = yield* load({ LIMIT: "1", WINDOW: "1 second", ON_EXCEEDED: "delay", MAX_QUEUED: "1" })
      const fibers = yield* waiting([call(limiter), call(limiter), call(limiter)])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [0, 1_000, "rejected"])
    }))

  it.effect("fails with a ConfigError for what is missing, and for each value out of range", () =>
    Effect.gen(function*() {
      const set = { LIMIT: "1", WINDOW: "1 second" }
      assert.match(Services.mistakes(yield* Effect.flip(load({ LIMIT: "1" }))).join("\n"), /^missing .*$/)
      assert.match(Services.mistakes(yield* Effect.flip(load({ WINDOW: "1 second" }))).join("\n"), /^missing .*$/)
      const wrong = [{ LIMIT: "0" }, { WINDOW: "0 seconds" }, { BURST: "0" }, { MAX_QUEUED: "-1" }, {
        ON_EXCEEDED: "wait"
      }]
      for (const entries of wrong) {
        const error = yield* Effect.flip(load({ ...set, ...entries }))
        assert.match(Services.mistakes(error).join("\n"), /^invalid .*$/, JSON.stringify(entries))
      }
      const own = Config.map(Config.integer("N"), (limit) => ({ limit, window: 1 }))
      const error = yield* Effect.either(load({ N: "0" }, own))
      assert.isTrue(Either.isLeft(error))
      assert.match(Services.mistakes(Option.getOrUndefined(Either.getLeft(error))).join("\n"), /^invalid .*$/)
    }))
})
