import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array, ConfigProvider, Effect, Fiber, GlobalValue, Layer, Schedule, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Backoff from "reprise/Backoff"
import * as Hedge from "reprise/Hedge"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../reprise/test/services.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const budget = HttpRetry.budget(RetryBudget.share())
const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5) })
const hedge = HttpResilience.hedge({ after: "100 millis" })
const good: ResilientHttpClient.Options = { attemptTimeout: "1 second", deadline: "10 seconds", budget }

const found = (options: ResilientHttpClient.Options) =>
  ResilientHttpClient.check(options).map(({ options, severity }) => `${severity}: ${options.join(", ")}`)

describe("check", () => {
  it("finds nothing in options that go together, nor in the standard ones", () => {
    assert.deepStrictEqual(found(good), [])
    assert.deepStrictEqual(found({ ...good, hedge, breaker }), [])
    const learned = HttpResilience.hedge({ after: Hedge.quantile({ quantile: 0.95, initial: "1 minute" }) })
    const random = Backoff.random({ min: 0, max: "1 second" }).pipe(Backoff.attempts(3))
    const tokens = HttpRetry.budget(RetryBudget.tokens())
    assert.deepStrictEqual(found({ ...good, hedge: learned, retry: random, budget: tokens }), [])
    assert.deepStrictEqual(found({ ...good, retry: Backoff.attempts(3)(Schedule.forever) }), [])
    assert.deepStrictEqual(found({ ...good, idempotencyKeys: { header: "X-Request-Key" } }), [])
    assert.deepStrictEqual(found(ResilientHttpClient.standard()), [])
  })

  it("compares numbers only: it runs neither a schedule nor a budget", () => {
    const fail = () => {
      throw new Error("run")
    }
    const retry = { ...Schedule.forever, step: fail }
    assert.deepStrictEqual(found({ ...good, retry, budget: fail }), [])
  })

  it.each<[what: string, options: ResilientHttpClient.Options, findings: ReadonlyArray<string>]>([
    ["an attempt timeout above the deadline", { ...good, attemptTimeout: "11 seconds" }, [
      "error: attemptTimeout, deadline"
    ]],
    ["an attempt timeout as long as the deadline", { ...good, attemptTimeout: "10 seconds" }, [
      "warning: attemptTimeout, deadline"
    ]],
    ["retries of attempts that may hang", { deadline: "10 seconds", budget }, ["warning: attemptTimeout"]],
    ["calls that may hang for ever", { retry: false }, ["warning: deadline"]],
    ["retries that nothing bounds", { attemptTimeout: "1 second", deadline: "10 seconds" }, [
      "warning: budget, breaker"
    ]],
    ["a budget that nothing draws on", { ...good, retry: false }, ["warning: budget"]],
    ["hedges that nothing bounds", { ...good, budget: undefined, breaker, hedge }, ["warning: hedge, budget"]],
    ["a hedge that comes after the attempt has timed out", {
      ...good,
      hedge: HttpResilience.hedge({ after: "1 second" })
    }, [
      "error: hedge, attemptTimeout"
    ]],
    ["a queue that nobody leaves", {
      attemptTimeout: "1 second",
      budget,
      bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 1 })
    }, ["warning: bulkhead, deadline"]],
    ["a probe that may take longer than its lease", {
      attemptTimeout: "1 minute",
      deadline: "2 minutes",
      breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5), lease: "59 seconds" })
    }, ["warning: breaker, attemptTimeout"]],
    ["two limits of concurrency", {
      ...good,
      bulkhead: HttpResilience.bulkhead({ maxConcurrent: 10 }),
      adaptiveLimiter: HttpResilience.adaptiveLimiter({ algorithm: AdaptiveLimiter.aimd() })
    }, ["warning: bulkhead, adaptiveLimiter"]],
    [
      "keys for requests that are never sent twice",
      { ...good, budget: undefined, retry: false, idempotencyKeys: true },
      [
        "warning: retry"
      ]
    ]
  ])("finds %s", (_, options, findings) => assert.deepStrictEqual(found(options), findings))

  it("finds what only a route has, and says of which", () => {
    const match = () => true
    const findings = ResilientHttpClient.check({
      attemptTimeout: "1 second",
      deadline: "10 seconds",
      routes: [{ match, options: { budget } }, { match, options: { deadline: "500 millis" } }]
    })
    assert.deepStrictEqual(findings.map(({ options: [option], route, severity }) => [severity, option, route]), [
      ["warning", "budget", undefined],
      ["error", "attemptTimeout", 1]
    ])
  })

  it("says what the matter is", () => {
    const [finding] = ResilientHttpClient.check({ ...good, hedge, budget: undefined, breaker })
    assert.strictEqual(finding?.message, "hedges without a budget double the load of a server that has become slow")
  })
})

describe("the standard options", () => {
  const down = (sent: Array<number>) =>
    HttpClient.make((request) =>
      Effect.clockWith((clock) =>
        Effect.sync(() => {
          sent.push(clock.unsafeCurrentTimeMillis())
          return HttpClientResponse.fromWeb(request, new Response(null, { status: 500 }))
        })
      )
    )

  it.effect("send little more than one request per call to a server that is down, and soon nearly none", () =>
    Effect.gen(function*() {
      const sent: Array<number> = []
      const client = ResilientHttpClient.make(ResilientHttpClient.standard())(down(sent))
      const callEvery = Effect.all(Array.replicate(Effect.ignore(client.get("http://h.test")), 50), {
        concurrency: "unbounded"
      })
      const fiber = yield* Effect.fork(
        Effect.forEach(Array.range(1, 10), () => Effect.zipRight(Effect.sleep("1 second"), callEvery))
      )
      yield* TestClock.adjust("5 minutes")
      yield* Fiber.join(fiber)
      // 500 calls: those that were made before the breaker opened, their retries, and its probes.
      assert.isBelow(sent.length, 150)
    }))

  it("can be replaced one by one", () => {
    const options = ResilientHttpClient.standard({ deadline: "1 minute", gate: undefined })
    assert.strictEqual(options.deadline, "1 minute")
    assert.isUndefined(options.gate)
    assert.strictEqual(options.attemptTimeout, "10 seconds")
  })
})

describe("a layer", () => {
  const client = HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
  const logged = (layer: Layer.Layer<HttpClient.HttpClient, unknown, HttpClient.HttpClient>) => {
    const lines: Array<string> = []
    const get = Effect.flatMap(HttpClient.HttpClient, (client) => client.get("http://h.test"))
    return Effect.zipRight(get, get).pipe(
      Effect.provide(layer),
      Effect.provideService(HttpClient.HttpClient, client),
      Effect.provide(Services.logTo(lines)),
      Effect.as(lines)
    )
  }

  it.effect("logs all warnings in one line, once for all layers with the same advice", () =>
    Effect.gen(function*() {
      // Other tests in this process may have been given the advice.
      GlobalValue.globalValue(Symbol.for("@reprise/http/check/given"), () => new Set<string>()).clear()
      const lines = yield* logged(ResilientHttpClient.layer({ deadline: "10 seconds", redirect: "follow" }))
      assert.lengthOf(lines, 1)
      assert.deepStrictEqual(yield* logged(ResilientHttpClient.layer({ deadline: "10 seconds" })), [])
      assert.match(lines[0]!, /^WARN ResilientHttpClient.check: attemptTimeout: .*; budget, breaker: /)
    }))

  it.effect("logs nothing where there is nothing to say", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* logged(ResilientHttpClient.layer(ResilientHttpClient.standard())), [])
    }))

  it("is not made of options with an error", () => {
    const options = { ...good, attemptTimeout: "11 seconds" } as const
    const message =
      "Invalid option \"attemptTimeout, deadline\": expected options that go together (an attempt may take longer"
    assert.throws(() => ResilientHttpClient.layer(options), InvalidOption, message)
    assert.throws(() => ResilientHttpClient.layerTyped(options), InvalidOption, message)
    assert.throws(
      () => ResilientHttpClient.layer({ ...good, routes: [{ match: () => true, options }] }),
      InvalidOption,
      "routes[0].attemptTimeout, deadline"
    )
  })

  it.effect("from a config fails with a ConfigError for options with an error", () =>
    Effect.gen(function*() {
      const config = Services.settings({ ATTEMPT_TIMEOUT: "11 seconds", DEADLINE: "10 seconds" })
      const layer = ResilientHttpClient.layerConfig().pipe(
        Layer.provide(Layer.setConfigProvider(config))
      )
      const error = yield* Effect.flip(logged(layer))
      assert.include(String(error), "options that go together")
    }))

  it.effect("from a config names the variables that are set of two options that contradict each other", () =>
    Effect.gen(function*() {
      const failing = (entries: Readonly<Record<string, string>>, over?: ResilientHttpClient.Options) =>
        ResilientHttpClient.config("API", over).pipe(
          Effect.withConfigProvider(ConfigProvider.fromJson({ API: entries })),
          Effect.flip,
          Effect.map((error) => Services.mistakes(error).map((mistake) => /^invalid ([\w.]+): /.exec(mistake)?.[1]))
        )
      const both = yield* failing({ ATTEMPT_TIMEOUT: "11 seconds", DEADLINE: "10 seconds" })
      assert.deepStrictEqual(both, ["API.ATTEMPT_TIMEOUT", "API.DEADLINE"])
      const { standard } = ResilientHttpClient
      assert.deepStrictEqual(yield* failing({ DEADLINE: "9 seconds" }, standard()), ["API.DEADLINE"])
      assert.deepStrictEqual(yield* failing({ ATTEMPT_TIMEOUT: "31 seconds" }, standard()), ["API.ATTEMPT_TIMEOUT"])
      assert.deepStrictEqual(yield* failing({ HEDGE_AFTER: "10 seconds" }, standard()), ["API.HEDGE_AFTER"])
    }))
})
