/**
 * The deadline, the keys, the retries with their budget, and the hedges, beside each other and beside the guards that each of
 * their attempts has to pass.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Duration } from "effect"
import { Effect, Fiber, TestClock } from "effect"
import * as RetryBudget from "reprise/RetryBudget"
import * as HttpResilience from "../src/HttpResilience.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const { after, attempts, busy, down, ended, make, ok, reset, times, together, within } = Memory

const bulkhead = (maxConcurrent: number, maxQueued = 0) => HttpResilience.bulkhead({ maxConcurrent, maxQueued })
const gate = (options?: HttpResilience.RetryAfterGateOptions) =>
  HttpResilience.retryAfterGate({ jitter: 0, ...options })
const hedge = (after: Duration.DurationInput, maxHedges = 1) => HttpResilience.hedge({ after, maxHedges })

/** So many retries and hedges in all. */
const budget = (retries: number) =>
  Effect.map(RetryBudget.tokens({ capacity: Math.max(retries, 1), cost: 1, onSuccess: 0 }), (budget) => ({
    of: () => Effect.succeed(budget),
    empty: retries === 0 ? RetryBudget.tryWithdraw(budget) : Effect.void,
    snapshot: Effect.map(
      RetryBudget.snapshot(budget),
      ({ balance, refused, withdrawn }) => ({ balance, refused, withdrawn })
    )
  }))

/** Why each attempt of a call was followed by a wait, or by none. */
const reasons = (call: Memory.Call) =>
  Effect.match(call, {
    onSuccess: (response) => HttpResilience.attempts(response).map(({ reason }) => reason),
    onFailure: (failure) =>
      ("attempts" in failure
        ? failure.attempts
        : HttpResilience.attempts(failure as ResilientHttpClient.Rejection)).map(({ reason }) => reason)
  })

const keysOf = (server: Effect.Effect.Success<ReturnType<typeof make>>["server"]) =>
  Effect.map(server.requests, (all) => all.map(({ headers }) => headers["idempotency-key"]))

describe("the deadline, the keys and the retries", () => {
  it.effect("all attempts of a call have the same key, and no other call has it", () =>
    Effect.gen(function*() {
      const { post, server } = yield* make({ idempotencyKeys: true, retry: attempts(3) }, down, reset, ok, down)
      assert.deepStrictEqual(yield* within(Effect.all([ended(post), ended(post)])), [200, 200])
      const [first, ...keys] = yield* keysOf(server)
      assert.isString(first)
      assert.deepStrictEqual(keys.map((key) => key === first), [true, true, false, false])
      assert.strictEqual(keys[2], keys[3])
    }))

  it.effect("a call that runs out of its time keeps its key till then", () =>
    Effect.gen(function*() {
      const options = { idempotencyKeys: true, retry: attempts(9), deadline: "3500 millis" } as const
      const { post, sent, server } = yield* make(options, down, down, down, down, down)
      assert.strictEqual(yield* within(ended(post)), "DeadlineExceeded")
      assert.deepStrictEqual(yield* sent, [0, 1_000, 2_000, 3_000])
      assert.strictEqual(new Set(yield* keysOf(server)).size, 1)
    }))

  it.effect("without a key nothing that may have been done is sent again", () =>
    Effect.gen(function*() {
      const { post, sent } = yield* make({ retry: attempts(3) }, reset)
      assert.strictEqual(yield* within(ended(post)), "ConnectionLost")
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("no wait begins that the deadline would end", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ retry: attempts(9), deadline: "1500 millis" }, down, down)
      assert.deepStrictEqual(yield* within(reasons(call()), "1 second"), [])
      assert.deepStrictEqual(yield* sent, [0, 1_000])
    }))
})

describe("the retries and their budget", () => {
  it.effect("each retry is paid for before it is waited for, and what is refused is not made", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(2)
      const { call, sent } = yield* make({ retry: attempts(9), budget: of }, down, down, down, down)
      assert.deepStrictEqual(yield* within(reasons(call())), ["backoff", "backoff", "budget"])
      assert.deepStrictEqual(yield* sent, [0, 1_000, 2_000])
      assert.deepStrictEqual(yield* snapshot, { balance: 0, refused: 1, withdrawn: 2 })
    }))

  it.effect("it is not asked for what would not be made anyway", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(9)
      const options = { retry: attempts(2), budget: of, deadline: "500 millis" } as const
      const { call, post } = yield* make(options, down, reset)
      // No time for the wait; no right to send it again.
      yield* within(together(call()), "400 millis")
      yield* within(together(post), "400 millis")
      assert.deepStrictEqual(yield* snapshot, { balance: 9, refused: 0, withdrawn: 0 })
    }))

  it.effect("a retry whose wait is interrupted is paid back", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(1)
      const { call } = yield* make({ retry: attempts(9), budget: of }, down)
      const fiber = yield* Effect.fork(call())
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* snapshot, { balance: 1, refused: 0, withdrawn: 0 })
    }))
})

describe("the retries and the gate", () => {
  it.effect("a retry goes when the server said, and not the backoff later", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ gate: gate(), retry: attempts(2) }, busy(10))
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 10_000])
    }))

  it.effect("a gate that rejects ends the retries, after one attempt", () =>
    Effect.gen(function*() {
      const { call, sent } = yield* make({ gate: gate({ onClosed: "reject" }), retry: attempts(9) }, busy(10))
      assert.deepStrictEqual(yield* within(reasons(call()), "5 seconds"), ["backoff", "gateClosed"])
      assert.deepStrictEqual(yield* within(reasons(call()), "1 second"), ["gateClosed"])
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("calls that wait at the gate have failed nothing and pay for nothing", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(9)
      const { call, sent } = yield* make({ gate: gate(), retry: attempts(9), budget: of }, busy(10))
      const first = yield* Effect.fork(reasons(call()))
      yield* TestClock.adjust("5 seconds")
      const others = yield* Effect.fork(Effect.all([reasons(call()), reasons(call())], { concurrency: "unbounded" }))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(first), ["backoff", "success"])
      assert.deepStrictEqual(yield* Fiber.join(others), [["success"], ["success"]])
      assert.deepStrictEqual(yield* sent, [0, 10_000, 10_000, 10_000])
      assert.deepInclude(yield* snapshot, { refused: 0, withdrawn: 1 })
    }))
})

describe("the retries and the breaker", () => {
  it.effect("each attempt is told to the breaker, and the one that opens it is the last", () =>
    Effect.gen(function*() {
      const { guard, told } = Memory.breaker(2)
      const { call, sent } = yield* make({ breaker: guard, retry: attempts(9) }, down, reset)
      assert.deepStrictEqual(yield* within(reasons(call()), "2 seconds"), ["backoff", "circuitOpen"])
      assert.deepStrictEqual(yield* sent, [0, 1_000])
      assert.deepStrictEqual(told, [["failure", 0], ["failure", 0]])
    }))

  it.effect("a circuit that is opened by others ends the retries without another attempt or withdrawal", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(9)
      const { guard } = Memory.breaker(2)
      const { call, sent } = yield* make({ breaker: guard, retry: attempts(9), budget: of }, down, down)
      const fiber = yield* Effect.fork(reasons(call()))
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* reasons(call()), ["circuitOpen"])
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["backoff", "circuitOpen"])
      assert.deepStrictEqual(yield* sent, [0, 500])
      assert.deepStrictEqual(yield* snapshot, { balance: 8, refused: 0, withdrawn: 1 })
    }))

  it.effect("where calls wait for the circuit, a retry goes when it may probe", () =>
    Effect.gen(function*() {
      const { guard } = Memory.breaker(1, { onOpen: "wait" })
      const { call, sent } = yield* make({ breaker: guard, retry: attempts(2) }, down)
      assert.strictEqual(yield* within(ended(call())), 200)
      const [, second] = yield* sent
      assert.isAtLeast(second!, 60_000)
      assert.isAtMost(second!, 67_000)
    }))
})

describe("the retries and the limits", () => {
  const limits = [
    ["bulkhead", { bulkhead: bulkhead(1) }, "BulkheadFull", "bulkheadFull"],
    ["adaptive limiter", { adaptiveLimiter: Memory.limiter(1).guard }, "LimitExceeded", "limitExceeded"]
  ] as const

  it.effect.each(limits)(
    "a call that waits to try again holds no permit: the %s",
    ([, limit]) =>
      Effect.gen(function*() {
        const { call, sent } = yield* make({ ...limit, retry: attempts(2) }, down)
        const fiber = yield* Effect.fork(ended(call()))
        yield* TestClock.adjust("500 millis")
        assert.deepStrictEqual(yield* together(call()), [200])
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* Fiber.join(fiber), 200)
        assert.deepStrictEqual(yield* sent, [0, 500, 1_000])
      })
  )

  it.effect.each(limits)(
    "what finds no permit is not tried again, nor paid for: the %s",
    ([, limit, tag, reason]) =>
      Effect.gen(function*() {
        const { of, snapshot } = yield* budget(9)
        const { call, sent } = yield* make({ ...limit, retry: attempts(9), budget: of }, after("5 seconds"))
        yield* Effect.fork(call())
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* ended(call()), tag)
        assert.deepStrictEqual(yield* reasons(call()), [reason])
        assert.deepStrictEqual(yield* sent, [0])
        assert.deepStrictEqual(yield* snapshot, { balance: 9, refused: 0, withdrawn: 0 })
      })
  )

  it.effect.each(limits)(
    "a retry that finds no permit is the end of the call: the %s",
    ([, limit, , reason]) =>
      Effect.gen(function*() {
        const { call } = yield* make({ ...limit, retry: attempts(9) }, down, after("5 seconds"))
        const fiber = yield* Effect.fork(reasons(call()))
        yield* TestClock.adjust("500 millis")
        yield* Effect.fork(call())
        yield* TestClock.adjust("500 millis")
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["backoff", reason])
      })
  )

  it.effect("each attempt takes a token, and what finds none is the end of the call", () =>
    Effect.gen(function*() {
      const { guard, left } = yield* Memory.tokens(2)
      const { call, sent } = yield* make({ rateLimiter: guard, retry: attempts(9) }, down, down, down)
      assert.deepStrictEqual(yield* within(reasons(call())), ["backoff", "backoff", "rateLimited"])
      assert.deepStrictEqual(yield* sent, [0, 1_000])
      assert.strictEqual(yield* left, 0)
    }))

  it.effect("each attempt has all of its time, and one that runs out of it is tried again", () =>
    Effect.gen(function*() {
      const slow = after("1 minute")
      const { call, sent, server } = yield* make({ attemptTimeout: "2 seconds", retry: attempts(3) }, slow, slow)
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 3_000, 6_000])
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, true, false])
    }))
})

describe("the hedges and what is around them", () => {
  const slow = after("1 minute")

  it.effect("a hedge has the key of the attempt that it is beside", () =>
    Effect.gen(function*() {
      const options = { idempotencyKeys: true, hedge: hedge("1 second"), retry: attempts(3) } as const
      const { post, server } = yield* make(options, after("2 seconds", down), after("2 seconds", down), slow)
      assert.strictEqual(yield* within(ended(post)), 200)
      const keys = yield* keysOf(server)
      assert.lengthOf(keys, 4)
      assert.strictEqual(new Set(keys).size, 1)
      assert.isString(keys[0])
    }))

  it.effect("each attempt of the retries is hedged, and is tried again once all of it has failed", () =>
    Effect.gen(function*() {
      const failing = after("3 seconds", down)
      const { call, sent } = yield* make(
        { hedge: hedge("1 second"), retry: attempts(3) },
        failing,
        failing,
        failing,
        failing
      )
      assert.deepStrictEqual(yield* within(reasons(call())), ["backoff", "attempts"])
      assert.deepStrictEqual(yield* sent, [0, 1_000, 5_000, 6_000])
    }))

  it.effect("a hedge counts as an attempt of the retries", () =>
    Effect.gen(function*() {
      const failing = after("9 seconds", down)
      const steps = Array(9).fill(failing)
      for (const [count, hedges, requests] of [[2, 1, 2], [3, 1, 4], [4, 1, 4], [3, 5, 6], [7, 2, 9]] as const) {
        const { call, sent } = yield* make({ hedge: hedge("1 second", hedges), retry: attempts(count) }, ...steps)
        assert.strictEqual(yield* within(ended(call())), "ServerError")
        assert.lengthOf(yield* sent, requests)
      }
    }))

  it.effect("hedges and retries draw on one budget", () =>
    Effect.gen(function*() {
      const { of, snapshot } = yield* budget(2)
      const failing = after("3 seconds", down)
      const options = { hedge: hedge("1 second"), retry: attempts(9), budget: of }
      const { call, sent } = yield* make(options, failing, failing, failing)
      assert.deepStrictEqual(yield* within(reasons(call())), ["backoff", "budget"])
      // A hedge, a retry, and then neither.
      assert.deepStrictEqual(yield* sent, [0, 1_000, 5_000])
      assert.deepStrictEqual(yield* snapshot, { balance: 0, refused: 2, withdrawn: 2 })
    }))

  it.effect("a budget that is spent makes no hedge, and fails nothing", () =>
    Effect.gen(function*() {
      const { empty, of } = yield* budget(0)
      yield* empty
      const { call, sent } = yield* make(
        { hedge: hedge("1 second"), retry: attempts(9), budget: of },
        after("3 seconds")
      )
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0])
    }))

  it.effect("the deadline ends all attempts of a call, and no hedge is sent after it", () =>
    Effect.gen(function*() {
      const { call, sent, server } = yield* make(
        { hedge: hedge("1 second", 9), deadline: "2500 millis" },
        slow,
        slow,
        slow
      )
      assert.strictEqual(yield* within(ended(call())), "DeadlineExceeded")
      assert.deepStrictEqual(yield* sent, [0, 1_000, 2_000])
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, true, true])
    }))
})

describe("the hedges and the guards", () => {
  const slow = after("1 minute")

  it.effect("a hedge passes all guards, as every attempt does", () =>
    Effect.gen(function*() {
      const { guard: breaker, told } = Memory.breaker()
      const { guard: adaptiveLimiter, shown } = Memory.limiter(9)
      const { guard: rateLimiter, left } = yield* Memory.tokens(9)
      const options = { hedge: hedge("1 second"), breaker, bulkhead: bulkhead(2), adaptiveLimiter, rateLimiter }
      const { call, sent } = yield* make(options, slow, after("2 seconds"))
      const calls = yield* Effect.fork(ended(call()))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* together(call()), ["BulkheadFull"])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(calls), 200)
      assert.deepStrictEqual(yield* sent, [0, 1_000])
      assert.strictEqual(yield* left, 7)
      // The one that lost was interrupted, and the one that won has told how long it took from when it was sent.
      assert.deepStrictEqual(told, [["success", 2_000], ["interrupted", 3_000]])
      assert.deepStrictEqual(shown, [[2_000, false]])
    }))

  it.effect("the attempt that lost gives its permit back before the call ends", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("1 second"), bulkhead: bulkhead(2) }
      const { call, server } = yield* make(options, slow, after("1 second"))
      assert.strictEqual(yield* within(ended(call()), "2 seconds"), 200)
      yield* server.script(after("500 millis"), after("500 millis"))
      assert.deepStrictEqual(yield* within(times(3, call()), "500 millis"), [200, 200, "BulkheadFull"])
    }))

  it.effect("each attempt has its own time, from when it was sent", () =>
    Effect.gen(function*() {
      const { call, server } = yield* make({ hedge: hedge("1 second"), attemptTimeout: "2 seconds" }, slow, slow)
      const fiber = yield* Effect.fork(ended(call()))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, false])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "AttemptTimeout")
      assert.deepStrictEqual((yield* server.requests).map(({ aborted }) => aborted), [true, true])
    }))

  it.effect("a retry beside a hedge waits at the gate as long as the server asks", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("5 seconds"), gate: gate(), retry: attempts(2) }
      const { call, sent } = yield* make(options, busy(10))
      assert.strictEqual(yield* within(ended(call())), 200)
      assert.deepStrictEqual(yield* sent, [0, 10_000])
    }))

  it.effect("an attempt that fails opens the circuit for the retry that would follow", () =>
    Effect.gen(function*() {
      const options = { hedge: hedge("5 seconds"), breaker: Memory.breaker(1).guard, retry: attempts(2) }
      const { call, sent } = yield* make(options, down)
      assert.strictEqual(yield* within(ended(call())), "ServerError")
      assert.deepStrictEqual(yield* sent, [0])
    }))
})
