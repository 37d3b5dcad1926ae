import type { HttpClientResponse } from "@effect/platform"
import { HttpClient, HttpClientRequest, HttpClientResponse as Responses } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as HttpFault from "@reprise/testing/HttpFault"
import { Cause, Data, Duration, Effect, Exit, Option, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Policy from "reprise/Policy"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as HttpCircuitBreakers from "../src/HttpCircuitBreakers.js"
import * as HttpFailure from "../src/HttpFailure.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpRetry from "../src/HttpRetry.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import { ended, make, ok, reset, within } from "./support/memory.js"

const status = (status: number, headers: Record<string, string> = {}) => HttpFault.respond({ status, headers })
const three = Backoff.attempts(Schedule.spaced("1 second"), 3)

/** How many requests a GET and a POST make, and the reason of the last line of the GET. */
const tries = (options: ResilientHttpClient.Options, step: HttpFault.Step) =>
  Effect.gen(function*() {
    const { call, post, sent } = yield* make(options, ...Array.from({ length: 9 }, () => step))
    const error = yield* within(Effect.flip(call()))
    const gets = (yield* sent).length
    yield* within(ended(post))
    const reason = HttpFailure.isHttpFailure(error) ? error.attempts.at(-1)?.reason : error._tag
    return { gets, posts: (yield* sent).length - gets, reason }
  })

describe("whether another attempt can help", () => {
  it.effect("is decided by the failure, whatever schedule there is", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* tries({ retry: three }, status(503)), { gets: 3, posts: 1, reason: "attempts" })
      for (const code of [400, 404, 409, 501, 529]) {
        assert.deepStrictEqual(
          yield* tries({ retry: three }, status(code)),
          { gets: 1, posts: 1, reason: "notRetryable" },
          `${code}`
        )
      }
    }))

  it.effect("is decided by a filter of the schedule, wherever it stands in it", () =>
    Effect.gen(function*() {
      const filter = HttpRetry.whileStatus(404, 529)
      const filtered = [
        three.pipe(filter),
        HttpRetry.exponential().pipe(filter),
        three.pipe(filter, HttpRetry.whileRetryable, HttpRetry.honorRetryAfter()),
        Schedule.intersect(three.pipe(filter), Schedule.recurs(5))
      ]
      for (const retry of filtered) {
        assert.deepStrictEqual(yield* tries({ retry }, status(529)), { gets: 3, posts: 1, reason: "attempts" })
        assert.deepStrictEqual(yield* tries({ retry }, status(404)), { gets: 3, posts: 1, reason: "attempts" })
        assert.deepStrictEqual(yield* tries({ retry }, status(503)), { gets: 1, posts: 1, reason: "notRetryable" })
      }
      const byTag = three.pipe(HttpRetry.whileTag("ConnectionLost"))
      assert.strictEqual((yield* tries({ retry: byTag }, reset)).gets, 3)
      assert.strictEqual((yield* tries({ retry: byTag }, status(503))).gets, 1)
    }))

  it.effect("is decided by `while`, which the filters of a schedule do not narrow by `retryable`", () =>
    Effect.gen(function*() {
      const is529 = (failure: HttpFailure.HttpFailure) => failure._tag === "ServerError" && failure.status === 529
      for (const schedule of [three, HttpRetry.standard]) {
        const retry = { schedule, while: is529 }
        assert.deepStrictEqual(yield* tries({ retry }, status(529)), { gets: 3, posts: 1, reason: "attempts" })
        assert.deepStrictEqual(yield* tries({ retry }, status(503)), { gets: 1, posts: 1, reason: "notRetryable" })
      }
    }))

  it.effect("ends with `times`, which also sets the attempts of the policy where no schedule is given", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* tries({ retry: { times: 4 } }, status(503))).gets, 5)
      assert.strictEqual((yield* tries({ retry: { times: 0 } }, status(503))).gets, 1)
      assert.strictEqual((yield* tries({ retry: { times: 1, schedule: three } }, status(503))).gets, 2)
      assert.strictEqual((yield* tries({ retry: { times: 9, schedule: three } }, status(503))).gets, 3)
      assert.strictEqual((yield* tries({ retry: {} }, status(503))).gets, 3)
    }))

  it.effect("is decided by the server's x-should-retry, in both directions and for every status", () =>
    Effect.gen(function*() {
      for (const code of [400, 404, 409, 429, 500, 501, 503, 529]) {
        const tried = (said: string) =>
          Effect.map(tries({ retry: three }, status(code, { "x-should-retry": said })), ({ gets }) => gets)
        assert.deepStrictEqual([yield* tried("true"), yield* tried("false")], [3, 1], `${code}`)
      }
    }))
})

describe("whether it is safe", () => {
  it.effect("is not for the policy to decide", () =>
    Effect.gen(function*() {
      const all: ReadonlyArray<ResilientHttpClient.Options["retry"]> = [
        { schedule: three, while: () => true },
        three.pipe(HttpRetry.whileStatus(503)),
        three.pipe(HttpRetry.whileTag("ServerError")),
        three.pipe(Retry.whileError(() => true))
      ]
      for (const retry of all) {
        assert.strictEqual((yield* tries({ retry }, status(503))).posts, 1)
        // The header says that a retry would help, and not that the request was not processed.
        assert.strictEqual((yield* tries({ retry }, status(503, { "x-should-retry": "true" }))).posts, 1)
      }
      const retry = { schedule: three, while: () => true }
      assert.strictEqual((yield* tries({ retry, retryUnsent: true }, status(429))).posts, 3)
      assert.strictEqual((yield* tries({ retry, idempotencyKeys: true }, status(503))).posts, 3)
    }))

  it.effect("says why a POST was not sent again", () =>
    Effect.gen(function*() {
      const reason = (step: HttpFault.Step, retry: ResilientHttpClient.Options["retry"]) =>
        Effect.gen(function*() {
          const { post } = yield* make({ retry }, step)
          const error = yield* Effect.flip(post)
          return HttpFailure.isHttpFailure(error) ? error.attempts.at(-1)?.reason : undefined
        })
      assert.strictEqual(yield* reason(status(503), three), "notIdempotent")
      assert.strictEqual(yield* reason(status(404), three), "notRetryable")
      assert.strictEqual(yield* reason(status(404), { schedule: three, while: () => true }), "notIdempotent")
      assert.strictEqual(yield* reason(status(503), { schedule: three, while: () => false }), "notRetryable")
    }))
})

describe("classify", () => {
  const body = (text: string, code = 200, headers: Record<string, string> = {}) =>
    HttpFault.respond({ status: code, body: text, headers })

  /** As GraphQL servers and some JSON APIs do: an error in a 200. */
  const errorsIn200: HttpResilience.Classify = ({ response }) =>
    response && Effect.map(response.json, (json) =>
      typeof json === "object" && json !== null && "error" in json
        ? HttpFailure.make(response, { tag: "ServerError" })
        : undefined)

  const get = <E>(client: HttpClient.HttpClient.With<E>) => client.get("http://h.test/")

  const clientOf = (options: ResilientHttpClient.Options, ...steps: ReadonlyArray<HttpFault.Step>) =>
    Effect.map(HttpFault.make(...steps), ({ client, requests }) => ({
      dropIn: ResilientHttpClient.make({ retry: three, ...options })(client),
      typed: ResilientHttpClient.makeTyped({ retry: three, ...options })(client),
      sent: Effect.map(requests, ({ length }) => length)
    }))

  it.effect("retries an error in a 200, and leaves the body for the caller", () =>
    Effect.gen(function*() {
      const { dropIn, sent } = yield* clientOf({ classify: errorsIn200 }, body(`{"error":1}`), body(`{"data":2}`))
      const response = yield* within(dropIn.get("http://h.test/"))
      assert.deepStrictEqual(yield* response.json, { data: 2 })
      assert.strictEqual(yield* response.text, `{"data":2}`)
      assert.strictEqual(yield* sent, 2)
    }))

  it.effect("leaves the decision to Reprise if its effect fails", () =>
    Effect.gen(function*() {
      const { dropIn, sent } = yield* clientOf({ classify: errorsIn200 }, body("no JSON", 503), body("no JSON"))
      assert.strictEqual(yield* (yield* within(dropIn.get("http://h.test/"))).text, "no JSON")
      assert.strictEqual(yield* sent, 2)
    }))

  it.effect("fails a typed client, and is a value with a readable body to a drop-in client", () =>
    Effect.gen(function*() {
      const bad = body(`{"error":1}`)
      const one = yield* clientOf({ classify: errorsIn200, retry: false }, bad)
      const failure = yield* Effect.flip(one.typed.get("http://h.test/"))
      assert.strictEqual(failure._tag, "ServerError")
      if (failure._tag === "ServerError") {
        assert.strictEqual(failure.status, 200)
        assert.strictEqual(yield* failure.response.text, `{"error":1}`)
      }
      const other = yield* clientOf({ classify: errorsIn200, retry: false }, bad)
      const response = yield* other.dropIn.get("http://h.test/")
      assert.deepStrictEqual(yield* response.json, { error: 1 })
      assert.strictEqual(HttpResilience.attempts(response).at(-1)?.failure.pipe(Option.getOrThrow)._tag, "ServerError")
    }))

  it.effect("keeps a reader from a response that is a failure", () =>
    Effect.gen(function*() {
      const { typed } = yield* clientOf({ classify: errorsIn200 }, body(`{"error":1}`), body(`{"data":2}`))
      const read: Array<unknown> = []
      yield* within(HttpResilience.executeAndRead(typed, HttpClientRequest.get("http://h.test/"), (response) =>
        Effect.map(response.json, (json) =>
          void read.push(json))))
      assert.deepStrictEqual(read, [{ data: 2 }])
    }))

  it.effect("waits for what is not ready, as long as the response says", () =>
    Effect.gen(function*() {
      const classify: HttpResilience.Classify = ({ response }) =>
        response?.status === 202 ? HttpFailure.make(response) : undefined
      const { call, sent } = yield* make(
        { classify, retry: HttpRetry.exponential({ attempts: 9 }) },
        status(202, { "retry-after": "30" }),
        status(202, { "retry-after": "30" })
      )
      assert.strictEqual((yield* within(call())).status, 200)
      const [first = NaN, second = NaN, third = NaN] = yield* sent
      for (const wait of [second - first, third - second]) {
        assert.isAtLeast(wait, 30_000)
        assert.isAtMost(wait, 33_000)
      }
    }))

  it.effect("reads the wait header of one provider, and leaves the rest of the decision as it is", () =>
    Effect.gen(function*() {
      const classify: HttpResilience.Classify = ({ failure, response }) => {
        const millis = response?.headers["x-wait-ms"]
        return failure && millis ? HttpFailure.withVerdict(failure, { retryAfter: Number(millis) }) : undefined
      }
      const { call, sent } = yield* make(
        { classify, retry: HttpRetry.exponential({ base: "1 millis" }) },
        status(503, { "x-wait-ms": "5000" })
      )
      yield* within(call())
      const [first = NaN, second = NaN] = yield* sent
      assert.isAtLeast(second - first, 5_000)
      const final = yield* make({ classify, retry: three }, status(404, { "x-wait-ms": "5000" }))
      assert.strictEqual(yield* within(ended(final.call())), "ClientError")
      assert.lengthOf(yield* final.sent, 1)
    }))

  it.effect("sees errors too, and may say that they are safe to repeat", () =>
    Effect.gen(function*() {
      const seen: Array<string | undefined> = []
      const classify: HttpResilience.Classify = ({ error, failure, response }) => {
        seen.push(failure?._tag)
        assert.isUndefined(response)
        assert.isDefined(error)
        return failure && HttpFailure.withVerdict(failure, { sent: "refused" })
      }
      const { post, sent } = yield* make({ classify, retry: three, retryUnsent: true }, reset, reset, reset)
      yield* within(ended(post))
      assert.deepStrictEqual(seen, ["ConnectionLost", "ConnectionLost", "ConnectionLost"])
      assert.lengthOf(yield* sent, 3)
    }))

  it.effect("is what the circuit breaker and the gate judge by", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2) })
      const classify = errorsIn200
      const steps = Array.from({ length: 9 }, () => body(`{"error":1}`))
      const { dropIn, sent } = yield* clientOf({ classify, breaker, retry: false }, ...steps)
      yield* Effect.replicateEffect(Effect.exit(get(dropIn)), 5)
      assert.strictEqual(yield* sent, 2)
      const limited = yield* make({
        classify: ({ response }) =>
          response?.status === 200
            ? HttpFailure.make(response, { tag: "RateLimited", retryAfter: "9 seconds" })
            : undefined,
        gate: HttpResilience.retryAfterGate({ onClosed: "reject" })
      }, ok)
      assert.strictEqual(yield* ended(limited.call()), "RateLimited")
      assert.strictEqual(yield* ended(limited.call()), "GateClosed")
    }))

  it.effect("does not count a response that is not ready as a failure of the server", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      const classify: HttpResilience.Classify = ({ response }) =>
        response?.status === 202 ? HttpFailure.make(response) : undefined
      const { call } = yield* make({ breaker, classify }, status(202), status(202))
      assert.strictEqual(yield* ended(call()), "UnexpectedResponse")
      assert.strictEqual(yield* ended(call()), "UnexpectedResponse")
      assert.strictEqual(yield* ended(call()), 200)
    }))

  it.effect("ends within the time of the attempt, and passes its defects on", () =>
    Effect.gen(function*() {
      const stuck = yield* make({ classify: () => Effect.never, attemptTimeout: "2 seconds" }, ok)
      assert.strictEqual(yield* within(ended(stuck.call())), "AttemptTimeout")
      const broken = yield* make({
        classify: () => {
          throw new Error("bug")
        }
      }, ok)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(broken.call())))
    }))
})

describe("a budget", () => {
  it.effect("is one for all clients that have it if it is a RetryBudget, and otherwise one for each client and origin", () =>
    Effect.gen(function*() {
      const sent = (budget: ResilientHttpClient.Options["budget"]) =>
        Effect.gen(function*() {
          const one = yield* make({ retry: three, budget }, ...Array.from({ length: 9 }, () => status(503)))
          const other = yield* make({ retry: three, budget }, ...Array.from({ length: 9 }, () => status(503)))
          yield* within(ended(one.call()))
          yield* within(ended(other.call()))
          return [(yield* one.sent).length, (yield* other.sent).length]
        })
      const single = yield* RetryBudget.tokens({ capacity: 2, cost: 1 })
      assert.deepStrictEqual(yield* sent(single), [3, 1])
      assert.deepStrictEqual(yield* sent(HttpRetry.budget(RetryBudget.tokens({ capacity: 2, cost: 1 }))), [3, 3])
      assert.deepStrictEqual(yield* sent(HttpRetry.budget({ ratio: 0, minPerSecond: 0 })), [1, 1])
    }))
})

describe("a stage", () => {
  const failing = HttpClient.make((request) =>
    Effect.succeed(Responses.fromWeb(request, new Response(null, { status: 503 })))
  )
  const get = <E>(client: HttpClient.HttpClient.With<E>) => Effect.flip(client.get("http://h.test/"))

  it.effect("is a combinator and an option of the layer", () =>
    Effect.gen(function*() {
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      const typed = ResilientHttpClient.makeTyped({ breaker, retry: false })(failing)
      const check = <E>(client: HttpClient.HttpClient.With<E>) =>
        Effect.gen(function*() {
          yield* Effect.exit(client.get("http://h.test/"))
          assert.propertyVal(yield* get(client), "_tag", "CircuitOpen")
        })
      yield* check(failing.pipe(breaker))
      yield* check(typed)
    }))

  it.effect("keeps a state of its own in each client, unless its breakers are shared", () =>
    Effect.gen(function*() {
      const own = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
      const [a, b] = [failing.pipe(own), failing.pipe(own)]
      yield* a.get("http://h.test/")
      assert.strictEqual((yield* b.get("http://h.test/")).status, 503)
      const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(1) })
      const shared = HttpResilience.circuitBreaker({ breakers })
      const [c, d] = [failing.pipe(shared), failing.pipe(shared)]
      yield* c.get("http://h.test/")
      assert.propertyVal(yield* get(d), "_tag", "CircuitOpen")
    }))

  class Quota extends Data.TaggedError("Quota")<{ readonly key: string }> {}

  it.effect("may be a policy of the program, one for all or one for each key, which sees typed failures", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const quota = (key: string) => {
        let left = 1
        return Policy.make<Quota, HttpClientResponse.HttpClientResponse, HttpFailure.HttpFailure>({
          admit: () => left-- > 0 ? undefined : new Quota({ key }),
          settle: ({ exit }) => {
            ends.push(Exit.match(exit, {
              onFailure: (cause) =>
                Option.match(Cause.failureOption(cause), { onNone: () => "none", onSome: ({ _tag }) => _tag }),
              onSuccess: (response) => `${response.status}`
            }))
          }
        })
      }
      const one = failing.pipe(HttpResilience.policy(quota("all")))
      yield* one.get("http://h.test/")
      assert.deepStrictEqual(yield* Effect.flip(one.get("http://other.test/")), new Quota({ key: "all" }))
      const keyed = HttpResilience.policy({ make: (key) => Effect.sync(() => quota(key)) })
      const mine: ResilientHttpClient.Options<unknown> = { policies: [keyed], retry: three }
      const { call, sent } = yield* make(mine, status(503), status(503))
      // The rejection of the second attempt ends the call.
      const rejection: unknown = yield* within(Effect.flip(call()))
      assert.deepStrictEqual(rejection, new Quota({ key: "http://h.test" }))
      assert.lengthOf(yield* sent, 1)
      const fine = yield* make({ policies: [keyed] }, ok)
      yield* fine.call()
      assert.deepStrictEqual(ends, ["ServerError", "ServerError", "200"])
    }))

  it.effect("may be a policy of the program that lets attempts wait", () =>
    Effect.gen(function*() {
      let isShut = true
      const decide = (): Policy.Decision<never> =>
        isShut
          ? {
            _tag: "Wait",
            enter: ({ nowMillis }) => ({
              onWake: undefined,
              untilMillis: nowMillis + 5_000,
              poll: (now) => {
                if (now < nowMillis + 5_000) return undefined
                isShut = false
                return "again"
              },
              leave: () => {}
            })
          }
          : { _tag: "Admit", holds: false, take: () => ({}) }
      const door = HttpResilience.policy(Policy.make<never>({ kind: "judge", holds: false, decide }))
      const { call, sent } = yield* make({ policies: [door] }, ok)
      yield* within(call())
      assert.deepStrictEqual(yield* sent, [5_000])
    }))
})

describe("a reader that fails", () => {
  const attemptsOf = (error: (response: HttpClientResponse.HttpClientResponse) => unknown) =>
    Effect.gen(function*() {
      const { client, requests } = yield* HttpFault.make()
      const request = HttpClientRequest.get("http://h.test/")
      const retrying = HttpResilience.retry(client, three)
      const read = HttpResilience.executeAndRead(retrying, request, (response) => Effect.fail(error(response)))
      yield* within(Effect.exit(read))
      return (yield* requests).length
    })

  it.effect("with a retryable HttpFailure makes another attempt", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* attemptsOf((response) => HttpFailure.make(response, { retryable: true })), 3)
      assert.strictEqual(yield* attemptsOf((response) => HttpFailure.make(response, { retryable: false })), 1)
    }))

  it.effect("with an error of its own ends the call", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* attemptsOf(() => "the program does not like it"), 1)
    }))
})

describe("HttpFailure.make", () => {
  const response = (status: number) =>
    Responses.fromWeb(HttpClientRequest.get("http://h.test/secret?token=x"), new Response(null, { status }))

  it("takes its tag from the status, and its facts from the verdict", () => {
    const facts = [202, 404, 429, 503].map((code) => HttpFailure.make(response(code))).map((failure) => [
      failure._tag,
      failure.retryable,
      failure.sent
    ])
    assert.deepStrictEqual(facts, [
      ["UnexpectedResponse", true, "maybe"],
      ["ClientError", false, "maybe"],
      ["RateLimited", true, "refused"],
      ["ServerError", true, "maybe"]
    ])
    const own = HttpFailure.make(response(200), {
      tag: "ClientError",
      retryable: true,
      sent: "no",
      retryAfter: "2 seconds"
    })
    assert.deepStrictEqual(
      [own._tag, own.retryable, own.sent, Option.getOrThrow(own.retryAfter)],
      ["ClientError", true, "no", Duration.seconds(2)]
    )
    assert.notInclude(own.message, "token")
  })
})
