import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Array, Duration, Effect, Either, Fiber, Option } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import { BulkheadFull } from "reprise/Bulkhead"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as Idempotency from "../../src/Idempotency.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { limiter } from "../support/platform.js"
import { dropIn, onEachPlain, onEachTransport, quick, toArrive, transports, typed } from "../support/wire.js"

const down = Reply.respond({ status: 503, body: "down" })
const slow = Reply.delay(Reply.ok, "100 millis")

const get = (url: string) => Effect.flatMap(ResilientHttpClient.ResilientHttpClient, (client) => client.get(url))
const countOf = (server: FaultServer.FaultServer) => Effect.map(server.requests, (requests) => requests.length)
const together = <A, E, R>(calls: number, call: Effect.Effect<A, E, R>) =>
  Effect.map(
    Effect.all(Array.replicate(Effect.either(call), calls), { concurrency: "unbounded" }),
    (results) => results.flatMap(Either.match({ onLeft: (error) => [error], onRight: () => [] }))
  )
const tags = (errors: ReadonlyArray<{ readonly _tag: string }>) => errors.map(({ _tag }) => _tag)

onEachTransport("a bulkhead", (transport) => {
  it.scopedLive("lets no more attempts run and wait than it may, and sends nothing for the rest", () =>
    typed(
      transport,
      { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 2, maxQueued: 3 }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(slow)
          const errors = yield* together(10, get(server.url))
          assert.deepStrictEqual(tags(errors), Array.replicate("BulkheadFull", 5))
          const starts = (yield* server.requests).map(({ timeMillis }) => timeMillis)
          assert.lengthOf(starts, 5)
          // Two at a time, and each takes 100 ms.
          assert.isAtLeast(starts[2]! - starts[0]!, 90)
          assert.isAtLeast(starts[4]! - starts[2]!, 90)
        })
    ))

  it.scopedLive("lets the request with the highest priority go first", () => {
    const priority = ({ headers }: HttpClientRequest.HttpClientRequest) => Number(headers["x-priority"] ?? 0)
    return typed(
      transport,
      { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 9, priority }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(Reply.delay(Reply.ok, "30 millis"))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const call = (priority: number) =>
            client.execute(
              HttpClientRequest.get(`${server.url}/${priority}`, { headers: { "x-priority": `${priority}` } })
            )
          yield* Effect.all([0, 1, 3, 2].map(call), { concurrency: "unbounded" })
          assert.deepStrictEqual((yield* server.requests).map(({ path }) => path), ["/0", "/3", "/2", "/1"])
        })
    )
  })

  it.scopedLive("fails the drop-in client with a RequestError that has it as its cause, after one attempt", () =>
    dropIn(transport, { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 }) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(slow)
        const [error] = yield* together(2, HttpClient.get(server.url))
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.instanceOf(error.cause, BulkheadFull)
        assert.strictEqual(yield* countOf(server), 1)
      })))

  it.scopedLive("has its permit back after a failure, a timeout and an interruption", () =>
    typed(
      transport,
      { retry: false, attemptTimeout: "300 millis", bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.reset(), Reply.hang(), Reply.hang())
          assert.strictEqual((yield* Effect.flip(get(server.url)))._tag, "ConnectionLost")
          assert.strictEqual((yield* Effect.flip(get(server.url)))._tag, "AttemptTimeout")
          assert.isTrue(Option.isNone(yield* Effect.timeoutOption(Effect.either(get(server.url)), "20 millis")))
          assert.strictEqual((yield* get(server.url)).status, 200)
        })
    ))
})

onEachTransport("an adaptive limiter", (transport) => {
  it.scopedLive("lowers its limit with every 503 and rejects what is beyond it", () =>
    typed(
      transport,
      {
        retry: false,
        adaptiveLimiter: HttpResilience.adaptiveLimiter({
          algorithm: AdaptiveLimiter.aimd({ initial: 4, backoff: 0.5 })
        })
      },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(down, down)
          yield* Effect.replicateEffect(Effect.flip(get(server.url)), 2)
          yield* server.always(slow)
          const errors = yield* together(3, get(server.url))
          assert.deepStrictEqual(tags(errors), ["LimitExceeded", "LimitExceeded"])
        })
    ))
})

onEachTransport("a rate limiter", (transport) => {
  it.scopedLive("has a token spent for each attempt, and ends the retries of a call that gets none", () =>
    typed(
      transport,
      { retry: quick(5), rateLimiter: HttpResilience.rateLimiter({ limit: 3, window: "1 hour" }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(down)
          const error = yield* Effect.flip(get(server.url))
          assert.instanceOf(error, RateLimiter.RateLimitExceeded)
          assert.strictEqual(error.key, new URL(server.url).origin)
          assert.isTrue(Option.exists(error.retryAfter, Duration.greaterThan(Duration.minutes(19))))
          assert.strictEqual(yield* countOf(server), 3)
        })
    ))

  it.scopedLive("may be one of the program's own, or of Effect", () =>
    Effect.gen(function*() {
      const own = yield* RateLimiter.make({ limit: 1, window: "1 hour", key: "all" })
      const ofEffect = yield* limiter({ limit: 100, interval: "1 second" })
      yield* typed(transport, {
        rateLimiter: HttpResilience.rateLimiter(() => RateLimiter.consume(own))
      }, (server) =>
        Effect.gen(function*() {
          yield* get(server.url)
          const error = yield* Effect.flip(get(server.url))
          assert.ok(error._tag === "RateLimitExceeded")
          assert.strictEqual(error.key, "all")
        }))
      yield* typed(transport, {
        rateLimiter: HttpResilience.rateLimiter(() => ofEffect())
      }, (server) =>
        Effect.gen(function*() {
          yield* get(server.url)
          assert.strictEqual(yield* countOf(server), 1)
        }))
    }))

  it.scopedLive("may fail with anything: the drop-in client has it as the cause of its RequestError", () =>
    dropIn(
      transport,
      { rateLimiter: HttpResilience.rateLimiter(() => Effect.fail({ mine: true })) as HttpResilience.Stage<never> },
      (server) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(HttpClient.get(server.url))
          assert.instanceOf(error, HttpClientError.RequestError)
          assert.deepStrictEqual(error.cause, { mine: true })
          assert.strictEqual(yield* countOf(server), 0)
        })
    ))
})

onEachPlain("a hedge", transports, (transport) => {
  const hedge = HttpResilience.hedge({ after: "50 millis" })

  it.scopedLive("answers with what comes first, and closes the socket of the other", () =>
    typed(transport, { hedge }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hang())
        const response = yield* get(server.url)
        assert.strictEqual(yield* response.text, "ok")
        const [first] = yield* server.awaitAborted()
        assert.strictEqual(first?.index, 0)
        assert.strictEqual(yield* countOf(server), 2)
      })))

  it.scopedLive("sends nothing twice that is answered in time", () =>
    typed(transport, { hedge: HttpResilience.hedge({ after: "5 seconds" }) }, (server) =>
      Effect.gen(function*() {
        yield* Effect.replicateEffect(get(server.url), 5)
        assert.strictEqual(yield* countOf(server), 5)
      })))

  it.scopedLive("sends nothing before the Retry-After of the first answer is over", () =>
    typed(transport, { hedge, retry: quick(3) }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.respond({ status: 429, headers: { "retry-after-ms": "300" }, body: "busy" }))
        assert.strictEqual((yield* get(server.url)).status, 200)
        const [first, second, ...others] = (yield* server.requests).map(({ timeMillis }) => timeMillis)
        assert.isAtLeast(second! - first!, 290)
        assert.deepStrictEqual(others, [])
      })))

  it.scopedLive("adds nothing to the attempts of a server that is down", () =>
    typed(transport, { hedge, retry: quick(3) }, (server) =>
      Effect.gen(function*() {
        yield* server.always(down)
        assert.strictEqual((yield* Effect.flip(get(server.url)))._tag, "ServerError")
        assert.strictEqual(yield* countOf(server), 3)
      })))

  it.scopedLive("sends no POST twice, but one with an idempotency key", () =>
    typed(transport, { hedge, attemptTimeout: "300 millis", retry: false }, (server) =>
      Effect.gen(function*() {
        const client = yield* ResilientHttpClient.ResilientHttpClient
        yield* server.script(Reply.hang())
        const post = HttpClientRequest.post(server.url)
        assert.strictEqual((yield* Effect.flip(client.execute(post)))._tag, "AttemptTimeout")
        assert.strictEqual(yield* countOf(server), 1)
        yield* server.script(Reply.hang())
        const keyed = Idempotency.withKey(post, "one charge")
        assert.strictEqual((yield* client.execute(keyed)).status, 200)
        const keys = (yield* server.requests).slice(1).map(({ headers }) => headers["idempotency-key"])
        assert.lengthOf(keys, 2)
        assert.strictEqual(keys[0], keys[1])
      })))

  it.scopedLive("reads the body inside of each attempt, and gives what the first has read", () =>
    typed(transport, { hedge }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hangBody(Reply.respond({ body: "never whole" })), Reply.respond({ body: "whole" }))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const text = yield* HttpResilience.executeAndRead(
          client,
          HttpClientRequest.get(server.url),
          (response) => response.text
        )
        assert.strictEqual(text, "whole")
      })))

  it.scopedLive("draws on the budget of the retries", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.share({ ratio: 0, minPerSecond: 0 })
      const options = {
        hedge,
        retry: false,
        attemptTimeout: toArrive,
        budget: () => Effect.succeed(budget)
      } as const
      yield* typed(transport, options, (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.hang())
          assert.strictEqual((yield* Effect.flip(get(server.url)))._tag, "AttemptTimeout")
          assert.strictEqual(yield* countOf(server), 1)
          assert.strictEqual((yield* RetryBudget.snapshot(budget)).refused, 1)
        }))
    }))
})

onEachTransport("a retry budget", (transport) => {
  it.scopedLive("adds no more than its share to the calls to a server that is down", () =>
    typed(
      transport,
      { retry: quick(4), budget: HttpRetry.budget(RetryBudget.share({ ratio: 0.1, minPerSecond: 0 })) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(down)
          const errors = yield* Effect.replicateEffect(Effect.flip(get(server.url)), 50)
          assert.strictEqual(yield* countOf(server), 55)
          const reasons = errors.map((error) =>
            error._tag === "ServerError" ? error.attempts.at(-1)?.reason : error._tag
          )
          assert.include(reasons, "budget")
        })
    ))
})

onEachTransport("a gate", (transport) => {
  it.scopedLive("holds all callers back after one was told to wait", () =>
    typed(transport, { gate: HttpResilience.retryAfterGate({ jitter: 0.2 }) }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.respond({ status: 429, headers: { "retry-after-ms": "200" } }))
        const first = yield* Effect.fork(get(server.url))
        yield* server.awaitRequests(1)
        yield* Effect.sleep("20 millis")
        assert.deepStrictEqual(yield* together(30, get(server.url)), [])
        yield* Fiber.join(first)
        const [asked, ...others] = (yield* server.requests).map(({ timeMillis }) => timeMillis)
        assert.lengthOf(others, 31)
        assert.isAtLeast(Math.min(...others) - asked!, 190)
      })))
})

onEachTransport("the guards of one client", (transport) => {
  it.scopedLive("are passed in one order: an open circuit takes neither a permit nor a token", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.make({ limit: 10, window: "1 hour" })
      const options = {
        retry: false,
        gate: HttpResilience.retryAfterGate(),
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }),
        bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 }),
        rateLimiter: HttpResilience.rateLimiter(() => RateLimiter.consume(limiter))
      } as const
      yield* typed(transport, options, (server) =>
        Effect.gen(function*() {
          yield* server.always(down)
          const errors = yield* Effect.replicateEffect(Effect.flip(get(server.url)), 3)
          assert.deepStrictEqual(tags(errors), ["ServerError", "CircuitOpen", "CircuitOpen"])
          assert.strictEqual((yield* RateLimiter.snapshot(limiter)).remaining, 9)
        }))
    }))

  it.scopedLive("turn calls away without opening the circuit", () =>
    typed(
      transport,
      {
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) }),
        bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1 })
      },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(slow)
          assert.deepStrictEqual(tags(yield* together(3, get(server.url))), ["BulkheadFull", "BulkheadFull"])
          assert.isTrue(Either.isRight(yield* Effect.either(get(server.url))))
        })
    ))

  it.scopedLive("leave it to be known that an earlier attempt of the call that they end may have been processed", () =>
    typed(
      transport,
      { retry: quick(3), rateLimiter: HttpResilience.rateLimiter({ limit: 1, window: "1 hour" }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.reset())
          const rejection = yield* Effect.flip(get(server.url))
          assert.ok(rejection._tag === "RateLimitExceeded")
          const attempts = HttpResilience.attempts(rejection)
          assert.deepStrictEqual(attempts.map(({ reason }) => reason), ["backoff", "rateLimited"])
          assert.deepStrictEqual(attempts.map(({ failure }) => Option.getOrUndefined(failure)?.sent), [
            "maybe",
            undefined
          ])
        })
    ))
})
