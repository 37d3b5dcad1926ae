import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Context, Duration, Effect, Exit, Option, Schedule, TestClock } from "effect"
import { inspect } from "node:util"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import { InvalidOption } from "reprise/InvalidOption"
import * as Tripping from "reprise/Tripping"
import { fail, make, type Options, rejection, retryAfter, ripe, succeed, times } from "./breakerCalls.js"
import * as Services from "./services.js"

class Payments extends Context.Tag("test/Payments")<Payments, CircuitBreaker.CircuitBreaker>() {}
class Delays extends Context.Tag("test/Delays")<Delays, number>() {}

describe("openFor", () => {
  it.effect("may be a duration, from the first opening on", () =>
    Effect.gen(function*() {
      for (const openFor of ["5 minutes", Duration.minutes(5), 300_000] as const) {
        const breaker = yield* make({ trip: Tripping.consecutive(1), openFor })
        for (let opening = 0; opening < 3; opening++) {
          yield* fail(breaker)
          assert.deepStrictEqual(yield* retryAfter(breaker), 300_000)
          yield* TestClock.adjust("5 minutes")
        }
      }
    }))

  it("throws InvalidOption for a value that is neither a duration nor a schedule", () => {
    for (const openFor of [-1, "soon", "31 days", true, {}]) {
      assert.throws(
        () => CircuitBreaker.make({ trip: Tripping.consecutive(1), openFor: openFor as never }),
        InvalidOption,
        "\"openFor\""
      )
    }
  })
})

describe("CircuitOpen", () => {
  const opened = Effect.gen(function*() {
    const breaker = yield* make({ key: "payments", trip: Tripping.consecutive(2) })
    yield* times(2, fail(breaker))
    return yield* rejection(breaker)
  })

  it.effect("says which circuit, since when, why, and when to ask again", () =>
    Effect.map(opened, (error) => {
      assert.deepStrictEqual({ ...error }, {
        _tag: "CircuitOpen",
        key: "payments",
        state: "Open",
        retryAfter: Option.some(Duration.seconds(1)),
        openedAtMillis: 0,
        trip: { rule: "consecutive", calls: 2, failures: 2, slow: 0 }
      })
      assert.strictEqual(
        error.message,
        "The circuit \"payments\" is open (consecutive: 2 failed and 0 slow of 2), retry after 1s"
      )
    }))

  it.effect("says in its message how a call came to be rejected", () =>
    Effect.gen(function*() {
      const message = (breaker: CircuitBreaker.CircuitBreaker) =>
        Effect.map(rejection(breaker), ({ message }) => message)
      const isolated = yield* Effect.tap(make(), CircuitBreaker.isolate)
      const tripped = yield* Effect.tap(make({ key: "a" }), (breaker) => CircuitBreaker.trip(breaker))
      const probed = yield* Effect.tap(ripe({ lease: "5 seconds" }), CircuitBreaker.admit)
      assert.deepStrictEqual(yield* Effect.forEach([isolated, tripped, probed], message), [
        "The circuit is isolated",
        "The circuit \"a\" is open (manual), retry after 1s",
        "The circuit is being probed (manual), retry after 5s"
      ])
    }))

  it.effect("is an error by every test, without a stack, and prints all the same", () =>
    Effect.map(opened, (error) => {
      assert.instanceOf(error, CircuitBreaker.CircuitOpen)
      assert.instanceOf(error, Error)
      assert.strictEqual(error.name, "CircuitOpen")
      assert.isUndefined(error.stack)
      assert.strictEqual(String(error), `CircuitOpen: ${error.message}`)
      assert.include(inspect(error), "payments")
      assert.include(Cause.pretty(Cause.fail(error)), error.message)
    }))

  it.effect("is JSON with its facts", () =>
    Effect.map(opened, (error) => {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(error)), {
        _tag: "CircuitOpen",
        key: "payments",
        state: "Open",
        retryAfter: { _id: "Option", _tag: "Some", value: { _id: "Duration", _tag: "Millis", millis: 1_000 } },
        openedAtMillis: 0,
        trip: { rule: "consecutive", calls: 2, failures: 2, slow: 0 }
      })
    }))

  it.effect("can be yielded, and caught by its tag", () =>
    Effect.gen(function*() {
      const error = yield* opened
      const again = Effect.gen(function*() {
        return yield* error
      })
      const key = yield* again.pipe(Effect.catchTag("CircuitOpen", ({ key }) => Effect.succeed(key)))
      assert.strictEqual(key, "payments")
    }))
})

describe("an option out of range", () => {
  const trip = Tripping.consecutive(1)
  const of = (options: Partial<Options>) => () => CircuitBreaker.make({ trip, ...options })
  const long = "up to 2147483647 ms (24.8 days)"

  const mistakes: ReadonlyArray<readonly [make: () => unknown, option: string, expected: string, value: string]> = [
    [of({ probes: 0 }), "probes", "a whole number >= 1", "0"],
    [of({ probes: 1.5 }), "probes", "a whole number >= 1", "1.5"],
    [of({ successes: 0 }), "successes", "a whole number >= 1", "0"],
    [of({ successes: NaN }), "successes", "a whole number >= 1", "NaN"],
    [of({ toleratedProbeFailures: -1 }), "toleratedProbeFailures", "a whole number >= 0", "-1"],
    [of({ lease: 0 }), "lease", `a duration longer than 0 ms ${long}`, "0"],
    [of({ lease: "25 days" }), "lease", `a duration longer than 0 ms ${long}`, "\"25 days\""],
    [of({ onFull: "wait", maxWaiting: 0 }), "maxWaiting", "a whole number >= 1", "0"],
    [of({ shadow: { trip, probes: -2 } }), "probes", "a whole number >= 1", "-2"]
  ]
  for (const [mistake, option, expected, value] of mistakes) {
    it(`is named with its range and its value: ${option} ${value}`, () => {
      assert.throws(mistake, InvalidOption, `Invalid option "${option}": expected ${expected}, got ${value}`)
    })
  }

  it.effect("is refused by reconfigure and trip too, and changes nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      assert.throws(() => CircuitBreaker.reconfigure(breaker, { trip, probes: 0 }), InvalidOption)
      assert.throws(() => CircuitBreaker.trip(breaker, { openFor: -1 }), InvalidOption, "\"openFor\"")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("is a defect where only the schedule of a ramp can tell", () =>
    Effect.gen(function*() {
      for (const share of [-0.1, NaN]) {
        const exit = yield* Effect.exit(make({ ramp: Schedule.as(Schedule.spaced("1 second"), share) }))
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof InvalidOption)
      }
    }))
})

describe("options at the ends of their ranges", () => {
  it.effect("are taken for what they are", () =>
    Effect.gen(function*() {
      const least = Tripping.rate({ threshold: Number.MIN_VALUE, minimumCalls: 1, window: { duration: 1, buckets: 1 } })
      const breaker = yield* make({ trip: least, toleratedProbeFailures: 0, lease: 1, maxWaiting: 0 })
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
    }))

  it.effect("are the defaults of the guide where they are left out", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
      const waits: Array<number> = []
      for (let i = 0; i < 8; i++) {
        yield* CircuitBreaker.trip(breaker)
        waits.push(yield* retryAfter(breaker))
        yield* TestClock.adjust(waits[i]!)
        yield* CircuitBreaker.admit(breaker)
      }
      waits.forEach((millis, i) =>
        assert.approximately(millis, 1_000 * Math.min(2 ** i, 60), 100 * Math.min(2 ** i, 60) + 1)
      )
      assert.isTrue(waits.some((millis) => millis % 1_000 !== 0))
      assert.deepInclude({ ...(yield* rejection(breaker)) }, { key: "", retryAfter: Option.some(Duration.seconds(30)) })
    }))
})

describe("layer", () => {
  it.effect("makes one breaker for all who ask for the tag", () =>
    Effect.gen(function*() {
      const charge = Effect.flatMap(Payments, fail)
      assert.deepStrictEqual([yield* charge, yield* charge], ["down", "rejected"])
    }).pipe(Effect.provide(CircuitBreaker.layer(Payments, { trip: Tripping.consecutive(1) }))))

  it.effect("gives the schedules and the probe what they require", () => {
    const openFor = Schedule.spaced("1 second").pipe(
      Schedule.addDelayEffect(() => Effect.map(Delays, (millis) => Duration.millis(millis)))
    )
    return Effect.gen(function*() {
      const breaker = yield* Payments
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_500)
    }).pipe(
      Effect.provide(CircuitBreaker.layer(Payments, { trip: Tripping.consecutive(1), openFor, probe: Delays })),
      Effect.provideService(Delays, 500)
    )
  })
})

describe("layerConfig", () => {
  const configured = (entries: ReadonlyArray<readonly [string, string]>, prefix?: string) =>
    Effect.exit(Effect.provide(Payments, CircuitBreaker.layerConfig(Payments, CircuitBreaker.config(prefix)))).pipe(
      Effect.withConfigProvider(Services.settings(Object.fromEntries(entries)))
    )

  it.effect("reads the numbers that a deployment may set", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.flatten(configured([
        ["PAYMENTS.FAILURES", "3"],
        ["PAYMENTS.OPEN_FOR", "10 seconds"],
        ["PAYMENTS.MAX_OPEN_FOR", "15 seconds"],
        ["PAYMENTS.PROBES", "2"],
        ["PAYMENTS.SUCCESSES", "4"],
        ["PAYMENTS.LEASE", "5 seconds"]
      ], "PAYMENTS"))
      assert.deepStrictEqual(yield* times(4, fail(breaker)), ["down", "down", "down", "rejected"])
      assert.approximately(yield* retryAfter(breaker), 10_000, 1_001)
      yield* TestClock.adjust("11 seconds")
      yield* times(3, succeed(breaker))
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
      yield* CircuitBreaker.admit(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 5_000)
      yield* CircuitBreaker.trip(breaker)
      assert.approximately(yield* retryAfter(breaker), 15_000, 1_501)
    }))

  it.effect("needs none of them", () =>
    Effect.gen(function*() {
      const breaker = yield* Effect.flatten(configured([]))
      assert.deepStrictEqual(yield* times(6, fail(breaker)), ["down", "down", "down", "down", "down", "rejected"])
      assert.approximately(yield* retryAfter(breaker), 1_000, 101)
    }))

  const mistakes = [
    ["FAILURES", "0", "expected a whole number >= 1, got 0"],
    ["FAILURES", "many", "FAILURES"],
    ["OPEN_FOR", "0 millis", "expected a duration longer than 0 ms"],
    ["OPEN_FOR", "soon", "OPEN_FOR"],
    ["MAX_OPEN_FOR", "0 millis", "expected a duration longer than 0 ms"],
    ["PROBES", "1.5", "PROBES"],
    ["PROBES", "0", "expected a whole number >= 1, got 0 (option \"probes\")"],
    ["SUCCESSES", "-1", "expected a whole number >= 1, got -1 (option \"successes\")"],
    ["LEASE", "0 millis", "up to 2147483647 ms (24.8 days), got 0 (option \"lease\")"]
  ] as const
  for (const [name, value, message] of mistakes) {
    it.effect(`fails with a ConfigError for ${name} ${value}`, () =>
      Effect.gen(function*() {
        const exit = yield* configured([[name, value]])
        const error = Option.getOrUndefined(Option.flatMap(Exit.causeOption(exit), Cause.failureOption))
        assert.isNotEmpty(Services.mistakes(error), String(error))
        assert.include(String(error), message)
      }))
  }

  it.effect("fails with a ConfigError too where options from a config of one's own are out of range", () =>
    Effect.gen(function*() {
      const own = Config.succeed({ trip: Tripping.consecutive(1), probes: 0 })
      const error = yield* Effect.flip(Effect.provide(Payments, CircuitBreaker.layerConfig(Payments, own)))
      assert.isNotEmpty(Services.mistakes(error), String(error))
    }))
})
