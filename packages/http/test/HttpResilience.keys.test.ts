/** What the guards remember of an origin while others come and go. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, LogLevel, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const counting = (status = 200) => {
  const sent = new Map<string, number>()
  const client = HttpClient.make((request, { host }) =>
    Effect.sync(() => {
      sent.set(host, (sent.get(host) ?? 0) + 1)
      return HttpClientResponse.fromWeb(request, new Response(null, { status }))
    })
  )
  return { client, sent: (host: string) => sent.get(host) ?? 0 }
}

const perHour = (bounds: HttpResilience.KeyOptions = {}) =>
  HttpResilience.rateLimiter({ limit: 100, window: "1 hour", ...bounds })

const times = <E>(count: number, client: HttpClient.HttpClient.With<E>, host: string) =>
  Effect.replicateEffect(Effect.exit(client.get(`http://${host}/`)), count)

const served = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) => exits.filter(Exit.isSuccess).length

describe("a guard per origin", () => {
  it.effect("still limits the rate of an origin after 10 minutes without a call, when a new origin comes", () =>
    Effect.gen(function*() {
      const { client, sent } = counting()
      const guarded = perHour()(client)
      yield* times(120, guarded, "a.test")
      assert.strictEqual(sent("a.test"), 100)
      yield* TestClock.adjust("10 minutes")
      yield* times(1, guarded, "b.test")
      // As many as came back in 10 minutes.
      assert.strictEqual(served(yield* times(100, guarded, "a.test")), 16)
    }))

  it.effect("still limits the rate of an origin after more other origins than it has room for", () =>
    Effect.gen(function*() {
      const { client } = counting()
      const guarded = perHour({ capacity: 10 })(client)
      yield* times(100, guarded, "a.test")
      for (let n = 0; n < 9; n++) yield* times(1, guarded, `other${n}.test`)
      assert.strictEqual(served(yield* times(100, guarded, "a.test")), 0)
    }))

  it.effect("protects a client from a new dead host, if it knows only dead hosts, also a day later", () =>
    Effect.gen(function*() {
      const { client, sent } = counting(500)
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5), capacity: 100 })
      const guarded = breaker(client)
      for (let n = 0; n < 100; n++) yield* times(5, guarded, `dead${n}.test`)
      yield* times(1_000, guarded, "new.test")
      assert.strictEqual(sent("new.test"), 5)
      yield* TestClock.adjust("1 day")
      yield* times(1_000, guarded, "newer.test")
      assert.strictEqual(sent("newer.test"), 5)
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None)))
})

it.effect("logs no warning after calls that succeed to more origins than any guard has room for", () =>
  Effect.gen(function*() {
    const capacity = 10
    const lines: Array<unknown> = []
    const logger = Logger.make(({ message }) => lines.push(message))
    const client = ResilientHttpClient.make(ResilientHttpClient.standard({
      budget: HttpRetry.budget(RetryBudget.share(), { capacity }),
      breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5), capacity }),
      gate: HttpResilience.retryAfterGate({ capacity }),
      bulkhead: HttpResilience.bulkhead({ maxConcurrent: 10, capacity }),
      adaptiveLimiter: HttpResilience.adaptiveLimiter({ algorithm: AdaptiveLimiter.gradient2(), capacity }),
      rateLimiter: HttpResilience.rateLimiter({ limit: 1_000, window: "1 second", capacity }),
      hedge: HttpResilience.hedge({ after: "1 second", capacity })
    }))(HttpClient.tapRequest(counting().client, () => Effect.sleep("1 millis")))
    const calls = Effect.forEach(Array.from({ length: 50 }, (_, n) => n), (n) => client.get(`http://host${n}.test/`))
    const fiber = yield* Effect.fork(Effect.provide(calls, Logger.replace(Logger.defaultLogger, logger)))
    for (let n = 0; n < 50; n++) yield* TestClock.adjust("1 millis")
    assert.strictEqual((yield* Fiber.join(fiber)).length, 50)
    assert.deepStrictEqual(lines, [])
  }))
