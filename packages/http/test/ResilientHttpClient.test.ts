import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Config, Duration, Effect, Either, Fiber, Layer, Option, Ref, Schedule, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import { InvalidOption } from "reprise/InvalidOption"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../reprise/test/services.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

/** A client that answers from a script and tells when it was asked. */
const scripted = (...script: ReadonlyArray<ResponseInit>) =>
  Effect.gen(function*() {
    const times = yield* Ref.make<ReadonlyArray<number>>([])
    const client = HttpClient.make((request) =>
      Effect.clockWith((clock) =>
        Effect.map(
          Ref.updateAndGet(times, (all) => [...all, clock.unsafeCurrentTimeMillis()]),
          ({ length }) =>
            HttpClientResponse.fromWeb(request, new Response("body", script[length - 1] ?? { status: 200 }))
        )
      )
    )
    return [times, Layer.succeed(HttpClient.HttpClient, client)] as const
  })

const policy = Backoff.exponential("1 second").pipe(
  Backoff.capped("60 seconds"),
  Backoff.attempts(5),
  HttpRetry.whileRetryable,
  HttpRetry.honorRetryAfter({ max: "2 minutes", jitter: 0 })
)

const run = (options: ResilientHttpClient.Options, ...script: ReadonlyArray<ResponseInit>) =>
  Effect.gen(function*() {
    const [times, base] = yield* scripted(...script)
    const call = HttpClient.get("http://h.test").pipe(
      Effect.provide(Layer.provide(ResilientHttpClient.layer({ retry: policy, ...options }), base))
    )
    const fiber = yield* Effect.fork(call)
    yield* TestClock.adjust("1 hour")
    const response = yield* Fiber.join(fiber)
    return { status: response.status, times: yield* Ref.get(times), response }
  })

const retryAfter = (value: string, date?: string): ResponseInit => ({
  status: 429,
  headers: { "retry-after": value, ...(date === undefined ? {} : { date }) }
})

describe("the wait", () => {
  it.effect("grows as the policy says", () =>
    Effect.gen(function*() {
      const busy = { status: 503 }
      const { times } = yield* run({}, busy, busy, busy, busy)
      assert.deepStrictEqual(times, [0, 1000, 3000, 7000, 15000])
    }))

  it.effect("is as long as the server asks, where that is longer", () =>
    Effect.gen(function*() {
      const { response, times } = yield* run({}, retryAfter("7"), retryAfter("1"))
      assert.deepStrictEqual(times, [0, 7000, 9000])
      assert.deepStrictEqual(HttpResilience.attempts(response).map(({ reason }) => reason), [
        "retryAfter",
        "backoff",
        "success"
      ])
    }))

  it.effect("ends at the date the server names, by the server's own clock", () =>
    Effect.gen(function*() {
      const { times } = yield* run(
        {},
        retryAfter("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT")
      )
      assert.deepStrictEqual(times, [0, 30_000])
    }))

  it.effect("is the policy's own where the server talks nonsense", () =>
    Effect.gen(function*() {
      for (const value of ["+5", "1.5e3", "0x10", "-5", "7, 9", "soon", ""]) {
        const { times } = yield* run({}, retryAfter(value))
        assert.strictEqual(times[1]! - times[0]!, 1000, value)
      }
    }))

  it.effect("is not begun where the server asks for more than the policy grants", () =>
    Effect.gen(function*() {
      const { response, status, times } = yield* run({}, retryAfter("121"))
      assert.strictEqual(status, 429)
      assert.strictEqual(yield* response.text, "body")
      assert.deepStrictEqual(times, [0])
      assert.deepStrictEqual(HttpResilience.attempts(response).map(({ reason }) => reason), ["retryAfterTooLong"])
    }))

  it.effect("is not begun where the deadline leaves no time for it", () =>
    Effect.gen(function*() {
      const { status, times } = yield* run({ deadline: "10 seconds" }, retryAfter("5"), retryAfter("5"))
      assert.strictEqual(status, 429)
      assert.deepStrictEqual(times, [0, 5000])
    }))

  it.effect("sends nothing more when it is interrupted", () =>
    Effect.gen(function*() {
      const [times, base] = yield* scripted({ status: 503 }, { status: 503 })
      const fiber = yield* HttpClient.get("http://h.test").pipe(
        Effect.provide(Layer.provide(ResilientHttpClient.layer({ retry: policy }), base)),
        Effect.fork
      )
      yield* TestClock.adjust("1500 millis")
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* Ref.get(times), [0, 1000])
    }))
})

describe("what prepares a request below", () => {
  const outcome = (options: ResilientHttpClient.Options, prepare: Effect.Effect<void, "no token">) =>
    Effect.gen(function*() {
      const [times, base] = yield* scripted({ status: 503 })
      const client = yield* Effect.provide(HttpClient.HttpClient, base)
      const prepared = HttpClient.mapRequestInputEffect(client, (request) => Effect.as(prepare, request))
      // A client that may fail with more than the layer's own: the combinators take any, and so does an untyped caller.
      const resilient = HttpResilience.typed(
        ResilientHttpClient.make({ retry: policy, ...options })(prepared as unknown as HttpClient.HttpClient)
      )
      const fiber = yield* Effect.fork(Effect.flip(resilient.get("http://h.test")))
      yield* TestClock.adjust("1 hour")
      return { error: (yield* Fiber.join(fiber)) as unknown, sent: (yield* Ref.get(times)).length }
    })

  it.effect("is under the deadline of the call", () =>
    Effect.gen(function*() {
      const { error, sent } = yield* outcome({ deadline: "1 minute" }, Effect.never)
      assert.deepInclude(error, { _tag: "DeadlineExceeded" })
      assert.strictEqual(sent, 0)
    }))

  it.effect("is under the limit of an attempt, and is done again for the next one", () =>
    Effect.gen(function*() {
      const { error } = yield* outcome({ attemptTimeout: "1 second" }, Effect.never)
      assert.deepInclude(error, { _tag: "AttemptTimeout" })
      assert.lengthOf((error as { attempts: ReadonlyArray<unknown> }).attempts, 5)
    }))

  it.effect("fails the call with its own error, which is not tried again", () =>
    Effect.gen(function*() {
      const [, base] = yield* scripted()
      const client = yield* Effect.provide(HttpClient.HttpClient, base)
      let prepared = 0
      const failing = HttpClient.mapRequestInputEffect(client, () => {
        prepared++
        return Effect.fail("no token" as const)
      })
      const error = yield* Effect.flip(HttpResilience.retry(failing, policy).get("http://h.test"))
      assert.strictEqual(error, "no token")
      assert.strictEqual(prepared, 1)
    }))
})

describe("a client without retries", () => {
  it.effect("still has the limit of an attempt and the deadline of a call", () =>
    Effect.gen(function*() {
      const client = HttpClient.make(() => Effect.never)
      const error = (options: ResilientHttpClient.Options) =>
        Effect.gen(function*() {
          const call = ResilientHttpClient.makeTyped({ retry: false, ...options })(client).get("http://h.test")
          const fiber = yield* Effect.fork(Effect.flip(call))
          yield* TestClock.adjust("1 minute")
          return (yield* Fiber.join(fiber))._tag
        })
      assert.strictEqual(yield* error({ attemptTimeout: "1 second" }), "AttemptTimeout")
      assert.strictEqual(yield* error({ deadline: "1 second" }), "DeadlineExceeded")
    }))

  it.effect("sends once", () =>
    Effect.gen(function*() {
      const { status, times } = yield* run({ retry: false, deadline: "1 minute" }, { status: 503 })
      assert.strictEqual(status, 503)
      assert.deepStrictEqual(times, [0])
    }))
})

const invalid = (make: () => unknown) =>
  Either.match(Either.try({ try: make, catch: (error) => error }), {
    onLeft: (error) => error instanceof InvalidOption ? error : assert.fail(String(error)),
    onRight: () => assert.fail("the option must be refused")
  })

describe("an option out of range", () => {
  const bad: ReadonlyArray<readonly [option: string, options: ResilientHttpClient.Options]> = [
    ["attemptTimeout", { attemptTimeout: 0 }],
    ["attemptTimeout", { attemptTimeout: -5 }],
    ["attemptTimeout", { attemptTimeout: "30 days" }],
    ["deadline", { deadline: "0 seconds" }],
    ["deadline", { deadline: Duration.infinity }],
    ["retry.times", { retry: { times: -1 } }],
    ["retry.times", { retry: { times: 1.5 } }],
    ["retry", { retry: 3 as never }],
    ["attemptHeader", { attemptHeader: "" }],
    ["attemptHeader", { attemptHeader: "two words" }],
    ["header", { idempotencyKeys: { header: "" } }],
    ["methods", { idempotencyKeys: { methods: [] } }],
    ["drain.maxBytes", { drain: { maxBytes: -1 } }],
    ["drain.maxBytes", { drain: { maxBytes: NaN } }],
    ["drain.maxDuration", { drain: { maxDuration: -1 } }]
  ]

  it.each(bad)("%s is refused before anything runs, by its name", (option, options) => {
    for (const make of [ResilientHttpClient.layer, ResilientHttpClient.layerTyped]) {
      const error = invalid(() => make(options))
      assert.strictEqual(error.option, option)
      assert.include(error.message, `"${option}"`)
      assert.include(error.message, "expected")
    }
  })

  it("is refused by the combinators too", () => {
    assert.strictEqual(invalid(() => HttpResilience.attemptTimeout(0)({} as never)).option, "attemptTimeout")
    assert.strictEqual(invalid(() => HttpResilience.deadline(0)({} as never)).option, "deadline")
    assert.strictEqual(invalid(() => HttpRetry.exponential({ attempts: 0 })).option, "attempts")
    assert.strictEqual(invalid(() => HttpRetry.exponential({ base: "1 minute", cap: "1 second" })).option, "cap")
    assert.strictEqual(invalid(() => HttpRetry.honorRetryAfter({ jitter: 2 })).option, "jitter")
  })
})

describe("config", () => {
  const load = (values: Record<string, string>) =>
    Layer.build(ResilientHttpClient.layerConfig(ResilientHttpClient.config("API"))).pipe(
      Effect.scoped,
      Effect.provide(Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never))),
      Effect.withConfigProvider(
        Services.settings(Object.fromEntries(Object.entries(values).map(([key, value]) => [`API.${key}`, value])))
      ),
      Effect.either
    )

  it.effect("needs nothing", () => Effect.map(load({}), (result) => assert.isTrue(Either.isRight(result))))

  it.effect("takes everything", () =>
    Effect.map(
      load({
        ATTEMPTS: "5",
        BASE_DELAY: "100 millis",
        MAX_DELAY: "10 seconds",
        MAX_RETRY_AFTER: "30 seconds",
        ATTEMPT_TIMEOUT: "5 seconds",
        DEADLINE: "1 minute",
        RETRY_UNSENT: "true",
        IDEMPOTENCY_KEYS: "true",
        DRAIN_MAX_BYTES: "1024",
        DRAIN_MAX_DURATION: "50 millis"
      }),
      (result) => assert.isTrue(Either.isRight(result))
    ))

  it.effect.each([
    ["ATTEMPTS", "0", "whole number"],
    ["BASE_DELAY", "0 millis", "duration"],
    ["MAX_DELAY", "1 millis", "at least the base"],
    ["ATTEMPT_TIMEOUT", "0 seconds", "longer than 0 ms"],
    ["DEADLINE", "60 days", "2147483647 ms"],
    ["DRAIN_MAX_BYTES", "-1", "whole number"]
  ])(
    "refuses %s = %s and says what it expects",
    ([name, value, expected]) =>
      Effect.map(load({ [name!]: value! }), (result) => {
        const error = Either.getOrThrow(Either.flip(result))
        assert.include(Services.mistakes(error).join("\n"), expected!)
      })
  )

  it.effect("reads what it says, and no more", () =>
    Effect.gen(function*() {
      const options = yield* ResilientHttpClient.config().pipe(
        Effect.withConfigProvider(
          Services.settings({ DEADLINE: "30 seconds", RETRY_UNSENT: "yes" })
        )
      )
      assert.deepStrictEqual(Option.fromNullable(options.deadline), Option.some(Duration.seconds(30)))
      assert.isTrue(options.retryUnsent)
      assert.isUndefined(options.attemptTimeout)
    }))

  it.effect("may have names of its own", () =>
    Layer.build(ResilientHttpClient.layerConfig({
      deadline: Config.duration("MY_LIMIT"),
      retry: Config.map(Config.integer("MY_TRIES"), (attempts) => HttpRetry.exponential({ attempts }))
    })).pipe(
      Effect.scoped,
      Effect.provide(Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.never))),
      Effect.withConfigProvider(Services.settings({ MY_LIMIT: "0 seconds", MY_TRIES: "2" })),
      Effect.flip,
      Effect.map((error) => assert.include(String(error), "deadline"))
    ))
})

describe("a listener", () => {
  it.effect("sees the calls of a client that has no policy", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const listener = Telemetry.listener(({ _tag }) => seen.push(_tag))
      const [, scriptedClient] = yield* scripted()
      const client = yield* Effect.provide(HttpClient.HttpClient, scriptedClient)
      yield* ResilientHttpClient.make({ retry: false, listener })(client).get("http://h.test/")
      assert.deepStrictEqual(seen, ["AttemptStarted", "AttemptEnded", "CallEnded"])
    }))
})

describe("a layer that is provided again", () => {
  it.effect("begins with closed breakers and full budgets", () =>
    Effect.gen(function*() {
      let sent = 0
      const down = HttpClient.make((request) =>
        Effect.sync(() => {
          sent++
          return HttpClientResponse.fromWeb(request, new Response(null, { status: 503 }))
        })
      )
      const live = ResilientHttpClient.layer({
        retry: Schedule.recurs(1),
        budget: HttpRetry.budget({ ratio: 0, minPerSecond: 0.1 }),
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor: "1 hour" })
      }).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, down)))
      const get = Effect.flatMap(HttpClient.HttpClient, (client) => Effect.exit(client.get("http://h.test")))
      for (let build = 1; build <= 3; build++) {
        yield* Effect.provide(Effect.zipRight(get, get), live)
        // The second attempt is paid for by a full budget, and opens the circuit of this build.
        assert.strictEqual(sent, build * 2)
      }
    }))

  it.effect("is typed and reads its options from a config too", () =>
    Effect.gen(function*() {
      const client = HttpClient.make((request) =>
        Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
      )
      const live = ResilientHttpClient.layerTypedConfig(ResilientHttpClient.config("API")).pipe(
        Layer.provide(Layer.succeed(HttpClient.HttpClient, client)),
        Layer.provide(Layer.setConfigProvider(Services.settings({ "API.ATTEMPTS": "1" })))
      )
      const get = Effect.flatMap(ResilientHttpClient.ResilientHttpClient, (client) => client.get("http://h.test"))
      assert.propertyVal(yield* Effect.flip(Effect.provide(get, live)), "_tag", "ServerError")
    }))
})
