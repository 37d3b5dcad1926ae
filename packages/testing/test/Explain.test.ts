import { HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as HttpFailure from "@reprise/http/HttpFailure"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as Idempotency from "@reprise/http/Idempotency"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import {
  Duration,
  Effect,
  Either,
  FastCheck as fc,
  Fiber,
  Option,
  Random,
  Schedule,
  TestClock,
  TestContext
} from "effect"
import * as Backoff from "reprise/Backoff"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Explain from "../src/Explain.js"
import * as HttpFault from "../src/HttpFault.js"

const asking = (seconds: number | string): Explain.Outcome => ({
  status: 429,
  headers: { "retry-after": String(seconds) }
})

const payment = HttpClientRequest.post("http://example.com/charges")

/** Waits that anybody can check: 1 s, 2 s, 4 s, ... */
const plain = (attempts: number) =>
  Backoff.exponential("1 second").pipe(
    Backoff.attempts(attempts),
    HttpRetry.whileRetryable,
    HttpRetry.honorRetryAfter({ max: "2 minutes", jitter: 0 })
  )

/** The only call. */
const one = (
  policy: Explain.ClientOptions,
  script: ReadonlyArray<Explain.Outcome>,
  options?: Explain.Options
) => Effect.map(Explain.explain(policy, script, options), ({ calls }) => calls[0]!)

const reasons = ({ attempts }: Explain.Call) => attempts.map(({ reason }) => reason)
const delays = ({ attempts }: Explain.Call) => attempts.map(({ delayMillis }) => delayMillis)
const results = ({ calls }: Explain.Explanation) =>
  calls.map(({ result }) =>
    result._tag === "Success" ? result.status : result._tag === "Failure" ? result.error : "neverEnds"
  )

describe("explain", () => {
  it.effect("tells every attempt, what was decided after it, and by which rule", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: plain(4) }, [{ status: 503, after: 20 }, asking(7), "reset", 200])
      assert.deepStrictEqual(call.attempts[0], {
        number: 1,
        startMillis: 0,
        durationMillis: 20,
        outcome: "503 ServerError",
        status: 503,
        error: "ServerError",
        sent: "maybe",
        retryable: true,
        requests: [{ startMillis: 0, durationMillis: 20, outcome: "503" }],
        delayMillis: 1000,
        reason: "backoff",
        why: "the delay of the policy"
      })
      assert.deepStrictEqual(call.attempts.map(({ startMillis }) => startMillis), [0, 1020, 8020, 12_020])
      assert.deepStrictEqual(delays(call), [1000, 7000, 4000, undefined])
      assert.deepStrictEqual(reasons(call), ["backoff", "retryAfter", "backoff", "success"])
      assert.deepStrictEqual(call.attempts.map(({ sent }) => sent), ["maybe", "refused", "maybe", "yes"])
      assert.deepStrictEqual(call.result, { _tag: "Success", status: 200 })
      assert.strictEqual(call.durationMillis, 12_020)
    }))

  it.effect("answers 503, 503, a reset and a 429 as the standard policy does", () =>
    Effect.gen(function*() {
      const script = [503, 503, "reset", asking(7)] as const
      const call = yield* one(ResilientHttpClient.standard(), script, { seed: 1 })
      assert.deepStrictEqual(call.attempts.map(({ error }) => error), ["ServerError", "ServerError", "ConnectionLost"])
      assert.deepStrictEqual(reasons(call), ["backoff", "backoff", "attempts"])
      const [first, second] = delays(call)
      assert.isTrue(first! >= 0 && first! < 500 && second! >= 0 && second! < 1000)
      assert.strictEqual(call.durationMillis, call.attempts[2]!.startMillis)
      const longer = ResilientHttpClient.standard({ retry: HttpRetry.exponential({ attempts: 5 }) })
      const ended = yield* one(longer, [...script, 200], { seed: 1 })
      assert.deepStrictEqual(reasons(ended), ["backoff", "backoff", "backoff", "retryAfter", "success"])
      assert.isTrue(ended.attempts[3]!.delayMillis! >= 7000 && ended.attempts[3]!.delayMillis! < 7700)
    }))

  it.effect("draws the same from the same seed, and something else from another", () =>
    Effect.gen(function*() {
      const options = ResilientHttpClient.standard()
      const explain = (seed: number) => Explain.explain(options, [503], { seed })
      assert.deepStrictEqual(yield* explain(1), yield* explain(1))
      assert.notDeepEqual((yield* explain(1)).calls, (yield* explain(2)).calls)
    }))

  it.effect("says that a POST without a key is sent once", () =>
    Effect.gen(function*() {
      const call = yield* one(ResilientHttpClient.standard(), [503, 200], { request: payment })
      assert.deepStrictEqual(reasons(call), ["notIdempotent"])
      const keyed = yield* one(ResilientHttpClient.standard(), [503, 200], {
        request: Idempotency.withKey(payment, "k")
      })
      assert.deepStrictEqual(reasons(keyed), ["backoff", "success"])
      const unsent = ResilientHttpClient.standard({ retryUnsent: true })
      assert.deepStrictEqual(reasons(yield* one(unsent, ["refused", "reset"], { request: payment })), [
        "backoff",
        "notIdempotent"
      ])
    }))

  it.effect("reads a body that is a stream, as a transport does", () =>
    Effect.gen(function*() {
      let read = 0
      const body = (function*() {
        read++
        yield new Uint8Array(1)
      })()
      const { fromIterable } = yield* Effect.promise(() => import("effect/Stream"))
      const upload = HttpClientRequest.bodyStream(HttpClientRequest.put("http://example.com/"), fromIterable(body))
      const call = yield* one({ retry: plain(3) }, [503], { request: upload })
      assert.deepStrictEqual([reasons(call), read], [["bodyNotReplayable"], 1])
    }))

  it.effect("says that a server which asks for too much is not waited for", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: plain(3) }, [asking(121), 200])
      assert.deepStrictEqual(reasons(call), ["retryAfterTooLong"])
      assert.deepInclude(call.result, { _tag: "Failure", error: "RateLimited", status: 429 })
    }))

  it.effect("says that a wait would pass the deadline", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: plain(9), deadline: "10 seconds" }, [503])
      assert.deepStrictEqual(reasons(call), ["backoff", "backoff", "backoff", "deadline"])
      assert.deepInclude(call.result, { _tag: "Failure", error: "DeadlineExceeded", status: undefined })
      assert.strictEqual(call.durationMillis, 7000)
    }))

  it.effect("has every attempt of a call with more attempts than its ledger keeps, and no other", () =>
    Effect.gen(function*() {
      const options = { retry: Schedule.spaced("1 second"), deadline: "50 seconds" } as const
      const { attempts } = yield* one(options, [{ status: 503, after: 1 }])
      assert.deepStrictEqual(attempts.map(({ number }) => number), Array.from({ length: 50 }, (_, index) => index + 1))
      assert.isTrue(attempts.every(({ requests }) => requests.length === 1))
      assert.strictEqual(attempts.at(-1)!.reason, "deadline")
    }))

  it.effect("cuts attempts short as the client does", () =>
    Effect.gen(function*() {
      const options = { retry: plain(3), attemptTimeout: "10 seconds", deadline: "30 seconds" } as const
      const call = yield* one(options, ["hang", { status: 200, after: "11 seconds" }, 200])
      assert.deepStrictEqual(call.attempts.map(({ durationMillis }) => durationMillis), [10_000, 10_000, 0])
      assert.deepStrictEqual(call.attempts.map(({ outcome }) => outcome), ["AttemptTimeout", "AttemptTimeout", "200"])
      assert.deepStrictEqual(call.attempts[1]!.requests, [
        { startMillis: 11_000, durationMillis: 10_000, outcome: "no answer" }
      ])
    }))

  it.effect("opens the circuit, and says so in the call that opened it and in those that it stopped", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({
        trip: Tripping.consecutive(4),
        openFor: Schedule.spaced("1 minute")
      })
      const explanation = yield* Explain.explain({ retry: plain(3), breaker }, [503], { calls: 4 })
      assert.deepStrictEqual(explanation.calls.map(reasons), [
        ["backoff", "backoff", "attempts"],
        ["circuitOpen"],
        ["circuitOpen"],
        ["circuitOpen"]
      ])
      assert.deepStrictEqual(results(explanation), ["ServerError", "ServerError", "CircuitOpen", "CircuitOpen"])
      const [, , third] = explanation.calls
      assert.deepInclude(third!.attempts[0]!, { outcome: "CircuitOpen", sent: "no", requests: [], status: undefined })
      const later = yield* Explain.explain({ retry: false, breaker }, [503, 503, 503, 503, 200], {
        calls: 6,
        every: "30 seconds"
      })
      assert.deepStrictEqual(results(later), [...new Array<string>(4).fill("ServerError"), "CircuitOpen", 200])
      assert.deepStrictEqual(later.calls.map(({ startMillis }) => startMillis), [0, 30e3, 60e3, 90e3, 120e3, 150e3])
    }))

  it.effect("keeps the ledger of a call whose retry a breaker rejects", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({
        trip: Tripping.consecutive(2),
        openFor: Schedule.spaced("1 minute")
      })
      const options = { retry: plain(3), breaker }
      // The second call fails while the first one waits.
      const { calls } = yield* Explain.explain(options, [503], { calls: 2, every: 1 })
      assert.deepStrictEqual(calls.map(reasons), [["backoff", "circuitOpen"], ["circuitOpen"]])
      assert.deepStrictEqual(calls[0]!.attempts.map(({ outcome }) => outcome), ["503 ServerError", "CircuitOpen"])
    }))

  it.effect("holds calls back at a gate", () =>
    Effect.gen(function*() {
      const gate = HttpResilience.retryAfterGate({ jitter: 0 })
      const explanation = yield* Explain.explain({ retry: plain(2), gate }, [asking(7), 200], {
        calls: 2,
        every: 10
      })
      const [first, second] = explanation.calls
      assert.deepStrictEqual(delays(first!), [7000, undefined])
      assert.deepInclude(second!.attempts[0]!, { startMillis: 10, durationMillis: 6990, reason: "success" })
      assert.deepStrictEqual(second!.attempts[0]!.requests.map(({ startMillis }) => startMillis), [7000])
      const closed = { retry: plain(2), gate: HttpResilience.retryAfterGate({ onClosed: "reject" }) }
      assert.deepStrictEqual(results(yield* Explain.explain(closed, [asking(7), 200], { calls: 2, every: 10 })), [
        200,
        "GateClosed"
      ])
    }))

  it.effect("shows the requests of a hedge as those of one attempt", () =>
    Effect.gen(function*() {
      const options = { retry: false, hedge: HttpResilience.hedge({ after: "100 millis" }) } as const
      const call = yield* one(options, [{ status: 200, after: "1 second" }, { status: 200, after: 50 }])
      assert.deepInclude(call.attempts[0]!, { number: 1, durationMillis: 150, outcome: "200", reason: "success" })
      assert.deepStrictEqual(call.attempts[0]!.requests, [
        { startMillis: 0, durationMillis: 150, outcome: "no answer" },
        { startMillis: 100, durationMillis: 50, outcome: "200" }
      ])
      assert.deepStrictEqual(call.attempts.length, 1)
    }))

  it.effect("spends the budget, and begins the next explanation with a full one", () =>
    Effect.gen(function*() {
      const budget = HttpRetry.budget(RetryBudget.share({ ratio: 0.25, minPerSecond: 0 }))
      const explain = Explain.explain({ retry: plain(2), budget }, [503], { calls: 6 })
      const first = yield* explain
      assert.deepStrictEqual(first.calls.map(reasons).map(([reason]) => reason), [
        "budget",
        "budget",
        "budget",
        "backoff",
        "budget",
        "budget"
      ])
      assert.deepStrictEqual(yield* explain, first)
    }))

  it.effect("makes options anew for every run, where it is told how", () =>
    Effect.gen(function*() {
      const tokens = () => ({
        retry: plain(2),
        budget: HttpRetry.budget(RetryBudget.tokens({ capacity: 5, cost: 5 }))
      })
      const explain = Explain.explain(tokens, [503], { calls: 2 })
      const first = yield* explain
      assert.deepStrictEqual(first.calls.map(reasons), [["backoff", "attempts"], ["budget"]])
      assert.deepStrictEqual(yield* explain, first)
    }))

  it.effect("tells what limits of concurrency and rate reject", () =>
    Effect.gen(function*() {
      const slow = [{ status: 200, after: "1 second" }] as const
      const three = { calls: 3, every: 0 }
      const bulkhead = HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 1 })
      const queued = yield* Explain.explain({ bulkhead }, slow, three)
      assert.deepStrictEqual(results(queued), [200, 200, "BulkheadFull"])
      assert.deepStrictEqual(queued.calls.map(({ durationMillis }) => durationMillis), [1000, 2000, 0])
      const rateLimiter = HttpResilience.rateLimiter({ limit: 2, window: "1 minute" })
      const limited = yield* Explain.explain({ rateLimiter }, slow, three)
      assert.deepStrictEqual(limited.calls.map((call) => reasons(call)[0]), ["success", "success", "rateLimited"])
    }))

  it.effect("needs no retry loop", () =>
    Effect.gen(function*() {
      const transparent = (outcome: Explain.Outcome) => one({ retry: false }, [outcome])
      const ok = yield* transparent({ status: 200, after: 5 })
      assert.deepInclude(ok.attempts[0]!, { number: 1, durationMillis: 5, outcome: "200", reason: "success" })
      assert.deepStrictEqual(reasons(yield* transparent(503)), ["schedule"])
      assert.deepStrictEqual(reasons(yield* transparent("badCertificate")), ["notRetryable"])
      assert.deepInclude((yield* transparent(302)).result, { error: "ProtocolFailure", status: 302 })
    }))

  it.effect("reads the body within the attempt", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: plain(2) }, ["cutBody", 200])
      assert.deepStrictEqual(reasons(call), ["backoff", "success"])
      assert.deepInclude(call.attempts[0]!, { error: "BodyFailure", sent: "maybe", retryable: true })
      // A length that the script gives is not one that the empty body falls short of.
      const announced = yield* one({ retry: plain(2) }, [{ status: 200, headers: { "content-length": "5" } }])
      assert.deepStrictEqual(reasons(announced), ["success"])
    }))

  it.effect("goes on after the script with its last outcome, or another", () =>
    Effect.gen(function*() {
      const options = { retry: plain(4) }
      assert.deepStrictEqual(reasons(yield* one(options, [503, 500])), ["backoff", "backoff", "backoff", "attempts"])
      assert.deepStrictEqual(reasons(yield* one(options, [503, 500], { rest: 200 })), ["backoff", "backoff", "success"])
      assert.deepStrictEqual(reasons(yield* one(options, [])), ["success"])
    }))

  it("throws at once for what is out of range", () => {
    const option = (script: ReadonlyArray<unknown>, options?: Explain.Options, policy = {}) => {
      // An untyped caller may give anything.
      const explain = () => Explain.explain(policy, script as ReadonlyArray<Explain.Outcome>, options)
      return Either.match(Either.try({ try: explain, catch: (error) => error }), {
        onLeft: (error) => error instanceof InvalidOption ? error.option : error,
        onRight: () => undefined
      })
    }
    assert.strictEqual(option([200, 600]), "script[1].status")
    assert.strictEqual(option(["bang"]), "script[0]")
    assert.strictEqual(option([{ failure: "reset", after: -1 }]), "script[0].after")
    assert.strictEqual(option([{ status: 200, headers: { "no name": "" } }]), "script[0].headers")
    assert.strictEqual(option([], { rest: 100 }), "rest.status")
    assert.strictEqual(option([], { calls: 0 }), "calls")
    assert.strictEqual(option([], { every: Duration.infinity }), "every")
    assert.strictEqual(option([], {}, { attemptTimeout: 0 }), "attemptTimeout")
  })
})

describe("table", () => {
  it.effect("has a line for each attempt, and one of the result", () =>
    Effect.gen(function*() {
      const script = [503, "reset", asking(7), { status: 200, after: "1500 millis" }] as const
      const table = Explain.table(yield* Explain.explain({ retry: plain(5) }, script))
      assert.deepStrictEqual(table.split("\n"), [
        "GET http://example.com/, seed 0",
        "attempt  at   took      outcome                    sent     then",
        "1        0ms  0ms       503 ServerError            maybe    wait 1s: the delay of the policy",
        "2        1s   0ms       ECONNRESET ConnectionLost  maybe    wait 2s: the delay of the policy",
        "3        3s   0ms       429 RateLimited            refused  wait 7s: the server asks for it",
        "4        10s  1s 500ms  200                        yes      end: done",
        "result: 200 after 4 attempts and 11s 500ms"
      ])
    }))

  it.effect("has a column of the calls, where there is more than one", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2) })
      const gate = HttpResilience.retryAfterGate({ jitter: 0 })
      const explanation = yield* Explain.explain({ retry: false, breaker, gate }, [asking(2), 503], {
        calls: 4,
        request: HttpClientRequest.get("http://user:secret@example.com/orders?token=secret")
      })
      assert.deepStrictEqual(Explain.table(explanation).split("\n"), [
        "GET http://example.com/orders, seed 0",
        "call  attempt  at   took  outcome                        sent     then",
        "1     1        0ms  0ms   429 RateLimited                refused  end: the policy ends here",
        "2     1        0ms  2s    503 ServerError, held back 2s  maybe    end: the policy ends here",
        "3     1        2s   0ms   503 ServerError                maybe    end: the circuit is open",
        "4     1        2s   0ms   CircuitOpen                    no       end: the circuit is open",
        "result: 4 calls: 1 x RateLimited, 2 x ServerError, 1 x CircuitOpen; 3 requests sent, 2s"
      ])
    }))

  it.effect("says that a call never ends, and how many requests a hedge made", () =>
    Effect.gen(function*() {
      const options = { retry: plain(2), hedge: HttpResilience.hedge({ after: "1 second" }) }
      const table = Explain.table(yield* Explain.explain(options, [503, "hang", "hang"]))
      assert.deepStrictEqual(table.split("\n").slice(2), [
        "1        0ms  0ms       503 ServerError           maybe  wait 1s: the delay of the policy",
        "2        1s   for ever  no answer, of 2 requests  maybe  nothing ends it",
        "result: never ends, in attempt 2"
      ])
    }))
})

describe("what is explained", () => {
  const steps: Record<Exclude<Explain.Failure, "hang" | "cutBody">, HttpFault.Step> = {
    reset: HttpFault.fail("connectionReset"),
    refused: HttpFault.fail("connectionRefused"),
    connectTimeout: HttpFault.fail("connectTimeout"),
    timeout: HttpFault.fail("timeout"),
    unknownHost: HttpFault.fail("dnsNotFound"),
    badCertificate: HttpFault.fail("certificateExpired")
  }
  type Told = readonly [Explain.Outcome, HttpFault.Step]
  const told: ReadonlyArray<Told> = [
    ...Object.entries(steps) as ReadonlyArray<Told>,
    ...[200, 404, 429, 500, 503].map((status): Told => [status, HttpFault.respond({ status })]),
    ...[1, 7, 30, 121].map((seconds): Told => [
      asking(seconds),
      HttpFault.respond({ status: 429, headers: { "retry-after": String(seconds) } })
    ]),
    [{ status: 503, after: "3 seconds" }, HttpFault.delay(HttpFault.respond({ status: 503 }), "3 seconds")],
    ["hang", HttpFault.hang]
  ]
  const byName = (name: string) => told.find(([outcome]) => outcome === name)!
  const policies: ReadonlyArray<ResilientHttpClient.Options> = [
    {},
    { retry: HttpRetry.exponential({ attempts: 6 }), attemptTimeout: "2 seconds" },
    { retry: Backoff.attempts(Backoff.decorrelated({ base: "1 second", cap: "20 seconds" }), 8), deadline: "1 minute" }
  ]

  /** The ledger of a client in a program, whose clock is moved by hand. */
  const real = (options: ResilientHttpClient.Options, script: ReadonlyArray<HttpFault.Step>, seed: number) =>
    Effect.gen(function*() {
      const server = yield* HttpFault.make(...script)
      const call = ResilientHttpClient.makeTyped(options)(server.client).get("http://example.com/")
      const fiber = yield* Effect.fork(Effect.withRandom(Effect.either(call), Random.make(seed)))
      yield* TestClock.adjust("1 day")
      if (Option.isNone(yield* Fiber.poll(fiber))) {
        yield* Fiber.interrupt(fiber)
        return undefined
      }
      return Either.match(yield* Fiber.join(fiber), {
        onRight: HttpResilience.attempts,
        onLeft: (error) => {
          if (error._tag === "DeadlineExceeded") return Option.getOrThrow(error.last).attempts
          return HttpFailure.isHttpFailure(error) ? error.attempts : []
        }
      })
    })

  it("is what the client does under the clock of a test with the same seed", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...told), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(...policies),
        fc.integer(),
        (script, options, seed) =>
          Effect.gen(function*() {
            const explained = yield* one(options, script.map(([outcome]) => outcome), { seed, rest: 200 })
            const ledger = yield* real(options, script.map(([, step]) => step), seed)
            if (ledger === undefined) return assert.deepStrictEqual(explained.result, { _tag: "NeverEnds" })
            assert.deepStrictEqual(
              explained.attempts.map((
                { delayMillis, durationMillis, error, number, reason, retryable, startMillis }
              ) => ({
                ...{ number, startMillis, durationMillis, reason, delayMillis, retryable, error }
              })),
              ledger.map(({ delay, duration, failure, number, reason, startMillis }) => ({
                ...{ number, startMillis, durationMillis: Duration.toMillis(duration), reason },
                delayMillis: Option.getOrUndefined(Option.map(delay, Duration.toMillis)),
                retryable: Option.exists(failure, ({ retryable }) => retryable),
                error: Option.getOrUndefined(Option.map(failure, ({ _tag }) => _tag))
              }))
            )
          }).pipe(Effect.provide(TestContext.TestContext), Effect.runPromise)
      ),
      // An attempt that begins in the second half of a millisecond, or in the first, ends before its call does.
      { numRuns: 20, examples: [[[byName("reset"), byName("hang"), byName("reset")], policies[2]!, 239249254]] }
    ))

  it.effect("says of each failure what a transport's own says", () =>
    Effect.forEach(Object.entries(steps), ([failure, step]) =>
      Effect.gen(function*() {
        const explained = yield* one({ retry: plain(1) }, [failure as Explain.Failure])
        const server = yield* HttpFault.make(step)
        const client = ResilientHttpClient.makeTyped({ retry: plain(1) })(server.client)
        const error = yield* Effect.flip(client.get("http://example.com/"))
        assert.isTrue(HttpFailure.isHttpFailure(error), failure)
        if (!HttpFailure.isHttpFailure(error) || !("code" in error)) return
        assert.deepInclude(
          explained.attempts[0]!,
          { error: error._tag, sent: error.sent, retryable: error.retryable },
          failure
        )
        assert.strictEqual(explained.attempts[0]!.outcome, `${error.code} ${error._tag}`)
      })))
})
