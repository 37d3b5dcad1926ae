import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Config,
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Option,
  Schedule,
  TestClock
} from "effect"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

type Budget = RetryBudget.RetryBudget

class Payments extends Context.Tag("Payments")<Payments, Budget>() {}

class Busy extends Data.TaggedError("Busy")<{ readonly retryAfter: Option.Option<Duration.Duration> }> {}

class AttemptTimeout extends Data.TaggedError("AttemptTimeout") {}

const make = (effect: Effect.Effect<Budget>): Budget => Effect.runSync(effect)

/** For so many retries at a time; a success gives nothing back. */
const few = (retries: number) => RetryBudget.tokens({ capacity: retries, cost: 1, timeoutCost: 1, onSuccess: 0 })

const balance = (budget: Budget) => Effect.map(RetryBudget.snapshot(budget), ({ balance }) => balance)

const counts = (budget: Budget) =>
  Effect.map(RetryBudget.snapshot(budget), ({ balance, held, refused, withdrawn }) => [
    balance,
    held,
    withdrawn,
    refused
  ])

/** Fails with these errors, one after the other, then succeeds. */
const failing = <E>(...errors: ReadonlyArray<E>) => {
  let calls = 0
  return Effect.suspend(() => calls < errors.length ? Effect.fail(errors[calls++]!) : Effect.succeed("done"))
}

const counting = () => {
  const seen = { attempts: 0 }
  return { seen, dead: Effect.suspend(() => Effect.fail(++seen.attempts)) }
}

const run = <A, E>(program: Effect.Effect<A, E>) => Virtual.plain(Virtual.run(program).exit)

/** Sleeps take no time. */
const instant = () => {
  const clock = Virtual.clock()
  clock.sleep = (duration) => Effect.sync(() => void (clock.millis += Duration.toMillis(duration)))
  return clock
}

const reasons = <A, E>(program: Effect.Effect<readonly [Exit.Exit<A, E>, Retry.Ledger<E>]>) =>
  run(Effect.map(program, ([, ledger]) => ledger.map(({ reason }) => reason)))

describe("RetryBudget", () => {
  it("refuses options out of range, where it is made", () => {
    const wrong: ReadonlyArray<readonly [option: string, make: () => unknown]> = [
      ["ratio", () => RetryBudget.share({ ratio: -0.1 })],
      ["ratio", () => RetryBudget.share({ ratio: NaN })],
      ["minPerSecond", () => RetryBudget.share({ minPerSecond: -1 })],
      ["minPerSecond", () => RetryBudget.share({ minPerSecond: Infinity })],
      ["window", () => RetryBudget.share({ window: 0 })],
      ["window", () => RetryBudget.share({ window: Duration.infinity })],
      ["capacity", () => RetryBudget.tokens({ capacity: 0 })],
      ["capacity", () => RetryBudget.tokens({ capacity: 1.5 })],
      ["cost", () => RetryBudget.tokens({ cost: 0 })],
      ["cost", () => RetryBudget.tokens({ capacity: 4 })],
      ["timeoutCost", () => RetryBudget.tokens({ timeoutCost: 501 })],
      ["timeoutCost", () => RetryBudget.tokens({ timeoutCost: 0 })],
      ["onSuccess", () => RetryBudget.tokens({ onSuccess: -1 })],
      ["onSuccess", () => RetryBudget.tokens({ onSuccess: 501 })]
    ]
    for (const [option, make] of wrong) {
      try {
        make()
        assert.fail(`${option} was taken`)
      } catch (error) {
        if (!(error instanceof InvalidOption)) throw error
        assert.strictEqual(error.option, option)
      }
    }
    make(RetryBudget.share({ ratio: 0, minPerSecond: 0, window: 1 }))
    make(RetryBudget.tokens({ capacity: 1, cost: 1, timeoutCost: 1, onSuccess: 0 }))
  })

  it.effect("is a new one each time it is made", () =>
    Effect.gen(function*() {
      const first = yield* few(1)
      const second = yield* few(1)
      assert.isTrue(yield* RetryBudget.tryWithdraw(first))
      assert.isFalse(yield* RetryBudget.tryWithdraw(first))
      assert.isTrue(yield* RetryBudget.tryWithdraw(second))
      const share = RetryBudget.share({ ratio: 0, minPerSecond: 1, window: "1 second" })
      assert.deepStrictEqual(yield* RetryBudget.tryWithdraw(yield* share), yield* RetryBudget.tryWithdraw(yield* share))
    }))

  it.effect("says what it is, and can be piped", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens({ capacity: 7, key: "payments" })
      assert.deepStrictEqual(yield* budget.pipe(RetryBudget.snapshot), {
        key: "payments",
        kind: "tokens",
        balance: 7,
        held: 0,
        withdrawn: 0,
        refused: 0
      })
      assert.strictEqual(budget[RetryBudget.TypeId], RetryBudget.TypeId)
    }))

  it.effect("changes nothing where it refuses, but counts it", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens({ capacity: 9, cost: 5, timeoutCost: 9 })
      yield* RetryBudget.tryWithdraw(budget)
      assert.isFalse(yield* RetryBudget.tryWithdraw(budget, { isTimeout: true }))
      assert.deepStrictEqual(yield* counts(budget), [4, 0, 1, 1])
      const share = yield* RetryBudget.share({ ratio: 0, minPerSecond: 0 })
      assert.isFalse(yield* RetryBudget.tryWithdraw(share))
      assert.deepStrictEqual(yield* counts(share), [0, 0, 0, 1])
    }))

  it.effect("lets a hundred fibers that share it have as much as one", () =>
    Effect.gen(function*() {
      const ask = (budget: Budget) =>
        Effect.zipRight(Effect.yieldNow(), RetryBudget.tryWithdraw(budget)).pipe(
          Effect.replicateEffect(3),
          Effect.map((all) => all.filter(Boolean).length)
        )
      for (const make of [few(30), RetryBudget.share({ ratio: 0, minPerSecond: 3 })]) {
        const budget = yield* make
        const all = yield* Effect.all(Array.from({ length: 100 }, () => ask(budget)), { concurrency: "unbounded" })
        assert.strictEqual(all.reduce((a, b) => a + b), 30)
        assert.deepStrictEqual(yield* counts(budget), [0, 0, 30, 270])
      }
    }))
})

describe("RetryBudget.layer", () => {
  it.effect("provides one budget to all that ask for the tag", () =>
    Effect.gen(function*() {
      const withdraw = Effect.flatMap(Payments, (budget) => RetryBudget.tryWithdraw(budget))
      const both = Effect.zip(withdraw, withdraw)
      assert.deepStrictEqual(yield* Effect.provide(both, RetryBudget.layer(Payments, few(1))), [true, false])
    }))

  const configured = (entries: ReadonlyArray<readonly [string, string]>, prefix?: string) =>
    Effect.exit(Effect.provide(Payments, RetryBudget.layerConfig(Payments, RetryBudget.config(prefix)))).pipe(
      Effect.withConfigProvider(Services.settings(Object.fromEntries(entries)))
    )

  it.effect("reads the numbers of a share from Config", () =>
    Effect.gen(function*() {
      const budget = yield* Effect.flatten(configured([
        ["PAYMENTS.RATIO", "0.5"],
        ["PAYMENTS.MIN_PER_SECOND", "2"],
        ["PAYMENTS.WINDOW", "3 seconds"]
      ], "PAYMENTS"))
      assert.deepInclude(yield* RetryBudget.snapshot(budget), { kind: "share", balance: 6 })
      yield* Effect.replicateEffect(RetryBudget.recordCall(budget), 10)
      assert.strictEqual(yield* balance(budget), 11)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* balance(budget), 6)
    }))

  it.effect("needs none of them", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* balance(yield* Effect.flatten(configured([]))), 100)
    }))

  it.effect("fails with a ConfigError at the name of what is out of range", () =>
    Effect.gen(function*() {
      const exit = yield* configured([["RATIO", "-1"]])
      const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined
      assert.isNotEmpty(Services.mistakes(error))
      assert.match(String(error), /ratio/)
      const own = RetryBudget.layerConfig(Payments, Config.succeed({ window: 0 }))
      assert.isNotEmpty(Services.mistakes(yield* Effect.flip(Effect.provide(Payments, own))))
    }))
})

describe("RetryBudget.track", () => {
  it.effect("counts a call as it begins, and its success", () =>
    Effect.gen(function*() {
      const share = yield* RetryBudget.share({ ratio: 1, minPerSecond: 0 })
      const inside = yield* RetryBudget.track(balance(share), share)
      assert.deepStrictEqual([inside, yield* balance(share)], [1, 1])
      const tokens = yield* RetryBudget.tokens({ capacity: 10, cost: 5, onSuccess: 2 })
      yield* RetryBudget.tryWithdraw(tokens)
      assert.deepStrictEqual([yield* balance(tokens).pipe(RetryBudget.track(tokens)), yield* balance(tokens)], [5, 7])
    }))

  it.effect("counts a call that fails, dies or interrupts itself, and no success", () =>
    Effect.gen(function*() {
      for (const effect of [Effect.fail("down"), Effect.die("defect"), Effect.interrupt]) {
        const share = yield* RetryBudget.share({ ratio: 1, minPerSecond: 0 })
        const tokens = yield* RetryBudget.tokens()
        yield* RetryBudget.tryWithdraw(tokens)
        const both = effect.pipe(RetryBudget.track(share), RetryBudget.track(tokens))
        assert.deepStrictEqual(yield* Effect.exit(both), yield* Effect.exit(effect))
        assert.deepStrictEqual([yield* balance(share), yield* balance(tokens)], [1, 495])
      }
    }))

  it.effect("counts each time it is run", () =>
    Effect.gen(function*() {
      const share = yield* RetryBudget.share({ ratio: 1, minPerSecond: 0 })
      yield* Effect.replicateEffect(RetryBudget.track(Effect.void, share), 5)
      assert.strictEqual(yield* balance(share), 5)
    }))

  it.effect("reads the time of the fiber", () =>
    Effect.gen(function*() {
      const share = yield* RetryBudget.share({ ratio: 1, minPerSecond: 0 })
      yield* RetryBudget.track(Effect.void, share)
      yield* TestClock.adjust("9 seconds")
      yield* RetryBudget.track(Effect.void, share)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* balance(share), 1)
    }))
})

describe("RetryBudget.gate", () => {
  const ledger = <E>(effect: Effect.Effect<unknown, E>, schedule: Schedule.Schedule<unknown, E>) =>
    reasons(Retry.ledger(effect, schedule))

  it("ends the schedule with its own reason, in every place among the combinators of Effect and of Reprise", () => {
    const policy = Schedule.spaced(10)
    const busy = new Busy({ retryAfter: Option.some(Duration.millis(20)) })
    const within: Record<string, (budget: Budget) => Schedule.Schedule<unknown, Busy>> = {
      plain: (budget) => RetryBudget.gate(policy, budget),
      last: (budget) =>
        policy.pipe(Backoff.capped(5), Backoff.fullJitter, Backoff.attempts(9), RetryBudget.gate(budget)),
      intersect: (budget) => Schedule.intersect(policy.pipe(RetryBudget.gate(budget)), Schedule.recurs(9)),
      andThen: (budget) => Schedule.andThen(Schedule.stop, policy.pipe(RetryBudget.gate(budget))),
      jittered: (budget) => Schedule.jittered(policy.pipe(RetryBudget.gate(budget))),
      whileInput: (budget) => Schedule.whileInput(policy.pipe(RetryBudget.gate(budget)), () => true),
      upTo: (budget) => Schedule.upTo(policy.pipe(RetryBudget.gate(budget)), "1 hour"),
      attempts: (budget) => policy.pipe(RetryBudget.gate(budget), Backoff.attempts(9))
    }
    for (const [name, schedule] of Object.entries(within)) {
      const seen = ledger(Effect.fail(busy), schedule(make(few(2))))
      assert.deepStrictEqual({ name, seen }, { name, seen: { success: ["backoff", "backoff", "budget"] } })
    }
    for (
      const schedule of [
        (budget: Budget) => policy.pipe(Retry.honorHint({ jitter: 0 }), RetryBudget.gate(budget)),
        (budget: Budget) => policy.pipe(RetryBudget.gate(budget), Retry.honorHint({ jitter: 0 }))
      ]
    ) {
      assert.deepStrictEqual(ledger(Effect.fail(busy), schedule(make(few(2)))), {
        success: ["retryAfter", "retryAfter", "budget"]
      })
    }
  })

  it("pays for nothing where the schedule has ended", () => {
    const budget = make(few(9))
    assert.deepStrictEqual(ledger(Effect.fail("down"), Schedule.recurs(2).pipe(RetryBudget.gate(budget))), {
      success: ["backoff", "backoff", "schedule"]
    })
    assert.deepStrictEqual(Effect.runSync(counts(budget)), [7, 0, 2, 0])
  })

  it("leaves delay and output of the schedule alone", () => {
    const plain = Schedule.exponential(10)
    const delays = (schedule: Schedule.Schedule<Duration.Duration>) =>
      Array.from(Effect.runSync(Schedule.run(Schedule.delays(schedule), 0, [1, 2, 3])))
    assert.deepStrictEqual(delays(RetryBudget.gate(plain, make(few(9)))), delays(plain))
  })

  it.effect("works with Effect.retry, and with track lets a tenth of the calls be tried again", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.share({ minPerSecond: 0 })
      const { dead, seen } = counting()
      const policy = Schedule.recurs(3).pipe(RetryBudget.gate(budget))
      yield* Effect.replicateEffect(dead.pipe(Effect.retry(policy), RetryBudget.track(budget), Effect.ignore), 200)
      assert.strictEqual(seen.attempts, 220)
    }))

  it("lets a call that is let go end as it would", () => {
    const budget = make(few(2))
    const call = failing("a", "b").pipe(Effect.retry(RetryBudget.gate(Schedule.forever, budget)))
    assert.deepStrictEqual(run(call), { success: "done" })
  })

  const spent = (error: unknown, options?: RetryBudget.Failures<unknown>) => {
    const budget = make(RetryBudget.tokens())
    run(failing(error).pipe(Effect.retry(Schedule.once.pipe(RetryBudget.gate(budget, options)))))
    run(failing(error).pipe(Effect.retry(RetryBudget.gate(Schedule.once, budget, options))))
    return (500 - Effect.runSync(balance(budget))) / 2
  }

  it("charges more after a timeout, which it knows by its tag or by what it is told", () => {
    assert.strictEqual(spent(new Busy({ retryAfter: Option.none() })), 5)
    assert.strictEqual(spent(new Cause.TimeoutException()), 10)
    assert.strictEqual(spent(new AttemptTimeout()), 10)
    for (const odd of ["AttemptTimeout", null, undefined, 7, { _tag: 1 }]) assert.strictEqual(spent(odd), 5)
    const isTimeout = (error: unknown) => error === "slow"
    assert.deepStrictEqual([spent("slow", { isTimeout }), spent(new AttemptTimeout(), { isTimeout })], [10, 5])
  })
})

describe("RetryBudget.retry", () => {
  it("fails with BudgetExhausted where, and only where, the budget ends it", () => {
    const budget = make(RetryBudget.tokens({ capacity: 2, cost: 1, key: "payments" }))
    const policy = Schedule.spaced(10)
    const program = RetryBudget.retry(failing("a", "b", "c", "d"), policy, budget)
    const error = Effect.runSync(Effect.flip(Effect.withClock(program, instant())))
    assert.instanceOf(error, RetryBudget.BudgetExhausted)
    assert.deepInclude(error, { _tag: "BudgetExhausted", key: "payments", last: "c" })
    assert.deepStrictEqual(Effect.runSync(counts(budget)), [0, 0, 2, 1])
    const others: ReadonlyArray<readonly [Effect.Effect<unknown, unknown>, unknown]> = [
      [RetryBudget.retry(failing("a", "b"), Schedule.recurs(1), make(few(9))), { failure: { fail: "b" } }],
      [RetryBudget.retry(failing("a", "b"), Schedule.recurs(1), make(few(1))), { failure: { fail: "b" } }],
      [RetryBudget.retry(failing("a"), Schedule.stop, make(few(1))), { failure: { fail: "a" } }],
      [RetryBudget.retry(Effect.die("defect"), policy, make(few(1))), { failure: { die: "defect" } }],
      [RetryBudget.retry(Effect.interrupt, policy, make(few(1))), { failure: "interrupt" }],
      [RetryBudget.retry(failing("a"), policy, make(few(1))), { success: "done" }],
      [Deadline.locally(RetryBudget.retry(failing("a"), policy, make(few(1))), 10), { failure: { fail: "a" } }],
      // Another budget is another reason.
      [
        RetryBudget.retry(failing("a", "b"), policy.pipe(RetryBudget.gate(make(few(1)))), make(few(9))),
        { failure: { fail: "b" } }
      ]
    ]
    for (const [program, expected] of others) assert.deepStrictEqual(run(program), expected)
  })

  it.effect("can be told apart and caught by its tag, and says what is spent and why", () =>
    Effect.gen(function*() {
      const message = (error: "down" | Error, key?: string) =>
        RetryBudget.tokens({ capacity: 1, cost: 1, key }).pipe(
          Effect.tap((budget) => RetryBudget.tryWithdraw(budget)),
          Effect.flatMap((budget) => Effect.fail(error).pipe(RetryBudget.retry(Schedule.forever, budget))),
          Effect.catchTag("BudgetExhausted", (error) => Effect.succeed(error.message))
        )
      assert.deepStrictEqual([yield* message("down", "payments"), yield* message(new Error("no route"))], [
        "The retry budget \"payments\" is spent; the last failure: down",
        "The retry budget is spent; the last failure: no route"
      ])
    }))

  it("captures no stack", () => {
    const budget = make(few(1))
    const retry = RetryBudget.retry(Effect.fail("down"), Schedule.forever, budget)
    const error = Effect.runSync(Effect.flip(retry))
    assert.instanceOf(error, RetryBudget.BudgetExhausted)
    assert.isFalse(Object.hasOwn(error as object, "stack"))
    assert.instanceOf(error, Error)
  })

  it("pays for no retry that has no time before the deadline", () => {
    const budget = make(few(9))
    const program = RetryBudget.retry(Effect.fail("down"), Schedule.spaced(100), budget).pipe(Deadline.locally(250))
    assert.deepStrictEqual(run(program), { failure: { fail: "down" } })
    assert.deepStrictEqual(Effect.runSync(counts(budget)), [7, 0, 2, 0])
    const spent = make(RetryBudget.share({ ratio: 0, minPerSecond: 0 }))
    const late = RetryBudget.retry(Effect.fail("down"), Schedule.spaced(100), spent).pipe(Deadline.locally(50))
    assert.deepStrictEqual(run(late), { failure: { fail: "down" } })
    assert.deepStrictEqual(Effect.runSync(counts(spent)), [0, 0, 0, 0])
  })

  const after = (errors: ReadonlyArray<unknown>, options?: RetryBudget.Tokens) => {
    const budget = make(RetryBudget.tokens(options))
    Effect.runSync(RetryBudget.tryWithdraw(budget))
    run(RetryBudget.retry(failing(...errors), Schedule.recurs(3), budget))
    return Effect.runSync(balance(budget))
  }

  it("puts one token back for a success at first, and what the last retry cost for one that succeeds", () => {
    assert.strictEqual(after([]), 496)
    assert.strictEqual(after(["a"]), 495)
    assert.strictEqual(after(["a", "b"]), 490)
    assert.strictEqual(after([new AttemptTimeout()]), 495)
    assert.strictEqual(after([new AttemptTimeout(), "b"]), 485)
    assert.strictEqual(after(["a", new AttemptTimeout()]), 490)
    assert.strictEqual(after(["a", "b", "c", "d"]), 480)
    assert.strictEqual(after([], { onSuccess: 0 }), 495)
  })

  it("takes the effect first or last, and what a timeout is", () => {
    const isTimeout = (error: string) => error === "slow"
    const spent = (retry: (budget: Budget) => Effect.Effect<unknown, unknown>) => {
      const budget = make(RetryBudget.tokens())
      run(retry(budget))
      return 500 - Effect.runSync(balance(budget))
    }
    const slow = Effect.fail("slow")
    const once = Schedule.once
    assert.deepStrictEqual(
      [
        spent((budget) => RetryBudget.retry(slow, once, budget)),
        spent((budget) => slow.pipe(RetryBudget.retry(once, budget))),
        spent((budget) => RetryBudget.retry(slow, once, budget, { isTimeout })),
        spent((budget) => slow.pipe(RetryBudget.retry(once, budget, { isTimeout })))
      ],
      [5, 5, 10, 10]
    )
  })

  it("counts a retry that waits against the share, however long it waits", () => {
    const budget = make(RetryBudget.share({ ratio: 0, minPerSecond: 0.2, window: "5 seconds" }))
    const program = Effect.gen(function*() {
      const fiber = yield* Effect.fork(RetryBudget.retry(failing("a"), Schedule.spaced("1 minute"), budget))
      yield* Effect.sleep("30 seconds")
      const during = yield* counts(budget)
      const refused = yield* RetryBudget.tryWithdraw(budget)
      yield* Fiber.join(fiber)
      const after = yield* counts(budget)
      yield* Effect.sleep("6 seconds")
      return [during, refused, after, yield* RetryBudget.tryWithdraw(budget)]
    })
    assert.deepStrictEqual(run(program), { success: [[0, 1, 0, 0], false, [0, 0, 1, 1], true] })
  })

  it.effect("keeps what a hundred fibers pay together within the share", () =>
    Effect.gen(function*() {
      const budget = yield* RetryBudget.share({ ratio: 0.2, minPerSecond: 0 })
      const { dead, seen } = counting()
      const policy = Schedule.spaced("100 millis").pipe(Schedule.intersect(Schedule.recurs(3)))
      const calls = Array.from({ length: 100 }, () => Effect.exit(RetryBudget.retry(dead, policy, budget)))
      const fibers = yield* Effect.forEach(calls, (call) => Effect.fork(call))
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(fibers, Fiber.join)
      assert.strictEqual(seen.attempts, 120)
      assert.deepStrictEqual((yield* counts(budget)).slice(0, 3), [0, 0, 20])
    }))

  it("keeps the stack flat over 20,000 immediate retries", () => {
    const budget = make(RetryBudget.tokens({ capacity: 20_000, cost: 1 }))
    let calls = 0
    const flaky = Effect.suspend(() => ++calls > 20_000 ? Effect.succeed(calls) : Effect.fail("again"))
    assert.strictEqual(Effect.runSync(RetryBudget.retry(flaky, Schedule.forever, budget)), 20_001)
  })

  it("gives nothing back where a judge of timeouts throws: it has taken nothing", () => {
    const budget = make(few(1))
    const isTimeout = () => {
      throw "thrown"
    }
    assert.deepStrictEqual(run(RetryBudget.retry(failing("a"), Schedule.forever, budget, { isTimeout })), {
      failure: { die: "thrown" }
    })
    assert.deepStrictEqual(Effect.runSync(counts(budget)), [1, 0, 0, 0])
  })
})

describe("Retry.loop with a budget", () => {
  it("says that the budget ended it, and accounts for it as RetryBudget.retry does", () => {
    const budget = make(RetryBudget.tokens({ capacity: 15 }))
    const loop = (...errors: ReadonlyArray<unknown>) => {
      const flaky = failing(...errors)
      return reasons(Retry.loop({ attempt: () => flaky, schedule: Schedule.recurs(9), budget }))
    }
    const left = () => Effect.runSync(balance(budget))
    assert.deepStrictEqual([loop("a", new AttemptTimeout(), "c"), left()], [{
      success: ["backoff", "backoff", "budget"]
    }, 0])
    assert.deepStrictEqual([loop(), left()], [{ success: ["success"] }, 1])
    for (let i = 0; i < 7; i++) loop()
    assert.deepStrictEqual([loop("a"), left()], [{ success: ["backoff", "success"] }, 8])
    assert.deepStrictEqual([loop(new AttemptTimeout()), left()], [{ success: ["budget"] }, 8])
  })

  it("counts the call in a share", () => {
    const budget = make(RetryBudget.share({ ratio: 0.5, minPerSecond: 0 }))
    const loop = () => reasons(Retry.loop({ attempt: () => Effect.fail("down"), schedule: Schedule.recurs(9), budget }))
    assert.deepStrictEqual([loop(), loop()], [{ success: ["budget"] }, { success: ["backoff", "budget"] }])
  })

  it("knows a timeout as it is told", () => {
    const budget = make(RetryBudget.tokens())
    const isTimeout = (error: { readonly slow: boolean }) => error.slow
    reasons(
      Retry.loop({ attempt: () => Effect.fail({ slow: true }), schedule: Schedule.recurs(1), budget, isTimeout })
    )
    assert.strictEqual(Effect.runSync(balance(budget)), 490)
  })

  it("does not ask it where a refusal, the deadline or the schedule ends it, and gives back where beforeWait dies", () => {
    const budget = make(few(9))
    const attempt = () => Effect.fail("down")
    const ends: ReadonlyArray<Partial<Retry.Loop<never, string, never>>> = [
      { refuse: () => Option.some("no") },
      { deadlineMillis: 10 },
      { schedule: Schedule.stop },
      { beforeWait: () => Effect.die("defect") }
    ]
    for (const end of ends) run(Retry.loop({ attempt, schedule: Schedule.spaced(10), budget, ...end }))
    assert.deepStrictEqual(Effect.runSync(counts(budget)), [9, 0, 0, 0])
  })

  it.effect("gives back what an interrupted wait had paid for", () =>
    Effect.gen(function*() {
      const budget = yield* few(2)
      const waiting = yield* Deferred.make<void>()
      const loop = Retry.loop({
        attempt: () => Effect.fail("down"),
        schedule: Schedule.spaced("1 second"),
        beforeWait: () => Deferred.succeed(waiting, undefined),
        budget
      })
      const fiber = yield* Effect.fork(loop)
      yield* Deferred.await(waiting)
      assert.deepStrictEqual(yield* counts(budget), [1, 1, 0, 0])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* counts(budget), [2, 0, 0, 0])
    }))
})
