import { HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { HttpRetry, Idempotency, ResilientHttpClient } from "@reprise/http"
import { HttpFault } from "@reprise/testing"
import { Effect, Either, Schedule } from "effect"
import { Backoff, Deadline, Retry, Timeout } from "reprise"
import { assertBetween, call, inADay, migration, scripted, waits } from "./migrations.js"

const { checkPage, row } = migration("effect", import.meta.url)

const request = HttpClientRequest.post("http://example.com/orders")
const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(5))

describe("From HttpClient.retryTransient", () => {
  row("retryTransient({ times: 3 })", "sends at most four requests, whatever fails", () =>
    Effect.gen(function*() {
      const options = { retry: { times: 3 } }
      assert.strictEqual((yield* call(options, Array(20).fill(503))).attempts, 4)
      assert.strictEqual((yield* call(options, [503, 503, "reset", 503, 503, "reset"])).attempts, 4)
      assert.strictEqual((yield* call({ retry: { times: 0 } }, Array(20).fill(503))).attempts, 1)
    }))

  row("retryTransient({ schedule })", "waits as the schedule says", () =>
    Effect.gen(function*() {
      const options = { retry: Schedule.spaced("1 second").pipe(Backoff.attempts(4)) }
      assert.deepStrictEqual((yield* call(options, Array(20).fill(503))).waits, [1000, 1000, 1000])
    }))

  row("retryTransient({ times: 3, while: f })", "decides about responses too", () =>
    Effect.gen(function*() {
      const options: ResilientHttpClient.Options = {
        retry: { times: 3, while: (failure) => failure._tag === "RateLimited" }
      }
      assert.strictEqual((yield* call(options, [429, 429])).attempts, 3)
      assert.strictEqual((yield* call(options, [503, 503])).attempts, 1)
    }))

  row("retryTransient({ mode: \"response-only\" })", "retries responses only", () =>
    Effect.gen(function*() {
      const options = {
        retry: HttpRetry.exponential({ attempts: 4 }).pipe(HttpRetry.whileTag("RateLimited", "ServerError"))
      }
      assert.strictEqual((yield* call(options, [503, 429])).attempts, 3)
      assert.strictEqual((yield* call(options, ["reset"])).attempts, 1)
    }))

  row("retryTransient({ mode: \"errors-only\" })", "retries connections only", () =>
    Effect.gen(function*() {
      const options = {
        retry: HttpRetry.exponential({ attempts: 4 }).pipe(HttpRetry.whileTag("ConnectFailure", "ConnectionLost"))
      }
      assert.strictEqual((yield* call(options, ["refused", "reset"])).attempts, 3)
      assert.strictEqual((yield* call(options, [503])).attempts, 1)
    }))

  row("retryTransient after a 408", "retries the listed statuses only", () =>
    Effect.gen(function*() {
      const options = { retry: HttpRetry.exponential().pipe(HttpRetry.whileStatus(408, 429, 500, 502, 503, 504)) }
      assert.strictEqual((yield* call(options, [408, 503])).attempts, 3)
      assert.strictEqual((yield* call(options, ["reset"])).attempts, 1)
      assert.strictEqual((yield* call({}, [408])).attempts, 1)
    }))

  row(
    "retryTransient of a POST",
    "sends a POST again only with a key, or if the server did not process it",
    () =>
      Effect.gen(function*() {
        const keyed = request.pipe(Idempotency.withKey("order-42"))
        assert.strictEqual((yield* call({}, [503], request)).attempts, 1)
        assert.strictEqual((yield* call({}, [503], keyed)).attempts, 2)
        assert.strictEqual((yield* call({ retryUnsent: true }, [429], request)).attempts, 2)
      })
  )

  row(
    "Effect.timeout in transformResponse, below the retries",
    "is the limit of each attempt",
    () =>
      Effect.gen(function*() {
        const { attempts, millis } = yield* call({ attemptTimeout: "5 seconds", retry: { times: 1 } }, ["hang", "hang"])
        assert.strictEqual(attempts, 2)
        assertBetween(millis, 10_000, 10_500)
      })
  )

  row(
    "Effect.timeout in transformResponse, above the retries",
    "is the limit of the call and of its waits",
    () =>
      Effect.gen(function*() {
        const retry = Schedule.spaced("20 seconds")
        const { attempts, millis, reason } = yield* call({ deadline: "30 seconds", retry }, Array(20).fill(503))
        assert.deepStrictEqual([attempts, reason, millis], [2, "deadline", 20_000])
      })
  )

  row(
    "HttpClient.filterStatusOk above the retries",
    "fails for a response other than 2xx",
    () =>
      Effect.gen(function*() {
        const client = ResilientHttpClient.makeTyped({ retry: false })
        const { client: server } = yield* HttpFault.make(
          HttpFault.respond({ status: 404 }),
          HttpFault.respond({ status: 503 }),
          HttpFault.respond({ status: 204 })
        )
        const get = Effect.either(client(server).get("http://example.com"))
        const results = yield* Effect.all([get, get, get])
        assert.deepStrictEqual(
          results.map(Either.match({ onLeft: ({ _tag }) => _tag as string, onRight: ({ status }) => status })),
          ["ClientError", "ServerError", 204]
        )
      })
  )
})

describe("From Effect.retry", () => {
  row("Effect.retry(task, schedule)", "makes the same attempts at the same times", () =>
    Effect.gen(function*() {
      const { task, times } = scripted("busy", "busy", "busy")
      yield* inADay(Retry.retry(task, Backoff.exponential("100 millis")))
      const other = scripted("busy", "busy", "busy")
      yield* inADay(Effect.retry(other.task, Schedule.exponential("100 millis")))
      assert.deepStrictEqual(times, [0, 100, 300, 700])
      assert.deepStrictEqual(other.times, times)
    }))

  row("Effect.retry(task, { times: 3 })", "makes four attempts without waits", () =>
    Effect.gen(function*() {
      const { task, times } = scripted(...Array<string>(10).fill("busy"))
      yield* Effect.flip(Retry.retry(task, Schedule.recurs(3)))
      assert.deepStrictEqual(times, [0, 0, 0, 0])
    }))

  row("Schedule.intersect(Schedule.recurs(3))", "counts the first attempt", () =>
    Effect.gen(function*() {
      const policy = Schedule.spaced("1 second")
      assert.deepStrictEqual(yield* waits(policy.pipe(Backoff.attempts(4)), "busy"), [1000, 1000, 1000])
      const theirs = policy.pipe(Schedule.intersect(Schedule.recurs(3)))
      assert.deepStrictEqual(yield* waits(theirs, "busy"), [1000, 1000, 1000])
    }))

  row(
    "Schedule.union(Schedule.spaced(\"5 seconds\")) as a cap",
    "limits the waits and not their number",
    () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* waits(policy.pipe(Backoff.capped("5 seconds")), "busy"), [1000, 2000, 4000, 5000])
        const theirs = policy.pipe(Schedule.union(Schedule.spaced("5 seconds")))
        assert.lengthOf(yield* waits(theirs, "busy", 7), 7)
      })
  )

  row("Schedule.jittered", "spreads a wait by a fifth", () =>
    Effect.gen(function*() {
      const [first, second] = yield* waits(policy.pipe(Backoff.proportionalJitter({ min: 0.8, max: 1.2 })), "busy")
      assertBetween(first, 800, 1200)
      assertBetween(second, 1600, 2400)
    }))

  row("Schedule.jitteredWith({ min: 0, max: 1 })", "spreads a wait from zero", () =>
    Effect.gen(function*() {
      const [first, second] = yield* waits(policy.pipe(Backoff.fullJitter), "busy")
      assertBetween(first, 0, 1000)
      assertBetween(second, 0, 2000)
    }))

  row("Schedule.upTo(\"10 seconds\")", "counts the wait that would begin", () =>
    Effect.gen(function*() {
      const policy = Backoff.exponential("1 second")
      assert.deepStrictEqual(yield* waits(policy.pipe(Backoff.within("10 seconds")), "busy"), [1000, 2000, 4000])
      assert.deepStrictEqual(yield* waits(policy.pipe(Schedule.upTo("10 seconds")), "busy"), [1000, 2000, 4000, 8000])
    }))

  row("Effect.retry(task, { while: f })", "ends at the first other error", () =>
    Effect.gen(function*() {
      const busy = policy.pipe(Schedule.whileInput((error: string) => error === "busy"))
      assert.lengthOf(yield* waits(busy, "busy"), 4)
      assert.lengthOf(yield* waits(busy, "denied"), 0)
    }))

  row("Effect.retry(task, { until: f })", "ends at that error", () =>
    Effect.gen(function*() {
      const denied = policy.pipe(Schedule.untilInput((error: string) => error === "denied"))
      assert.lengthOf(yield* waits(denied, "busy"), 4)
      assert.lengthOf(yield* waits(denied, "denied"), 0)
    }))

  row(
    "Effect.retryOrElse(task, policy, f)",
    "uses the other value after the last attempt",
    () =>
      Effect.gen(function*() {
        const { task, times } = scripted(...Array<string>(10).fill("busy"))
        const result = task.pipe(Retry.retry(policy), Effect.catchAll(() => Effect.succeed("cached")))
        assert.strictEqual(yield* inADay(result), "cached")
        assert.lengthOf(times, 5)
      })
  )

  row(
    "Effect.timeout around the retries",
    "ends the call at once if a wait would outlast the deadline",
    () =>
      Effect.gen(function*() {
        const { task, times } = scripted(...Array<string>(10).fill("busy"))
        const policy = Schedule.spaced("20 seconds")
        const limited = Retry.retry(task, policy).pipe(Deadline.within("30 seconds"))
        assert.strictEqual(yield* inADay(Effect.flip(limited)), "busy")
        assert.deepStrictEqual(times, [0, 20_000])
        const hanging = Retry.retry(Effect.never, policy).pipe(Deadline.within("30 seconds"))
        assert.strictEqual((yield* inADay(Effect.flip(hanging)))._tag, "DeadlineExceeded")
      })
  )

  row("Effect.timeoutFail around one attempt", "makes the next attempt after a timeout", () =>
    Effect.gen(function*() {
      let attempts = 0
      const task = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed("done"))
      const limited = task.pipe(
        Timeout.timeoutFail({ duration: "2 seconds", onTimeout: () => "slow" }),
        Retry.retry(policy)
      )
      assert.strictEqual(yield* inADay(limited), "done")
      assert.strictEqual(attempts, 2)
    }))
})

describe("docs/migrations/effect.md", checkPage)
