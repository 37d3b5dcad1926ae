import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Policy from "reprise/Policy"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import { AttemptTimeout } from "reprise/Timeout"
import * as Tripping from "reprise/Tripping"

type Admit = Policy.Admit

/** Writes down what the shell does with it. */
const spy = (name: string, log: Array<string>, options: Partial<Policy.Full<never>> = {}) => {
  const admit: Admit = {
    _tag: "Admit",
    holds: true,
    take: () => {
      log.push(`${name} takes`)
      return {
        settle: ({ exit }) => {
          log.push(`${name} settles with a ${exit._tag.toLowerCase()}`)
        },
        withdraw: () => log.push(`${name} withdraws`)
      }
    }
  }
  return Policy.make<never>({
    kind: "resource",
    holds: true,
    decide: () => {
      log.push(`${name} looks`)
      return admit
    },
    ...options
  })
}

const rejecting = (error: string) => Policy.make({ admit: () => error })

describe("a list of policies", () => {
  it.effect("looks in order, takes in order, and settles in reverse order", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Policy.protect(Effect.sync(() => log.push("runs")), [spy("a", log), spy("b", log)])
      assert.deepStrictEqual(log, [
        "a looks",
        "b looks",
        "a takes",
        "b takes",
        "runs",
        "b settles with a success",
        "a settles with a success"
      ])
    }))

  it.effect("takes nothing of any policy if one of them rejects", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const error = yield* Effect.flip(Policy.protect(Effect.void, [spy("a", log), rejecting("no"), spy("b", log)]))
      assert.strictEqual(error, "no")
      assert.deepStrictEqual(log, ["a looks"])
    }))

  it("may not have the same policy twice", () => {
    const policy = rejecting("no")
    assert.throws(() => Policy.protect(Effect.void, [policy, policy]), InvalidOption)
  })

  it.effect("runs the effect as it is if it is empty", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* Policy.protect(Effect.succeed(1), []), 1)
    }))
})

describe("a policy that throws", () => {
  const bulkheads = Effect.all([Bulkhead.make({ maxConcurrent: 1 }), Bulkhead.make({ maxConcurrent: 1 })])
  const running = (...all: ReadonlyArray<Bulkhead.Bulkhead>) =>
    Effect.forEach(all, (one) => Effect.map(Bulkhead.snapshot(one), ({ running }) => running))
  const bug = () => {
    throw new Error("bug")
  }
  const policies = {
    "while it looks": { decide: bug },
    "while it takes": { decide: (): Admit => ({ _tag: "Admit", holds: true, take: bug }) },
    "while it settles": { decide: (): Admit => ({ _tag: "Admit", holds: true, take: () => ({ settle: bug }) }) }
  }
  for (const [when, options] of Object.entries(policies)) {
    it.effect(`${when} makes the call die, and no permit is lost`, () =>
      Effect.gen(function*() {
        const [before, after] = yield* bulkheads
        const broken = spy("broken", [], options)
        const exit = yield* Effect.exit(Policy.protect(Effect.void, [before, broken, after]))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
        assert.deepStrictEqual(yield* running(before, after), [0, 0])
      }))
  }
})

describe("a wait", () => {
  it.effect("keeps what earlier resources have granted, and gives back what later ones have", () =>
    Effect.gen(function*() {
      const first = yield* Bulkhead.make({ key: "first", maxConcurrent: 1, maxQueued: 5 })
      const second = yield* Bulkhead.make({ key: "second", maxConcurrent: 1, maxQueued: 5 })
      const release = yield* Deferred.make<void>()
      const blocker = yield* Effect.fork(Bulkhead.protect(Deferred.await(release), second))
      yield* Effect.yieldNow()
      // Both take the two bulkheads in opposite order: neither may hold one while it waits for the other, or both would hang.
      const one = yield* Effect.fork(Policy.protect(Effect.succeed("one"), [first, second]))
      const two = yield* Effect.fork(Policy.protect(Effect.succeed("two"), [second, first]))
      yield* Effect.yieldNow()
      yield* Deferred.succeed(release, undefined)
      assert.deepStrictEqual(yield* Effect.all([Fiber.join(one), Fiber.join(two)]), ["one", "two"])
      yield* Fiber.join(blocker)
    }))

  it.effect("asks every judge anew after it, and refunds the tokens of a call that is rejected then", () =>
    Effect.gen(function*() {
      let isOpen = false
      const judge = Policy.make({ admit: () => isOpen ? "open" as const : undefined })
      const limiter = yield* RateLimiter.make({ limit: 1, window: 100, onExceeded: "delay" })
      yield* RateLimiter.consume(limiter)
      const call = yield* Effect.fork(Effect.flip(Policy.protect(Effect.void, [judge, limiter])))
      yield* TestClock.adjust(50)
      isOpen = true
      yield* TestClock.adjust(50)
      assert.strictEqual(yield* Fiber.join(call), "open")
      assert.strictEqual((yield* RateLimiter.snapshot(limiter)).remaining, 1)
    }))

  it.effect("ends at the deadline with the rejection of the policy that it waits for", () =>
    Effect.gen(function*() {
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1, maxQueued: 1 })
      yield* Effect.fork(Bulkhead.protect(Effect.never, bulkhead))
      yield* Effect.yieldNow()
      const call = yield* Policy.protect(Effect.void, [bulkhead]).pipe(
        Deadline.locally((yield* Deadline.now) + 100),
        Effect.flip,
        Effect.fork
      )
      yield* TestClock.adjust(100)
      assert.strictEqual((yield* Fiber.join(call))._tag, "BulkheadFull")
    }))
})

describe("the end of an attempt", () => {
  it.effect("is timed from the step in which it began, by the clock of the fiber", () =>
    Effect.gen(function*() {
      const ends: Array<Policy.End> = []
      const policy = Policy.make({
        admit: () => undefined,
        settle: (end) => void ends.push({ ...end, tookMillis: end.tookMillis, nowMillis: end.nowMillis })
      })
      const fiber = yield* Effect.fork(Policy.protect(Effect.sleep(250), [policy]))
      yield* TestClock.adjust(250)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        ends.map(({ nowMillis, startMillis, tookMillis }) => [startMillis, nowMillis, tookMillis]),
        [[0, 250, 250]]
      )
    }))

  it.effect("is told to a policy although the attempt was interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const fiber = yield* Effect.fork(Policy.protect(Effect.never, [spy("a", log)]))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(log.at(-1), "a settles with a failure")
    }))

  it.effect("is refined by an effect that no interruption cuts, before the caller goes on", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const policy = spy("a", log, {
        decide: () => ({
          _tag: "Admit",
          holds: true,
          take: () => ({ settle: () => Effect.zipRight(Effect.sleep(100), Effect.sync(() => log.push("refined"))) })
        })
      })
      const fiber = yield* Effect.fork(Policy.protect(Effect.sync(() => log.push("runs")), [policy]))
      yield* Effect.yieldNow()
      const interruption = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(100)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(log, ["runs", "refined"])
    }))
})

describe("a turn that has no time of its own and holds nothing", () => {
  const waiting = () => {
    let isOver = false
    const ticket: Policy.Ticket = {}
    const turn: Policy.Turn<string> = {
      onWake: undefined,
      poll: (_, isPastDeadline) => isPastDeadline ? { _tag: "Reject", error: "late" } : isOver ? ticket : undefined
    }
    const wait: Policy.Wait<string> = { _tag: "Wait", enter: () => turn }
    const policy = Policy.make<string>({ kind: "resource", holds: true, decide: () => wait })
    const wake = () => {
      isOver = true
      turn.onWake?.()
    }
    return { turn, wake, call: Policy.protect(Effect.succeed("ran"), [policy]) }
  }

  it.effect("is polled when its policy wakes it", () =>
    Effect.gen(function*() {
      const { call, wake } = waiting()
      const fiber = yield* Effect.fork(call)
      yield* TestClock.adjust("1 hour")
      assert.isNull(fiber.unsafePoll())
      wake()
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed("ran"))
    }))

  it.effect("is polled at the deadline", () =>
    Effect.gen(function*() {
      const { call } = waiting()
      const fiber = yield* Effect.fork(Deadline.locally(call, (yield* Deadline.now) + 1_000))
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("late"))
    }))

  it.effect("ends with an interruption of its call", () =>
    Effect.gen(function*() {
      const { call, turn } = waiting()
      const fiber = yield* Effect.fork(call)
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      assert.isUndefined(turn.onWake)
    }))
})

describe("the rejections of the policies", () => {
  it.effect("are hints that say when another call may be admitted, if anybody can say", () =>
    Effect.gen(function*() {
      const tripped = yield* CircuitBreaker.make({
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("1 second")
      })
      yield* CircuitBreaker.trip(tripped)
      const isolated = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
      yield* CircuitBreaker.isolate(isolated)
      const bulkhead = yield* Bulkhead.make({ maxConcurrent: 1 })
      const limiter = yield* AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd({ max: 1 }) })
      yield* Effect.fork(Policy.protect(Effect.never, [bulkhead, limiter]))
      yield* TestClock.adjust(0)
      const rate = yield* RateLimiter.make({ limit: 1, window: "1 second" })
      yield* RateLimiter.consume(rate)
      const costly = RateLimiter.consume(rate, { tokens: 2 })
      const timeout = new AttemptTimeout({ duration: Duration.seconds(1) })
      const budget = yield* RetryBudget.tokens({ capacity: 1, cost: 1 })
      const guarded = [tripped, isolated, bulkhead, limiter, rate].map((policy) =>
        Policy.protect(Effect.void, [policy])
      )
      const rejections = [
        ...(yield* Effect.forEach(guarded, Effect.flip)),
        yield* Effect.flip(costly),
        yield* Effect.flip(RetryBudget.retry(Effect.fail(timeout), Schedule.forever, budget))
      ]
      const second = Option.some(Duration.seconds(1))
      assert.deepStrictEqual(rejections.map(({ _tag, retryAfter, retryable }) => [_tag, retryable, retryAfter]), [
        ["CircuitOpen", false, second],
        ["CircuitOpen", false, Option.none()],
        ["BulkheadFull", false, Option.none()],
        ["LimitExceeded", false, Option.none()],
        ["RateLimitExceeded", false, second],
        ["RateLimitExceeded", false, Option.none()],
        ["BudgetExhausted", false, Option.none()]
      ])
    }))
})
