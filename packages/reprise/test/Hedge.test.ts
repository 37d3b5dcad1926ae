import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as Hedge from "reprise/Hedge"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Timeout from "reprise/Timeout"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

type Options = Hedge.Options

const make = (options: Partial<Options> = {}) => Hedge.make({ after: "1 second", ...options })

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** Attempts that say when they began, and how they end. */
const scripted = (...attempts: ReadonlyArray<Effect.Effect<string, string>>) => {
  const log: Array<string> = []
  const say = (what: string) => Effect.map(now, (millis) => void log.push(`${millis} ${what}`))
  const attempt = (number: number) =>
    Effect.zipRight(say(`begins ${number}`), attempts[number - 1] ?? Effect.never).pipe(
      Effect.onInterrupt(() => say(`interrupted ${number}`))
    )
  return { log, attempt }
}

const ok = (millis: number, value = "ok") => Effect.delay(Effect.succeed(value), millis)
const fail = (millis: number, error = "error") => Effect.delay(Effect.fail(error), millis)

/** Runs it to its end on a virtual clock. */
const run = (options: Partial<Options>, ...attempts: ReadonlyArray<Effect.Effect<string, string>>) => {
  const { attempt, log } = scripted(...attempts)
  const hedge = Effect.runSync(make(options))
  const { endMillis, exit, fibersLeft, sleepsLeft } = Virtual.run(Hedge.hedge(attempt, hedge))
  assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
  const { hedges, refused, won } = Effect.runSync(Hedge.snapshot(hedge))
  return { exit: Virtual.plain(exit), endMillis, log, counts: { hedges, refused, won } }
}

describe("a hedge after a fixed delay", () => {
  it("makes no second attempt where the first one answers in time", () => {
    const { counts, endMillis, exit, log } = run({}, ok(999))
    assert.deepStrictEqual([exit, endMillis, log], [{ success: "ok" }, 999, ["0 begins 1"]])
    assert.deepStrictEqual(counts, { hedges: 0, refused: 0, won: 0 })
  })

  it("makes one each time that the delay has passed, and goes on with the first that answers (Polly)", () => {
    const { counts, exit, log } = run({ maxHedges: 3 }, ok(9_000, "1"), ok(9_000, "2"), ok(500, "3"))
    assert.deepStrictEqual(exit, { success: "3" })
    assert.deepStrictEqual(log, [
      "0 begins 1",
      "1000 begins 2",
      "2000 begins 3",
      "2500 interrupted 1",
      "2500 interrupted 2"
    ])
    assert.deepStrictEqual(counts, { hedges: 2, refused: 0, won: 1 })
  })

  it("still goes on with the first attempt where that is faster in the end", () => {
    const { counts, exit, log } = run({}, ok(1_500, "1"), ok(600, "2"))
    assert.deepStrictEqual(exit, { success: "1" })
    assert.deepStrictEqual(log, ["0 begins 1", "1000 begins 2", "1500 interrupted 2"])
    assert.deepStrictEqual(counts, { hedges: 1, refused: 0, won: 0 })
  })

  it("makes one hedge unless told otherwise", () => {
    assert.deepStrictEqual(run({}, ok(9_000), ok(9_000)).log, ["0 begins 1", "1000 begins 2", "9000 interrupted 2"])
  })

  it("makes all attempts at once where the delay is zero (Polly, parallel mode)", () => {
    const { exit, log } = run({ after: 0, maxHedges: 2 }, ok(30, "1"), ok(20, "2"), ok(10, "3"))
    assert.deepStrictEqual(exit, { success: "3" })
    assert.sameMembers(log, ["0 begins 1", "0 begins 2", "0 begins 3", "10 interrupted 1", "10 interrupted 2"])
    assert.deepStrictEqual(run({ after: 0, maxHedges: 2 }, Effect.succeed("at once")).log, ["0 begins 1"])
  })

  it("starts no hedge if the delay is infinite", () => {
    for (const after of [Duration.infinity, Infinity]) {
      assert.deepStrictEqual(run({ after, maxHedges: 2 }, ok(9e9)).log, ["0 begins 1"])
      const { exit, log } = run({ after, maxHedges: 2 }, fail(9_000), ok(1))
      assert.deepStrictEqual([exit, log], [{ failure: { fail: "error" } }, ["0 begins 1"]])
    }
  })

  it.effect("goes by the TestClock", () =>
    Effect.gen(function*() {
      const hedge = yield* make()
      const { attempt, log } = scripted(ok(3_000), ok(500))
      const fiber = yield* Effect.fork(Hedge.hedge(attempt, hedge))
      yield* TestClock.adjust(999)
      assert.deepStrictEqual(log, ["0 begins 1"])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(log, ["0 begins 1", "1000 begins 2"])
      yield* TestClock.adjust(500)
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed("ok"))
      assert.deepStrictEqual(log[2], "1500 interrupted 1")
    }))

  it("hears of an attempt that ends at whatever operation", () => {
    const after = (operations: number, end: Effect.Effect<string, string>): Effect.Effect<string, string> =>
      operations === 0 ? end : Effect.suspend(() => after(operations - 1, end))
    for (let operations = 0; operations < 40; operations++) {
      const hedge = Effect.runSync(make({ after: 0 }))
      const end = (number: number) => after(operations, number === 1 ? Effect.fail("error") : Effect.succeed("ok"))
      const call = Hedge.hedge((number) => Effect.delay(end(number), 1), hedge)
      assert.deepStrictEqual(Virtual.plain(Virtual.run(call, { yieldAlways: true }).exit), { success: "ok" })
    }
  })

  it("goes by the live clock", async () => {
    const hedge = Effect.runSync(make({ after: 1 }))
    let attempts = 0
    const call = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed(attempts))
    assert.strictEqual(await Effect.runPromise(Hedge.protect(call, hedge)), 2)
  })

  it("sets no timer where the first attempt ends at once, and asks for no delay beyond the last hedge", () => {
    let sleeps = 0
    const clock = Services.changedClock({ sleep: () => Effect.suspend(() => (sleeps++, Effect.never)) })
    const hedge = Effect.runSync(make())
    const atOnce = Effect.exit(Hedge.protect(Effect.succeed(1), hedge))
    Effect.runSync(Effect.withClock(atOnce, clock))
    assert.strictEqual(sleeps, 0)
    const all = Effect.runSync(make({ after: 0 }))
    const soon = Hedge.protect(Effect.yieldNow(), all)
    Effect.runFork(Effect.withClock(soon, clock))
    assert.strictEqual(sleeps, 0)
  })

  it("leaves no live timer behind", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const before = timers()
    const hedge = Effect.runSync(make())
    const end: Array<() => void> = []
    const slow = Effect.async<void>((resume) => {
      end.push(() => resume(Effect.void))
    })
    const calls = Array.from({ length: 50 }, () => Hedge.protect(slow, hedge))
    const ended = Effect.runPromise(Effect.all(calls, { concurrency: "unbounded" }))
    await turn()
    assert.isAtLeast(timers(), 50)
    end.forEach((resume) => resume())
    await ended
    await turn()
    assert.isAtMost(timers(), before)
  })
})

describe("an attempt that fails", () => {
  it("ends the call at once if no other attempt runs: its caller decides whether and when to try again", () => {
    const { counts, endMillis, exit, log } = run({ maxHedges: 2 }, fail(400), ok(1))
    assert.deepStrictEqual([exit, endMillis, log], [{ failure: { fail: "error" } }, 400, ["0 begins 1"]])
    assert.deepStrictEqual(counts, { hedges: 0, refused: 0, won: 0 })
  })

  it("is followed by no hedge, whatever time passes while another attempt runs", () => {
    const { exit, log } = run({ maxHedges: 4 }, fail(1_200), ok(9_000), ok(1))
    assert.deepStrictEqual([exit, log], [{ success: "ok" }, ["0 begins 1", "1000 begins 2"]])
  })

  it("is followed by no hedge that the budget grants only afterwards", () => {
    const withdraw = Effect.delay(Effect.succeed(true), 500)
    const { counts, exit, log } = run({ withdraw }, fail(1_200), ok(1))
    assert.deepStrictEqual([exit, log], [{ failure: { fail: "error" } }, ["0 begins 1"]])
    assert.deepStrictEqual(counts, { hedges: 0, refused: 0, won: 0 })
  })

  it("is made good by one that still runs, where no other may be made", () => {
    const { endMillis, exit } = run({}, fail(1_500), ok(2_000))
    assert.deepStrictEqual([exit, endMillis], [{ success: "ok" }, 3_000])
  })

  it("is the result where all have failed: the one that failed last, as it is (Polly, gRPC A6)", () => {
    const last = run({}, fail(1_005, "first"), fail(10, "second"))
    assert.deepStrictEqual([last.exit, last.endMillis], [{ failure: { fail: "second" } }, 1_010])
    const slowest = run({}, fail(5_000, "first"), fail(10, "second"))
    assert.deepStrictEqual([slowest.exit, slowest.endMillis], [{ failure: { fail: "first" } }, 5_000])
  })

  it("ends the race where no other attempt can make it good (Polly, unhandled; gRPC A6, fatal)", () => {
    const isFailure = (error: unknown) => error !== "fatal"
    const alone = run({ isFailure }, fail(10, "fatal"))
    assert.deepStrictEqual([alone.exit, alone.log], [{ failure: { fail: "fatal" } }, ["0 begins 1"]])
    const beside = run({ isFailure }, ok(9_000), fail(10, "fatal"))
    assert.deepStrictEqual([beside.exit, beside.endMillis], [{ failure: { fail: "fatal" } }, 1_010])
    assert.strictEqual(beside.log[2], "1010 interrupted 1")
  })

  it("with a defect ends the race at once", () => {
    const die = Effect.delay(Effect.die("defect"), 10)
    assert.deepStrictEqual(run({}, die).exit, { failure: { die: "defect" } })
    const beside = run({ isFailure: () => true }, ok(9_000), die)
    assert.deepStrictEqual([beside.exit, beside.endMillis], [{ failure: { die: "defect" } }, 1_010])
  })

  it("with a defect of its finalizer besides ends the race, too", () => {
    const both = Effect.fail("error").pipe(Effect.ensuring(Effect.die("finalizer")))
    const { exit, log } = run({}, both)
    assert.deepStrictEqual(exit, Virtual.plain(Virtual.run(both).exit))
    assert.deepStrictEqual(log, ["0 begins 1"])
  })

  it("by throwing where it is made has a defect", () => {
    const hedge = Effect.runSync(make())
    const thrown = Hedge.hedge((): Effect.Effect<never> => {
      throw "defect"
    }, hedge)
    assert.deepStrictEqual(Virtual.plain(Virtual.run(thrown).exit), { failure: { die: "defect" } })
  })

  it("by interrupting itself ends the race, interrupted", () => {
    const { exit, log } = run({}, ok(9_000), Effect.delay(Effect.interrupt, 10))
    assert.deepStrictEqual([exit, log[2]], [{ failure: "interrupt" }, "1010 interrupted 2"])
  })
})

describe("what ends the race", () => {
  const endsRace = (exit: Exit.Exit<unknown, unknown>) => Exit.isSuccess(exit) && exit.value !== "503"

  it("can be asked of a success too, as of a response", () => {
    const { exit, log } = run({ endsRace }, ok(1_100, "503"), ok(200, "200"))
    assert.deepStrictEqual([exit, log], [{ success: "200" }, ["0 begins 1", "1000 begins 2"]])
  })

  it("may never come: then the last result is that of the call", () => {
    const { counts, exit } = run({ endsRace }, ok(1_050, "503"), fail(100, "error"))
    assert.deepStrictEqual([exit, counts.won], [{ failure: { fail: "error" } }, 0])
    assert.deepStrictEqual(run({ endsRace }, fail(1_050, "error"), ok(100, "503")).exit, { success: "503" })
    assert.deepStrictEqual(run({ endsRace }, ok(100, "503")).exit, { success: "503" })
  })

  it("can be a failure, also one that `isFailure` accepts", () => {
    const options = { endsRace: Exit.isFailure, isFailure: () => true }
    const { counts, endMillis, exit } = run(options, ok(2_000), fail(500, "error"))
    assert.deepStrictEqual([exit, endMillis, counts.won], [{ failure: { fail: "error" } }, 1_500, 0])
  })

  it("is never asked of a defect, or of an interruption", () => {
    const asked: Array<string> = []
    const never = (exit: Exit.Exit<unknown, unknown>) => {
      asked.push(exit._tag)
      return false
    }
    assert.deepStrictEqual(run({ endsRace: never }, Effect.die("defect")).exit, { failure: { die: "defect" } })
    assert.deepStrictEqual(run({ endsRace: never }, Effect.interrupt).exit, { failure: "interrupt" })
    assert.deepStrictEqual(asked, [])
  })

  it("is a defect of the call where it throws", () => {
    const thrower = () => {
      throw "judge"
    }
    for (const attempt of [Effect.fail("error"), fail(10)]) {
      const { exit } = run({ isFailure: thrower }, attempt)
      assert.deepStrictEqual(exit, { failure: { die: "judge" } })
    }
    const discarded: Array<unknown> = []
    const discard = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => discarded.push(exit))
    const { exit } = run({ endsRace: thrower, discard }, ok(10))
    assert.deepStrictEqual([exit, discarded], [{ failure: { die: "judge" } }, [Exit.succeed("ok")]])
  })
})

describe("an attempt that is rejected before it is made", () => {
  const isRejection = (error: unknown) => error === "full"
  const full = fail(0, "full")

  it("leaves the others alone: the first one, and hedges before it", () => {
    const { counts, exit, log } = run({ isRejection }, ok(2_000), full)
    assert.deepStrictEqual([exit, log], [{ success: "ok" }, ["0 begins 1", "1000 begins 2"]])
    assert.deepStrictEqual(counts, { hedges: 1, refused: 0, won: 0 })
    const beside = run({ isRejection, maxHedges: 2 }, ok(9_000, "1"), ok(2_500, "2"), fail(100, "full"))
    assert.deepStrictEqual([beside.exit, beside.endMillis], [{ success: "2" }, 3_500])
  })

  it("is the last one that is made, whatever asks for another", () => {
    const { exit, log } = run({ isRejection, maxHedges: 9 }, fail(5_000, "down"), full)
    assert.deepStrictEqual([exit, log], [{ failure: { fail: "down" } }, ["0 begins 1", "1000 begins 2"]])
  })

  it("is not what the call fails with where another has failed, before it or after it", () => {
    for (const millis of [10, 1_500]) {
      assert.deepStrictEqual(run({ isRejection }, fail(millis, "down"), full).exit, { failure: { fail: "down" } })
    }
    const both = run({ isRejection, maxHedges: 2 }, fail(1_500, "first"), fail(1_000, "second"), full)
    assert.deepStrictEqual(both.exit, { failure: { fail: "second" } })
  })

  it("is what the call fails with where it is the first one, at once and without a hedge", () => {
    const { counts, endMillis, exit } = run({ isRejection, maxHedges: 2 }, fail(300, "full"), ok(1))
    assert.deepStrictEqual([exit, endMillis], [{ failure: { fail: "full" } }, 300])
    assert.deepStrictEqual(counts, { hedges: 0, refused: 0, won: 0 })
    const atOnce = run({ isRejection, after: 0, maxHedges: 2 }, Effect.fail("full"), ok(1))
    assert.deepStrictEqual([atOnce.exit, atOnce.log], [{ failure: { fail: "full" } }, ["0 begins 1"]])
  })

  it("is not followed by one for which the budget is being asked", () => {
    const withdraw = Effect.delay(Effect.succeed(true), 500)
    const { exit, log } = run({ isRejection, withdraw, maxHedges: 2 }, fail(2_500, "down"), fail(1_200, "full"), ok(1))
    assert.deepStrictEqual(log, ["0 begins 1", "1500 begins 2"])
    assert.deepStrictEqual(exit, { failure: { fail: "down" } })
  })

  it("is asked for before all else, and is a defect of the call where the question throws", () => {
    const asked: Array<unknown> = []
    const endsRace = (exit: Exit.Exit<unknown, unknown>) => asked.push(exit) > 0
    assert.deepStrictEqual(run({ isRejection, endsRace }, ok(2_000), full).exit, { success: "ok" })
    assert.deepStrictEqual(asked, [Exit.succeed("ok")])
    const thrower = () => {
      throw "judge"
    }
    assert.deepStrictEqual(run({ isRejection: thrower }, fail(10)).exit, { failure: { die: "judge" } })
    assert.deepStrictEqual(run({ isRejection: thrower }, Effect.die("bug")).exit, { failure: { die: "bug" } })
  })

  it("says nothing of how long an attempt takes", () => {
    const after = Hedge.quantile({ quantile: 1, warmUp: 2, initial: 100 })
    const hedge = Effect.runSync(make({ after, isRejection }))
    const call = (attempt: Effect.Effect<string, string>) => Effect.ignore(Hedge.protect(attempt, hedge))
    Virtual.run(Effect.all([call(ok(50)), call(fail(9_000, "full")), call(fail(9_000, "full"))]))
    assert.deepStrictEqual(Effect.runSync(Hedge.snapshot(hedge)).delay, Duration.millis(100))
    Virtual.run(call(ok(50)))
    assert.isBelow(Duration.toMillis(Effect.runSync(Hedge.snapshot(hedge)).delay), 53)
  })
})

describe("the attempts that lose", () => {
  it("have run their finalizers when the call returns (Polly)", () => {
    const log: Array<string> = []
    const slow = Effect.never.pipe(Effect.ensuring(Effect.delay(Effect.sync(() => log.push("released")), 300)))
    const { endMillis, exit } = run({}, slow, ok(100))
    assert.deepStrictEqual([exit, endMillis, log], [{ success: "ok" }, 1_400, ["released"]])
  })

  it("are waited for where they cannot be interrupted, and their values are let go of (Polly, disposed)", () => {
    const discarded: Array<unknown> = []
    const discard = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => discarded.push(exit))
    const hedge = Effect.runSync(make({ discard }))
    const call = Hedge.hedge((number) => number === 1 ? ok(2_000, "1") : ok(100, "2"), hedge)
    const { endMillis, exit } = Virtual.run(Effect.uninterruptible(call))
    assert.deepStrictEqual([Virtual.plain(exit), endMillis, discarded], [
      { success: "2" },
      2_000,
      [Exit.succeed("1")]
    ])
  })

  describe("are released, whatever they ended with", () => {
    const endsRace = (exit: Exit.Exit<unknown, unknown>) => Exit.isSuccess(exit) && exit.value !== "503"
    const released = (options: Partial<Options>, ...attempts: ReadonlyArray<Effect.Effect<string, string>>) => {
      const all: Array<string> = []
      const discard = (exit: Exit.Exit<unknown, unknown>) =>
        Effect.sync(() => all.push(Exit.isSuccess(exit) ? String(exit.value) : Cause.pretty(exit.cause)))
      const { exit } = run({ maxHedges: 2, discard, ...options }, ...attempts)
      return [exit, all]
    }

    it("beside an attempt that succeeds", () => {
      assert.deepStrictEqual(released({}, fail(2_500, "1"), fail(1_400, "2"), ok(900, "3")), [
        { success: "3" },
        ["Error: 1", "Error: 2"]
      ])
      assert.deepStrictEqual(released({ endsRace }, ok(1_500, "503"), ok(1_000, "2")), [{ success: "2" }, ["503"]])
      assert.deepStrictEqual(released({}, ok(100)), [{ success: "ok" }, []])
    })

    it("if all fail: all but the last", () => {
      assert.deepStrictEqual(released({}, fail(2_500, "1"), fail(1_400, "2"), fail(300, "3")), [
        { failure: { fail: "1" } },
        ["Error: 2", "Error: 3"]
      ])
      assert.deepStrictEqual(released({ endsRace }, ok(1_500, "503"), fail(1_000, "2")), [
        { failure: { fail: "2" } },
        ["503"]
      ])
      assert.deepStrictEqual(released({}, fail(100)), [{ failure: { fail: "error" } }, []])
    })

    it("beside an attempt that dies or interrupts itself", () => {
      const die = Effect.delay(Effect.die("defect"), 700)
      assert.deepStrictEqual(released({}, fail(1_500, "1"), die), [{ failure: { die: "defect" } }, ["Error: 1"]])
      const interrupt = Effect.delay(Effect.interrupt, 700)
      assert.deepStrictEqual(released({}, fail(1_500, "1"), interrupt), [{ failure: "interrupt" }, ["Error: 1"]])
    })

    it("beside an attempt that was rejected", () => {
      const isRejection = (error: unknown) => error === "full"
      assert.deepStrictEqual(released({ isRejection }, fail(1_500, "1"), fail(10, "full")), [
        { failure: { fail: "1" } },
        ["Error: full"]
      ])
    })

    it("if the budget dies", () => {
      let asked = 0
      const withdraw = Effect.suspend(() =>
        ++asked === 1 ? Effect.succeed(true) : Effect.delay(Effect.die("budget"), 500)
      )
      assert.deepStrictEqual(released({ withdraw }, fail(2_100, "1"), ok(9_000)), [
        { failure: { die: "budget" } },
        ["Error: 1"]
      ])
    })

    it("if the caller is interrupted", () => {
      const all: Array<unknown> = []
      const discard = (exit: Exit.Exit<unknown, unknown>) => Effect.sync(() => all.push(exit))
      const hedge = Effect.runSync(make({ discard }))
      const call = Hedge.hedge((number) => number === 1 ? fail(1_500) : ok(9_000), hedge)
      Virtual.run(call, { interruptAtMillis: 2_000 })
      assert.deepStrictEqual(all, [Exit.fail("error")])
    })

    it("all of them, even if to release one dies", () => {
      const all: Array<unknown> = []
      const discard = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
        all.push(exit)
        throw "discard"
      }
      const { exit } = run({ maxHedges: 2, discard }, fail(2_500, "1"), fail(1_400, "2"), ok(900, "3"))
      assert.deepStrictEqual(exit, { failure: { sequential: [{ die: "discard" }, { die: "discard" }] } })
      assert.lengthOf(all, 2)
    })
  })

  it("do not stop what the winner has started in the background (Polly)", () => {
    const log: Array<string> = []
    const background = Effect.forkDaemon(Effect.delay(Effect.sync(() => log.push("background")), 1_000))
    const hedge = Effect.runSync(make())
    const call = Hedge.protect(Effect.zipRight(Effect.sleep(10), background), hedge)
    Virtual.run(Effect.zipRight(call, Effect.sleep(2_000)))
    assert.deepStrictEqual(log, ["background"])
  })
})

describe("the budget of a hedge", () => {
  it("is asked before each hedge, and not for the first attempt", () => {
    let asked = 0
    const withdraw = Effect.sync(() => ++asked > 0)
    run({ withdraw, maxHedges: 2 }, ok(999))
    assert.strictEqual(asked, 0)
    run({ withdraw, maxHedges: 2 }, ok(9_000), ok(9_000), ok(10))
    assert.strictEqual(asked, 2)
  })

  it("may be another one for one call", () => {
    const hedge = Effect.runSync(make({ withdraw: Effect.succeed(true) }))
    const options = { withdraw: Effect.succeed(false) }
    Virtual.run(Hedge.protect(ok(1_500), hedge, options))
    Virtual.run(ok(1_500).pipe(Hedge.protect(hedge, options)))
    assert.deepInclude(Effect.runSync(Hedge.snapshot(hedge)), { hedges: 0, refused: 2 })
    Virtual.run(Hedge.protect(ok(1_500), hedge, {}))
    assert.deepInclude(Effect.runSync(Hedge.snapshot(hedge)), { hedges: 1, refused: 2 })
  })

  it("that is used up makes no hedge, and the call does not fail for it (failsafe-go #141)", () => {
    const { counts, exit, log } = run({ withdraw: Effect.succeed(false), maxHedges: 3 }, ok(9_000))
    assert.deepStrictEqual([exit, log], [{ success: "ok" }, ["0 begins 1"]])
    assert.deepStrictEqual(counts, { hedges: 0, refused: 1, won: 0 })
  })

  it("that is used up leaves what there is: the failure, or the attempts that still run (.NET, no routes left)", () => {
    assert.deepStrictEqual(run({ withdraw: Effect.succeed(false) }, fail(10)).exit, { failure: { fail: "error" } })
    let asked = 0
    const once = Effect.sync(() => ++asked === 1)
    const { exit } = run({ withdraw: once, maxHedges: 2 }, ok(3_000), ok(9_000))
    assert.deepStrictEqual([exit, asked], [{ success: "ok" }, 2])
  })

  it("that takes its time does not hold up an answer for longer than that, and then makes no hedge", () => {
    const withdraw = Effect.delay(Effect.succeed(true), 500)
    const { endMillis, exit, log } = run({ withdraw }, ok(1_200))
    assert.deepStrictEqual([exit, endMillis, log], [{ success: "ok" }, 1_500, ["0 begins 1"]])
  })

  it("that dies ends the call, and all its attempts", () => {
    const { exit, log } = run({ withdraw: Effect.die("budget") }, ok(9_000))
    assert.deepStrictEqual([exit, log], [{ failure: { die: "budget" } }, ["0 begins 1", "1000 interrupted 1"]])
    const hedge = Effect.runSync(make({ withdraw: Effect.die("budget") }))
    const late = Virtual.run(Effect.uninterruptible(Hedge.protect(ok(3_000), hedge)))
    assert.deepStrictEqual([Virtual.plain(late.exit), late.endMillis], [{ failure: { die: "budget" } }, 3_000])
  })
})

describe("a hedge within Retry.withoutNested", () => {
  const slow = () => scripted(ok(9_000, "1"), ok(100, "2"))
  const ends = (attempts: ReturnType<typeof slow>, options?: Hedge.CallOptions) => {
    const hedge = Effect.runSync(make())
    let number = 0
    const one = Effect.suspend(() => attempts.attempt(++number))
    const { exit } = Virtual.run(Retry.withoutNested(Hedge.protect(one, hedge, options)))
    return [Virtual.plain(exit), Effect.runSync(Hedge.snapshot(hedge)).hedges]
  }

  it("makes one attempt: the outer loop makes the others", () => {
    assert.deepStrictEqual(ends(slow()), [{ success: "1" }, 0])
    assert.deepStrictEqual(ends(slow(), { nested: "suppress" }), [{ success: "1" }, 0])
  })

  it("hedges all the same if the call allows it", () => {
    assert.deepStrictEqual(ends(slow(), { nested: "allow" }), [{ success: "2" }, 1])
  })
})

describe("a caller of a hedge that is interrupted", () => {
  const interrupted = (atMillis: number, ...attempts: ReadonlyArray<Effect.Effect<string, string>>) => {
    const { attempt, log } = scripted(...attempts)
    const hedge = Effect.runSync(make({ maxHedges: 2 }))
    const result = Virtual.run(Hedge.hedge(attempt, hedge), { interruptAtMillis: atMillis })
    assert.deepStrictEqual([result.fibersLeft, result.sleepsLeft], [0, 0])
    return { ...result, log }
  }

  it("interrupts every attempt, before a hedge and after it (failsafe-go), and waits for their finalizers", () => {
    const slow = Effect.never.pipe(Effect.ensuring(Effect.sleep(300)))
    const before = interrupted(500, slow)
    assert.deepStrictEqual([before.log, before.endMillis], [["0 begins 1", "800 interrupted 1"], 800])
    const after = interrupted(1_500, slow, slow)
    assert.strictEqual(after.endMillis, 1_800)
    assert.sameMembers(after.log.slice(2), ["1800 interrupted 1", "1800 interrupted 2"])
    assert.isTrue(Option.exists(after.exit, Exit.isInterrupted))
  })

  it("shows the defect of a finalizer", () => {
    const { exit } = interrupted(500, Effect.never.pipe(Effect.ensuring(Effect.die("finalizer"))))
    const causeOf = Exit.match({
      onSuccess: (): Cause.Cause<unknown> => Cause.empty,
      onFailure: (cause: Cause.Cause<unknown>) => cause
    })
    const defects = Option.map(exit, (exit) => [...Cause.defects(causeOf(exit))])
    assert.deepStrictEqual(defects, Option.some(["finalizer"]))
  })

  it("is one whose timeout is over, too", () => {
    const { attempt, log } = scripted(ok(9_000), ok(9_000))
    const hedge = Effect.runSync(make())
    const timed = Timeout.timeoutFail(Hedge.hedge(attempt, hedge), { duration: 1_500, onTimeout: () => "late" })
    const { exit, fibersLeft, sleepsLeft } = Virtual.run(timed)
    assert.deepStrictEqual([Virtual.plain(exit), fibersLeft, sleepsLeft], [{ failure: { fail: "late" } }, 0, 0])
    assert.sameMembers(log, ["0 begins 1", "1000 begins 2", "1500 interrupted 1", "1500 interrupted 2"])
  })

  it("interrupts what is interruptible in an attempt within an uninterruptible region", () => {
    const hedge = Effect.runSync(make())
    const call = (effect: Effect.Effect<string>) =>
      Effect.uninterruptibleMask((restore) => Effect.exit(Hedge.protect(restore(effect), hedge)))
    for (const atMillis of [10, 1_010]) {
      const { endMillis, exit } = Virtual.run(call(Effect.never), { interruptAtMillis: atMillis })
      assert.strictEqual(endMillis, atMillis)
      assert.isTrue(Option.isSome(exit))
    }
  })

  it("gets the result of what cannot be interrupted, within an uninterruptible region", () => {
    const hedge = Effect.runSync(make())
    const log: Array<unknown> = []
    const call = Hedge.protect(ok(3_000), hedge).pipe(Effect.map((value) => log.push(value)), Effect.uninterruptible)
    const { endMillis } = Virtual.run(call, { interruptAtMillis: 10 })
    assert.deepStrictEqual([log, endMillis], [["ok"], 3_000])
  })

  it("gets the first of two such results, at whatever operation it is interrupted", () => {
    const results = new Set<string>()
    const points = Virtual.interruptEverywhere(() => {
      const ends: Array<string> = []
      const log: Array<string> = []
      const hedge = Effect.runSync(make({ after: 5 }))
      const attempt = (number: number) =>
        Effect.map(ok(number === 1 ? 8 : 1, String(number)), (value) => {
          ends.push(value)
          return value
        })
      const call = Effect.map(Hedge.hedge(attempt, hedge), (value) => log.push(value))
      return { program: Effect.uninterruptible(call), ends, log }
    }, (_, at, { ends, log }) => {
      assert.deepStrictEqual({ at, log }, { at, log: ends.slice(0, 1) })
      results.add(log.join())
    })
    assert.isAbove(points, 20)
    assert.includeMembers([...results], ["1", "2"])
  })

  it("lets a finalizer be hedged to its end", () => {
    const hedge = Effect.runSync(make())
    const { attempt, log } = scripted(ok(9_000), ok(500))
    const program = Effect.never.pipe(Effect.ensuring(Effect.ignore(Hedge.hedge(attempt, hedge))))
    const { endMillis } = Virtual.run(program, { interruptAtMillis: 10 })
    // An attempt in a finalizer cannot be interrupted: it is waited for.
    assert.deepStrictEqual([log, endMillis], [["10 begins 1", "1010 begins 2"], 9_010])
  })

  it("leaves no fiber, timer or resource behind, at whatever operation it is interrupted", () => {
    const scenes = [
      { after: 5, tooks: [3, 3] },
      { after: 5, tooks: [20, 3] },
      { after: 5, tooks: [-2, 3] },
      { after: 0, tooks: [8, 4] }
    ]
    for (const { after, tooks } of scenes) {
      const points = Virtual.interruptEverywhere(() => {
        const log: Array<string> = []
        const withdraw = after === 0 ? undefined : Effect.as(Effect.yieldNow(), true)
        const hedge = Effect.runSync(Hedge.make({ after, withdraw }))
        const attempt = (number: number) => {
          const millis = tooks[number - 1]!
          return Effect.acquireUseRelease(
            Effect.sync(() => log.push("acquired")),
            () => Effect.delay(millis < 0 ? Effect.fail("error") : Effect.succeed("ok"), Math.abs(millis)),
            () => Effect.zipRight(Effect.sleep(2), Effect.sync(() => log.push("released")))
          )
        }
        return { program: Effect.onExit(Hedge.hedge(attempt, hedge), () => Effect.sync(() => log.push("ended"))), log }
      }, ({ fibersLeft, sleepsLeft }, at, { log }) => {
        assert.deepStrictEqual({ at, fibersLeft, sleepsLeft }, { at, fibersLeft: 0, sleepsLeft: 0 })
        const count = (what: string) => log.filter((entry) => entry === what).length
        assert.strictEqual(count("acquired"), count("released"))
        if (log.length > 0) assert.strictEqual(log.indexOf("ended"), log.length - 1)
      })
      assert.isAbove(points, 20)
    }
  })

  it("hears of it at once, at whatever operation it comes", () => {
    const points = Virtual.interruptEverywhere(
      () => ({ program: Effect.ignore(Hedge.protect(Effect.sleep("1 hour"), Effect.runSync(make()))) }),
      ({ endMillis, interruptedMillis }, at) =>
        assert.deepStrictEqual({ at, endMillis }, { at, endMillis: interruptedMillis ?? 3_600_000 })
    )
    assert.isAbove(points, 20)
  })
})

describe("what is around a hedged call", () => {
  class Service extends Context.Tag("test/Service")<Service, number>() {}
  const mark = Services.reference("outside")

  it("is what the attempts see", () => {
    const hedge = Effect.runSync(make())
    const attempt = (number: number) => Effect.zip(Effect.delay(Service, number === 1 ? 9_000 : 10), mark.get)
    const program = mark.locally(Hedge.hedge(attempt, hedge), "around").pipe(Effect.provideService(Service, 7))
    assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: [7, "around"] })
  })

  it("may be many calls at once: each has its own race", () => {
    const hedge = Effect.runSync(make())
    const call = (millis: number) => Hedge.protect(Effect.as(Effect.sleep(millis), millis), hedge)
    const { exit, sleepsLeft } = Virtual.run(
      Effect.all([call(500), call(1_500), call(5_000)], { concurrency: "unbounded" })
    )
    assert.deepStrictEqual([Virtual.plain(exit), sleepsLeft], [{ success: [500, 1_500, 5_000] }, 0])
    assert.deepInclude(Effect.runSync(Hedge.snapshot(hedge)), { calls: 3, hedges: 2 })
  })

  it("takes the effect first or last", () => {
    const hedge = Effect.runSync(make())
    const calls = [
      Hedge.protect(Effect.succeed(1), hedge),
      Effect.succeed(1).pipe(Hedge.protect(hedge)),
      Hedge.hedge((number) => Effect.succeed(number), hedge),
      Hedge.hedge(hedge)((number) => Effect.succeed(number))
    ]
    assert.deepStrictEqual(calls.map((call) => Effect.runSync(call)), [1, 1, 1, 1])
  })
})

describe("a hedge after a quantile", () => {
  const learning = (options: Partial<Hedge.QuantileOptions> = {}) =>
    make({ after: Hedge.quantile({ quantile: 0.95, warmUp: 20, ...options }) })

  const delayOf = (hedge: Hedge.Hedge) =>
    Effect.map(Hedge.snapshot(hedge), ({ delay }) => Duration.isFinite(delay) ? Duration.toMillis(delay) : Infinity)

  const virtually = (program: Effect.Effect<unknown, unknown>) =>
    assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: undefined })

  const answers = (hedge: Hedge.Hedge, count: number, millis: number) =>
    Effect.replicateEffect(Hedge.protect(Effect.sleep(millis), hedge), count, { discard: true })

  const isNear = (actual: number, expected: number) => assert.isAtMost(Math.abs(actual - expected), expected * 0.05)

  it("makes none until it knows enough, and hedges a slow call then (failsafe-go)", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning()
      assert.strictEqual(yield* delayOf(hedge), Infinity)
      yield* answers(hedge, 19, 100)
      yield* Effect.ignore(Hedge.protect(fail(5_000), hedge))
      const { hedges } = yield* Hedge.snapshot(hedge)
      assert.strictEqual(hedges, 0)
      yield* answers(hedge, 1, 100)
      const delay = yield* delayOf(hedge)
      isNear(delay, 100)
      const began = yield* now
      yield* Hedge.hedge((number) => ok(number === 1 ? 5_000 : 10), hedge)
      assert.strictEqual((yield* now) - began, Math.ceil(delay) + 10)
    }))
  })

  it("has a delay from the start, where one is given", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning({ initial: 300 })
      assert.strictEqual(yield* delayOf(hedge), 300)
      yield* answers(hedge, 20, 100)
      isNear(yield* delayOf(hedge), 100)
    }))
  })

  it("needs 100 calls unless told otherwise", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* make({ after: Hedge.quantile({ quantile: 0.5 }) })
      yield* answers(hedge, 99, 10)
      assert.strictEqual(yield* delayOf(hedge), Infinity)
      yield* answers(hedge, 1, 10)
      isNear(yield* delayOf(hedge), 10)
    }))
  })

  it("keeps to the shortest and the longest delay, and tells the initial one from them", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning({ min: 50, max: 200, initial: 1_000 })
      assert.strictEqual(yield* delayOf(hedge), 1_000)
      yield* answers(hedge, 20, 10)
      assert.strictEqual(yield* delayOf(hedge), 50)
      yield* answers(hedge, 20, 900)
      assert.strictEqual(yield* delayOf(hedge), 200)
    }))
  })

  it("never learns from hedges (resilience4j), but from how long the first attempt has run when one was faster", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning({ quantile: 1, initial: 500 })
      yield* answers(hedge, 18, 100)
      yield* Hedge.hedge((number) => ok(number === 1 ? 9_000 : 10), hedge)
      assert.strictEqual(yield* delayOf(hedge), 500)
      yield* answers(hedge, 1, 100)
      isNear(yield* delayOf(hedge), 510)
    }))
  })

  it("learns nothing from failures and interruptions that came before the delay, and from later ones that it was slow", () => {
    virtually(Effect.gen(function*() {
      for (const early of [true, false]) {
        // The fastest or the slowest of all that it learns.
        const hedge = yield* learning({ quantile: early ? 0 : 1, initial: 500 })
        yield* answers(hedge, 20, 1_000)
        const delay = yield* delayOf(hedge)
        const millis = early ? 10 : 3_000
        const failing = Hedge.hedge((number) => number === 1 ? fail(millis) : Effect.never, hedge)
        yield* Effect.ignore(Effect.timeout(failing, 3_500))
        yield* Effect.ignore(Effect.timeout(Hedge.protect(Effect.never, hedge), millis))
        if (early) assert.strictEqual(yield* delayOf(hedge), delay)
        else isNear(yield* delayOf(hedge), 3_000)
      }
    }))
  })

  it("finds the quantile again where the initial delay was far too short: hedges that win do not hide slow calls", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning({ quantile: 0.9, initial: 1, window: "10 seconds" })
      // One of five takes 400 ms, the others 200: the 0.9 quantile of the first attempts is 400.
      let call = 0
      const slow = () => ++call % 5 === 0 ? 400 : 200
      for (let n = 0; n < 400; n++) yield* Hedge.protect(Effect.suspend(() => Effect.sleep(slow())), hedge)
      assert.isAbove(yield* delayOf(hedge), 199)
    }))
  })

  it("follows a service that becomes slower, and one that becomes faster", () => {
    virtually(Effect.gen(function*() {
      const hedge = yield* learning({ window: "1 second" })
      for (const millis of [100, 400, 50]) {
        yield* answers(hedge, 80, millis)
        isNear(yield* delayOf(hedge), millis)
      }
    }))
  })

  it("sends a hedge for about one call in twenty of a steady service", () => {
    const hedge = Effect.runSync(learning({ warmUp: 100 }))
    let seed = 1
    const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647
    const latency = Effect.suspend(() => Effect.sleep(Math.round(20 - 50 * Math.log(1 - random()))))
    // In turns, each on a clock that begins anew.
    for (let turn = 0; turn < 10; turn++) {
      virtually(Effect.replicateEffect(Hedge.protect(latency, hedge), 300, { discard: true }))
    }
    const { calls, hedges } = Effect.runSync(Hedge.snapshot(hedge))
    assert.isAtLeast(hedges / (calls - 100), 0.035)
    assert.isAtMost(hedges / (calls - 100), 0.065)
  })

  it("is not shared by the hedges that are made with it", () => {
    virtually(Effect.gen(function*() {
      const after = Hedge.quantile({ quantile: 0.5, warmUp: 1 })
      const [one, other] = [yield* make({ after }), yield* make({ after })]
      yield* answers(one, 1, 10)
      assert.strictEqual(yield* delayOf(other), Infinity)
    }))
  })
})

describe("the options of a hedge", () => {
  it("have to make sense: what does not is refused where the hedge is made", () => {
    const refused = (options: Partial<Options>, option: string) =>
      assert.throws(() => make(options), InvalidOption, option)
    for (const after of [-1, NaN, -Infinity, "25 days", 2_147_483_648] as const) refused({ after }, "after")
    for (const maxHedges of [0, -1, 1.5, NaN, Infinity]) refused({ maxHedges }, "maxHedges")
    const quantiles: ReadonlyArray<readonly [Partial<Hedge.QuantileOptions>, string]> = [
      [{ quantile: -0.1 }, "quantile"],
      [{ quantile: 1.1 }, "quantile"],
      [{ quantile: NaN }, "quantile"],
      [{ min: -1 }, "min"],
      [{ min: 20, max: 10 }, "max"],
      [{ max: "25 days" }, "max"],
      [{ warmUp: 0 }, "warmUp"],
      [{ initial: -1 }, "initial"],
      [{ window: 0 }, "window"]
    ]
    for (const [options, option] of quantiles) {
      assert.throws(() => Hedge.quantile({ quantile: 0.95, ...options }), InvalidOption, option)
    }
  })

  it.effect("name it in snapshots, and make the hedge of a tag", () =>
    Effect.gen(function*() {
      class Search extends Context.Tag("test/Search")<Search, Hedge.Hedge>() {}
      const layer = Hedge.layer(Search, { after: "1 second", key: "search" })
      assert.deepStrictEqual(yield* Effect.provide(Effect.flatMap(Search, Hedge.snapshot), layer), {
        key: "search",
        calls: 0,
        hedges: 0,
        won: 0,
        refused: 0,
        delay: Duration.seconds(1)
      })
      assert.strictEqual((yield* Effect.flatMap(make(), Hedge.snapshot)).key, "")
    }))
})
