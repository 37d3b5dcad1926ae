import { HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { HttpResilience, HttpRetry, ResilientHttpClient } from "@reprise/http"
import { HttpFault } from "@reprise/testing"
import { Data, Duration, Effect, Fiber, Option, Schedule, TestClock } from "effect"
import {
  Backoff,
  Bulkhead,
  CircuitBreaker,
  CircuitBreakers,
  Hedge,
  Pipeline,
  RateLimiter,
  Retry,
  Telemetry,
  Tripping
} from "reprise"
import { assertBetween, assertOpens, atOnce, call, failing, inADay, migration, times, waits } from "./migrations.js"

const { checkPage, row } = migration("polly", import.meta.url)

class Busy extends Data.TaggedError("Busy")<{ readonly retryAfter: Option.Option<Duration.Duration> }> {}
class Denied extends Data.TaggedError("Denied") {}

const busy = new Busy({ retryAfter: Option.some(Duration.seconds(30)) })
const policy = Backoff.exponential("2 seconds").pipe(Backoff.attempts(4))
const trip = Tripping.consecutive(1)
const down = Array<503>(20).fill(503)

describe("From Polly", () => {
  row("MaxRetryAttempts = 3, Delay = 2 s", "makes four attempts, two seconds apart", () =>
    Effect.gen(function*() {
      const options = { retry: Schedule.spaced("2 seconds").pipe(Backoff.attempts(4)) }
      assert.deepStrictEqual(yield* times(options), [0, 2000, 4000, 6000])
    }))

  row(
    "BackoffType = Exponential, UseJitter = true",
    "doubles the waits and spreads them",
    () =>
      Effect.gen(function*() {
        const options = { retry: Backoff.exponential("2 seconds").pipe(Backoff.fullJitter, Backoff.attempts(4)) }
        const [, second, third] = yield* times(options)
        assertBetween(second, 0, 2000)
        assertBetween(third! - second!, 0, 4000)
      })
  )

  row("BackoffType = Linear", "adds the delay each time", () =>
    Effect.gen(function*() {
      const options = { retry: Backoff.linear("2 seconds").pipe(Backoff.attempts(4)) }
      assert.deepStrictEqual(yield* times(options), [0, 2000, 6000, 12_000])
    }))

  row("BackoffType = Constant, UseJitter = true", "spreads the wait by a quarter", () =>
    Effect.gen(function*() {
      const options = {
        retry: Schedule.spaced("2 seconds").pipe(
          Backoff.proportionalJitter({ min: 0.75, max: 1.25 }),
          Backoff.attempts(4)
        )
      }
      const [, second] = yield* times(options)
      assertBetween(second, 1500, 2500)
    }))

  row("MaxDelay = 30 s", "limits the waits", () =>
    Effect.gen(function*() {
      const capped = Backoff.exponential("2 seconds").pipe(Backoff.capped("30 seconds"))
      assert.deepStrictEqual(yield* waits(capped, "down", 5), [2000, 4000, 8000, 16_000, 30_000])
    }))

  row("DelayGenerator that reads Retry-After", "waits as long as the error says", () =>
    Effect.gen(function*() {
      const polite = Backoff.exponential("2 seconds").pipe(Backoff.attempts(4), Retry.honorHint({ max: "1 minute" }))
      const [first] = yield* waits(polite, busy)
      assertBetween(first, 30_000, 33_000)
    }))

  row("ShouldHandle = new PredicateBuilder().Handle<Busy>()", "retries that error only", () =>
    Effect.gen(function*() {
      const handled = Backoff.exponential("2 seconds").pipe(Backoff.attempts(4), Retry.whileTag("Busy"))
      assert.lengthOf(yield* waits(handled, busy), 3)
      assert.lengthOf(yield* waits(handled, new Denied()), 0)
    }))

  row("ShouldHandle with HandleResult", "retries that result", () =>
    Effect.gen(function*() {
      const results: Array<string> = ["pending", "pending", "done"]
      const task = Effect.sync(() => results.shift()!).pipe(
        Effect.filterOrFail((result) => result !== "pending", () => "pending" as const)
      )
      assert.strictEqual(yield* inADay(Pipeline.make({ retry: policy })(task)), "done")
    }))

  row("OnRetry = f", "hears of every retry", () =>
    Effect.gen(function*() {
      const logged: Array<number> = []
      const log = (attempt: number) => logged.push(attempt)
      const resilient = Pipeline.make({
        retry: policy,
        listener: Telemetry.listener((event) => event._tag === "RetryScheduled" && log(event.number))
      })
      yield* inADay(Effect.flip(resilient(Effect.fail("down"))))
      assert.deepStrictEqual(logged, [1, 2, 3])
    }))

  row(
    "FailureRatio = 0.1, MinimumThroughput = 100, SamplingDuration = 30 s",
    "opens with a tenth of 100 calls",
    () =>
      Effect.gen(function*() {
        const breaker = yield* CircuitBreaker.make({
          trip: Tripping.rate({ threshold: 0.1, minimumCalls: 100, window: { duration: "30 seconds" } })
        })
        yield* Effect.replicateEffect(CircuitBreaker.protect(Effect.void, breaker), 90)
        yield* failing(breaker, 9)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
        yield* failing(breaker, 1)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
      })
  )

  row(
    "BreakDuration = 5 s",
    "stays open for that time",
    () => assertOpens(CircuitBreaker.make({ trip, openFor: "5 seconds" }), 1, 5000)
  )

  row("AddTimeout(10 s) below the retries", "is the limit of each attempt", () =>
    Effect.gen(function*() {
      let attempts = 0
      const hanging = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed("done"))
      const resilient = Pipeline.make({ retry: policy, attemptTimeout: "10 seconds" })
      assert.strictEqual(yield* inADay(resilient(hanging)), "done")
    }))

  row("AddTimeout(30 s) above the retries", "is the limit of the call", () =>
    Effect.gen(function*() {
      const resilient = Pipeline.make({ retry: policy, deadline: "30 seconds" })
      assert.strictEqual((yield* inADay(Effect.flip(resilient(Effect.never))))._tag, "DeadlineExceeded")
      assert.deepStrictEqual(yield* times({ retry: Schedule.spaced("20 seconds"), deadline: "30 seconds" }), [
        0,
        20_000
      ])
    }))

  row("AddConcurrencyLimiter(100, 50)", "runs 100 calls, and 50 wait", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 100, maxQueued: 50 })
      const { rejections, running } = yield* atOnce(160, (task) => Bulkhead.protect(task, bulkhead))
      assert.deepStrictEqual([running, rejections.length], [100, 10])
    }))

  row(
    "AddRateLimiter with 100 permits per minute",
    "admits 100 calls, then one every 600 ms",
    () =>
      Effect.gen(function*() {
        const limiter = yield* RateLimiter.make({ limit: 100, window: "1 minute" })
        const { rejections } = yield* atOnce(101, (task) => RateLimiter.protect(task, limiter))
        assert.lengthOf(rejections, 1)
        yield* TestClock.adjust("600 millis")
        assert.lengthOf((yield* atOnce(2, (task) => RateLimiter.protect(task, limiter))).rejections, 1)
      })
  )

  row(
    "AddHedging, Delay = 2 s, MaxHedgedAttempts = 1",
    "starts one more attempt after two seconds",
    () =>
      Effect.gen(function*() {
        const hedge = yield* Hedge.make({ after: "2 seconds", maxHedges: 1 })
        let attempts = 0
        const hanging = Effect.zipRight(Effect.sync(() => attempts++), Effect.never)
        const fiber = yield* Effect.fork(Hedge.protect(hanging, hedge))
        yield* TestClock.adjust("1999 millis")
        assert.strictEqual(attempts, 1)
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(attempts, 2)
        yield* Fiber.interrupt(fiber)
      })
  )

  row("AddFallback(f)", "replaces every error", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Effect.fail("down").pipe(Effect.orElseSucceed(() => "cached")), "cached")
    }))

  row("new ResiliencePipelineBuilder()", "applies the policies to every attempt", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(4) })
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1 })
      const resilient = Pipeline.make({ retry: policy, policies: [breaker, bulkhead] })
      yield* inADay(Effect.flip(resilient(Effect.fail("down"))))
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).admitted, 4)
    }))

  row("ResiliencePipeline.Empty", "changes nothing", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Pipeline.make({})(Effect.succeed("ok")), "ok")
    }))

  row("ResiliencePipelineRegistry<string>", "has a breaker for each key", () =>
    Effect.gen(function*() {
      const breakers = yield* CircuitBreakers.make({ breaker: { trip: Tripping.consecutive(5) } })
      const fail = Effect.ignore(CircuitBreakers.protect(Effect.fail("down"), breakers, "a"))
      yield* Effect.replicateEffect(fail, 5)
      const states = (yield* CircuitBreakers.entries(breakers)).map(([key, { state }]) => [key, state])
      assert.deepStrictEqual(states, [["a", "Open"]])
      assert.strictEqual(yield* CircuitBreakers.protect(Effect.succeed("ok"), breakers, "b"), "ok")
    }))
})

describe("From HttpClient of .NET", () => {
  const post = HttpClientRequest.post("http://example.com/orders")

  row("AddStandardResilienceHandler()", "makes four attempts, and one of a POST", () =>
    Effect.gen(function*() {
      const options = ResilientHttpClient.standard({
        retry: HttpRetry.exponential({ attempts: 4, base: "2 seconds" })
      })
      const { attempts, waits: [first] } = yield* call({ ...options, budget: undefined }, down)
      assert.strictEqual(attempts, 4)
      assertBetween(first, 0, 2000)
      assert.strictEqual((yield* call(options, down, post)).attempts, 1)
    }))

  row(
    "AttemptTimeout.Timeout = 10 s, TotalRequestTimeout.Timeout = 30 s",
    "are the defaults of standard()",
    () =>
      Effect.gen(function*() {
        const options: ResilientHttpClient.Options = { attemptTimeout: "10 seconds", deadline: "30 seconds" }
        const { attemptTimeout, deadline } = ResilientHttpClient.standard()
        assert.deepStrictEqual([attemptTimeout, deadline], [options.attemptTimeout, options.deadline])
        assert.strictEqual((yield* call(options, Array<"hang">(5).fill("hang"))).millis <= 30_000, true)
      })
  )

  row("Retry.DisableForUnsafeHttpMethods()", "sends a POST once and a DELETE again", () =>
    Effect.gen(function*() {
      const options = { retry: HttpRetry.standard }
      assert.strictEqual((yield* call(options, down, post)).attempts, 1)
      assert.strictEqual((yield* call(options, down, HttpClientRequest.del("http://example.com/orders/1"))).attempts, 3)
    }))

  row("Retry.ShouldRetryAfterHeader = false", "does not wait for Retry-After", () =>
    Effect.gen(function*() {
      const options = { retry: Backoff.exponential("2 seconds").pipe(Backoff.attempts(4)) }
      const asking = { status: 429, headers: { "retry-after": "60" } }
      assert.deepStrictEqual((yield* call(options, [asking])).waits, [2000])
    }))

  row("SelectPipelineByAuthority()", "has a breaker for each origin", () =>
    Effect.gen(function*() {
      const options: ResilientHttpClient.Options = {
        retry: false,
        breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      }
      const { client: server } = yield* HttpFault.make(HttpFault.respond({ status: 503 }))
      const client = ResilientHttpClient.makeTyped(options)(server)
      yield* Effect.flip(client.get("http://a.example.com"))
      assert.strictEqual((yield* Effect.flip(client.get("http://a.example.com/other")))._tag, "CircuitOpen")
      assert.strictEqual((yield* client.get("http://b.example.com")).status, 200)
    }))

  row("AddStandardHedgingHandler()", "sends a second request after two seconds", () =>
    Effect.gen(function*() {
      const options: ResilientHttpClient.Options = {
        hedge: HttpResilience.hedge({ after: "2 seconds" })
      }
      assert.strictEqual((yield* call(options, ["hang", 200])).millis, 2000)
      assert.isAbove((yield* call(options, ["hang", 200], post)).millis, 2000)
    }))
})

describe("docs/migrations/polly.md", checkPage)
