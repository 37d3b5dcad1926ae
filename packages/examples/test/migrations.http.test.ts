import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { HttpFailure, HttpRetry, ResilientHttpClient } from "@reprise/http"
import { HttpFault } from "@reprise/testing"
import { Effect, Schedule } from "effect"
import { Backoff, Telemetry } from "reprise"
import { assertBetween, call, inADay, migration } from "./migrations.js"

type Options = ResilientHttpClient.Options

const { checkPage, row } = migration("http-clients", import.meta.url)

const down = Array<503>(20).fill(503)
const wait = (seconds: number) => ({ status: 429, headers: { "retry-after": `${seconds}` } })
const post = HttpClientRequest.post("http://example.com/orders")
const put = HttpClientRequest.put("http://example.com/orders")

const attempts = (options: Options, ...script: Parameters<typeof call>[1]) =>
  Effect.map(call(options, script), ({ attempts }) => attempts)

/** The number of attempts and the time of a call that no server answers. */
const hanging = (options: Options) =>
  Effect.map(call(options, Array<"hang">(20).fill("hang")), ({ attempts, millis }) => [attempts, millis] as const)

describe("From ky", () => {
  row("retry: { limit: 2 }", "makes three attempts", () =>
    Effect.gen(function*() {
      const options: Options = { retry: { times: 2 } }
      assert.strictEqual(yield* attempts(options, ...down), 3)
    }))

  row(
    "retry: { delay: (n) => 300 * 2 ** (n - 1), backoffLimit: 3_000 }",
    "waits up to 300 ms, 600 ms and so on",
    () =>
      Effect.gen(function*() {
        const options: Options = { retry: HttpRetry.exponential({ base: "300 millis", cap: "3 seconds" }) }
        const { waits: [first, second, ...rest] } = yield* call(options, down)
        assertBetween(first, 0, 300)
        assertBetween(second, 0, 600)
        assert.lengthOf(rest, 0)
      })
  )

  row("retry: { methods: [\"get\"] }", "retries no other method", () =>
    Effect.gen(function*() {
      const options: Options = { routes: [{ match: ({ method }) => method !== "GET", options: { retry: false } }] }
      assert.strictEqual((yield* call(options, down)).attempts, 3)
      assert.strictEqual((yield* call(options, down, put)).attempts, 1)
      assert.strictEqual((yield* call({}, down, put)).attempts, 3)
    }))

  row("retry: { statusCodes: [429, 503] }", "retries no other status", () =>
    Effect.gen(function*() {
      const options: Options = { retry: HttpRetry.exponential().pipe(HttpRetry.whileStatus(429, 503)) }
      assert.strictEqual(yield* attempts(options, 429, 503), 3)
      assert.strictEqual(yield* attempts(options, 502), 1)
      assert.strictEqual(yield* attempts(options, "reset"), 1)
    }))

  row("retry: { afterStatusCodes: [] }", "does not wait for Retry-After", () =>
    Effect.gen(function*() {
      const options: Options = { retry: Backoff.exponential("300 millis").pipe(Backoff.attempts(3)) }
      assert.deepStrictEqual((yield* call(options, [wait(60), wait(60)])).waits, [300, 600])
    }))

  row("retry: { maxRetryAfter: 30_000 }", "ends at a longer Retry-After", () =>
    Effect.gen(function*() {
      const options: Options = { retry: HttpRetry.exponential({ maxRetryAfter: "30 seconds" }) }
      assertBetween((yield* call(options, [wait(30)])).waits[0], 30_000, 33_000)
      assert.strictEqual((yield* call(options, [wait(31)])).reason, "retryAfterTooLong")
    }))

  row("timeout: 10_000", "is the limit of each attempt", () =>
    Effect.gen(function*() {
      const [count, millis] = yield* hanging({ attemptTimeout: "10 seconds" })
      assert.strictEqual(count, 3)
      assertBetween(millis, 30_000, 31_500)
    }))

  row("totalTimeout: 30_000", "is the limit of the call", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* hanging({ deadline: "30 seconds" }), [1, 30_000])
    }))

  row("retry: { retryOnTimeout: false }", "does not retry a timeout", () =>
    Effect.gen(function*() {
      const options: Options = {
        attemptTimeout: "10 seconds",
        retry: { times: 2, while: (failure) => failure.retryable && failure._tag !== "AttemptTimeout" }
      }
      assert.deepStrictEqual(yield* hanging(options), [1, 10_000])
      assert.strictEqual(yield* attempts(options, 503), 2)
      assert.strictEqual(yield* attempts(options, 404), 1)
    }))

  row("retry: { shouldRetry: f }", "decides about safe requests only", () =>
    Effect.gen(function*() {
      const options: Options = { retry: { times: 2, while: (failure) => failure._tag === "ServerError" } }
      assert.strictEqual(yield* attempts(options, 501), 2)
      assert.strictEqual(yield* attempts(options, 429), 1)
      assert.strictEqual((yield* call(options, [501], post)).attempts, 1)
    }))

  row("hooks: { beforeRetry: [sign] }", "signs every attempt anew", () =>
    Effect.gen(function*() {
      const { client: server, requests } = yield* HttpFault.make(HttpFault.respond({ status: 503 }))
      let signatures = 0
      const sign = (request: HttpClientRequest.HttpClientRequest) =>
        HttpClientRequest.setHeader(request, "x-signature", `${++signatures}`)
      const client = ResilientHttpClient.make({ retry: { times: 2 } })(HttpClient.mapRequest(server, sign))
      yield* inADay(client.get("http://example.com"))
      assert.deepStrictEqual((yield* requests).map(({ headers }) => headers["x-signature"]), ["1", "2"])
    }))

  row(
    "hooks: { afterResponse: [() => ky.retry()] }",
    "retries a response that is not ready",
    () =>
      Effect.gen(function*() {
        const options: Options = {
          classify: ({ response }) => response?.status === 202 ? HttpFailure.make(response) : undefined
        }
        assert.strictEqual(yield* attempts(options, 202, 202), 3)
      })
  )

  row("throwHttpErrors: true", "fails with a typed error", () =>
    Effect.gen(function*() {
      const { client: server } = yield* HttpFault.make(HttpFault.respond({ status: 404 }))
      const client = ResilientHttpClient.makeTyped({ retry: { times: 2 } })(server)
      assert.strictEqual((yield* Effect.flip(client.get("http://example.com")))._tag, "ClientError")
    }))
})

describe("From got", () => {
  row("retry: { limit: 2 }", "makes three attempts", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* attempts({ retry: { times: 2 } }, ...down), 3)
    }))

  row("retry: { backoffLimit: 10_000, noise: 100 }", "waits as got does", () =>
    Effect.gen(function*() {
      const options: Options = {
        retry: Backoff.exponential("1 second").pipe(
          Backoff.capped("10 seconds"),
          Backoff.additiveJitter("100 millis"),
          Backoff.attempts(3)
        )
      }
      const { waits: [first, second] } = yield* call(options, down)
      assertBetween(first, 1000, 1100)
      assertBetween(second, 2000, 2100)
    }))

  row(
    "retry: { calculateDelay: ({ attemptCount }) => attemptCount * 1_000 }",
    "waits longer each time",
    () =>
      Effect.gen(function*() {
        const options: Options = { retry: Backoff.linear("1 second").pipe(Backoff.attempts(3)) }
        assert.deepStrictEqual((yield* call(options, down)).waits, [1000, 2000])
      })
  )

  row("retry: { methods: [\"POST\"] }", "sends a POST again with its key", () =>
    Effect.gen(function*() {
      const options: Options = { idempotencyKeys: true }
      assert.strictEqual((yield* call(options, down, post)).attempts, 3)
      assert.strictEqual((yield* call({}, down, post)).attempts, 1)
    }))

  row(
    "retry: { statusCodes: [500, 502, 503, 504, 521, 522, 524] }",
    "retries those statuses",
    () =>
      Effect.gen(function*() {
        const options: Options = {
          retry: HttpRetry.exponential().pipe(HttpRetry.whileStatus(500, 502, 503, 504, 521, 522, 524))
        }
        assert.strictEqual(yield* attempts(options, 521, 524), 3)
        assert.strictEqual(yield* attempts({}, 521), 1)
      })
  )

  row("retry: { errorCodes: [\"ECONNRESET\"] }", "retries a lost connection only", () =>
    Effect.gen(function*() {
      const options: Options = { retry: { times: 2, while: (failure) => failure._tag === "ConnectionLost" } }
      assert.strictEqual(yield* attempts(options, "reset"), 2)
      assert.strictEqual(yield* attempts(options, "refused"), 1)
    }))

  row("retry: { maxRetryAfter: 60_000 }", "ends at a longer Retry-After", () =>
    Effect.gen(function*() {
      const options: Options = { retry: HttpRetry.exponential({ maxRetryAfter: "1 minute" }) }
      assert.strictEqual(yield* attempts(options, wait(60)), 2)
      assert.strictEqual(yield* attempts(options, wait(61)), 1)
    }))

  row("timeout: { request: 10_000 }", "is the limit of each attempt", () =>
    Effect.gen(function*() {
      const [count, millis] = yield* hanging({ attemptTimeout: "10 seconds", retry: { times: 1 } })
      assert.strictEqual(count, 2)
      assertBetween(millis, 20_000, 20_500)
    }))

  row("throwHttpErrors: false", "returns the last response", () =>
    Effect.gen(function*() {
      const { client: server } = yield* HttpFault.make(HttpFault.respond({ status: 404, body: "no such order" }))
      const client = ResilientHttpClient.make({ retry: { times: 2 } })(server)
      const response = yield* client.get("http://example.com")
      assert.deepStrictEqual([response.status, yield* response.text], [404, "no such order"])
    }))
})

describe("From axios-retry", () => {
  row("retries: 3", "makes four attempts", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* attempts({ retry: { times: 3 } }, ...down), 4)
    }))

  row("retryDelay: axiosRetry.noDelay", "does not wait", () =>
    Effect.gen(function*() {
      const options: Options = { retry: Schedule.recurs(3) }
      assert.deepStrictEqual((yield* call(options, down)).waits, [0, 0, 0])
    }))

  row(
    "retryDelay: axiosRetry.exponentialDelay",
    "waits 200 ms, 400 ms and so on, and up to a fifth more",
    () =>
      Effect.gen(function*() {
        const options: Options = {
          retry: Backoff.exponential("200 millis").pipe(
            Backoff.proportionalJitter({ min: 1, max: 1.2 }),
            Backoff.attempts(4)
          )
        }
        const { waits: [first, second, third] } = yield* call(options, down)
        assertBetween(first, 200, 240)
        assertBetween(second, 400, 480)
        assertBetween(third, 800, 960)
      })
  )

  row("retryDelay: axiosRetry.linearDelay()", "waits 100 ms more each time", () =>
    Effect.gen(function*() {
      const options: Options = { retry: Backoff.linear("100 millis").pipe(Backoff.attempts(4)) }
      assert.deepStrictEqual((yield* call(options, down)).waits, [100, 200, 300])
    }))

  row(
    "retryCondition: isNetworkOrIdempotentRequestError",
    "does not send a POST again after a lost connection",
    () =>
      Effect.gen(function*() {
        const options: Options = { retry: { times: 3, while: (failure) => failure.retryable } }
        assert.strictEqual(yield* attempts(options, "reset", 503), 3)
        assert.strictEqual((yield* call(options, ["reset"], post)).attempts, 1)
      })
  )

  row("timeout: 5_000, shouldResetTimeout: false", "is the limit of the call", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* hanging({ deadline: "5 seconds" }), [1, 5000])
    }))

  row("timeout: 5_000, shouldResetTimeout: true", "is the limit of each attempt", () =>
    Effect.gen(function*() {
      const [count, millis] = yield* hanging({ attemptTimeout: "5 seconds" })
      assert.strictEqual(count, 3)
      assertBetween(millis, 15_000, 16_500)
    }))

  row("onRetry: (count) => log(count)", "hears of every retry", () =>
    Effect.gen(function*() {
      const logged: Array<number> = []
      const log = (count: number) => logged.push(count)
      const options: Options = {
        listener: Telemetry.listener((event) => event._tag === "RetryScheduled" && log(event.number))
      }
      yield* call(options, [503, 503])
      assert.deepStrictEqual(logged, [1, 2])
    }))

  row("onMaxRetryTimesExceeded: f", "gets the failure and its attempts", () =>
    Effect.gen(function*() {
      const reported: Array<number> = []
      const report = (count: number) => Effect.sync(() => reported.push(count))
      const fault = yield* HttpFault.make(...Array(3).fill(HttpFault.respond({ status: 503 })))
      const client = ResilientHttpClient.makeTyped()(fault.client)
      const program = client.get("http://example.com").pipe(
        Effect.tapErrorTag("ServerError", (failure) => report(failure.attempts.length))
      )
      yield* inADay(Effect.flip(program))
      assert.deepStrictEqual(reported, [3])
    }))

  row(
    "validateResponse: ({ status }) => status !== 204",
    "retries a response that is not valid",
    () =>
      Effect.gen(function*() {
        const options: Options = {
          classify: ({ response }) => response?.status === 204 ? HttpFailure.make(response) : undefined
        }
        assert.strictEqual(yield* attempts(options, 204), 2)
      })
  )

  row(
    "\"axios-retry\": { retries: 0 } of one request",
    "makes one attempt of that request",
    () =>
      Effect.gen(function*() {
        const options: Options = {
          routes: [{ match: ({ url }) => url.endsWith("/reports"), options: { retry: false } }]
        }
        const reports = HttpClientRequest.get("http://example.com/reports")
        assert.strictEqual((yield* call(options, down, reports)).attempts, 1)
        assert.strictEqual((yield* call(options, down)).attempts, 3)
      })
  )
})

describe("docs/migrations/http-clients.md", checkPage)
