import { assert, describe, it } from "@effect/vitest"
import { Config, Context, Duration, Effect, Exit, Fiber, TestClock } from "effect"
import * as Hedge from "reprise/Hedge"
import { InvalidOption } from "reprise/InvalidOption"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

const delayOf = (hedge: Hedge.Hedge) => Effect.map(Hedge.snapshot(hedge), ({ delay }) => Duration.toMillis(delay))

/** So many calls, each of which is answered after so long. */
const answers = (hedge: Hedge.Hedge, calls: number, millis: number) =>
  Effect.replicateEffect(Hedge.protect(Effect.sleep(millis), hedge), calls, { discard: true })

/** Runs it to its end on a virtual clock. */
const virtually = <A, E>(program: Effect.Effect<A, E>) =>
  assert.deepInclude(Virtual.plain(Virtual.run(program).exit), { success: undefined })

const isNear = (actual: number, expected: number) => assert.closeTo(actual, expected, expected / 20)

describe("Hedge.reconfigure", () => {
  it.effect("changes when calls that begin from then on are hedged, and how often; the counts and the key stay", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({ after: "10 seconds", key: "search" })
      let attempts = 0
      const call = Effect.zipRight(Effect.sync(() => attempts++), Effect.sleep("1 minute")).pipe(Hedge.protect(hedge))
      const before = yield* Effect.fork(call)
      yield* Effect.yieldNow()
      yield* hedge.pipe(Hedge.reconfigure({ after: "1 second", maxHedges: 3, key: "other" }))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(attempts, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(attempts, 2)
      const after = yield* Effect.fork(call)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(attempts, 6)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.joinAll([before, after])
      const delay = Duration.seconds(1)
      const counts = { calls: 2, hedges: 4, refused: 0, won: 0 }
      assert.deepStrictEqual(yield* Hedge.snapshot(hedge), { key: "search", delay, ...counts })
    }))

  it.effect("changes all that is asked: the budget, which errors are failures, which are rejections, what lets go", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({ after: 0, withdraw: Effect.succeed(false) })
      let attempts = 0
      const first = (error: string) =>
        Hedge.hedge((number) => {
          attempts++
          return number === 1
            ? Effect.zipRight(Effect.yieldNow(), Effect.fail(error))
            : Effect.zipRight(Effect.replicateEffect(Effect.yieldNow(), 9), Effect.succeed("second"))
        }, hedge)
      const ask = first("down")
      assert.strictEqual(yield* Effect.flip(ask), "down")
      // What was wrapped before it too.
      yield* Hedge.reconfigure(hedge, {
        after: 0,
        isFailure: (error) => error !== "fatal",
        isRejection: (error) => error === "full"
      })
      assert.strictEqual(yield* ask, "second")
      assert.strictEqual(yield* Effect.flip(first("fatal")), "fatal")
      assert.strictEqual(yield* first("full"), "second")
      assert.strictEqual(attempts, 7)
      const discarded: Array<unknown> = []
      yield* Hedge.reconfigure(hedge, {
        after: 0,
        endsRace: (exit) => Exit.isSuccess(exit) && exit.value === 2,
        discard: (exit) => Effect.sync(() => discarded.push(exit))
      })
      const later = (yields: number) => Effect.replicateEffect(Effect.yieldNow(), yields)
      const numbers = Hedge.hedge((number) => Effect.as(later(number === 1 ? 1 : 9), number), hedge)
      assert.strictEqual(yield* numbers, 2)
      assert.deepStrictEqual(discarded, [Exit.succeed(1)])
    }))

  it("keeps what has been learned, for another share, other bounds and another window", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* Hedge.make({ after: Hedge.quantile({ quantile: 0.5, warmUp: 10 }) })
      yield* answers(hedge, 60, 100)
      yield* answers(hedge, 40, 400)
      isNear(yield* delayOf(hedge), 100)
      const reconfigured = (options: Partial<Hedge.QuantileOptions>) =>
        Effect.zipRight(
          Hedge.reconfigure(hedge, { after: Hedge.quantile({ quantile: 0.5, warmUp: 10, ...options }) }),
          delayOf(hedge)
        )
      isNear(yield* reconfigured({ quantile: 0.95 }), 400)
      isNear(yield* reconfigured({ quantile: 0.1 }), 100)
      assert.strictEqual(yield* reconfigured({ quantile: 0.95, max: 300 }), 300)
      assert.strictEqual(yield* reconfigured({ min: 200 }), 200)
      assert.strictEqual(yield* reconfigured({ warmUp: 101, initial: 7 }), 7)
      yield* answers(hedge, 1, 100)
      isNear(yield* delayOf(hedge), 100)
      // The present window is older than that, so that the next call begins another, and the one after it forgets.
      yield* reconfigured({ window: "1 second" })
      yield* answers(hedge, 30, 800)
      isNear(yield* delayOf(hedge), 800)
    }))
  })

  it("learns from nothing where nothing was learned: a share, before a call and after a fixed delay", () => {
    virtually(Effect.gen(function*() {
      const after = (quantile: number) => ({ after: Hedge.quantile({ quantile, warmUp: 3, initial: 500 }) })
      const hedge = yield* Hedge.make(after(0.5))
      yield* Hedge.reconfigure(hedge, after(0.9))
      assert.strictEqual(yield* delayOf(hedge), 500)
      yield* answers(hedge, 3, 40)
      isNear(yield* delayOf(hedge), 40)
      yield* Hedge.reconfigure(hedge, { after: 70 })
      assert.strictEqual(yield* delayOf(hedge), 70)
      yield* answers(hedge, 5, 10)
      yield* Hedge.reconfigure(hedge, after(0.5))
      assert.strictEqual(yield* delayOf(hedge), 500)
    }))
  })

  it("lets calls that run learn by what they began with", () => {
    virtually(Effect.gen(function*() {
      const quantile = { after: Hedge.quantile({ quantile: 0.5, warmUp: 1, initial: 500 }) }
      const hedge = yield* Hedge.make({ after: 1_000 })
      yield* Effect.sleep(5_000)
      const unknowing = yield* Effect.fork(answers(hedge, 1, 100))
      yield* Effect.yieldNow()
      yield* Hedge.reconfigure(hedge, quantile)
      const learning = yield* Effect.fork(answers(hedge, 1, 200))
      yield* Fiber.join(unknowing)
      assert.strictEqual(yield* delayOf(hedge), 500)
      yield* Hedge.reconfigure(hedge, quantile)
      yield* Fiber.join(learning)
      isNear(yield* delayOf(hedge), 200)
    }))
  })

  it.effect("refuses options out of range, and changes nothing then", () =>
    Effect.gen(function*() {
      const hedge = yield* Hedge.make({ after: "1 second" })
      assert.throws(() => Hedge.reconfigure(hedge, { after: -1 }), InvalidOption, "\"after\"")
      assert.throws(() => Hedge.reconfigure(hedge, { after: 1, maxHedges: 0 }), InvalidOption, "\"maxHedges\"")
      assert.strictEqual(yield* delayOf(hedge), 1_000)
    }))
})

describe("Hedge.layerConfig", () => {
  class Search extends Context.Tag("test/Search")<Search, Hedge.Hedge>() {}

  const load = (
    entries: Readonly<Record<string, string>>,
    options?: Config.Config<Hedge.Options>
  ) =>
    Search.pipe(
      Effect.provide(Hedge.layerConfig(Search, options)),
      Effect.withConfigProvider(Services.settings(entries))
    )

  it.effect("takes a fixed delay from Config, behind a prefix where there is one", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.flatMap(load({ AFTER: "2 seconds" }), delayOf), 2_000)
      const prefixed = yield* load({ "SEARCH.AFTER": "3 seconds", AFTER: "1 second" }, Hedge.config("SEARCH"))
      assert.strictEqual(yield* delayOf(prefixed), 3_000)
      const { maxHedges } = yield* Hedge.config().pipe(
        Effect.withConfigProvider(Services.settings({ AFTER: "1 second", MAX_HEDGES: "2" }))
      )
      assert.strictEqual(maxHedges, 2)
    }))

  it("takes a delay that is learned, with its bounds and the delay until then", () => {
    virtually(Effect.gen(function*() {
      const env = { QUANTILE: "0.5", AFTER: "1 second", MIN_AFTER: "50 millis", MAX_AFTER: "200 millis" }
      const hedge = yield* load(env)
      assert.strictEqual(yield* delayOf(hedge), 1_000)
      yield* answers(hedge, 100, 10)
      assert.strictEqual(yield* delayOf(hedge), 50)
      yield* answers(hedge, 400, 900)
      assert.strictEqual(yield* delayOf(hedge), 200)
      assert.strictEqual(yield* Effect.flatMap(load({ QUANTILE: "0.5" }), delayOf), Infinity)
    }))
  })

  it.effect("fails with a ConfigError where there is no delay, and for each value out of range", () =>
    Effect.gen(function*() {
      assert.match(Services.mistakes(yield* Effect.flip(load({ MAX_HEDGES: "1" }))).join("\n"), /^missing .*$/)
      const wrong: ReadonlyArray<Readonly<Record<string, string>>> = [
        { AFTER: "soon" },
        { AFTER: "25 days" },
        { AFTER: "1 second", MAX_HEDGES: "0" },
        { QUANTILE: "1.5" },
        { QUANTILE: "most", AFTER: "1 second" },
        { QUANTILE: "0.5", MIN_AFTER: "2 seconds", MAX_AFTER: "1 second" }
      ]
      for (const entries of wrong) {
        const error = yield* Effect.flip(load(entries))
        // On Effect 4, a number that is none has two mistakes.
        assert.match(Services.mistakes(error).join("\n"), /^(invalid .*\n?)+$/, JSON.stringify(entries))
      }
      const own = Config.map(Config.integer("N"), (maxHedges) => ({ after: 1, maxHedges }))
      assert.match(Services.mistakes(yield* Effect.flip(load({ N: "0" }, own))).join("\n"), /^invalid .*$/)
    }))
})
