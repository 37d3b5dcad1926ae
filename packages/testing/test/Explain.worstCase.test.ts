import { HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import { Effect, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import { InvalidOption } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Explain from "../src/Explain.js"

const worst = (policy: Explain.ClientOptions, options?: Explain.WorstCaseOptions) =>
  Effect.map(Explain.worstCase(policy, options), (found) => ({
    attempts: found.attempts,
    longest: [found.longestMillis, found.longestIn],
    load: [found.amplification, found.guardedAmplification]
  }))

describe("worstCase", () => {
  it.live("of the standard options is 3 attempts, 30 s, and 1.11 times the load", () =>
    Effect.gen(function*() {
      const found = yield* Explain.worstCase(ResilientHttpClient.standard())
      assert.deepInclude(found, {
        ...{ attempts: 3, attemptsIn: "failing", longestMillis: 30_000, longestIn: "hanging" },
        ...{ amplification: 1.11, calls: 1000, everyMillis: 10 }
      })
      // The breaker opens after 10 failures, and lets a probe through from time to time.
      assert.isAbove(found.guardedAmplification, 0.01)
      assert.isBelow(found.guardedAmplification, 0.03)
      assert.deepStrictEqual(Explain.worstCaseTable(found).split("\n").slice(0, 3), [
        "requests of one call  3     if every attempt fails at once",
        "longest call          30s   if the server never answers",
        "load in an outage     1.11  requests per call, while no guard rejects any"
      ])
    }))

  it.live("without any limit of time is a call that never ends", () =>
    Effect.gen(function*() {
      const found = yield* Explain.worstCase({})
      assert.deepInclude(found, { attempts: 3, longestMillis: Infinity, longestIn: "hanging", amplification: 3 })
      assert.strictEqual(
        Explain.worstCaseTable(found).split("\n").at(-1),
        "result: requests per call 3, longest call unbounded, load in an outage 3"
      )
    }))

  it.live("of a schedule without an end has no bound, unless a deadline or the budget is one", () =>
    Effect.gen(function*() {
      const retry = Schedule.spaced("1 second")
      const endless = { attempts: Infinity, longest: [Infinity, "failing"], load: [Infinity, Infinity] }
      assert.deepStrictEqual(yield* worst({ retry }), endless)
      assert.deepStrictEqual(yield* worst({ retry, deadline: "10 seconds" }), {
        attempts: 10,
        longest: [10_000, "hanging"],
        load: [10, 10]
      })
      const budget = () => ({ retry, budget: HttpRetry.budget(RetryBudget.share({ ratio: 0.5, minPerSecond: 0 })) })
      const budgeted = yield* worst(budget, { calls: 200, every: "10 millis" })
      assert.strictEqual(budgeted.attempts, Infinity)
      assert.isAbove(budgeted.load[0]!, 1.2)
      assert.isAtMost(budgeted.load[0]!, 1.5)
    }))

  it.live("draws the longest delays", () =>
    Effect.gen(function*() {
      const retry = Backoff.exponential("1 second").pipe(Backoff.fullJitter, Backoff.attempts(4))
      assert.deepStrictEqual((yield* worst({ retry, attemptTimeout: "2 seconds" })).longest, [15_000, "hanging"])
    }))

  it.live("finds the longest wait that a server may ask for", () =>
    Effect.gen(function*() {
      const retry = (max: string) =>
        Backoff.attempts(Schedule.spaced("1 second"), 3).pipe(
          HttpRetry.whileRetryable,
          HttpRetry.honorRetryAfter({ max: `${Number(max)} seconds`, jitter: 0.5 })
        )
      const policy = { retry: retry("77"), attemptTimeout: "10 seconds" } as const
      assert.deepStrictEqual((yield* worst(policy)).longest, [3 * 9_999 + 2 * 77_000 * 1.5, "asking"])
      // With a deadline, the wait that ends just before it.
      const limited = yield* worst({ ...policy, deadline: "40 seconds" })
      assert.deepStrictEqual(limited.longest, [40_000, "asking"])
    }))

  it.live("counts the requests of hedges", () =>
    Effect.gen(function*() {
      const hedge = HttpResilience.hedge({ after: "1 second", maxHedges: 2 })
      assert.deepInclude(yield* worst({ retry: false, hedge }), { attempts: 3, load: [3, 3] })
    }))

  it.live("does not count on a breaker that other calls keep closed, nor on one that makes calls wait", () =>
    Effect.gen(function*() {
      const openFor = Schedule.spaced("1 minute")
      const retry = Backoff.attempts(Schedule.spaced("1 second"), 5)
      const breaker = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor })
      const failing = yield* worst({ retry, breaker, attemptTimeout: "1 second" }, { calls: 10 })
      assert.deepInclude(failing, { attempts: 5, longest: [9000, "hanging"] })
      assert.strictEqual(failing.load[0], 5)
      assert.isBelow(failing.load[1]!, 1)
      const waiting = HttpResilience.circuitBreaker({ trip: Tripping.consecutive(2), openFor, onOpen: "wait" })
      const waited = yield* worst({ retry, breaker: waiting, attemptTimeout: "1 second" }, { calls: 10 })
      assert.isAbove(waited.longest[0] as number, 120_000)
    }))

  it.live("sends what it is given", () =>
    Effect.gen(function*() {
      const request = HttpClientRequest.post("http://example.com/")
      const post = yield* Explain.worstCase({ attemptTimeout: "10 seconds" }, { request })
      assert.deepInclude(post, { attempts: 1, longestMillis: 10_000 })
      const unsent = yield* Explain.worstCase({ retryUnsent: true }, { request })
      assert.deepInclude(unsent, { attempts: 3, attemptsIn: "refused" })
    }))

  it("throws at once for an option out of range", () => {
    assert.throws(() => Explain.worstCase({}, { calls: 0 }), InvalidOption)
    assert.throws(() => Explain.worstCase({}, { every: -1 }), InvalidOption)
    assert.throws(() => Explain.worstCase({ deadline: 0 }), InvalidOption)
  })
})
