import { assert, describe, it, vi } from "@effect/vitest"
import type { Layer } from "effect"
import {
  Cause,
  Config,
  type ConfigError,
  Context,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Option,
  TestClock
} from "effect"
import { inspect } from "node:util"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Tripping from "reprise/Tripping"
import * as Services from "./services.js"

type Handle = Bulkhead.Bulkhead
type Options = Bulkhead.Options
type CallOptions = Bulkhead.CallOptions

const make = (options: Partial<Options> = {}) => Bulkhead.make({ maxConcurrent: 1, ...options })

/** What the caller sees. */
const said = (exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  const error = Cause.failureOption(exit.cause)
  if (Option.isNone(error)) return "defect"
  return error.value instanceof Bulkhead.BulkheadFull ? error.value.reason : String(error.value)
}

interface Call {
  readonly fiber: Fiber.Fiber<string, unknown>
  readonly end: (exit?: Exit.Exit<string, string>) => Effect.Effect<string>
}

/** Calls that run until they are told to end, and the order in which they began. */
const calls = (bulkhead: Handle) => {
  const began: Array<string> = []
  const begin = (name: string, options?: CallOptions & { readonly deadlineMillis?: number }): Effect.Effect<Call> =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<string, string>()
      const fiber = yield* Effect.suspend(() => {
        began.push(name)
        return Deferred.await(gate)
      }).pipe(
        Bulkhead.protect(bulkhead, options),
        Deadline.locally(options?.deadlineMillis ?? Infinity),
        Effect.forkDaemon
      )
      yield* TestClock.adjust(0)
      return {
        fiber,
        end: (exit: Exit.Exit<string, string> = Exit.succeed("ok")) =>
          Deferred.done(gate, exit).pipe(
            Effect.zipRight(Fiber.await(fiber)),
            Effect.zipLeft(TestClock.adjust(0)),
            Effect.map(said)
          )
      }
    })
  return { began, begin }
}

const outcome = ({ fiber }: Call) => Effect.map(Fiber.poll(fiber), Option.match({ onNone: () => "runs", onSome: said }))

/** Running and queued. */
const counts = (bulkhead: Handle) => Effect.map(Bulkhead.snapshot(bulkhead), ({ queued, running }) => [running, queued])

const rejected = (bulkhead: Handle) => Effect.map(Bulkhead.snapshot(bulkhead), ({ rejected }) => rejected)

const rejection = (bulkhead: Handle) =>
  Effect.succeed("ok").pipe(
    Bulkhead.protect(bulkhead),
    Effect.flip,
    Effect.orDieWith((result) => new Error(`admitted: ${result}`))
  )

describe("a bulkhead", () => {
  it.effect("lets so many calls run at once, so many wait, and rejects the next", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxConcurrent: 2, maxQueued: 1, key: "a" })
      const { begin } = calls(bulkhead)
      const first = yield* begin("first")
      const second = yield* begin("second")
      const third = yield* begin("third")
      assert.deepStrictEqual({ ...yield* rejection(bulkhead) }, {
        _tag: "BulkheadFull",
        key: "a",
        reason: "full",
        running: 2,
        queued: 1,
        maxConcurrent: 2,
        maxQueued: 1
      })
      // The numbers are right after each call (cockatiel "maintains proper state").
      const seen = []
      for (const call of [first, third, second]) {
        assert.strictEqual(yield* call.end(), "ok")
        seen.push(yield* counts(bulkhead))
      }
      assert.deepStrictEqual(seen, [[2, 0], [1, 0], [0, 0]])
    }))

  it.effect("queues nobody unless asked to", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      yield* calls(bulkhead).begin("only")
      assert.strictEqual((yield* rejection(bulkhead)).reason, "full")
    }))

  it.effect("gives the permit back whether a call succeeds, fails, dies or is interrupted", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      const run = (effect: Effect.Effect<string, string>) =>
        Effect.map(Effect.exit(Bulkhead.protect(effect, bulkhead)), said)
      assert.deepStrictEqual(
        yield* Effect.forEach(
          [
            Effect.succeed("ok"),
            Effect.fail("down"),
            Effect.die("bug"),
            Effect.sync((): string => {
              throw new Error("thrown")
            }),
            Effect.interrupt
          ],
          run
        ),
        ["ok", "down", "defect", "defect", "interrupted"]
      )
      assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
    }))

  // MonoBulkheadTest `shouldReleaseBulkheadSemaphoreOnCancel` (resilience4j).
  it.effect("gives the permit of a call that is cancelled to the next", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1 })
      const { began, begin } = calls(bulkhead)
      const first = yield* begin("first")
      const second = yield* begin("second")
      yield* Fiber.interrupt(first.fiber)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(began, ["first", "second"])
      assert.strictEqual(yield* second.end(), "ok")
      assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
    }))

  it.effect("can hold one call inside another where there are permits for both", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxConcurrent: 2 })
      const nested = Effect.succeed("ok").pipe(Bulkhead.protect(bulkhead), Bulkhead.protect(bulkhead))
      assert.strictEqual(yield* nested, "ok")
      assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
    }))

  it.effect("is shared by all effects it protects, and each may run again and again", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      const one = Effect.succeed(1).pipe(Bulkhead.protect(bulkhead))
      const other = Bulkhead.protect(Effect.succeed(2), bulkhead)
      assert.deepStrictEqual(yield* Effect.all([one, other, one, other]), [1, 2, 1, 2])
    }))

  it.effect("keeps a call interruptible, and one that is not as it is", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      const flags = Effect.checkInterruptible(Effect.succeed).pipe(Bulkhead.protect(bulkhead))
      assert.deepStrictEqual([yield* flags, yield* Effect.uninterruptible(flags)], [true, false])
    }))
})

describe("the queue of a bulkhead", () => {
  const names = ["a", "b", "c"] as const
  const orders = [["fifo", ["first", "a", "b", "c"]], ["lifo", ["first", "c", "b", "a"]]] as const
  for (const [order, expected] of orders) {
    it.effect(`serves in the order ${order}`, () =>
      Effect.gen(function*() {
        const bulkhead = yield* make({ maxQueued: 3, order })
        const { began, begin } = calls(bulkhead)
        const first = yield* begin("first")
        const waiting = yield* Effect.forEach(names, (name) => begin(name))
        yield* first.end()
        for (const name of expected.slice(1)) yield* waiting["abc".indexOf(name)]!.end()
        assert.deepStrictEqual(began, [...expected])
      }))
  }

  // Failsafe BulkheadTest `testPermitAcquiredAfterWaitWithLargeQueue`.
  it.effect("lets ten calls through one permit, one after the other", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 9 })
      const call = Bulkhead.protect(Effect.delay(Effect.succeed("ok"), "1 second"), bulkhead)
      const fiber = yield* Effect.fork(Effect.all(Array.from({ length: 10 }, () => call), { concurrency: "unbounded" }))
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(yield* counts(bulkhead), [1, 0])
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* Fiber.join(fiber), 10)
    }))

  // What cockatiel does: the slot is free for a moment before the call that waits hears of it.
  it.effect("is not overtaken by one who comes in the moment in which a permit is free", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 2 })
      const { began, begin } = calls(bulkhead)
      const gate = yield* Deferred.make<void>()
      const newcomer = yield* Deferred.await(gate).pipe(
        Bulkhead.protect(bulkhead),
        // In the same fiber, at once.
        Effect.zipRight(Bulkhead.protect(Effect.sync(() => began.push("newcomer")), bulkhead)),
        Effect.forkDaemon
      )
      yield* TestClock.adjust(0)
      const second = yield* begin("second")
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(began, ["second"])
      yield* second.end()
      yield* Fiber.join(newcomer)
      assert.deepStrictEqual(began, ["second", "newcomer"])
    }))

  // cockatiel "should process next queued item when previous item was aborted", and its issue 112.
  it.effect("frees the place of a call that is interrupted at once, and serves the next", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 2 })
      const { began, begin } = calls(bulkhead)
      const first = yield* begin("first")
      const second = yield* begin("second")
      const third = yield* begin("third")
      yield* Fiber.interrupt(second.fiber)
      assert.deepStrictEqual(yield* counts(bulkhead), [1, 1])
      const fourth = yield* begin("fourth")
      for (const call of [first, third, fourth]) yield* call.end()
      assert.deepStrictEqual(began, ["first", "third", "fourth"])
      assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
    }))

  it.effect("serves a higher priority first, and those of one priority in their order", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 6 })
      const { began, begin } = calls(bulkhead)
      const first = yield* begin("first")
      const others = [["a", 0], ["b", 2], ["c", -1.5], ["d", 2], ["e", undefined], ["f", 1]] as const
      const waiting = new Map<string, Call>()
      for (const [name, priority] of others) waiting.set(name, yield* begin(name, { priority }))
      yield* first.end()
      while (began.length < 7) yield* waiting.get(began.at(-1)!)!.end()
      assert.deepStrictEqual(began, ["first", "b", "d", "f", "a", "e", "c"])
    }))

  it.effect("lets no priority interrupt what runs", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      const { begin } = calls(bulkhead)
      const low = yield* begin("low", { priority: -1 })
      assert.strictEqual(yield* outcome(yield* begin("high", { priority: 1 })), "full")
      assert.strictEqual(yield* low.end(), "ok")
    }))

  it.effect("makes room for a higher priority: the newest of the lowest priority is rejected", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 3 })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const old = yield* begin("old")
      const high = yield* begin("high", { priority: 1 })
      const recent = yield* begin("recent")
      const higher = yield* begin("higher", { priority: 2 })
      const same = yield* begin("same")
      const low = yield* begin("low", { priority: -1 })
      assert.deepStrictEqual(
        yield* Effect.forEach([old, high, recent, higher, same, low], outcome),
        ["runs", "runs", "full", "runs", "full", "full"]
      )
      assert.deepStrictEqual(yield* counts(bulkhead), [1, 3])
      assert.deepStrictEqual(yield* rejected(bulkhead), { full: 3, timeout: 0, deadline: 0 })
    }))

  // QueueProcessingOrder.NewestFirst of .NET's ConcurrencyLimiter, which Polly uses.
  it.effect("makes room for the newest where that is served first: the oldest is rejected", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 2, order: "lifo" })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const old = yield* begin("old")
      const high = yield* begin("high", { priority: 1 })
      const recent = yield* begin("recent")
      const low = yield* begin("low", { priority: -1 })
      assert.deepStrictEqual(
        yield* Effect.forEach([old, high, recent, low], outcome),
        ["full", "runs", "runs", "full"]
      )
    }))

  it.effect("tells the one that makes room the numbers right after it", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1 })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const low = yield* begin("low")
      yield* begin("high", { priority: 1 })
      const error = yield* Effect.flip(Fiber.join(low.fiber))
      assert.deepInclude(error, { reason: "full", running: 1, queued: 0 })
    }))
})

describe("the time a call may wait", () => {
  it.effect("ends with a rejection, to the millisecond", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1, queueTimeout: "1 second" })
      const { began, begin } = calls(bulkhead)
      yield* begin("first")
      const second = yield* begin("second")
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* outcome(second), "runs")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* outcome(second), "timeout")
      assert.deepStrictEqual([began, yield* counts(bulkhead)], [["first"], [1, 0]])
    }))

  // Failsafe issue 393: there each wait that times out costs a permit, until none is left.
  it.effect("takes no permit with it when it is over", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 5, queueTimeout: "20 millis" })
      const { begin } = calls(bulkhead)
      const first = yield* begin("first")
      const waiting = yield* Effect.replicateEffect(begin("waiting"), 5)
      yield* TestClock.adjust("20 millis")
      assert.deepStrictEqual(yield* Effect.forEach(waiting, outcome), Array.from({ length: 5 }, () => "timeout"))
      yield* first.end()
      assert.strictEqual(yield* (yield* begin("next")).end(), "ok")
      assert.deepStrictEqual(yield* rejected(bulkhead), { full: 0, timeout: 5, deadline: 0 })
    }))

  // concurrency-limits LifoBlockingLimiterTest `timeoutAcquireRaceCondition`.
  it.effect("loses no permit that is granted in the very moment in which it is over", () =>
    Effect.gen(function*() {
      for (const holds of ["999 millis", "1 second", "1001 millis"] as const) {
        const bulkhead = yield* make({ maxQueued: 1, queueTimeout: "1 second" })
        const holder = yield* Effect.fork(Bulkhead.protect(Effect.sleep(holds), bulkhead))
        yield* TestClock.adjust(0)
        const second = yield* Effect.fork(Effect.exit(Bulkhead.protect(Effect.succeed("ok"), bulkhead)))
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(holder)
        assert.include(["ok", "timeout"], said(yield* Fiber.join(second)))
        assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
        assert.strictEqual(yield* Bulkhead.protect(Effect.succeed("ok"), bulkhead), "ok")
      }
    }))

  it.effect("is not the time that a call may run", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1, queueTimeout: "1 second" })
      const { begin } = calls(bulkhead)
      const first = yield* begin("first")
      const second = yield* begin("second")
      yield* TestClock.adjust("500 millis")
      yield* first.end()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* second.end(), "ok")
    }))

  it.effect("has no end unless asked for", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1 })
      const { begin } = calls(bulkhead)
      const first = yield* begin("first")
      const second = yield* begin("second")
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(yield* outcome(second), "runs")
      yield* first.end()
      assert.strictEqual(yield* second.end(), "ok")
    }))

  it("has one timer on the live clock, which is gone when the wait is, however it ends", async () => {
    const set = vi.spyOn(globalThis, "setTimeout")
    const clear = vi.spyOn(globalThis, "clearTimeout")
    const timers = () => {
      const ours = set.mock.results.filter((_, i) => set.mock.calls[i]![1] === 60_000).map(({ value }) => value)
      const gone = new Set<unknown>(clear.mock.calls.map(([timer]) => timer))
      return [ours.length, ours.filter((timer) => !gone.has(timer)).length]
    }
    const program = Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 100, queueTimeout: "1 minute" })
      const gate = yield* Deferred.make<void>()
      const holder = yield* Effect.fork(Bulkhead.protect(Deferred.await(gate), bulkhead))
      const waiting = yield* Effect.replicateEffect(Effect.fork(Bulkhead.protect(Effect.void, bulkhead)), 100)
      yield* Effect.sleep(1)
      const during = timers()
      yield* Fiber.interruptAll(waiting.slice(50))
      const later = timers()
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach([holder, ...waiting.slice(0, 50)], Fiber.join)
      return [during, later, timers()]
    })
    const seen = await Effect.runPromise(program)
    vi.restoreAllMocks()
    assert.deepStrictEqual(seen, [[100, 100], [100, 50], [100, 0]])
  })

  it("is over on the live clock, and leaves the place to others", async () => {
    const program = Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1, queueTimeout: "5 millis" })
      const wait = Effect.exit(Bulkhead.protect(Effect.succeed("ok"), bulkhead))
      return said(yield* Bulkhead.protect(wait, bulkhead))
    })
    assert.strictEqual(await Effect.runPromise(program), "timeout")
  })
})

describe("the deadline of a fiber", () => {
  it.effect("rejects the call that waits as soon as it passes", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 2, queueTimeout: "10 seconds" })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const short = yield* begin("short", { deadlineMillis: 1_000 })
      const long = yield* begin("long", { deadlineMillis: 20_000 })
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(yield* outcome(short), "runs")
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual([yield* outcome(short), yield* counts(bulkhead)], ["deadline", [1, 1]])
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* outcome(long), "timeout")
      assert.deepStrictEqual(yield* rejected(bulkhead), { full: 0, timeout: 1, deadline: 1 })
    }))

  it.effect("is the reason where both end at the same time", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1, queueTimeout: "1 second" })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const second = yield* begin("second", { deadlineMillis: 1_000 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* outcome(second), "deadline")
    }))

  it.effect("that has passed lets a call run at once, but not wait, nor make another one leave", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_000)
      const bulkhead = yield* make({ maxQueued: 1 })
      const { begin } = calls(bulkhead)
      const first = yield* begin("first", { deadlineMillis: 1_000 })
      const late = yield* begin("late", { deadlineMillis: 1_000 })
      const second = yield* begin("second")
      const high = yield* begin("high", { deadlineMillis: 1_000, priority: 1 })
      assert.deepStrictEqual(
        yield* Effect.forEach([first, late, second, high], outcome),
        ["runs", "deadline", "runs", "deadline"]
      )
    }))

  it.effect("leaves a call out that would get its permit too late, whether its timer has fired or not", () =>
    Effect.gen(function*() {
      // What becomes of a busy event loop: time has passed, and no timer was served yet.
      const bulkhead = yield* make({ maxQueued: 2 })
      const { began, begin } = calls(bulkhead)
      const first = yield* begin("first")
      let now = 0
      const clock = yield* Effect.clock
      const late: typeof clock = Object.create(clock, {
        unsafeCurrentTimeNanos: { value: () => BigInt(now) * 1_000_000n }
      })
      const second = yield* Effect.withClock(begin("second", { deadlineMillis: 1_000 }), late)
      const third = yield* begin("third")
      now = 1_000
      yield* first.end()
      assert.deepStrictEqual([yield* outcome(second), began], ["deadline", ["first", "third"]])
      yield* third.end()
      assert.deepStrictEqual(yield* counts(bulkhead), [0, 0])
    }))

  it("that is further away than a live timer reaches is no reason to be rejected", async () => {
    const program = Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 1 })
      const now = yield* Deadline.now
      const wait = Effect.succeed("ok").pipe(Bulkhead.protect(bulkhead), Deadline.locally(now + 2 ** 32))
      const first = yield* Effect.fork(Bulkhead.protect(Effect.sleep(5), bulkhead))
      yield* Effect.yieldNow()
      const second = yield* wait
      yield* Fiber.join(first)
      return second
    })
    assert.strictEqual(await Effect.runPromise(program), "ok")
  })
})

describe("Bulkhead.resize", () => {
  // failsafe-go `TestDynamicSemaphore_SetSize`.
  it.effect("wakes those who wait, in their order, when there are more permits", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 3 })
      const { began, begin } = calls(bulkhead)
      for (const name of ["first", "a", "b"]) yield* begin(name)
      yield* begin("c", { priority: 1 })
      yield* Bulkhead.resize(bulkhead, { maxConcurrent: 3 })
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([began, yield* counts(bulkhead)], [["first", "c", "a"], [3, 1]])
    }))

  // resilience4j `changePermissionsCountWhileOneThreadIsRunningWithThisPermission`.
  it.effect("interrupts nobody when there are fewer permits, and admits nobody until enough have ended", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxConcurrent: 3, maxQueued: 1 })
      const { began, begin } = calls(bulkhead)
      const running = yield* Effect.forEach(["a", "b", "c"], (name) => begin(name))
      yield* Bulkhead.resize(bulkhead, { maxConcurrent: 1 })
      const waiting = yield* begin("d")
      const seen = []
      for (const call of running) {
        assert.strictEqual(yield* call.end(), "ok")
        seen.push([yield* counts(bulkhead), began.length])
      }
      assert.deepStrictEqual(seen, [[[2, 1], 3], [[1, 1], 3], [[1, 0], 4]])
      yield* waiting.end()
    }))

  it.effect("rejects those who would have been served last when fewer may wait", () =>
    Effect.gen(function*() {
      for (const [order, expected] of [["fifo", "runs full"], ["lifo", "full runs"]] as const) {
        const bulkhead = yield* make({ maxQueued: 5, order })
        const { begin } = calls(bulkhead)
        yield* begin("first")
        const old = yield* begin("old")
        const low = yield* begin("low", { priority: -1 })
        const high = yield* begin("high", { priority: 1 })
        const recent = yield* begin("recent")
        yield* bulkhead.pipe(Bulkhead.resize({ maxQueued: 2 }))
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* Effect.forEach([old, recent], outcome)).join(" "), expected)
        assert.deepStrictEqual(yield* Effect.forEach([low, high], outcome), ["full", "runs"])
      }
    }))

  it.effect("rejects nobody for whom there is a permit now", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxQueued: 2 })
      const { begin } = calls(bulkhead)
      yield* begin("first")
      const waiting = yield* Effect.forEach(["a", "b"], (name) => begin(name))
      yield* Bulkhead.resize(bulkhead, { maxConcurrent: 3, maxQueued: 0 })
      assert.deepStrictEqual(yield* Effect.forEach(waiting, outcome), ["runs", "runs"])
    }))

  it.effect("changes nothing where nothing is given, and refuses what is out of range", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make({ maxConcurrent: 4, maxQueued: 3 })
      yield* Bulkhead.resize(bulkhead, {})
      assert.throws(() => Bulkhead.resize(bulkhead, { maxConcurrent: 0 }), InvalidOption, "\"maxConcurrent\"")
      assert.throws(() => Bulkhead.resize(bulkhead, { maxQueued: -1 }), InvalidOption, "\"maxQueued\"")
      assert.deepInclude(yield* Bulkhead.snapshot(bulkhead), { maxConcurrent: 4, maxQueued: 3 })
    }))
})

describe("BulkheadFull", () => {
  const full = Effect.gen(function*() {
    const bulkhead = yield* make({ key: "reports" })
    yield* calls(bulkhead).begin("only")
    return yield* rejection(bulkhead)
  })

  it.effect("is an error by every test, without a stack, and prints all the same", () =>
    Effect.map(full, (error) => {
      assert.instanceOf(error, Bulkhead.BulkheadFull)
      assert.instanceOf(error, Error)
      assert.strictEqual(error.name, "BulkheadFull")
      assert.isUndefined(error.stack)
      assert.strictEqual(String(error), `BulkheadFull: ${error.message}`)
      assert.include(inspect(error), "reports")
      assert.include(Cause.pretty(Cause.fail(error)), error.message)
    }))

  it("says in its message which one, why, and the counts", () => {
    const message = (key: string, reason: Bulkhead.BulkheadFull["reason"]) =>
      new Bulkhead.BulkheadFull({ key, reason, running: 1, queued: 2, maxConcurrent: 3, maxQueued: 4 }).message
    assert.deepStrictEqual([message("a", "full"), message("", "timeout"), message("", "deadline")], [
      "The bulkhead \"a\" is full: 1 of 3 running, 2 of 4 queued",
      "The bulkhead had no permit in time: 1 of 3 running, 2 of 4 queued",
      "The bulkhead had no permit before the deadline: 1 of 3 running, 2 of 4 queued"
    ])
  })

  it.effect("is caught by its tag", () =>
    Effect.gen(function*() {
      const error = yield* full
      const key = yield* Effect.fail(error).pipe(Effect.catchTag("BulkheadFull", ({ key }) => Effect.succeed(key)))
      assert.strictEqual(key, "reports")
    }))

  it.effect("does not count as a failure of the dependency in a breaker around it", () =>
    Effect.gen(function*() {
      const bulkhead = yield* make()
      const breaker = yield* CircuitBreaker.make({ trip: Tripping.consecutive(1) })
      yield* calls(bulkhead).begin("only")
      yield* Effect.ignore(Effect.void.pipe(Bulkhead.protect(bulkhead), CircuitBreaker.protect(breaker)))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0 })
    }))
})

describe("an option out of range", () => {
  const of = (options: Partial<Options>) => () => Bulkhead.make({ maxConcurrent: 1, ...options })
  const long = "a duration longer than 0 ms up to 2147483647 ms (24.8 days)"
  const mistakes: ReadonlyArray<readonly [make: () => unknown, option: string, expected: string, value: string]> = [
    [of({ maxConcurrent: 0 }), "maxConcurrent", "a whole number >= 1", "0"],
    [of({ maxConcurrent: 1.5 }), "maxConcurrent", "a whole number >= 1", "1.5"],
    [of({ maxQueued: -1 }), "maxQueued", "a whole number >= 0", "-1"],
    [of({ maxQueued: Infinity }), "maxQueued", "a whole number >= 0", "Infinity"],
    [of({ queueTimeout: 0 }), "queueTimeout", long, "0"],
    [of({ queueTimeout: "25 days" }), "queueTimeout", long, "\"25 days\""]
  ]
  for (const [mistake, option, expected, value] of mistakes) {
    it(`is named with its range and its value: ${option} ${value}`, () => {
      assert.throws(mistake, InvalidOption, `Invalid option "${option}": expected ${expected}, got ${value}`)
    })
  }

  it("is an order that there is not, from a program without types", () => {
    const order = JSON.parse("\"random\"")
    assert.throws(
      of({ order }),
      InvalidOption,
      "Invalid option \"order\": expected \"fifo\" or \"lifo\", got \"random\""
    )
  })

  it.effect("is a priority that is no number, where the call is made", () =>
    Effect.map(make(), (bulkhead) => {
      for (const priority of [NaN, Infinity]) {
        assert.throws(() => Bulkhead.protect(Effect.void, bulkhead, { priority }), InvalidOption, "\"priority\"")
      }
    }))
})

describe("the wiring of a bulkhead", () => {
  class Reports extends Context.Tag("test/Reports")<Reports, Handle>() {}
  const load = (layer: Layer.Layer<Reports, ConfigError.ConfigError>, env: ReadonlyArray<readonly [string, string]>) =>
    Effect.flatMap(Reports, Bulkhead.snapshot).pipe(
      Effect.provide(layer),
      Effect.withConfigProvider(Services.settings(Object.fromEntries(env)))
    )

  it.effect("is a layer of its tag", () =>
    Effect.gen(function*() {
      const { key, maxConcurrent } = yield* load(Bulkhead.layer(Reports, { maxConcurrent: 3, key: "reports" }), [])
      assert.deepStrictEqual([key, maxConcurrent], ["reports", 3])
    }))

  it.effect("takes its numbers from Config, behind a prefix where there is one", () =>
    Effect.gen(function*() {
      const layer = Bulkhead.layerConfig(Reports, Bulkhead.config("REPORTS"))
      const env = [["REPORTS.MAX_CONCURRENT", "3"], ["REPORTS.MAX_QUEUED", "2"]] as const
      assert.deepInclude(yield* load(layer, env), { maxConcurrent: 3, maxQueued: 2 })
      assert.deepInclude(yield* load(Bulkhead.layerConfig(Reports), [["MAX_CONCURRENT", "5"]]), {
        maxConcurrent: 5,
        maxQueued: 0
      })
      const { queueTimeout } = yield* Effect.withConfigProvider(
        Bulkhead.config(),
        Services.settings({ MAX_CONCURRENT: "1", QUEUE_TIMEOUT: "2 seconds" })
      )
      assert.strictEqual(queueTimeout && Duration.toMillis(queueTimeout), 2_000)
    }))

  it.effect("fails with a ConfigError for a value that is missing or out of range", () =>
    Effect.gen(function*() {
      const layer = Bulkhead.layerConfig(Reports)
      const missing = yield* Effect.flip(load(layer, []))
      assert.match(Services.mistakes(missing).join("\n"), /^missing .*$/)
      const wrong = yield* Effect.flip(load(layer, [["MAX_CONCURRENT", "0"]]))
      assert.include(String(wrong), "maxConcurrent")
      const own = Bulkhead.layerConfig(Reports, Config.map(Config.integer("N"), (n) => ({ maxConcurrent: n })))
      assert.deepInclude(yield* load(own, [["N", "7"]]), { maxConcurrent: 7 })
    }))
})
