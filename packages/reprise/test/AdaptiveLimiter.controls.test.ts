import { assert, describe, it } from "@effect/vitest"
import { Config, Context, Deferred, Duration, Effect, Either, Fiber, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import { InvalidOption } from "reprise/InvalidOption"
import * as Services from "./services.js"

type Limiter = AdaptiveLimiter.AdaptiveLimiter
type Options<S> = AdaptiveLimiter.Options<S>

const { aimd, gradient2, reconfigure, vegas } = AdaptiveLimiter

const counts = (limiter: Limiter) =>
  Effect.map(AdaptiveLimiter.snapshot(limiter), ({ limit, queued, running }) => [limit, running, queued])

const limitOf = (limiter: Limiter) => Effect.map(AdaptiveLimiter.snapshot(limiter), ({ limit }) => limit)

const drop = (limiter: Limiter) => Effect.fail("full").pipe(AdaptiveLimiter.protect(limiter), Effect.ignore)

/** So many calls that run until they are told to end. */
const begin = (limiter: Limiter, calls: number) =>
  Effect.gen(function*() {
    const end = yield* Deferred.make<void>()
    const fibers = yield* Effect.replicateEffect(
      Effect.forkDaemon(Effect.either(AdaptiveLimiter.protect(Deferred.await(end), limiter))),
      calls
    )
    yield* TestClock.adjust(0)
    return Effect.zipRight(Deferred.succeed(end, undefined), Fiber.joinAll(fibers))
  })

describe("AdaptiveLimiter.reconfigure", () => {
  it.effect("goes on from the limit that was learnt, or the nearest within other bounds, with each algorithm", () =>
    Effect.gen(function*() {
      const all = [
        (bounds: AdaptiveLimiter.Bounds) => reconfigure({ algorithm: aimd(bounds) }),
        (bounds: AdaptiveLimiter.Bounds) => reconfigure({ algorithm: gradient2(bounds) }),
        (bounds: AdaptiveLimiter.Bounds) => reconfigure({ algorithm: vegas(bounds) })
      ]
      for (const other of all) {
        const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 10 }), dropped: () => true })
        yield* drop(limiter)
        assert.strictEqual(yield* limitOf(limiter), 9)
        yield* limiter.pipe(other({}))
        assert.strictEqual(yield* limitOf(limiter), 9)
        yield* limiter.pipe(other({ min: 12 }))
        assert.strictEqual(yield* limitOf(limiter), 12)
        yield* limiter.pipe(other({ max: 7 }))
        assert.strictEqual(yield* limitOf(limiter), 7)
      }
    }))

  it.effect("learns within the other bounds from then on, from calls that began before too", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 4 }), dropped: () => true })
      const end = yield* begin(limiter, 4)
      yield* reconfigure(limiter, { algorithm: aimd({ max: 5, min: 4, backoff: 0.5 }) })
      yield* TestClock.adjust("1 second")
      yield* end
      assert.strictEqual(yield* limitOf(limiter), 5)
      yield* drop(limiter)
      assert.strictEqual(yield* limitOf(limiter), 4)
    }))

  it.effect("lets those begin who wait where the limit is higher, and interrupts nobody where it is lower", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 2 }), maxQueued: 9 })
      const end = yield* begin(limiter, 5)
      assert.deepStrictEqual(yield* counts(limiter), [2, 2, 3])
      yield* reconfigure(limiter, { algorithm: aimd({ min: 4 }) })
      assert.deepStrictEqual(yield* counts(limiter), [4, 4, 1])
      yield* reconfigure(limiter, { algorithm: aimd({ max: 1 }) })
      assert.deepStrictEqual(yield* counts(limiter), [1, 4, 1])
      assert.deepStrictEqual((yield* end).map(Either.isRight), Array(5).fill(true))
    }))

  it.effect("rejects those who came last where the queue is smaller; what is not given stays", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 1, max: 1 }), maxQueued: 9 })
      const end = yield* begin(limiter, 4)
      yield* reconfigure(limiter, {})
      assert.deepStrictEqual(yield* counts(limiter), [1, 1, 3])
      yield* reconfigure(limiter, { maxQueued: 1 })
      assert.deepStrictEqual(yield* counts(limiter), [1, 1, 1])
      assert.deepStrictEqual((yield* end).map(Either.isRight), [true, true, false, false])
      yield* reconfigure(limiter, { algorithm: aimd({ min: 3 }) })
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), { limit: 3, maxQueued: 1 })
    }))

  it.effect("gives partitions their shares of the new limit", () =>
    Effect.gen(function*() {
      const partitions = { web: 0.5, batch: 0.25 }
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 4 }), partitions })
      yield* reconfigure(limiter, { algorithm: aimd({ min: 20 }) })
      const { partitions: { batch, web } } = yield* AdaptiveLimiter.snapshot(limiter)
      assert.deepStrictEqual([web?.guaranteed, batch?.guaranteed], [10, 5])
    }))

  it.effect("begins with the initial state of an algorithm that cannot go on from a limit", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 4 }) })
      const own = { initial: 6, next: (limit: number) => limit + 1, limit: (limit: number) => limit }
      yield* reconfigure(limiter, { algorithm: own })
      assert.strictEqual(yield* limitOf(limiter), 6)
      yield* AdaptiveLimiter.protect(Effect.void, limiter)
      assert.strictEqual(yield* limitOf(limiter), 7)
    }))

  it.effect("refuses a number out of range, and changes nothing then", () =>
    Effect.gen(function*() {
      const limiter = yield* AdaptiveLimiter.make({ algorithm: aimd({ initial: 4 }), maxQueued: 2 })
      const changes = { algorithm: aimd({ initial: 9 }), maxQueued: -1 }
      assert.throws(() => reconfigure(limiter, changes), InvalidOption, "\"maxQueued\"")
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), { limit: 4, maxQueued: 2 })
    }))
})

describe("AdaptiveLimiter.layerConfig", () => {
  class Orders extends Context.Tag("test/Orders")<Orders, Limiter>() {}

  const env = (entries: Readonly<Record<string, string>>) => Effect.withConfigProvider(Services.settings(entries))

  const load = (entries: Readonly<Record<string, string>>, options?: Config.Config<Options<number>>) =>
    Orders.pipe(
      Effect.provide(
        options === undefined
          ? AdaptiveLimiter.layerConfig(Orders)
          : AdaptiveLimiter.layerConfig(Orders, options)
      ),
      env(entries)
    )

  it.effect("takes its numbers from Config, behind a prefix where there is one", () =>
    Effect.gen(function*() {
      const entries = {
        "ORDERS.MIN_LIMIT": "2",
        "ORDERS.MAX_LIMIT": "6",
        "ORDERS.INITIAL_LIMIT": "5",
        "ORDERS.BACKOFF": "0.5",
        "ORDERS.TIMEOUT": "1 second",
        "ORDERS.MAX_QUEUED": "3"
      }
      const limiter = yield* load(entries, AdaptiveLimiter.config("ORDERS"))
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), { limit: 5, maxQueued: 3 })
      const slow = yield* Effect.fork(AdaptiveLimiter.protect(Effect.sleep("1001 millis"), limiter))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(slow)
      assert.strictEqual(yield* limitOf(limiter), 2)
      yield* yield* begin(limiter, 2)
      assert.strictEqual(yield* limitOf(limiter), 4)
      for (let n = 0; n < 3; n++) yield* yield* begin(limiter, 6)
      assert.strictEqual(yield* limitOf(limiter), 6)
    }))

  it.effect("has the defaults of an algorithm that learns by drops where nothing is set, and takes how long a call may wait", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(yield* load({})), { limit: 20, maxQueued: 0 })
      const { queueTimeout } = yield* env({ QUEUE_TIMEOUT: "2 seconds" })(AdaptiveLimiter.config())
      assert.deepStrictEqual(queueTimeout, Duration.seconds(2))
    }))

  it.effect("takes options of one's own, with another algorithm", () =>
    Effect.gen(function*() {
      const own = Config.map(Config.integer("N"), (initial) => ({ algorithm: vegas({ initial }), key: "orders" }))
      const limiter = yield* Effect.provide(Orders, AdaptiveLimiter.layerConfig(Orders, own)).pipe(env({ N: "7" }))
      assert.deepInclude(yield* AdaptiveLimiter.snapshot(limiter), { limit: 7, key: "orders" })
    }))

  it.effect("fails with a ConfigError for each value out of range", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<Readonly<Record<string, string>>> = [
        { MIN_LIMIT: "0" },
        { MIN_LIMIT: "9", MAX_LIMIT: "8" },
        { INITIAL_LIMIT: "201" },
        { BACKOFF: "1" },
        { TIMEOUT: "0 seconds" },
        { MAX_QUEUED: "-1" },
        { QUEUE_TIMEOUT: "25 days" },
        { MAX_QUEUED: "some" }
      ]
      for (const entries of wrong) {
        assert.match(
          Services.mistakes(yield* Effect.flip(load(entries))).join("\n"),
          /^invalid .*$/,
          JSON.stringify(entries)
        )
      }
      const own = Config.map(Config.integer("N"), (maxQueued) => ({ algorithm: aimd(), maxQueued }))
      assert.match(Services.mistakes(yield* Effect.flip(load({ N: "-1" }, own))).join("\n"), /^invalid .*$/)
    }))
})
