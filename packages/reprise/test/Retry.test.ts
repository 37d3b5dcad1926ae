import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  Data,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck as fc,
  Fiber,
  Option,
  Random,
  Ref,
  Schedule,
  TestClock
} from "effect"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Schedules from "./schedules.js"
import * as Virtual from "./virtual.js"

class Busy extends Data.TaggedError("Busy")<{ readonly retryAfter: Option.Option<Duration.Duration> }> {
  readonly retryable = true
}

class Refused extends Data.TaggedError("Refused")<{ readonly retryable: boolean }> {
  readonly retryAfter = Option.none()
}

const busy = (after?: Duration.DurationInput) =>
  new Busy({ retryAfter: Option.map(Option.fromNullable(after), Duration.decode) })

/** Fails with these errors, one after the other, then succeeds. */
const failing = <E>(...errors: ReadonlyArray<E>) => {
  let calls = 0
  return Effect.suspend(() => calls < errors.length ? Effect.fail(errors[calls++]!) : Effect.succeed("done"))
}

const unavailable = (): never => {
  throw new Error("touched")
}

/** A schedule of which nothing may be looked at. */
const untouchable: Schedule.Schedule<unknown> = {
  ...Schedule.forever,
  get initial() {
    return unavailable()
  },
  get step() {
    return unavailable()
  }
}

const lines = (ledger: Retry.Ledger<unknown>) =>
  ledger.map(({ delay, duration, failure, number, reason, startMillis }) => [
    number,
    startMillis,
    Duration.toMillis(duration),
    Option.getOrUndefined(failure),
    Option.getOrUndefined(Option.map(delay, Duration.toMillis)),
    reason
  ])

const run = <A, E>(program: Effect.Effect<readonly [Exit.Exit<A, E>, Retry.Ledger<E>]>, seed = 0) => {
  const { endMillis, exit } = Virtual.run(program, { seed })
  const [inner, ledger] = Effect.runSync(Option.getOrThrow(exit))
  return { exit: Virtual.plain(Option.some(inner)), ledger: lines(ledger), endMillis }
}

const reasons = <A, E>(program: Effect.Effect<readonly [Exit.Exit<A, E>, Retry.Ledger<E>]>) =>
  run(program).ledger.map((line) => line[5])

describe("Retry.retry", () => {
  it.effect("waits between attempts as long as the schedule says, by the TestClock", () =>
    Effect.gen(function*() {
      const calls = yield* Ref.make(0)
      const flaky = Effect.zipRight(Ref.update(calls, (n) => n + 1), failing("a", "b"))
      const fiber = yield* Effect.fork(Retry.retry(flaky, Schedule.exponential("1 second")))
      const seen: Array<number> = []
      for (const adjust of ["0 seconds", "999 millis", "1 millis", "1999 millis", "1 millis"] as const) {
        yield* TestClock.adjust(adjust)
        seen.push(yield* Ref.get(calls))
      }
      assert.deepStrictEqual(seen, [1, 1, 2, 2, 3])
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed("done"))
    }))

  it.effect("waits for more than a timer can hold, by the TestClock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Retry.retry(failing("a"), Schedule.spaced("60 days")))
      yield* TestClock.adjust(Duration.subtract(Duration.days(60), Duration.millis(1)))
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed("done"))
    }))

  it("never sleeps for more than a timer can hold at a time", () => {
    const sleeps: Array<number> = []
    const clock = Virtual.clock()
    clock.sleep = (duration) => Effect.sync(() => sleeps.push(Duration.toMillis(duration)))
    const wait = (millis: number) => Retry.retry(failing("a"), Schedule.spaced(millis)).pipe(Effect.withClock(clock))
    Effect.runSync(wait(2_147_483_647))
    Effect.runSync(wait(2_147_483_648))
    Effect.runSync(wait(5_000_000_000))
    assert.deepStrictEqual(sleeps, [
      2_147_483_647,
      2_147_483_647,
      1,
      2_147_483_647,
      2_147_483_647,
      5_000_000_000 - 2 * 2_147_483_647
    ])
  })

  it("looks at nothing of the schedule until the first failure", () => {
    const never = Schedule.addDelay(Schedule.forever, () => unavailable())
    assert.strictEqual(Effect.runSync(Retry.retry(Effect.succeed(1), untouchable)), 1)
    assert.strictEqual(Effect.runSync(Retry.retry(Effect.succeed(1), never)), 1)
    assert.strictEqual(run(Retry.ledger(Effect.succeed(1), untouchable)).ledger.length, 1)
    const exit = Effect.runSyncExit(Effect.mapError(Retry.retry(Effect.fail("boom"), untouchable), String))
    assert.deepStrictEqual(exit, Exit.die(new Error("touched")))
  })

  it("begins the schedule anew each time it is run, also by many fibers at once", () => {
    const program = Retry.retry(Effect.fail("boom"), Schedule.recurs(3)).pipe(Effect.ignore)
    let attempts = 0
    const counted = Effect.all(
      Array.from({ length: 3 }, () =>
        Retry.retry(
          Effect.suspend(() => Effect.fail(++attempts)),
          Schedule.intersect(Schedule.recurs(3), Schedule.spaced(10))
        )
          .pipe(Effect.ignore)),
      { concurrency: "unbounded" }
    )
    Virtual.run(Effect.zipRight(program, program))
    Virtual.run(counted)
    assert.strictEqual(attempts, 12)
  })

  const failingTimes = (times: number) => {
    let calls = 0
    return Effect.suspend(() => ++calls > times ? Effect.succeed(calls) : Effect.fail("again"))
  }

  it("keeps the stack flat over 100,000 immediate retries", { timeout: 30_000 }, async () => {
    assert.strictEqual(await Effect.runPromise(Retry.retry(failingTimes(100_000), Schedule.forever)), 100_001)
  })

  it("keeps the stack flat with a ledger too", { timeout: 30_000 }, async () => {
    const [exit, ledger] = await Effect.runPromise(Retry.ledger(failingTimes(20_000), Schedule.forever))
    assert.deepStrictEqual([exit, ledger.at(-1)?.number], [Exit.succeed(20_001), 20_001])
  })

  it("takes the effect first or last", () => {
    assert.strictEqual(Effect.runSync(Retry.retry(failing("a"), Schedule.once)), "done")
    assert.strictEqual(Effect.runSync(failing("a").pipe(Retry.retry(Schedule.once))), "done")
    assert.strictEqual(run(failing("a").pipe(Retry.ledger(Schedule.once))).ledger.length, 2)
  })

  it("lets the first attempt within another retry see the metadata of the outer one", () => {
    const seen: Array<number> = []
    const attempt = Effect.flatMap(Schedule.CurrentIterationMetadata, ({ recurrence }) => {
      seen.push(recurrence)
      return Effect.fail("boom")
    })
    const nested = attempt.pipe(Retry.retry(Schedule.recurs(2)), Retry.retry(Schedule.recurs(1)), Effect.ignore)
    Effect.runSync(nested)
    assert.deepStrictEqual(seen, [0, 1, 2, 1, 1, 2])
  })
})

describe("Retry within a schedule", () => {
  it("has its own reasons, and leaves those of the schedule alone", () => {
    const inner: Array<unknown> = []
    const asking = Retry.ledger(failing("a", "b"), Schedule.recurs(1)).pipe(
      Effect.map(([, ledger]) => inner.push(...ledger.map(({ reason }) => reason)) > 0)
    )
    const policy = Schedule.spaced(1).pipe(Retry.honorHint({ jitter: 0 }), Schedule.whileInputEffect(() => asking))
    assert.deepStrictEqual(reasons(Retry.ledger(failing(busy("1 second")), policy)), ["retryAfter", "success"])
    assert.deepStrictEqual(inner, ["backoff", "schedule"])
  })
})

describe("Retry under interruption", () => {
  const policy = Backoff.exponential(10).pipe(Backoff.attempts(4))

  it.effect("makes no further attempt when interrupted during a wait", () =>
    Effect.gen(function*() {
      let attempts = 0
      const fiber = yield* Effect.fork(
        Retry.retry(Effect.suspend(() => Effect.fail(++attempts)), Schedule.spaced("1 second"))
      )
      yield* TestClock.adjust("1500 millis")
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(attempts, 2)
    }))

  it.effect("makes no further attempt when interrupted during an attempt, whatever the attempt makes of it", () =>
    Effect.gen(function*() {
      let attempts = 0
      const started = yield* Deferred.make<void>()
      const attempt = Effect.suspend(() => {
        attempts++
        return Effect.zipRight(Deferred.succeed(started, undefined), Effect.never)
      }).pipe(Effect.onInterrupt(() => Effect.yieldNow()), Effect.catchAllCause(() => Effect.fail("interrupted")))
      const fiber = yield* Effect.fork(Retry.retry(attempt, Schedule.forever))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(fiber)))
      assert.strictEqual(attempts, 1)
    }))

  const attempts = () => {
    const log: Array<string> = []
    const late: Array<string> = []
    let interrupted = false
    const say = (what: string) =>
      Effect.sync(() => {
        log.push(what)
        if (interrupted) late.push(what)
      })
    const use = Effect.acquireUseRelease(
      say("acquired"),
      () => Effect.zipRight(Effect.sleep(5), Effect.fail("boom")),
      () => Effect.zipRight(Effect.sleep(1), say("released"))
    )
    const attempt = Effect.zipRight(say("begins"), use)
    return { attempt, say, log, late, interrupt: () => interrupted = true }
  }

  type Run = Omit<ReturnType<typeof attempts>, "attempt" | "say">

  const check = ({ fibersLeft, sleepsLeft }: Virtual.Result<unknown, unknown>, at: number, { late, log }: Run) => {
    assert.deepStrictEqual({ at, fibersLeft, sleepsLeft }, { at, fibersLeft: 0, sleepsLeft: 0 })
    assert.notInclude(late, "begins")
    assert.notInclude(late, "told")
    const count = (what: string) => log.filter((line) => line === what).length
    assert.strictEqual(count("released"), count("acquired"))
  }

  it("begins no attempt after the interruption and leaves nothing behind, at whatever operation it comes", () => {
    const points = Virtual.interruptEverywhere(
      () => {
        const { attempt, ...rest } = attempts()
        return { program: Retry.retry(attempt, policy), ...rest }
      },
      check,
      (run) => run.interrupt()
    )
    assert.isAbove(points, 50)
  })

  it("does so with a ledger and a callback before each wait", () => {
    const points = Virtual.interruptEverywhere(
      () => {
        const { attempt, say, ...rest } = attempts()
        const beforeWait = () => Effect.zipRight(Effect.sleep(2), say("told"))
        return { program: Retry.loop({ attempt: () => attempt, schedule: policy, beforeWait }), ...rest }
      },
      check,
      (run) => run.interrupt()
    )
    assert.isAbove(points, 50)
  })
})

describe("Retry.whileRetryable", () => {
  it("ends the schedule at a failure that is not retryable", () => {
    const errors = [new Refused({ retryable: true }), new Refused({ retryable: false })]
    const { exit, ledger } = run(
      Retry.ledger(failing<Refused | Busy>(...errors, busy()), Schedule.spaced(10).pipe(Retry.whileRetryable))
    )
    assert.deepStrictEqual(exit, { failure: { fail: errors[1] } })
    assert.deepStrictEqual(ledger.map((line) => line[5]), ["backoff", "notRetryable"])
  })

  it("leaves delay and output of the schedule alone", () => {
    const plain = Schedule.exponential(10)
    const inputs = [busy(), busy(), busy()]
    const outputs = (schedule: Schedule.Schedule<Duration.Duration, Busy>) =>
      Array.from(Effect.runSync(Schedule.run(schedule, 0, inputs)))
    assert.deepStrictEqual(outputs(plain.pipe(Retry.whileRetryable)), outputs(plain))
  })
})

describe("Retry.honorHint", () => {
  const waits = (
    errors: ReadonlyArray<Busy>,
    schedule: Schedule.Schedule<unknown, Pick<Retry.Hint, "retryAfter">>,
    seed = 0
  ) => run(Retry.ledger(failing(...errors), schedule), seed).ledger.map((line) => line.slice(4))

  it("waits for the longer of the schedule's delay and the hint", () => {
    const policy = Schedule.exponential(100).pipe(Retry.honorHint({ jitter: 0 }))
    assert.deepStrictEqual(waits([busy(), busy(150), busy(500), busy(799)], policy), [
      [100, "backoff"],
      [200, "backoff"],
      [500, "retryAfter"],
      [800, "backoff"],
      [undefined, "success"]
    ])
  })

  it("counts a hint that is no longer than the delay as backoff, zero included", () => {
    const policy = Retry.honorHint({ jitter: 0 })
    assert.deepStrictEqual(waits([busy(100), busy(0)], policy(Schedule.spaced(100))), [
      [100, "backoff"],
      [100, "backoff"],
      [undefined, "success"]
    ])
    assert.deepStrictEqual(waits([busy(0)], policy(Schedule.forever)), [[0, "backoff"], [undefined, "success"]])
  })

  it("ends where the hint is longer than max, and waits for one that is max", () => {
    const policy = Schedule.spaced(10).pipe(Retry.honorHint({ max: "1 second", jitter: 0 }))
    assert.deepStrictEqual(waits([busy("1 second"), busy("1001 millis")], policy), [
      [1_000, "retryAfter"],
      [undefined, "retryAfterTooLong"]
    ])
    assert.deepStrictEqual(waits([busy(Duration.infinity)], policy), [[undefined, "retryAfterTooLong"]])
  })

  it("has a max of two minutes and a jitter of a tenth by default", () => {
    const policy = Schedule.spaced(10).pipe(Retry.honorHint())
    assert.deepStrictEqual(waits([busy("120001 millis")], policy), [[undefined, "retryAfterTooLong"]])
    const [[delay, reason]] = waits([busy("2 minutes")], policy) as [[number, string]]
    const random = Effect.runSync(Effect.withRandom(Random.next, Random.make(0)))
    assert.closeTo(delay, 120_000 * (1 + 0.1 * random), 0.001)
    assert.strictEqual(reason, "retryAfter")
  })

  it("is max(delay, hint * (1 + U(0, jitter))) for any delay, hint and jitter", () => {
    const milliseconds = fc.integer({ min: 1, max: 60_000 })
    const draws: Array<number> = []
    fc.assert(
      fc.property(
        milliseconds,
        milliseconds,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (own, hint, jitter, seed) => {
          const policy = Schedule.spaced(own).pipe(Retry.honorHint({ jitter }))
          const [[delay]] = waits([busy(hint)], policy, seed) as [[number]]
          const random = Effect.runSync(Effect.withRandom(Random.next, Random.make(seed)))
          assert.closeTo(delay, Math.max(own, hint * (1 + jitter * random)), 0.001)
          draws.push(random)
        }
      ),
      { numRuns: 200, seed: 5 }
    )
    assert.isTrue(Math.min(...draws) < 0.1 && Math.max(...draws) > 0.9)
  })

  it("keeps the hint only where nothing after it changes the wait", () => {
    const policy = Schedule.spaced(10)
    const before = policy.pipe(Backoff.capped(50), Retry.honorHint({ jitter: 0 }))
    const after = policy.pipe(Retry.honorHint({ jitter: 0 }), Backoff.capped(50))
    assert.deepStrictEqual(waits([busy(100)], before)[0], [100, "retryAfter"])
    assert.strictEqual(waits([busy(100)], after)[0]![0], 50)
  })

  it("never waits for more than a timer can hold", () => {
    const policy = Schedule.spaced(10).pipe(Retry.honorHint({ max: 2_147_483_647, jitter: 1 }))
    assert.deepStrictEqual(waits([busy(2_147_483_647)], policy)[0], [2_147_483_647, "retryAfter"])
  })

  it("refuses a max or a jitter out of range", () => {
    for (
      const options of [{ max: -1 }, { max: Infinity }, { max: NaN }, { jitter: -0.1 }, { jitter: 1.1 }, {
        jitter: NaN
      }]
    ) {
      assert.throws(() => Retry.honorHint(options), InvalidOption)
    }
    assert.doesNotThrow(() => Retry.honorHint({ max: 0, jitter: 1 }))
  })
})

describe("Retry.ledger", () => {
  const attempt = <E>(...errors: ReadonlyArray<E>) => Effect.delay(failing(...errors), 5)

  it("has one line for a success at first", () => {
    assert.deepStrictEqual(run(Retry.ledger(attempt(), Schedule.forever)), {
      exit: { success: "done" },
      ledger: [[1, 0, 5, undefined, undefined, "success"]],
      endMillis: 5
    })
  })

  it("has the failures, when they happened and how long each took, before a success", () => {
    const { endMillis, exit, ledger } = run(Retry.ledger(attempt("a", "b"), Schedule.exponential(10)))
    assert.deepStrictEqual(ledger, [
      [1, 0, 5, "a", 10, "backoff"],
      [2, 15, 5, "b", 20, "backoff"],
      [3, 40, 5, undefined, undefined, "success"]
    ])
    assert.deepStrictEqual([exit, endMillis], [{ success: "done" }, 45])
  })

  it("says that the attempts are spent", () => {
    const policy = Backoff.linear(10).pipe(Backoff.attempts(2))
    const { exit, ledger } = run(Retry.ledger(attempt("a", "b", "c"), policy))
    assert.deepStrictEqual(ledger, [[1, 0, 5, "a", 10, "backoff"], [2, 15, 5, "b", undefined, "attempts"]])
    assert.deepStrictEqual(exit, { failure: { fail: "b" } })
  })

  it("says that the time of the schedule is spent", () => {
    const policy = Backoff.exponential(10).pipe(Backoff.within(45))
    assert.deepStrictEqual(reasons(Retry.ledger(attempt("a", "b", "c", "d"), policy)), ["backoff", "backoff", "within"])
  })

  it("says that any other schedule ended", () => {
    assert.deepStrictEqual(reasons(Retry.ledger(attempt("a", "b"), Schedule.recurs(1))), ["backoff", "schedule"])
    assert.deepStrictEqual(reasons(Retry.ledger(attempt("a"), Schedule.stop)), ["schedule"])
  })

  it("says that the deadline leaves no time for the wait", () => {
    const program = Retry.ledger(attempt("a", "b"), Schedule.spaced(100)).pipe(Deadline.locally(150))
    assert.deepStrictEqual(reasons(program), ["backoff", "deadline"])
  })

  it("says that an attempt died, also where it failed as well", () => {
    const died = run(Retry.ledger(Effect.die("defect"), Schedule.forever))
    assert.deepStrictEqual(died.ledger, [[1, 0, 0, undefined, undefined, "defect"]])
    assert.deepStrictEqual(died.exit, { failure: { die: "defect" } })
    const both = Effect.failCause(Cause.sequential(Cause.fail("boom"), Cause.die("defect")))
    const failedAndDied = run(Retry.ledger(both, Schedule.forever))
    assert.deepStrictEqual(failedAndDied.ledger, died.ledger)
    assert.deepStrictEqual(failedAndDied.exit, { failure: { sequential: [{ fail: "boom" }, { die: "defect" }] } })
  })

  it("says that an attempt interrupted itself", () => {
    const { exit, ledger } = run(Retry.ledger(Effect.interrupt, Schedule.forever))
    assert.deepStrictEqual(ledger, [[1, 0, 0, undefined, undefined, "interrupted"]])
    assert.deepStrictEqual(exit, { failure: "interrupt" })
  })

  it("does not catch the interruption of the caller", () => {
    const { exit } = Virtual.run(Retry.ledger(Effect.never, Schedule.forever), { interruptAtMillis: 10 })
    assert.isTrue(Exit.isInterrupted(Option.getOrThrow(exit)))
  })

  it("has no negative duration where the clock steps back", () => {
    const clock = Virtual.clock()
    const backwards = Effect.sync(() => clock.millis -= 60_000)
    const [, ledger] = Effect.runSync(Effect.withClock(Retry.ledger(backwards, Schedule.forever), clock))
    assert.deepStrictEqual(lines(ledger), [[1, 0, 0, undefined, undefined, "success"]])
  })

  const hinted = Schedule.spaced(10).pipe(
    Retry.honorHint({ max: 500, jitter: 0 }),
    Retry.whileRetryable,
    Backoff.attempts(4)
  )
  const elsewhere = [busy(100), busy(), busy("1 minute")]

  it("keeps reasons through the combinators of Effect that stand between", () => {
    const through: Record<string, (policy: typeof hinted) => Schedule.Schedule<unknown, Busy>> = {
      intersect: (policy) => Schedule.intersect(policy, Schedule.forever),
      intersectLeft: (policy) => Schedule.intersect(Schedule.recurs(9), policy),
      whileInput: (policy) => Schedule.whileInput(policy, () => true),
      whileOutput: (policy) => Schedule.whileOutput(policy, () => true),
      andThen: (policy) => Schedule.andThen(Schedule.stop, policy),
      map: (policy) => Schedule.map(policy, String),
      mapInput: (policy) => Schedules.mapInput(policy, (error: Busy) => error),
      tapInput: (policy) => Schedule.tapInput(policy, () => Effect.void),
      tapOutput: (policy) => Schedule.tapOutput(policy, () => Effect.void),
      delayed: (policy) => Schedule.delayed(policy, (delay) => delay),
      jittered: (policy) => Schedule.jittered(policy),
      upTo: (policy) => Schedule.upTo(policy, "1 hour"),
      resetAfter: (policy) => Schedules.resetAfter(policy, "1 hour"),
      passthrough: (policy) => Schedule.passthrough(policy),
      zipLeft: (policy) => Schedules.zipLeft(policy, Schedule.forever)
    }
    for (const [name, f] of Object.entries(through)) {
      const seen = reasons(Retry.ledger(failing(...elsewhere), f(hinted)))
      assert.deepStrictEqual({ name, seen }, { name, seen: ["retryAfter", "backoff", "retryAfterTooLong"] })
      const spent = reasons(Retry.ledger(failing(busy(), busy(), busy(), busy()), f(hinted)))
      assert.deepStrictEqual({ name, spent }, { name, spent: ["backoff", "backoff", "backoff", "attempts"] })
    }
  })

  it("does not carry a reason from one step to the next", () => {
    const onceThenStop = Schedule.andThen(Schedule.recurs(1).pipe(Retry.honorHint({ jitter: 0 })), Schedule.stop)
    assert.deepStrictEqual(reasons(Retry.ledger(failing(busy(100), busy(100)), onceThenStop)), [
      "retryAfter",
      "schedule"
    ])
  })
})

describe("a filter that accepts an error", () => {
  const refused = new Refused({ retryable: false })
  const attempts = (
    retry: (self: Effect.Effect<never, Refused>) => Effect.Effect<unknown, Refused>
  ) => {
    let calls = 0
    const counted = Effect.suspend(() => {
      calls++
      return Effect.fail(refused)
    })
    return Effect.map(Effect.exit(retry(counted)), () => calls)
  }
  const choosy = Schedule.recurs(2).pipe(Retry.whileRetryable)

  it.effect("decides for the filters that it is put around, in Effect.retry too", () =>
    Effect.gen(function*() {
      const policy = choosy.pipe(Retry.whileTag("Refused"))
      assert.strictEqual(yield* attempts(Retry.retry(policy)), 3)
      assert.strictEqual(yield* attempts(Effect.retry(policy)), 3)
      // Nothing of it stays in the fiber.
      assert.strictEqual(yield* attempts(Effect.retry(choosy)), 1)
      assert.strictEqual(yield* attempts(Retry.retry(choosy)), 1)
    }))

  it.effect("ends the schedule with a reason after every other error", () =>
    Effect.gen(function*() {
      const policy = Schedule.recurs(2).pipe(Retry.whileError((error: Refused) => error.retryable))
      const [, ledger] = yield* Retry.ledger(Effect.fail(refused), policy)
      assert.deepStrictEqual(ledger.map(({ reason }) => reason), ["notRetryable"])
    }))
})

describe("Retry.loop", () => {
  it.effect("begins no wait that would end at its own deadline, or at the one of the fiber", () =>
    Effect.gen(function*() {
      const attempts = (own: number | undefined, fibers: number) =>
        Effect.gen(function*() {
          const loop = Retry.loop({
            attempt: () => Effect.fail("boom"),
            schedule: Schedule.spaced("10 millis"),
            deadlineMillis: own
          })
          const start = yield* Clock.currentTimeMillis
          const fiber = yield* Effect.fork(Deadline.locally(loop, start + fibers))
          yield* TestClock.adjust("1 second")
          const [, ledger] = yield* Fiber.join(fiber)
          return [ledger.length, ledger.at(-1)?.reason]
        })
      assert.deepStrictEqual(yield* attempts(undefined, 31), [4, "deadline"])
      assert.deepStrictEqual(yield* attempts(1_021, 31), [3, "deadline"])
      assert.deepStrictEqual(yield* attempts(1e12, 30), [3, "deadline"])
    }))

  class Session extends Context.Tag("test/Session")<Session, string>() {}

  it("makes each attempt anew, with its number", () => {
    const numbers: Array<number> = []
    const attempt = (number: number) => {
      numbers.push(number)
      return number < 3 ? Effect.fail(number) : Effect.succeed(number)
    }
    const { exit, ledger } = run(Retry.loop({ attempt, schedule: Schedule.forever }))
    assert.deepStrictEqual([numbers, exit, ledger.length], [[1, 2, 3], { success: 3 }, 3])
  })

  it("begins a new ledger each time it is run", () => {
    const loop = Retry.loop({ attempt: () => Effect.fail("boom"), schedule: Schedule.recurs(1) })
    assert.deepStrictEqual(Effect.runSync(Effect.zip(loop, loop)).map(([, ledger]) => ledger.length), [2, 2])
  })

  it("turns an exception in making the attempt into a defect", () => {
    const attempt = (): Effect.Effect<never> => {
      throw "thrown"
    }
    assert.deepStrictEqual(run(Retry.loop({ attempt, schedule: Schedule.forever })).exit, {
      failure: { die: "thrown" }
    })
  })

  it("ends where the caller refuses, with the caller's reason, and does not ask the schedule", () => {
    const refuse = (error: string) => error === "b" ? Option.some("notIdempotent") : Option.none()
    const flaky = failing("a", "b", "c")
    const { exit, ledger } = run(Retry.loop({ attempt: () => flaky, schedule: Schedule.forever, refuse }))
    assert.deepStrictEqual(ledger.map((line) => line[5]), ["backoff", "notIdempotent"])
    assert.deepStrictEqual(exit, { failure: { fail: "b" } })
    const asked = run(Retry.loop({
      attempt: () => Effect.fail("b"),
      schedule: untouchable,
      refuse
    }))
    assert.deepStrictEqual(asked.ledger.map((line) => line[5]), ["notIdempotent"])
  })

  it("runs beforeWait with the line of the attempt before each wait, and not after the last attempt", () => {
    const told: Array<unknown> = []
    const beforeWait = (attempt: Retry.Attempt<string>) =>
      Effect.clockWith((clock) => {
        told.push([clock.unsafeCurrentTimeMillis(), ...lines([attempt])])
        return Effect.sleep(3)
      })
    const flaky = failing("a", "b", "c")
    const schedule = Backoff.linear(10).pipe(Backoff.attempts(3))
    const { ledger } = run(Retry.loop({ attempt: () => flaky, schedule, beforeWait }))
    assert.deepStrictEqual(told, [[0, [1, 0, 0, "a", 10, "backoff"]], [13, [2, 13, 0, "b", 20, "backoff"]]])
    assert.deepStrictEqual(ledger.at(-1), [3, 36, 0, "c", undefined, "attempts"])
  })

  it("can be interrupted in beforeWait", () => {
    let attempts = 0
    const program = Retry.loop({
      attempt: () => Effect.suspend(() => Effect.fail(++attempts)),
      schedule: Schedule.forever,
      beforeWait: () => Effect.never
    })
    const { exit } = Virtual.run(program, { interruptAtMillis: 10 })
    assert.isTrue(Exit.isInterrupted(Option.getOrThrow(exit)))
    assert.strictEqual(attempts, 1)
  })

  it("lets attempt, schedule and beforeWait use services", () => {
    const asking = Schedule.whileInputEffect(Schedule.recurs(1), () => Effect.as(Session, true))
    const program = Retry.loop({
      attempt: () => Effect.flatMap(Session, Effect.fail),
      schedule: asking,
      beforeWait: () => Effect.asVoid(Session)
    })
    const { ledger } = run(Effect.provideService(program, Session, "session"))
    assert.deepStrictEqual(ledger.map((line) => line[3]), ["session", "session"])
  })
})
