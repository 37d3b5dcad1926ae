import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array, Cause, Clock, Duration, Effect, Exit, Fiber, Option, Random, Schedule, TestClock } from "effect"
import { InvalidOption } from "reprise/InvalidOption"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

interface Sent {
  readonly url: string
  readonly atMillis: number
}

/** Answers from a script, then with 200, and remembers what it was sent. */
const scripted = (...script: ReadonlyArray<ResponseInit>) => {
  const sent: Array<Sent> = []
  const client = HttpClient.make((request, url) =>
    Effect.map(Clock.currentTimeMillis, (atMillis) => {
      sent.push({ url: url.href, atMillis })
      return HttpClientResponse.fromWeb(request, new Response(null, script[sent.length - 1] ?? { status: 200 }))
    })
  )
  return { sent, client, times: () => sent.map(({ atMillis }) => atMillis) }
}

const asks = (status: number, headers: Record<string, string>): ResponseInit => ({ status, headers })
const lastOfQuota = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "10" }
const busy = asks(429, { "retry-after": "10" })
const gate = (options?: HttpResilience.RetryAfterGateOptions) =>
  HttpResilience.retryAfterGate({ jitter: 0, ...options })
const get = <E, R>(client: HttpClient.HttpClient.With<E, R>, path = "/") => client.get(`http://h.test${path}`)
const rejected = <A>(exit: Exit.Exit<A, unknown>) =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

type Answer = readonly [what: string, answer: ResponseInit]

describe("a gate", () => {
  it.effect("lets everything through until a server asks for a pause", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(
        asks(500, { "retry-after": "10" }),
        asks(429, {}),
        asks(202, { "retry-after": "10" })
      )
      const guarded = gate()(client)
      yield* Effect.forEach([1, 2, 3, 4], () => get(guarded))
      assert.deepStrictEqual(times(), [0, 0, 0, 0])
    }))

  it.effect.each<Answer>([
    ["429 with Retry-After", busy],
    ["503 with Retry-After", asks(503, { "retry-after": "10" })],
    ["429 with retry-after-ms", asks(429, { "retry-after-ms": "10000" })],
    ["429 with a quota that is used up", asks(429, { "ratelimit-remaining": "0", "ratelimit-reset": "10" })],
    ["429 that does not say what is left", asks(429, { "x-ratelimit-reset": "10" })],
    ["200 with a quota that is used up, if it learns from those", asks(200, { "ratelimit": "\"burst\";r=0;t=10" })],
    ["200 with the last of a quota, if it learns from those", asks(200, lastOfQuota)]
  ])("is closed by a %s, for the others too", ([what, answer]) =>
    Effect.gen(function*() {
      const { client, times } = scripted(answer)
      const guarded = gate({ learnFromSuccess: what.startsWith("200") })(client)
      yield* get(guarded)
      const fiber = yield* Effect.fork(Effect.all(Array.makeBy(5, () => get(guarded)), { concurrency: "unbounded" }))
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(times(), [0])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(times(), [0, ...Array.replicate(10_000, 5)])
    }))

  it.effect.each<Answer>([
    ["200 that has something left", asks(200, { "ratelimit-remaining": "1", "ratelimit-reset": "10" })],
    ["200 that does not say what is left", asks(200, { "ratelimit-reset": "10" })],
    ["400 with Retry-After", asks(400, { "retry-after": "10" })]
  ])("is not closed by a %s, even if it learns from successes", ([, answer]) =>
    Effect.gen(function*() {
      const { client, times } = scripted(answer)
      const guarded = gate({ learnFromSuccess: true })(client)
      yield* get(guarded)
      yield* get(guarded)
      assert.deepStrictEqual(times(), [0, 0])
    }))

  it.effect.each<Answer>([
    ["a search of GitHub", asks(200, { ...lastOfQuota, "x-ratelimit-resource": "search" })],
    ["a policy with a name", asks(200, { "ratelimit": "\"search\";r=0;t=60" })],
    ["the seventh draft", asks(200, { "ratelimit": "limit=10, remaining=0, reset=60" })]
  ])("is not closed for other quotas by a success that used up its own: %s", ([, answer]) =>
    Effect.gen(function*() {
      const { client, times } = scripted(answer)
      const options = ResilientHttpClient.standard({ gate: HttpResilience.retryAfterGate({ onClosed: "reject" }) })
      const resilient = ResilientHttpClient.make(options)(client)
      yield* get(resilient, "/search/code?q=a")
      yield* get(resilient, "/repos/a/b")
      assert.deepStrictEqual(times(), [0, 0])
    }))

  it.effect("is closed by a success for its own quota only, where the key is the quota", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(asks(200, lastOfQuota))
      const key = ({ url }: HttpClientRequest.HttpClientRequest) => url.includes("/search/") ? "search" : "core"
      const guarded = gate({ key, learnFromSuccess: true, onClosed: "reject" })(client)
      yield* get(guarded, "/search/code?q=a")
      yield* get(guarded, "/repos/a/b")
      assert.strictEqual((yield* Effect.flip(get(guarded, "/search/code?q=b")))._tag, "GateClosed")
      assert.deepStrictEqual(times(), [0, 0])
    }))

  it.effect("is not forgotten while it is closed, nor while a call is in flight that may close it", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const slow = HttpClient.transform(client, (effect) => Effect.zipLeft(effect, Effect.sleep("1 second")))
      const guarded = gate({ capacity: 1, onClosed: "reject" })(slow)
      const first = yield* Effect.fork(get(guarded))
      yield* TestClock.adjust("500 millis")
      const other = yield* Effect.fork(guarded.get("http://other.test"))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)
      yield* Fiber.join(other)
      const third = yield* Effect.fork(guarded.get("http://third.test"))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(third)
      assert.strictEqual((yield* Effect.flip(get(guarded)))._tag, "GateClosed")
      assert.lengthOf(times(), 3)
    }))

  it.effect("is one for each origin", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate()(client)
      yield* get(guarded)
      yield* guarded.get("http://other.test")
      assert.deepStrictEqual(times(), [0, 0])
    }))

  it.effect("is one for each key, where there is a function for it", () =>
    Effect.gen(function*() {
      const { client } = scripted(busy)
      const guarded = gate({ key: ({ headers }) => headers["tenant"] ?? "", onClosed: "reject" })(client)
      const as = (tenant: string) => guarded.execute(HttpClientRequest.get("http://h.test", { headers: { tenant } }))
      yield* as("a")
      yield* as("b")
      const error = yield* Effect.flip(as("a"))
      assert.ok(error._tag === "GateClosed")
      assert.strictEqual(error.key, "a")
    }))

  it.effect("fails at once with what is left of the pause, where calls are not to wait", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate({ onClosed: "reject" })(client)
      yield* get(guarded)
      yield* TestClock.adjust("4 seconds")
      const error = yield* Effect.flip(get(guarded))
      assert.ok(error._tag === "GateClosed")
      assert.deepInclude({ ...error }, { key: "http://h.test", reason: "closed" })
      assert.deepStrictEqual(error.retryAfter, Option.some(Duration.seconds(6)))
      assert.strictEqual(error.message, "The server http://h.test asks for no requests, retry after 6s")
      yield* TestClock.adjust("6 seconds")
      yield* get(guarded)
      assert.deepStrictEqual(times(), [0, 10_000])
    }))

  it.effect("is open again exactly at the end of the pause", () =>
    Effect.gen(function*() {
      const { client } = scripted(busy)
      const guarded = gate({ onClosed: "reject" })(client)
      yield* get(guarded)
      yield* TestClock.adjust("9999 millis")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(get(guarded))))
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(get(guarded))))
    }))

  it.effect("stays closed for no longer than its maximum", () =>
    Effect.gen(function*() {
      const { client } = scripted(asks(503, { "retry-after": "86400" }))
      const guarded = gate({ onClosed: "reject", max: "1 minute" })(client)
      yield* get(guarded)
      const error = yield* Effect.flip(get(guarded))
      assert.ok(error._tag === "GateClosed")
      assert.deepStrictEqual(error.retryAfter, Option.some(Duration.minutes(1)))
    }))

  it.effect("holds calls back for longer when a call that was in flight brings a longer pause, and not for a shorter", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy, asks(429, { "retry-after": "20" }), asks(429, { "retry-after": "1" }))
      const slow = HttpClient.transform(client, (effect) => Effect.zipLeft(effect, Effect.sleep("1 second")))
      const guarded = gate()(slow)
      const first = yield* Effect.fork(Effect.all(Array.makeBy(3, () => get(guarded)), { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      const next = yield* Effect.fork(get(guarded))
      yield* TestClock.adjust("19999 millis")
      assert.lengthOf(times(), 3)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(next)
      assert.strictEqual(times()[3], 21_000)
    }))

  it.effect("lets the calls that waited go spread over a share of the pause", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate({ jitter: 0.5 })(client)
      yield* get(guarded)
      const fiber = yield* Effect.fork(
        Effect.all(Array.makeBy(200, () => get(guarded)), { concurrency: "unbounded" }).pipe(
          Effect.withRandom(Random.make("seed"))
        )
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      const late = times().slice(1).map((atMillis) => atMillis - 10_000)
      assert.isAtLeast(Math.min(...late), 0)
      assert.isAtMost(Math.max(...late), 5_000)
      assert.isAbove(new Set(late).size, 150)
    }))

  it.effect("makes no call wait that its deadline would end before", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate()(client).pipe(HttpResilience.deadline("10 seconds"))
      yield* get(guarded)
      const error = yield* Effect.flip(get(guarded))
      assert.ok(error._tag === "GateClosed")
      assert.strictEqual(error.reason, "deadline")
      assert.deepStrictEqual(times(), [0])
    }))

  it.effect("makes only so many calls wait", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate({ maxWaiting: 2 })(client)
      yield* get(guarded)
      const fiber = yield* Effect.fork(
        Effect.all(Array.makeBy(5, () => Effect.exit(get(guarded))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("10 seconds")
      const exits = yield* Fiber.join(fiber)
      const errors = exits.map(rejected).filter((error) => error instanceof HttpResilience.GateClosed)
      assert.deepStrictEqual(errors.map(({ reason }) => reason), ["full", "full", "full"])
      assert.lengthOf(times(), 3)
    }))

  it.effect("gives the place of a call that is interrupted while it waits to another", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const guarded = gate({ maxWaiting: 1 })(client)
      yield* get(guarded)
      yield* Fiber.interrupt(yield* Effect.fork(get(guarded)))
      const waiting = yield* Effect.fork(get(guarded))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(waiting)
      const fiber = yield* Effect.fork(get(guarded))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(times(), [0, 10_000])
    }))

  it.effect("is closed for no longer when the clock steps back", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000_000)
      const { client } = scripted(busy)
      const guarded = gate({ onClosed: "reject" })(client)
      yield* get(guarded)
      yield* TestClock.setTime(0)
      const error = yield* Effect.flip(get(guarded))
      assert.ok(error._tag === "GateClosed")
      assert.deepStrictEqual(error.retryAfter, Option.some(Duration.seconds(10)))
    }))

  it.effect("in the resilient client, holds the retry of the refused call and all others back until the same moment", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const resilient = ResilientHttpClient.make({
        retry: Schedule.intersect(Schedule.spaced("1 millis"), Schedule.recurs(3)),
        gate: HttpResilience.retryAfterGate({ jitter: 0 })
      })(client)
      const fiber = yield* Effect.fork(
        Effect.all(Array.makeBy(3, () => get(resilient)), { concurrency: 1 })
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(times(), [0, 10_000, 10_000, 10_000])
    }))

  it.effect("in the resilient client, ends the call of a closed gate at once, as a RequestError with GateClosed as its cause", () =>
    Effect.gen(function*() {
      const { client, times } = scripted(busy)
      const options = { retry: Schedule.recurs(3), gate: HttpResilience.retryAfterGate({ onClosed: "reject" }) }
      const resilient = ResilientHttpClient.make(options)(client)
      // Its own retry is turned away by the gate that it has closed.
      const first = yield* Effect.flip(get(resilient))
      const second = yield* Effect.flip(get(resilient))
      for (const error of [first, second]) {
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.instanceOf(error.cause, HttpResilience.GateClosed)
      }
      assert.deepStrictEqual(times(), [0])
      const typed = ResilientHttpClient.makeTyped(options)(scripted(busy).client)
      assert.strictEqual((yield* Effect.flip(get(typed)))._tag, "GateClosed")
    }))

  it.each([
    ["max", { max: 0 }],
    ["jitter", { jitter: 1.5 }],
    ["jitter", { jitter: -0.1 }],
    ["maxWaiting", { maxWaiting: -1 }],
    ["capacity", { capacity: 0 }],
    ["idleTimeToLive", { idleTimeToLive: 0 }]
  ])("refuses an option out of range: %s", (option, options) => {
    const error = (() => {
      try {
        return HttpResilience.retryAfterGate(options)
      } catch (error) {
        return error
      }
    })()
    assert.instanceOf(error, InvalidOption)
    assert.propertyVal(error, "option", option)
  })
})
