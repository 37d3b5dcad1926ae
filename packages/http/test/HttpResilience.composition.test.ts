/**
 * Each stage of the pipeline beside each other one that it can be next to, where the stages between them are left out. What
 * has to do with retries and hedges is in `HttpResilience.composition.retry.test.ts`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as HttpResilience from "../src/HttpResilience.js"
import * as Memory from "./support/memory.js"

const { after, busy, down, ended, make, ok, reset, times, together, within } = Memory

const gate = (options?: HttpResilience.RetryAfterGateOptions) =>
  HttpResilience.retryAfterGate({ jitter: 0, ...options })
const bulkhead = (maxConcurrent: number, maxQueued = 0) => HttpResilience.bulkhead({ maxConcurrent, maxQueued })

describe("the gate and the breaker", () => {
  it.effect("the pause is no part of how long the breaker takes a call to last", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker()
      const { call } = yield* make({ gate: gate(), breaker: guard }, busy(10), after("20 millis"))
      yield* together(call())
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(told, [["success", 20]])
    }))

  it.effect("a call that waits at the gate is no probe", () =>
    Effect.gen(function*() {
      const { guard } = Memory.breaker(1)
      // Each path has a gate, and all have one breaker.
      const { call } = yield* make({ gate: gate({ key: ({ url }) => url }), breaker: guard }, busy(90), down)
      assert.deepStrictEqual(yield* together(call("/a")), ["RateLimited"])
      assert.deepStrictEqual(yield* together(call("/b")), ["ServerError"])
      yield* TestClock.adjust("1 minute")
      const paused = yield* Effect.fork(ended(call("/a")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* together(call("/b")), [200])
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(paused), 200)
    }))

  it.effect("what the gate rejects is not told to the breaker", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      const { call } = yield* make({ gate: gate({ onClosed: "reject" }), breaker: guard }, busy(10))
      yield* together(call())
      assert.deepStrictEqual(yield* times(3, call()), ["GateClosed", "GateClosed", "GateClosed"])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* together(call()), [200])
      assert.deepStrictEqual(told, [["success", 0]])
    }))

  it.effect("an answer that says how long to keep away closes the one and opens the other", () =>
    Effect.gen(function*() {
      const unavailable = Memory.unavailable(10)
      const { call, sent } = yield* make({ gate: gate(), breaker: Memory.breaker(1).guard }, unavailable)
      yield* together(call())
      // It waits for the gate, and then the circuit is open for 50 s more.
      assert.strictEqual(yield* within(ended(call()), "10 seconds"), "CircuitOpen")
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(yield* together(call()), [200])
      assert.deepStrictEqual(yield* sent, [0, 60_000])
    }))

  it.effect("an open circuit says nothing to the gate", () =>
    Effect.gen(function*() {
      const { call } = yield* make({ gate: gate({ onClosed: "reject" }), breaker: Memory.breaker(1).guard }, down)
      yield* together(call())
      assert.deepStrictEqual(yield* times(3, call()), ["CircuitOpen", "CircuitOpen", "CircuitOpen"])
    }))
})

describe("the gate and the limits", () => {
  it.effect("a call that waits at the gate holds no permit of the bulkhead and has no place in its queue", () =>
    Effect.gen(function*() {
      const options = { gate: gate({ key: ({ url }) => url }), bulkhead: bulkhead(1) }
      const { call, sent } = yield* make(options, busy(10))
      yield* together(call("/a"))
      const paused = yield* Effect.fork(together(call("/a")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* together(call("/b")), [200])
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* Fiber.join(paused), [200])
      assert.deepStrictEqual(yield* sent, [0, 1_000, 10_000])
    }))

  it.effect("a call that waits at the gate holds no permit of the adaptive limiter, and its pause is no part of its time", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(1)
      const options = { gate: gate({ key: ({ url }) => url }), adaptiveLimiter: guard }
      const { call } = yield* make(options, busy(10), ok, after("20 millis"))
      yield* together(call("/a"))
      const paused = yield* Effect.fork(together(call("/a")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* together(call("/b")), [200])
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(paused), [200])
      assert.deepStrictEqual(shown, [[0, true], [0, false], [20, false]])
    }))

  it.effect("what the gate rejects takes no token, and what it holds back takes one when it goes", () =>
    Effect.gen(function*() {
      const { guard, left } = yield* Memory.tokens(10)
      const { call } = yield* make({ gate: gate({ maxWaiting: 1 }), rateLimiter: guard }, busy(10))
      yield* together(call())
      const calls = yield* Effect.fork(times(3, call()))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* left, 9)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(calls), [200, "GateClosed", "GateClosed"])
      assert.strictEqual(yield* left, 8)
    }))

  it.effect("what the limits reject does not close the gate", () =>
    Effect.gen(function*() {
      const { guard } = yield* Memory.tokens(1)
      const options = { gate: gate({ onClosed: "reject" }), rateLimiter: guard }
      const { call } = yield* make(options)
      assert.deepStrictEqual(yield* together(call(), call(), call()), [200, "RateLimitExceeded", "RateLimitExceeded"])
    }))

  it.effect("an attempt that runs out of its time does not close the gate, and the pause is no part of its time", () =>
    Effect.gen(function*() {
      const hanging = after("1 minute", busy(10))
      const { call, sent } = yield* make({ gate: gate(), attemptTimeout: "1 second" }, hanging, busy(10))
      assert.strictEqual(yield* within(ended(call()), "1 second"), "AttemptTimeout")
      assert.deepStrictEqual(yield* together(call()), ["RateLimited"])
      assert.strictEqual(yield* within(ended(call()), "10 seconds"), 200)
      assert.deepStrictEqual(yield* sent, [0, 1_000, 11_000])
    }))
})

describe("the breaker and the bulkhead", () => {
  it.effect("what finds no permit is not told to the breaker", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      const { call } = yield* make({ breaker: guard, bulkhead: bulkhead(1) }, after("1 second"))
      assert.deepStrictEqual(yield* within(times(3, call())), [200, "BulkheadFull", "BulkheadFull"])
      assert.deepStrictEqual(told, [["success", 1_000]])
    }))

  it.effect("an open circuit takes no permit and no place in the queue", () =>
    Effect.gen(function*() {
      // Each path has a breaker, and all have one bulkhead, which is full.
      const { guard } = Memory.breaker(1, { key: ({ url }) => url })
      const { call } = yield* make({ breaker: guard, bulkhead: bulkhead(1, 1) }, down, after("1 second"))
      yield* together(call("/a"))
      const calls = together(call("/b"), call("/a"), call("/b"), call("/a"), call("/b"))
      assert.deepStrictEqual(yield* within(calls), [200, "CircuitOpen", 200, "CircuitOpen", "BulkheadFull"])
    }))

  it.effect("a probe that finds no permit is none: the next call may be one", () =>
    Effect.gen(function*() {
      // Each path has a breaker, and all have one bulkhead.
      const { guard } = Memory.breaker(1, { key: ({ url }) => url })
      const { call } = yield* make({ breaker: guard, bulkhead: bulkhead(1) }, down, after("1 second"))
      yield* together(call("/a"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* within(together(call("/b"), call("/a")), "1 second"), [200, "BulkheadFull"])
      assert.deepStrictEqual(yield* together(call("/a")), [200])
    }))

  it.effect("a permit is given back after success, failure, defect and interruption", () =>
    Effect.gen(function*() {
      const { call, server } = yield* make({ breaker: Memory.breaker().guard, bulkhead: bulkhead(1) })
      yield* server.script(ok, down, reset, { _tag: "Die", defect: "bug" }, { _tag: "Hang" })
      assert.deepStrictEqual(yield* together(call()), [200])
      assert.deepStrictEqual(yield* together(call()), ["ServerError"])
      assert.deepStrictEqual(yield* together(call()), ["ConnectionLost"])
      yield* Effect.exit(call())
      const hanging = yield* Effect.fork(call())
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(hanging)
      assert.deepStrictEqual(yield* together(call()), [200])
    }))
})

describe("the breaker and the other limits", () => {
  it.effect("what is over the adaptive limit is not told to the breaker", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      const options = { breaker: guard, adaptiveLimiter: Memory.limiter(1).guard }
      const { call } = yield* make(options, after("1 second"))
      assert.deepStrictEqual(yield* within(times(3, call())), [200, "LimitExceeded", "LimitExceeded"])
      assert.deepStrictEqual(told, [["success", 1_000]])
    }))

  it.effect("an open circuit takes no permit of the adaptive limiter, and shows nothing to it", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(1)
      const breaker = Memory.breaker(1, { key: ({ url }) => url }).guard
      const { call } = yield* make({ breaker, adaptiveLimiter: guard }, Memory.unavailable(1), after("1 second"))
      yield* together(call("/a"))
      assert.deepStrictEqual(yield* within(together(call("/b"), call("/a"))), [200, "CircuitOpen"])
      assert.deepStrictEqual(shown, [[0, true], [1_000, false]])
    }))

  it.effect("what finds no token is not told to the breaker", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      const tokens = yield* Memory.tokens(1)
      const { call } = yield* make({ breaker: guard, rateLimiter: tokens.guard })
      assert.deepStrictEqual(yield* times(3, call()), [200, "RateLimitExceeded", "RateLimitExceeded"])
      assert.deepStrictEqual(told, [["success", 0]])
    }))

  it.effect("an open circuit takes no token", () =>
    Effect.gen(function*() {
      const { guard, left } = yield* Memory.tokens(9)
      const { call } = yield* make({ breaker: Memory.breaker(1).guard, rateLimiter: guard }, down)
      yield* together(call())
      yield* times(3, call())
      assert.strictEqual(yield* left, 8)
    }))

  it.effect("a probe that finds no token is none", () =>
    Effect.gen(function*() {
      const { guard } = Memory.breaker(1)
      const tokens = yield* Memory.tokens(1, { window: "3 minutes" })
      const { call } = yield* make({ breaker: guard, rateLimiter: tokens.guard }, down)
      yield* together(call())
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* together(call()), ["RateLimitExceeded"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* together(call()), [200])
    }))
})

describe("the breaker and the attempt timeout", () => {
  it.effect("an attempt that runs out of its time is one failure", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(2)
      const { call } = yield* make(
        { breaker: guard, attemptTimeout: "1 second" },
        after("2 seconds"),
        after("2 seconds")
      )
      assert.strictEqual(yield* within(ended(call())), "AttemptTimeout")
      assert.deepStrictEqual(told, [["failure", 1_000]])
      assert.deepStrictEqual(yield* within(together(call(), call())), ["AttemptTimeout", 200])
      assert.deepStrictEqual(told.map(([outcome]) => outcome), ["failure", "success", "failure"])
    }))

  it.effect("an attempt that the deadline leaves less than its time says nothing of the server", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(1)
      const limits = { attemptTimeout: "2 seconds", deadline: "1 second" } as const
      const { call } = yield* make({ breaker: guard, ...limits }, after("90 seconds"))
      assert.strictEqual(yield* within(ended(call())), "DeadlineExceeded")
      assert.deepStrictEqual(told, [])
      assert.deepStrictEqual(yield* together(call()), [200])
    }))

  it.effect("a caller that gives up says nothing, but where slow calls count", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker()
      const { call } = yield* make({ breaker: guard, attemptTimeout: "1 minute" }, after("30 seconds"))
      const fiber = yield* Effect.fork(call())
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(told, [["interrupted", 10_000]])
    }))
})

describe("the bulkhead and the adaptive limiter", () => {
  it.effect("what is over the limit gives its permit back", () =>
    Effect.gen(function*() {
      const options = { bulkhead: bulkhead(2), adaptiveLimiter: Memory.limiter(1).guard }
      const { call } = yield* make(options, after("1 second"))
      // Two at a time for the bulkhead, of which one is over the limit at once.
      assert.deepStrictEqual(yield* within(times(4, call())), [200, "LimitExceeded", "LimitExceeded", "LimitExceeded"])
    }))

  it.effect("the wait for a permit is no part of what the limiter learns from", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(9)
      const { call } = yield* make(
        { bulkhead: bulkhead(1, 9), adaptiveLimiter: guard },
        after("5 seconds"),
        after("1 second")
      )
      assert.deepStrictEqual(yield* within(times(3, call())), [200, 200, 200])
      assert.deepStrictEqual(shown, [[5_000, false], [1_000, false], [0, false]])
    }))

  it.effect("what finds no permit shows nothing to the limiter", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(9)
      const { call } = yield* make({ bulkhead: bulkhead(1), adaptiveLimiter: guard }, after("1 second"))
      assert.deepStrictEqual(yield* within(times(3, call())), [200, "BulkheadFull", "BulkheadFull"])
      assert.lengthOf(shown, 1)
    }))

  it.effect("a call that waits for the limit holds no permit: the smaller of the two is how many run", () =>
    Effect.gen(function*() {
      const options = { bulkhead: bulkhead(2), adaptiveLimiter: Memory.limiter(1, { maxQueued: 9 }).guard }
      const { call, sent } = yield* make(options, after("1 second"), after("1 second"))
      assert.deepStrictEqual(yield* within(times(3, call())), [200, 200, 200])
      assert.deepStrictEqual(yield* sent, [0, 1_000, 2_000])
    }))
})

describe("the limits of how many run and the rate limiter", () => {
  const limits = [
    ["bulkhead", { bulkhead: bulkhead(1) }, "BulkheadFull"],
    ["adaptive limiter", { adaptiveLimiter: Memory.limiter(1).guard }, "LimitExceeded"]
  ] as const

  it.effect.each(limits)("what finds no token gives its permit back: the %s", ([, limit]) =>
    Effect.gen(function*() {
      const { guard } = yield* Memory.tokens(1, { window: "1 minute" })
      const { call } = yield* make({ ...limit, rateLimiter: guard })
      assert.deepStrictEqual(yield* times(3, call()), [200, "RateLimitExceeded", "RateLimitExceeded"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* together(call()), [200])
    }))

  it.effect.each(limits)("what finds no permit takes no token: the %s", ([, limit, tag]) =>
    Effect.gen(function*() {
      const rateLimiter = HttpResilience.rateLimiter({ limit: 2, window: "1 day" })
      const { call } = yield* make({ ...limit, rateLimiter }, after("1 second"))
      assert.deepStrictEqual(yield* within(times(3, call()), "1 minute"), [200, tag, tag])
      assert.deepStrictEqual(yield* within(together(call()), "1 minute"), [200])
      assert.deepStrictEqual(yield* within(together(call()), "1 minute"), ["RateLimitExceeded"])
    }))

  it.effect.each(limits)(
    "who is interrupted while it waits for a token gives its permit back: the %s",
    ([, limit]) =>
      Effect.gen(function*() {
        const { guard, waiting } = yield* Memory.tokens(1, { window: "1 minute", onExceeded: "delay" })
        const { call } = yield* make({ ...limit, rateLimiter: guard })
        yield* together(call())
        const fiber = yield* Effect.fork(call())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* waiting, 1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* waiting, 0)
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(yield* together(call()), [200])
      })
  )

  it.effect("what finds no token says nothing of the load", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(1)
      const tokens = yield* Memory.tokens(1)
      const { call } = yield* make({ adaptiveLimiter: guard, rateLimiter: tokens.guard })
      yield* times(3, call())
      assert.deepStrictEqual(shown, [[0, false]])
    }))
})

describe("the guards and the attempt timeout", () => {
  const queueing = [
    ["bulkhead", { bulkhead: bulkhead(1, 9) }],
    ["adaptive limiter", { adaptiveLimiter: Memory.limiter(1, { maxQueued: 9 }).guard }]
  ] as const

  it.effect.each(queueing)(
    "the wait for a permit is no part of the attempt's time: the %s",
    ([, limit]) =>
      Effect.gen(function*() {
        const slow = after("1900 millis")
        const { call, sent } = yield* make({ ...limit, attemptTimeout: "2 seconds" }, slow, slow, slow)
        assert.deepStrictEqual(yield* within(times(3, call())), [200, 200, 200])
        assert.deepStrictEqual(yield* sent, [0, 1_900, 3_800])
      })
  )

  it.effect.each(queueing)(
    "an attempt that runs out of its time gives its permit back then: the %s",
    ([, limit]) =>
      Effect.gen(function*() {
        const { call, sent } = yield* make({ ...limit, attemptTimeout: "2 seconds" }, after("1 minute"))
        assert.deepStrictEqual(yield* within(times(2, call())), ["AttemptTimeout", 200])
        assert.deepStrictEqual(yield* sent, [0, 2_000])
      })
  )

  it.effect("an attempt that runs out of its time is a drop to the adaptive limiter, once", () =>
    Effect.gen(function*() {
      const { guard, shown } = Memory.limiter(1)
      const { call } = yield* make({ adaptiveLimiter: guard, attemptTimeout: "2 seconds" }, after("1 minute"))
      yield* within(together(call()))
      assert.deepStrictEqual(shown, [[2_000, true]])
    }))

  it.effect("the wait for a token is no part of the attempt's time", () =>
    Effect.gen(function*() {
      const { guard } = yield* Memory.tokens(1, { window: "1 minute", onExceeded: "delay" })
      const slow = after("1900 millis")
      const { call, sent } = yield* make({ rateLimiter: guard, attemptTimeout: "2 seconds" }, ok, slow)
      assert.deepStrictEqual(yield* within(times(2, call())), [200, 200])
      assert.deepStrictEqual(yield* sent, [0, 60_000])
    }))

  it.effect("the token of an attempt that runs out of its time is spent", () =>
    Effect.gen(function*() {
      const { guard, left } = yield* Memory.tokens(9)
      const { call } = yield* make({ rateLimiter: guard, attemptTimeout: "2 seconds" }, after("1 minute"))
      yield* within(together(call()), "2 seconds")
      assert.strictEqual(yield* left, 8)
    }))
})

describe("the attempt timeout and the transport", () => {
  it.effect("the request is aborted when its time is up, and at no other time", () =>
    Effect.gen(function*() {
      const { call, server } = yield* make({ attemptTimeout: "2 seconds" }, after("1 minute"), after("1999 millis"))
      assert.deepStrictEqual(yield* within(times(2, call())), ["AttemptTimeout", 200])
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, false])
    }))

  it.effect("what the transport fails with stays what it is", () =>
    Effect.gen(function*() {
      const { call } = yield* make({ attemptTimeout: "2 seconds" }, after("1 second", reset), after("3 seconds", reset))
      assert.deepStrictEqual(yield* within(times(2, call())), ["ConnectionLost", "AttemptTimeout"])
    }))
})

describe("the deadline and the guards", () => {
  const reasonOf = (call: Memory.Call) =>
    Effect.map(Effect.flip(call), (failure) => "reason" in failure ? [failure._tag, failure.reason] : [failure._tag])

  const queueing = [
    ["bulkhead", { bulkhead: bulkhead(1, 9) }, "BulkheadFull"],
    ["adaptive limiter", { adaptiveLimiter: Memory.limiter(1, { maxQueued: 9 }).guard }, "LimitExceeded"]
  ] as const

  it.effect.each(queueing)("the time in a queue is part of the call's: the %s", ([, limit]) =>
    Effect.gen(function*() {
      const { call, sent, server } = yield* make(
        { ...limit, deadline: "3 seconds" },
        after("2 seconds"),
        after("2 seconds")
      )
      const calls = yield* Effect.fork(times(2, call()))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* Fiber.join(calls), [200, "DeadlineExceeded"])
      assert.deepStrictEqual(yield* sent, [0, 2_000])
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [false, true])
    }))

  it.effect.each(queueing)(
    "a call leaves the queue at its deadline, and nothing is sent for it: the %s",
    ([, limit, tag]) =>
      Effect.gen(function*() {
        const { call, sent } = yield* make({ ...limit, deadline: "3 seconds" }, { _tag: "Hang" }, { _tag: "Hang" })
        yield* Effect.fork(call())
        const waiting = yield* Effect.fork(Effect.all([call(), call()].map(reasonOf), { concurrency: "unbounded" }))
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* Fiber.join(waiting), [[tag, "deadline"], [tag, "deadline"]])
        assert.deepStrictEqual(yield* sent, [0])
        assert.deepStrictEqual(yield* within(together(call()), "3 seconds"), ["DeadlineExceeded"])
      })
  )

  it.effect("no call begins to wait for a token that comes after its deadline", () =>
    Effect.gen(function*() {
      const { guard, waiting } = yield* Memory.tokens(1, { window: "1 minute", onExceeded: "delay" })
      const { call } = yield* make({ rateLimiter: guard, deadline: "30 seconds" })
      assert.deepStrictEqual(yield* times(2, call()), [200, "RateLimitExceeded"])
      assert.strictEqual(yield* waiting, 0)
    }))

  it.effect("the wait for a token is part of the call's time", () =>
    Effect.gen(function*() {
      const { guard } = yield* Memory.tokens(1, { window: "1 minute", onExceeded: "delay" })
      const { call } = yield* make({ rateLimiter: guard, deadline: "61 seconds" }, ok, after("2 seconds"))
      assert.deepStrictEqual(yield* within(times(2, call()), "61 seconds"), [200, "DeadlineExceeded"])
    }))

  it.effect("no call begins to wait for a gate that opens after its deadline; the pause is part of the call's time", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ gate: gate(), deadline: "30 seconds" }, busy(40), after("25 seconds"))
      yield* together(call())
      assert.deepStrictEqual(yield* reasonOf(call()), ["GateClosed", "deadline"])
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* within(ended(call()), "30 seconds"), "DeadlineExceeded")
      assert.deepStrictEqual(yield* sent, [0, 40_000])
    }))

  it.effect("no call begins to wait for a circuit that is open for longer than until its deadline", () =>
    Effect.gen(function*() {
      const { guard } = Memory.breaker(1, { onOpen: "wait" })
      const { call, sent } = yield* make({ breaker: guard, deadline: "30 seconds" }, down)
      yield* together(call())
      assert.deepStrictEqual(yield* together(call()), ["CircuitOpen"])
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* within(ended(call()), "30 seconds"), 200)
      assert.lengthOf(yield* sent, 2)
    }))

  it.effect("an attempt has what is left of the call's time where that is less than its own", () =>
    Effect.gen(function*() {
      const options = { bulkhead: bulkhead(1, 1), attemptTimeout: "2 seconds", deadline: "3 seconds" } as const
      const { call, server } = yield* make(options, after("1 minute"), after("1 minute"))
      assert.deepStrictEqual(yield* within(times(2, call()), "3 seconds"), ["AttemptTimeout", "DeadlineExceeded"])
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, true])
    }))
})
