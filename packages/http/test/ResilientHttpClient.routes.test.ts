import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Fiber, Schedule, Stream, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../reprise/test/services.js"
import * as HttpCircuitBreakers from "../src/HttpCircuitBreakers.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

/** A server that answers every request with one status, and counts them by path. */
const answering = (status: number) => {
  const sent: Record<string, number> = {}
  const client = HttpClient.make((request, url) =>
    Effect.sync(() => {
      sent[url.pathname] = (sent[url.pathname] ?? 0) + 1
      return HttpClientResponse.fromWeb(request, new Response(null, { status }))
    })
  )
  return { client, sent }
}

const times = (retries: number) => Schedule.recurs(retries)
const path = (start: string): ResilientHttpClient.Route["match"] => (request) => request.url.includes(`h.test${start}`)
const url = (path: string) => `http://h.test${path}`

describe("a route", () => {
  it.effect("has options of its own for the requests that match, and all others those of the client", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(503)
      const resilient = ResilientHttpClient.make({
        retry: times(2),
        routes: [
          { match: path("/search"), options: { retry: times(4) } },
          { match: path("/"), options: { retry: false } },
          { match: path("/never"), options: { retry: times(9) } }
        ]
      })(client)
      yield* resilient.get(url("/search"))
      yield* resilient.get(url("/never"))
      yield* resilient.get("http://other.test/other")
      assert.deepStrictEqual(sent, { "/search": 5, "/never": 1, "/other": 3 })
    }))

  it.effect("keeps what it does not replace, its state too, and takes away what it sets to undefined", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(503)
      const resilient = ResilientHttpClient.makeTyped({
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2) }),
        routes: [
          { match: path("/slow"), options: { attemptTimeout: "1 minute" } },
          { match: path("/health"), options: { breaker: undefined } }
        ]
      })(client)
      const tag = (path: string) => Effect.map(Effect.flip(resilient.get(url(path))), (error) => error._tag)
      const tags = yield* Effect.forEach(["/", "/slow", "/slow", "/", "/health"], tag)
      assert.deepStrictEqual(tags, ["ServerError", "ServerError", "CircuitOpen", "CircuitOpen", "ServerError"])
      assert.deepStrictEqual(sent, { "/": 1, "/slow": 1, "/health": 1 })
    }))

  it.effect("that gives a guard of its own has states of its own", () =>
    Effect.gen(function*() {
      const { client } = answering(503)
      const breaker = () => HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      const resilient = ResilientHttpClient.makeTyped({
        retry: false,
        breaker: breaker(),
        routes: [{ match: path("/reports"), options: { breaker: breaker() } }]
      })(client)
      const tag = (path: string) => Effect.map(Effect.flip(resilient.get(url(path))), (error) => error._tag)
      assert.deepStrictEqual(yield* Effect.forEach(["/reports", "/reports", "/", "/"], tag), [
        "ServerError",
        "CircuitOpen",
        "ServerError",
        "CircuitOpen"
      ])
    }))

  it("is checked as all options are", () => {
    const routes = [{ match: () => true, options: { attemptTimeout: 0 } }]
    assert.throws(() => ResilientHttpClient.make({ routes }), InvalidOption, "attemptTimeout")
  })
})

describe("breakers that are made beforehand", () => {
  it.effect("are those of all clients that are given them, and can be looked at and moved by hand", () =>
    Effect.gen(function*() {
      const { client, sent } = answering(503)
      const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(2) })
      const make = () =>
        ResilientHttpClient.makeTyped({ retry: false, breaker: HttpResilience.circuitBreaker({ breakers }) })(client)
      const [one, other] = [make(), make()]
      const breaker = yield* CircuitBreakers.get(breakers, "http://h.test")
      const changes = yield* Effect.fork(
        Stream.runCollect(Stream.take(Stream.drop(CircuitBreaker.changes(breaker), 1), 1))
      )
      yield* TestClock.adjust(0)
      yield* Effect.flip(one.get(url("/")))
      yield* Effect.flip(other.get(url("/")))
      const [change] = [...(yield* Fiber.join(changes))]
      assert.deepInclude(change, { key: "http://h.test", from: "Closed", to: "Open" })
      assert.strictEqual((yield* Effect.flip(one.get(url("/"))))._tag, "CircuitOpen")
      yield* CircuitBreaker.close(breaker)
      assert.strictEqual((yield* Effect.flip(one.get(url("/"))))._tag, "ServerError")
      assert.deepStrictEqual(sent, { "/": 3 })
    }))

  it.effect("judge as those of a client do", () =>
    Effect.gen(function*() {
      const { client } = answering(404)
      const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(1) })
      const breaker = HttpResilience.circuitBreaker({ breakers, key: () => "all" })
      const resilient = ResilientHttpClient.make({ retry: false, breaker })(client)
      yield* resilient.get(url("/"))
      const states = (yield* CircuitBreakers.entries(breakers)).map(([key, { state }]) => [key, state])
      assert.deepStrictEqual(states, [["all", "Closed"]])
    }))

  it.effect("are refused where something else has made them", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make<string>({ breaker: { trip: Tripping.consecutive(1) } })
      assert.throws(
        () => HttpResilience.circuitBreaker({ breakers: breakers as never }),
        InvalidOption,
        "a value made by HttpCircuitBreakers"
      )
    }))
})

describe("the options from a config", () => {
  const options = (entries: Record<string, string>, over?: ResilientHttpClient.Options) =>
    Effect.withConfigProvider(
      ResilientHttpClient.config(undefined, over),
      Services.settings(entries)
    )
  const attempts = (options: ResilientHttpClient.Options, calls = 1, status = 503) =>
    Effect.gen(function*() {
      const { client, sent } = answering(status)
      const resilient = ResilientHttpClient.makeTyped(options)(client)
      const fiber = yield* Effect.fork(Effect.replicateEffect(Effect.either(resilient.get(url("/"))), calls))
      yield* TestClock.adjust("1 hour")
      const tags = (yield* Fiber.join(fiber)).map(
        Either.match({ onLeft: ({ _tag }) => _tag, onRight: () => "Response" })
      )
      return [tags, sent["/"] ?? 0] as const
    })

  it.effect("make the guards and the budget that are named", () =>
    Effect.gen(function*() {
      const breaker = yield* options({ BREAKER_FAILURES: "2", ATTEMPTS: "1" })
      assert.deepStrictEqual(yield* attempts(breaker, 3), [["ServerError", "ServerError", "CircuitOpen"], 2])
      const rate = yield* options({ BREAKER_RATE: "0.5", BREAKER_MINIMUM_CALLS: "2", ATTEMPTS: "1" })
      assert.deepStrictEqual(yield* attempts(rate, 3), [["ServerError", "ServerError", "CircuitOpen"], 2])
      const budget = yield* options({ BUDGET_RATIO: "0.5", BUDGET_MIN_PER_SECOND: "0", BASE_DELAY: "1 millis" })
      assert.deepStrictEqual((yield* attempts(budget, 10))[1], 15)
      const limit = yield* options({ RATE_LIMIT: "1", RATE_WINDOW: "1 minute", ATTEMPTS: "1" })
      assert.deepStrictEqual((yield* attempts(limit, 2))[0], ["ServerError", "RateLimitExceeded"])
      assert.hasAllKeys(
        Object.fromEntries(
          Object.entries(yield* options({ MAX_CONCURRENT: "2", GATE: "true", HEDGE_AFTER: "1 second" }))
            .filter(([, value]) => value !== undefined)
        ),
        ["bulkhead", "gate", "hedge"]
      )
    }))

  it.effect("leave what is not named as it is in the options that they are put over", () =>
    Effect.gen(function*() {
      const over: ResilientHttpClient.Options = {
        ...ResilientHttpClient.standard(),
        retry: times(6),
        budget: HttpRetry.budget(RetryBudget.tokens())
      }
      const same = yield* options({}, over)
      assert.deepStrictEqual(same, over)
      const { deadline, gate, ...rest } = yield* options({ DEADLINE: "1 minute", GATE: "false" }, over)
      assert.isUndefined(gate)
      assert.strictEqual(String(deadline), String((yield* options({ DEADLINE: "1 minute" })).deadline))
      assert.strictEqual(rest.retry, over.retry)
    }))

  it.effect("change one field of a breaker or a bulkhead, and leave the others as they are in the defaults", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(9), openFor: "2 hours" })
      const trip = yield* options({ BREAKER_FAILURES: "1", ATTEMPTS: "1" }, { breaker })
      const client = ResilientHttpClient.makeTyped(trip)(answering(503).client)
      yield* Effect.ignore(client.get(url("/")))
      yield* TestClock.adjust("1 hour")
      assert.propertyVal(yield* Effect.flip(client.get(url("/"))), "_tag", "CircuitOpen")

      const short = yield* options({ BREAKER_OPEN_FOR: "1 second", ATTEMPTS: "1" }, { ...trip })
      const again = ResilientHttpClient.makeTyped(short)(answering(503).client)
      yield* Effect.ignore(again.get(url("/")))
      yield* TestClock.adjust("2 seconds")
      assert.propertyVal(yield* Effect.flip(again.get(url("/"))), "_tag", "ServerError")

      const bulkhead = HttpResilience.bulkhead({ maxConcurrent: 1 })
      assert.isDefined((yield* options({ MAX_QUEUED: "5" }, { bulkhead })).bulkhead)
    }))

  it.effect("fail with a ConfigError for a variable that means nothing without another one", () =>
    Effect.gen(function*() {
      const cases = {
        MAX_QUEUED: ["5", "MAX_CONCURRENT"],
        QUEUE_TIMEOUT: ["1 second", "MAX_CONCURRENT"],
        RATE_WINDOW: ["1 second", "RATE_LIMIT"],
        BREAKER_WINDOW: ["1 second", "BREAKER_RATE"],
        BREAKER_MINIMUM_CALLS: ["5", "BREAKER_RATE"],
        BREAKER_OPEN_FOR: ["1 second", "BREAKER_FAILURES"]
      }
      for (const [name, [value, other]] of Object.entries(cases)) {
        const mistakes = Services.mistakes(yield* Effect.flip(options({ [name]: value! })))
        assert.lengthOf(mistakes, 1)
        assert.include(mistakes[0], `invalid ${name}: `)
        assert.include(mistakes[0], other!)
      }
      const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(1) })
      const over = { breaker: HttpResilience.circuitBreaker({ breakers }) }
      const [mistake] = Services.mistakes(yield* Effect.flip(options({ BREAKER_FAILURES: "2" }, over)))
      assert.include(mistake, "invalid BREAKER_FAILURES: ")
    }))

  it.effect("fail with a ConfigError that names the option that is out of range", () =>
    Effect.gen(function*() {
      for (const name of ["BREAKER_FAILURES", "MAX_CONCURRENT", "RATE_LIMIT"]) {
        const error = yield* Effect.flip(options({ [name]: "0" }))
        assert.include(String(error), "expected a whole number >= 1", name)
      }
      assert.include(String(yield* Effect.flip(options({ BUDGET_RATIO: "-1" }))), "ratio")
      assert.include(String(yield* Effect.flip(options({ BREAKER_RATE: "2" }))), "threshold")
    }))
})

describe("a guard with an option out of range", () => {
  const mistakes: ReadonlyArray<readonly [option: string, make: () => unknown]> = [
    ["probes", () => HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1), probes: 0 })],
    ["probes", () => HttpCircuitBreakers.make({ trip: Tripping.consecutive(1), probes: 0 })],
    ["jitter", () => HttpResilience.retryAfterGate({ jitter: 2 })],
    ["maxConcurrent", () => HttpResilience.bulkhead({ maxConcurrent: 0 })],
    ["maxQueued", () => HttpResilience.adaptiveLimiter({ algorithm: AdaptiveLimiter.aimd(), maxQueued: -1 })],
    ["limit", () => HttpResilience.rateLimiter({ limit: 0, window: "1 second" })],
    ["maxHedges", () => HttpResilience.hedge({ after: "1 second", maxHedges: 0 })],
    ["capacity", () => HttpResilience.bulkhead({ maxConcurrent: 1, capacity: 0 })],
    // A word that a program without types has misspelt.
    ["onClosed", () => HttpResilience.retryAfterGate({ onClosed: "fail" as "reject" })],
    ["onOpen", () => HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1), onOpen: "fail" as "reject" })],
    ["onFull", () => HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1), onFull: "queue" as "wait" })],
    ["redirect", () => ResilientHttpClient.make({ redirect: "error" as "manual" })],
    ["nested", () => ResilientHttpClient.make({ nested: "deny" as "suppress" })]
  ]
  for (const [option, make] of mistakes) {
    it(`is not made: ${option}`, () => {
      assert.throws(make, InvalidOption, `Invalid option "${option}"`)
    })
  }
})
