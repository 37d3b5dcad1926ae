import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Schedule } from "effect"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import * as Timeout from "reprise/Timeout"
import * as Virtual from "./virtual.js"

const counting = () => {
  const seen = { attempts: 0 }
  return { seen, dead: Effect.suspend(() => Effect.fail(++seen.attempts)) }
}

const twice = Schedule.recurs(2)

const reasons = <E>(ledger: Retry.Ledger<E>) => ledger.map(({ reason }) => reason)

/** How many attempts there are where the inner loop is run by the outer one. */
const attempts = <A, E>(nest: (dead: Effect.Effect<never, number>) => Effect.Effect<A, E>) => {
  const { dead, seen } = counting()
  const { exit } = Virtual.run(Effect.exit(nest(dead)))
  assert.isTrue(Option.isSome(exit))
  return seen.attempts
}

const loop = <A, E>(attempt: Effect.Effect<A, E>, options?: Partial<Retry.Loop<A, E, never>>) =>
  Effect.flatMap(Retry.loop({ attempt: () => attempt, schedule: twice, ...options }), ([exit]) => exit)

/** The loops that know of the mark. */
const inner: Record<string, (dead: Effect.Effect<never, number>) => Effect.Effect<unknown, unknown>> = {
  retry: Retry.retry(twice),
  ledger: (dead) => Effect.flatMap(Retry.ledger(dead, twice), ([exit]) => exit),
  loop,
  "RetryBudget.retry": (dead) =>
    Effect.flatMap(RetryBudget.tokens(), (budget) => RetryBudget.retry(dead, twice, budget))
}

describe("Retry.withoutNested", () => {
  it("lets every loop within make one attempt", () => {
    for (const [name, retry] of Object.entries(inner)) {
      const product = attempts((dead) => retry(dead).pipe(Retry.retry(twice)))
      const suppressed = attempts((dead) => retry(dead).pipe(Retry.withoutNested, Retry.retry(twice)))
      assert.deepStrictEqual({ name, product, suppressed }, { name, product: 9, suppressed: 3 })
    }
  })

  it("is the reason in the ledger, and the schedule is not asked", () => {
    let asked = 0
    const schedule = Schedule.tapInput(twice, () => Effect.sync(() => asked++))
    const program = Retry.withoutNested(Retry.ledger(Effect.fail("down"), schedule))
    const [exit, ledger] = Effect.runSync(program)
    assert.deepStrictEqual([exit, reasons(ledger), asked], [Exit.fail("down"), ["nested"], 0])
  })

  it("leaves the loop around it alone, and all that comes after it", () => {
    const { dead, seen } = counting()
    const program = Effect.gen(function*() {
      const [, outer] = yield* Retry.ledger(Retry.withoutNested(dead), twice)
      yield* Effect.exit(Retry.retry(dead, twice))
      yield* Effect.exit(Retry.withoutNested(Retry.retry(dead, twice)))
      return reasons(outer)
    })
    assert.deepStrictEqual(Effect.runSync(program), ["backoff", "backoff", "schedule"])
    assert.strictEqual(seen.attempts, 7)
  })

  it("neither retries nor pays, where there is a budget", () => {
    const program = Effect.gen(function*() {
      const budget = yield* RetryBudget.tokens()
      const error = yield* Effect.fail("down").pipe(
        RetryBudget.retry(twice, budget),
        Retry.withoutNested,
        Effect.flip
      )
      return [error, (yield* RetryBudget.snapshot(budget)).balance]
    })
    assert.deepStrictEqual(Effect.runSync(program), ["down", 500])
  })

  it("changes no success, defect, failure or interruption", () => {
    for (const effect of [Effect.succeed(1), Effect.fail("down"), Effect.die("defect"), Effect.interrupt]) {
      const exits = Effect.zip(Effect.exit(Retry.withoutNested(effect)), Effect.exit(Retry.allowNested(effect)))
      const [without, allowed] = Effect.runSync(exits)
      const plain = Virtual.plain(Option.some(Effect.runSync(Effect.exit(effect))))
      assert.deepStrictEqual(Virtual.plain(Option.some(without)), plain)
      assert.deepStrictEqual(Virtual.plain(Option.some(allowed)), plain)
    }
  })

  it("holds through more than one level, and an inner one ends nothing of an outer one", () => {
    const count = attempts((dead) => {
      const one = Retry.retry(dead, twice)
      const middle = Effect.zipRight(Effect.ignore(Retry.withoutNested(one)), Retry.retry(one, twice))
      return Retry.withoutNested(middle)
    })
    assert.strictEqual(count, 2)
  })

  it("holds in the fibers that are forked within: for a timeout, a race, anything concurrent", () => {
    const within: Record<string, (effect: Effect.Effect<never, number>) => Effect.Effect<unknown, unknown>> = {
      timeout: Effect.timeout("1 second"),
      timeoutFail: Timeout.timeoutFail({ duration: "1 second", onTimeout: () => "slow" }),
      race: (effect) => Effect.raceFirst(effect, Effect.never),
      all: (effect) => Effect.all([effect, Effect.never], { concurrency: "unbounded" }),
      fork: (effect) => Effect.flatMap(Effect.fork(effect), Fiber.join)
    }
    for (const [name, f] of Object.entries(within)) {
      const count = attempts((dead) =>
        Retry.withoutNested(f(Effect.zipRight(Effect.yieldNow(), Retry.retry(dead, twice))))
      )
      assert.deepStrictEqual({ name, count }, { name, count: 1 })
    }
  })

  it("does not hold in a fiber that outlives it, whether it succeeded, failed or was interrupted", () => {
    const ends = [Effect.void, Effect.fail("down"), Effect.interrupt]
    for (const end of ends) {
      const { dead, seen } = counting()
      const program = Effect.gen(function*() {
        const go = yield* Deferred.make<void>()
        const later = Effect.exit(Effect.zipRight(Deferred.await(go), Retry.retry(dead, twice)))
        const started = yield* Deferred.make<Fiber.RuntimeFiber<unknown>>()
        const call = Effect.zipRight(
          Effect.flatMap(Effect.forkDaemon(later), (fiber) => Deferred.succeed(started, fiber)),
          end
        )
        yield* Effect.exit(Retry.withoutNested(call))
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.await(yield* Deferred.await(started))
      })
      Virtual.run(program)
      assert.strictEqual(seen.attempts, 3)
    }
  })

  it("is over once it is interrupted, at whatever operation", () => {
    const points = Virtual.interruptEverywhere(
      () => {
        const daemon = counting()
        const finalizer = counting()
        const once = <E>(effect: Effect.Effect<never, E>) => Effect.ignore(Retry.retry(effect, Schedule.once))
        const late = Effect.zipRight(Effect.sleep(20), once(daemon.dead))
        const region = Retry.withoutNested(Effect.zipRight(Effect.forkDaemon(late), Effect.sleep(10)))
        const program = Effect.ensuring(region, Effect.zipLeft(once(finalizer.dead), Effect.sleep(30)))
        return { program, seen: [daemon.seen, finalizer.seen] }
      },
      ({ fibersLeft, sleepsLeft }, at, { seen }) => {
        assert.deepStrictEqual({ at, fibersLeft, sleepsLeft }, { at, fibersLeft: 0, sleepsLeft: 0 })
        for (const { attempts } of seen) assert.include([0, 2], attempts, `cut at operation ${at}`)
      }
    )
    assert.isAbove(points, 20)
  })
})

describe("Retry.allowNested", () => {
  it("lets what is within it try again, and nothing else", () => {
    const count = attempts((dead) =>
      Retry.withoutNested(Effect.zipRight(
        Effect.ignore(Retry.allowNested(Retry.retry(dead, twice))),
        Retry.retry(dead, twice)
      ))
    )
    assert.strictEqual(count, 4)
  })

  it("can be undone again", () => {
    const count = attempts((dead) =>
      Retry.withoutNested(Effect.zipRight(
        Effect.ignore(Retry.allowNested(Retry.withoutNested(Retry.retry(dead, twice)))),
        Retry.retry(dead, twice)
      ))
    )
    assert.strictEqual(count, 2)
  })

  it("does nothing where there is nothing to undo", () => {
    assert.strictEqual(attempts((dead) => Retry.allowNested(Retry.retry(dead, twice))), 3)
  })
})

describe("Retry.loop, nested", () => {
  it("goes on within another all the same, where it is told to, and only it", () => {
    const count = (nested: "allow" | "suppress") => attempts((dead) => Retry.withoutNested(loop(dead, { nested })))
    assert.deepStrictEqual([count("suppress"), count("allow")], [1, 3])
    const within = attempts((dead) => Retry.withoutNested(loop(Retry.retry(dead, twice), { nested: "allow" })))
    assert.strictEqual(within, 3)
  })

  it("says in the ledger that another one tries again", () => {
    const program = Retry.loop({ attempt: () => Effect.fail("down"), schedule: Schedule.forever })
    const [, ledger] = Effect.runSync(Retry.withoutNested(program))
    assert.deepStrictEqual(reasons(ledger), ["nested"])
  })
})
