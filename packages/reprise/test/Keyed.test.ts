import { assert, describe, it } from "@effect/vitest"
import {
  Context,
  Data,
  type Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  FiberId,
  Logger,
  LogLevel,
  Schedule,
  TestClock,
  TestContext
} from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as Deadline from "reprise/Deadline"
import * as Hedge from "reprise/Hedge"
import { InvalidOption } from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as Policy from "reprise/Policy"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Services from "./services.js"

class Tenant extends Data.Class<{ readonly id: number }> {}

const counting = <K>(options?: Partial<Keyed.Options<K, { busy: boolean }>>) => {
  let made = 0
  const keyed = Keyed.make<K, { readonly number: number; busy: boolean }>({
    ...options,
    make: () => Effect.sync(() => ({ number: ++made, busy: false })),
    isIdle: ({ busy }) => !busy
  })
  return Effect.map(keyed, (keyed) => ({ keyed, made: () => made }))
}

const keysOf = <K, A>(keyed: Keyed.Keyed<K, A>) =>
  Effect.map(Keyed.entries(keyed), (entries) => entries.map(([key]) => key))

describe("Keyed", () => {
  it.effect("has one value for keys that are equal, and another for one that is not", () =>
    Effect.gen(function*() {
      const { keyed, made } = yield* counting<Tenant>()
      const a = yield* Keyed.get(keyed, new Tenant({ id: 1 }))
      assert.strictEqual(yield* keyed.pipe(Keyed.get(new Tenant({ id: 1 }))), a)
      assert.notStrictEqual(yield* Keyed.get(keyed, new Tenant({ id: 2 })), a)
      assert.strictEqual(made(), 2)
    }))

  it.effect("goes on with what belongs to the key, made where there is nothing", () =>
    Effect.gen(function*() {
      const { keyed, made } = yield* counting<string>()
      const numberOf = (key: string) => Keyed.use(keyed, key, ({ number }) => Effect.succeed(number))
      assert.deepStrictEqual(yield* Effect.forEach(["a", "b", "a"], numberOf), [1, 2, 1])
      const failing = keyed.pipe(Keyed.use("b", ({ number }) => Effect.fail(`${number} is down`)))
      assert.strictEqual(yield* Effect.flip(failing), "2 is down")
      assert.strictEqual(made(), 2)
    }))

  it.effect("keeps one value where many ask for a new key at once, however long it takes to make", () =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: () => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => ({}))) })
      const all = yield* Effect.all(Array.from({ length: 20 }, () => Keyed.get(keyed, "a")), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(all).size, 1)
    }))

  it.effect("gives what is made the context in which it was made itself", () =>
    Effect.gen(function*() {
      class Name extends Context.Tag("Name")<Name, string>() {}
      const keyed = yield* Keyed.make({ make: (key: string) => Effect.map(Name, (name) => `${name} ${key}`) }).pipe(
        Effect.provideService(Name, "tenant")
      )
      assert.strictEqual(yield* Keyed.get(keyed, "a"), "tenant a")
    }))

  it.effect("drops the least recently used of the keys that may go", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ capacity: 3 })
      const a = yield* Keyed.get(keyed, "a")
      yield* Effect.forEach(["b", "c", "b"], (key) => Keyed.get(keyed, key))
      a.busy = true
      yield* Keyed.get(keyed, "d")
      assert.sameMembers(yield* keysOf(keyed), ["a", "b", "d"])
    }))

  it.effect("grows up to twice its capacity if all keys are in use, and shrinks afterwards", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ capacity: 2 })
      const busy = (key: string) => Effect.tap(Keyed.get(keyed, key), (value) => Effect.sync(() => value.busy = true))
      const values = yield* Effect.forEach(["a", "b", "c", "d", "e"], busy)
      assert.deepStrictEqual(yield* keysOf(keyed), ["a", "b", "c", "d"])
      assert.strictEqual(yield* Keyed.get(keyed, "c"), values[2])
      assert.strictEqual(yield* Keyed.overflowed(keyed), 3)
      for (const value of values) value.busy = false
      yield* Keyed.get(keyed, "f")
      assert.deepStrictEqual(yield* keysOf(keyed), ["c", "f"])
    }))

  it.effect("logs one warning when it overflows for the first time", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const { keyed } = yield* counting<string>({ capacity: 1, name: "The tenants" })
      const busy = (key: string) => Effect.tap(Keyed.get(keyed, key), (value) => Effect.sync(() => value.busy = true))
      yield* Effect.forEach(["a", "b", "c", "d"], busy).pipe(
        Effect.provide(Services.logTo(lines))
      )
      assert.strictEqual(lines.length, 1)
      assert.match(String(lines[0]), /^WARN The tenants: all 1 keys hold state that must not be lost/)
    }))

  it.effect("keeps a key that is evicted for another until its user has ended, so that one call runs at a time", () =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: () => Bulkhead.make({ maxConcurrent: 1 }), capacity: 1 })
      let running = 0
      let most = 0
      const call = Effect.acquireUseRelease(
        Effect.sync(() => most = Math.max(most, ++running)),
        () => Effect.sleep("1 second"),
        () => Effect.sync(() => running--)
      )
      const late = Keyed.use(
        keyed,
        "a",
        (bulkhead) => Effect.zipRight(Effect.sleep("1 second"), Bulkhead.protect(call, bulkhead))
      )
      const fiber = yield* Effect.fork(late)
      yield* Effect.yieldNow()
      yield* Keyed.use(keyed, "b", () => Effect.void)
      yield* TestClock.adjust("500 millis")
      const other = yield* Effect.fork(
        Keyed.use(keyed, "a", (bulkhead) => Effect.either(Bulkhead.protect(call, bulkhead)))
      )
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.await(fiber)
      yield* Fiber.join(other)
      assert.strictEqual(most, 1)
    }))

  it.effect("looks up the value of a policy with every call, so that all calls share one also after the key was dropped", () =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: () => Bulkhead.make({ maxConcurrent: 1 }), capacity: 1 })
      const policy = Keyed.policy(keyed, "a")
      yield* Policy.protect(Effect.void, [policy])
      yield* Keyed.get(keyed, "b")
      assert.deepStrictEqual(yield* keysOf(keyed), ["b"])
      yield* Effect.fork(Policy.protect(Effect.never, [policy]))
      yield* Effect.yieldNow()
      const rejected = yield* Effect.flip(Policy.protect(Effect.void, [Keyed.policy(keyed, "a")]))
      assert.strictEqual(rejected._tag, "BulkheadFull")
    }))

  it.effect("makes a new key for a call without time left, whose policy decides what becomes of it", () =>
    Effect.gen(function*() {
      const make = () => Effect.zipRight(Effect.sleep("1 second"), Bulkhead.make({ maxConcurrent: 1 }))
      const policy = Keyed.policy(yield* Keyed.make<string, Bulkhead.Bulkhead>({ make }), "a")
      const ends: Array<unknown> = []
      const late = (effect: Effect.Effect<string>) =>
        Effect.sleep("2 seconds").pipe(
          Effect.zipRight(Effect.exit(Policy.protect(effect, [policy]))),
          Effect.map((exit) => ends.push(exit)),
          Effect.uninterruptible,
          Deadline.within("1 second"),
          Effect.exit
        )
      const fiber = yield* Effect.fork(late(Effect.succeed("done")))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(ends, [Exit.succeed("done")])
    }))

  it.effect("makes a value that takes its time once for a call, and stops when the call is interrupted", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      const make = (key: string) =>
        Effect.sync(() => log.push(`${key} begins`)).pipe(
          Effect.zipRight(Effect.sleep("1 second")),
          Effect.zipRight(Bulkhead.make({ maxConcurrent: 1 })),
          Effect.onExit((exit) => Effect.sync(() => log.push(`${key} ends with a ${exit._tag.toLowerCase()}`)))
        )
      const keyed = yield* Keyed.make<string, Bulkhead.Bulkhead>({ make })
      const call = (key: string) => Effect.fork(Policy.protect(Effect.succeed("done"), [Keyed.policy(keyed, key)]))
      const a = yield* call("a")
      const b = yield* call("b")
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(b)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(a), "done")
      assert.deepStrictEqual(log, ["a begins", "b begins", "b ends with a failure", "a ends with a success"])
      assert.deepStrictEqual(yield* keysOf(keyed), ["a"])
    }))

  it.effect.each([{ when: "at once", before: Effect.void }, { when: "later", before: Effect.sleep("1 second") }])(
    "passes a defect in the making of a value on to the call: $when",
    ({ before }) =>
      Effect.gen(function*() {
        const make = (): Effect.Effect<Bulkhead.Bulkhead> => Effect.zipRight(before, Effect.die("a bug"))
        const policy = Keyed.policy(yield* Keyed.make<string, Bulkhead.Bulkhead>({ make }), "a")
        const fiber = yield* Effect.fork(Policy.protect(Effect.void, [policy]))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.die("a bug"))
      })
  )

  it.effect("does not hold a key after its user has failed, died or been interrupted", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ capacity: 1 })
      const failing: ReadonlyArray<Effect.Effect<never, string>> = [
        Effect.fail("down"),
        Effect.die("a bug"),
        Effect.interrupt
      ]
      for (const effect of failing) yield* Effect.exit(Keyed.use(keyed, "a", () => effect))
      yield* Effect.exit(Keyed.use(keyed, "a", (): Effect.Effect<void> => {
        throw new Error("a bug")
      }))
      const fiber = yield* Effect.fork(Keyed.use(keyed, "a", () => Effect.never))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      yield* Keyed.get(keyed, "b")
      assert.deepStrictEqual(yield* keysOf(keyed), ["b"])
      assert.strictEqual(yield* Keyed.overflowed(keyed), 0)
    }))

  it("holds nothing after an interruption at any operation", () => {
    for (let steps = 0; steps < 30; steps++) {
      const held = Effect.runSync(Effect.gen(function*() {
        const { keyed } = yield* counting<string>({ capacity: 1 })
        let done = 0
        const queue = new Services.TaskQueue(() => done++ === steps)
        const fiber = Effect.runFork(
          Keyed.use(keyed, "a", () => Effect.zipRight(Effect.void, Effect.yieldNow())),
          { scheduler: queue.scheduler }
        )
        queue.tasks.shift()?.()
        fiber.unsafeInterruptAsFork(FiberId.none)
        queue.flush()
        yield* Keyed.get(keyed, "b")
        return yield* keysOf(keyed)
      }))
      assert.deepStrictEqual(held, ["b"], `after ${steps} operations`)
    }
  })

  it.effect("lets go of a key that was idle for long enough, exactly then, when another one comes", () =>
    Effect.gen(function*() {
      const { keyed } = yield* counting<string>({ idleTimeToLive: "1 minute" })
      yield* Keyed.get(keyed, "a")
      yield* TestClock.adjust("59999 millis")
      yield* Keyed.get(keyed, "b")
      assert.sameMembers(yield* keysOf(keyed), ["a", "b"])
      yield* TestClock.adjust("1 millis")
      yield* Keyed.get(keyed, "c")
      assert.sameMembers(yield* keysOf(keyed), ["b", "c"])
    }))

  const calling = <A>(make: Effect.Effect<A>, call: (value: A) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: (_: string) => make, capacity: 2, idleTimeToLive: "10 minutes" })
      const use = (key: string) => Effect.exit(Keyed.use(keyed, key, call))
      const hasKept = Effect.gen(function*() {
        const before = new Map(yield* Keyed.entries(keyed)).get("a")
        yield* Keyed.get(keyed, "b")
        yield* Keyed.get(keyed, "c")
        yield* Keyed.get(keyed, "d")
        return before !== undefined && new Map(yield* Keyed.entries(keyed)).get("a") === before
      })
      return { use, hasKept, keyed }
    })

  const hour = RateLimiter.make({ limit: 100, window: "1 hour" })

  it.effect("keeps a rate limiter until it has all of its tokens again, and no longer", () =>
    Effect.gen(function*() {
      const { hasKept, use } = yield* calling(hour, RateLimiter.consume)
      yield* Effect.replicateEffect(use("a"), 50)
      yield* TestClock.adjust("29 minutes")
      assert.isTrue(yield* hasKept)
      yield* TestClock.adjust("1 minute")
      assert.isFalse(yield* hasKept)
    }))

  type Case = readonly [what: string, kept: Effect.Effect<boolean>]
  const kept = <A>(
    make: Effect.Effect<A>,
    call: (value: A) => Effect.Effect<unknown, unknown>,
    later: Duration.DurationInput = 0
  ): Effect.Effect<boolean> =>
    Effect.flatMap(
      calling(make, call),
      ({ hasKept, use }) => Effect.zipRight(use("a"), Effect.zipRight(TestClock.adjust(later), hasKept))
    ).pipe(
      Effect.provide(TestContext.TestContext)
    )
  const bulkhead = Bulkhead.make({ maxConcurrent: 1 })
  const limiter = AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd({ initial: 1 }) })
  const share = RetryBudget.share({ window: "10 seconds" })
  const tokens = RetryBudget.tokens()
  const hedge = Hedge.make({ after: Hedge.quantile({ quantile: 0.9 }) })
  const fixed = Hedge.make({ after: "1 second" })
  const busy = (bulkhead: Bulkhead.Bulkhead) => Effect.forkDaemon(Bulkhead.protect(Effect.never, bulkhead))
  const started = (bulkhead: Bulkhead.Bulkhead) => Effect.zipLeft(busy(bulkhead), Effect.yieldNow())

  const waits = (budget: RetryBudget.RetryBudget) =>
    Effect.zipLeft(
      Effect.forkDaemon(RetryBudget.retry(Effect.fail("down"), Schedule.spaced("1 day"), budget)),
      Effect.yieldNow()
    )

  it.effect.each<Case>([
    ["a bulkhead with a call that runs", kept(bulkhead, started)],
    ["a bulkhead that was resized", kept(bulkhead, Bulkhead.resize({ maxQueued: 1 }))],
    [
      "an adaptive limiter that has learned a limit",
      kept(limiter, (limiter) => AdaptiveLimiter.protect(Effect.void, limiter))
    ],
    ["a rate limiter that was reconfigured", kept(hour, RateLimiter.reconfigure({ limit: 1, window: 1 }))],
    ["a budget that has earned from calls", kept(share, RetryBudget.recordCall, "9 seconds")],
    ["a budget that has paid for a retry that waits", kept(share, waits, "12 hours")],
    ["a budget that has paid", kept(tokens, RetryBudget.tryWithdraw, "1 day")],
    ["a hedge that has measured calls", kept(hedge, (hedge) => Hedge.protect(Effect.void, hedge), "1 day")],
    ["a hedge that was reconfigured", kept(fixed, Hedge.reconfigure({ after: "2 seconds" }))],
    [
      "a record with a hedge that has measured calls",
      kept(Effect.all({ bulkhead, hedge }), ({ hedge }) => Hedge.protect(Effect.void, hedge))
    ],
    [
      "a record with a policy that remembers",
      kept(Effect.all({ hour, bulkhead }), ({ hour }) => RateLimiter.consume(hour))
    ],
    ["an array with a policy that is in use", kept(Effect.all([hour, bulkhead]), ([, bulkhead]) => started(bulkhead))]
  ])("keeps %s", ([, kept]) => Effect.map(kept, assert.isTrue))

  it.effect.each<Case>([
    ["a bulkhead that nobody uses", kept(bulkhead, (bulkhead) => Bulkhead.protect(Effect.void, bulkhead))],
    ["an adaptive limiter that has learned nothing", kept(limiter, () => Effect.void)],
    ["a budget whose window has passed", kept(share, RetryBudget.recordCall, "10 seconds")],
    ["a budget that nobody has asked", kept(tokens, RetryBudget.recordSuccess)],
    ["a hedge that has measured nothing", kept(hedge, () => Effect.void)],
    ["a hedge with a fixed delay", kept(fixed, (hedge) => Hedge.protect(Effect.void, hedge))],
    ["a record of policies that remember nothing", kept(Effect.all({ hour, bulkhead }), () => Effect.void)],
    ["a value of the program", kept(Effect.sync(() => ({ count: 1 })), () => Effect.void)]
  ])("may drop %s", ([, kept]) => Effect.map(kept, assert.isFalse))

  const keptOfFull = <A>(
    make: Effect.Effect<A>,
    use: (value: A) => Effect.Effect<unknown>,
    change: (value: A) => Effect.Effect<unknown>
  ): Effect.Effect<boolean> =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: (_: string) => make, capacity: 2 })
      yield* Keyed.use(keyed, "used", use)
      yield* Effect.forEach(["a", "b", "c", "d"], (key) => Keyed.use(keyed, key, change))
      const keys = yield* keysOf(keyed)
      assert.strictEqual(keys.length, 4)
      return keys.includes("used")
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

  it.effect.each<Case>([
    ["a bulkhead with a call that runs", keptOfFull(bulkhead, started, Bulkhead.resize({ maxQueued: 1 }))],
    ["a budget that has paid for a retry that waits", keptOfFull(share, waits, RetryBudget.tryWithdraw)]
  ])(
    "keeps %s, also if it holds twice as many keys as it should",
    ([, kept]) => Effect.map(kept, assert.isTrue)
  )

  const filled = <A>(make: Effect.Effect<A>, call: (value: A) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: (_: number) => make, capacity: 100 })
      for (let key = 0; key < 300; key++) yield* Effect.exit(Keyed.use(keyed, key, call))
      return { size: (yield* Keyed.entries(keyed)).length, overflowed: yield* Keyed.overflowed(keyed) }
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

  type Filled = readonly [what: string, filled: Effect.Effect<{ readonly size: number; readonly overflowed: number }>]
  const late = { algorithm: AdaptiveLimiter.aimd(), dropped: () => true }

  it.effect.each<Filled>([
    ["budgets that have earned from calls", filled(share, RetryBudget.recordCall)],
    [
      "adaptive limiters that have raised their limit",
      filled(limiter, (limiter) => AdaptiveLimiter.protect(Effect.void, limiter))
    ]
  ])(
    "holds no more keys than its capacity if a new value would admit no more: %s",
    ([, filled]) => Effect.map(filled, (filled) => assert.deepStrictEqual(filled, { size: 100, overflowed: 0 }))
  )

  it.effect.each<Filled>([
    ["budgets that have paid", filled(share, RetryBudget.tryWithdraw)],
    [
      "adaptive limiters that have lowered their limit",
      filled(AdaptiveLimiter.make(late), (limiter) => AdaptiveLimiter.protect(Effect.fail("late"), limiter))
    ]
  ])(
    "grows if a new value would admit more: %s",
    ([, filled]) => Effect.map(filled, (filled) => assert.deepStrictEqual(filled, { size: 200, overflowed: 200 }))
  )

  it.effect("replaces the least recently used of the replaceable keys, and none that must not be lost", () =>
    Effect.gen(function*() {
      const keyed = yield* Keyed.make({ make: (_: string) => share, capacity: 200 })
      const named = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`)
      yield* Effect.forEach(named("paid", 100), (key) => Keyed.use(keyed, key, RetryBudget.tryWithdraw))
      yield* Effect.forEach(named("earned", 1_000), (key) => Keyed.use(keyed, key, RetryBudget.recordCall))
      assert.deepStrictEqual(yield* keysOf(keyed), [...named("paid", 100), ...named("earned", 1_000).slice(-100)])
    }))

  it("holds every key that is used, drops none that is in use, and is never larger than twice its capacity", () => {
    const use = fc.record({ key: fc.nat(20), busy: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(use, { size: "max", maxLength: 100 }), (capacity, uses) => {
        const program = Effect.gen(function*() {
          const { keyed } = yield* counting<number>({ capacity })
          for (const { busy, key } of uses) {
            const before = yield* Keyed.entries(keyed)
            const value = yield* Keyed.get(keyed, key)
            const after = new Map(yield* Keyed.entries(keyed))
            assert.isAtMost(after.size, 2 * capacity)
            assert.isTrue(after.get(key) === value || after.size === 2 * capacity)
            for (const [key, value] of before) if (value.busy) assert.strictEqual(after.get(key), value)
            value.busy = busy
          }
        })
        Effect.runSync(Logger.withMinimumLogLevel(program, LogLevel.None))
      })
    )
  })

  it.each([["capacity", { capacity: 0 }], ["capacity", { capacity: 1.5 }], ["idleTimeToLive", { idleTimeToLive: 0 }]])(
    "refuses an option out of range: %s",
    (option, options) => {
      const make = () => Keyed.make({ ...options, make: () => Effect.void })
      assert.throws(make, InvalidOption, option)
    }
  )
})
