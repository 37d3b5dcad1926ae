import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, Fiber, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as HttpGuard from "../src/HttpGuard.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const budget = HttpRetry.budget(RetryBudget.share())
const breaker = HttpGuard.circuitBreaker({ trip: Tripping.consecutive(5) })
const hedge = HttpGuard.hedge({ after: "100 millis" })
const good: ResilientHttpClient.Options = { attemptTimeout: "1 second", deadline: "10 seconds", budget }

const found = (options: ResilientHttpClient.Options) =>
  ResilientHttpClient.check(options).map(({ options, severity }) => `${severity}: ${options.join(", ")}`)

describe("check", () => {
  it("finds nothing in options that go together, nor in the standard ones", () => {
    assert.deepStrictEqual(found(good), [])
    assert.deepStrictEqual(found({ ...good, hedge, breaker }), [])
    assert.deepStrictEqual(found(ResilientHttpClient.standard()), [])
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
    ["two limits of concurrency", {
      ...good,
      bulkhead: HttpGuard.bulkhead({ maxConcurrent: 10 }),
      adaptiveLimiter: HttpGuard.adaptiveLimiter({ algorithm: AdaptiveLimiter.aimd() })
    }, ["warning: bulkhead, adaptiveLimiter"]],
    [
      "keys for requests that are never sent twice",
      { ...good, budget: undefined, retry: false, idempotencyKeys: true },
      [
        "warning: retry"
      ]
    ]
  ])("finds %s", (_, options, findings) => assert.deepStrictEqual(found(options), findings))

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
