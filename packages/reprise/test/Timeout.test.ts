import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Timeout from "reprise/Timeout"
import {
  agree,
  effects,
  type Law,
  mark,
  node,
  ours,
  Service,
  summary,
  timedOut,
  withoutDefects
} from "./randomEffects.js"
import * as Virtual from "./virtual.js"

const options = { duration: "1 second", onTimeout: () => "too slow" } as const

describe("Timeout.timeoutFail", { timeout: 30_000 }, () => {
  const unlimited = (law: Law): Law => (self, options) => law(self, { ...options, duration: 1e6 })

  it("does what Effect.timeoutFail does with random effects", () => {
    agree(ours, effects, { inParallel: false, inUninterruptible: false }, withoutDefects.map(timedOut))
  })

  it("does what Effect.timeoutFail does within what is uninterruptible, while it does not fire", () => {
    agree(unlimited(ours), unlimited(effects), { inParallel: false, inUninterruptible: true }, node.map(timedOut))
  })

  it("changes nothing while it does not fire, in parallel branches too", () => {
    // A fiber of its own is needed for what is interruptible within a finalizer to go on after an interruption.
    const withoutInterruptible = node.filter((node) => !JSON.stringify(node).includes("Interruptible"))
    agree(
      unlimited(ours),
      (self) => self,
      { inParallel: true, inUninterruptible: true },
      withoutInterruptible.map(timedOut)
    )
  })

  it.effect("fails when the time is over, by the TestClock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Timeout.timeoutFail(Effect.never, options))
      yield* TestClock.adjust("999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.fail("too slow"))
    }))

  it.effect("gives the result of an effect that ends in time, by the TestClock", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.fork(Effect.delay(Effect.succeed(1), "999 millis").pipe(Timeout.timeoutFail(options)))
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(yield* Fiber.await(fiber), Exit.succeed(1))
    }))

  it("fails when the time is over, on the live clock", async () => {
    const program = Effect.never.pipe(Timeout.timeoutFail({ ...options, duration: 1 }))
    assert.deepStrictEqual(await Effect.runPromiseExit(program), Exit.fail("too slow"))
  })

  it("leaves no live timer behind", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const before = timers()
    const end: Array<() => void> = []
    const slow = Effect.async<void>((resume) => {
      end.push(() => resume(Effect.void))
    })
    const calls = Array.from({ length: 50 }, () => Timeout.timeoutFail(slow, options))
    const ended = Effect.runPromise(Effect.all(calls, { concurrency: "unbounded" }))
    await turn()
    assert.isAtLeast(timers(), 50)
    end.forEach((resume) => resume())
    await ended
    await turn()
    assert.isAtMost(timers(), before)
  })

  it("waits for the finalizers of the effect it interrupts", () => {
    const program = Effect.never.pipe(Effect.ensuring(Effect.sleep("2 seconds")), Timeout.timeoutFail(options))
    const { endMillis, exit } = Virtual.run(program)
    assert.deepStrictEqual([Virtual.plain(exit), endMillis], [{ failure: { fail: "too slow" } }, 3_000])
  })

  it("shows the defect of a finalizer beside the timeout, where Effect.timeoutFail hides it", () => {
    const program = Effect.never.pipe(Effect.ensuring(Effect.die("finalizer")))
    const both = { failure: { sequential: [{ fail: "too slow" }, { die: "finalizer" }] } }
    assert.deepStrictEqual(Virtual.plain(Virtual.run(ours(program, options)).exit), both)
    assert.deepStrictEqual(Virtual.plain(Virtual.run(effects(program, options)).exit), {
      failure: { fail: "too slow" }
    })
  })

  it("shows the defect of a finalizer where the caller interrupts", () => {
    const program = Effect.never.pipe(Effect.ensuring(Effect.die("finalizer")), Timeout.timeoutFail(options))
    const { exit } = Virtual.run(program, { interruptAtMillis: 10 })
    assert.deepStrictEqual(Option.map(exit, summary), Option.some({ failures: "interrupted", defects: ["finalizer"] }))
  })

  it("dies with the defect of onTimeout", () => {
    const onTimeout = () => {
      throw "defect"
    }
    const { exit, fibersLeft } = Virtual.run(Timeout.timeoutFail(Effect.never, { ...options, onTimeout }))
    assert.deepStrictEqual([Virtual.plain(exit), fibersLeft], [{ failure: { die: "defect" } }, 0])
  })

  it("keeps a result that cannot be interrupted, where Effect.timeoutFail throws it away", () => {
    const late = Effect.delay(Effect.succeed("done"), "3 seconds")
    const masked = (law: Law) => Virtual.run(Effect.uninterruptible(law(late, options)))
    assert.deepStrictEqual(Virtual.plain(masked(ours).exit), { success: "done" })
    assert.deepStrictEqual(Virtual.plain(masked(effects).exit), { failure: { fail: "too slow" } })
    assert.strictEqual(masked(ours).endMillis, 3_000)
  })

  it("keeps an error that comes late, where the effect cannot be interrupted", () => {
    const late = Effect.delay(Effect.fail("its own"), "3 seconds")
    const { exit } = Virtual.run(Effect.uninterruptible(ours(late, options)))
    assert.deepStrictEqual(Virtual.plain(exit), { failure: { fail: "its own" } })
  })

  it("interrupts what is interruptible within an uninterruptible region, when the time is over", () => {
    const program = Effect.uninterruptibleMask((restore) => ours(restore(Effect.never), options))
    const { endMillis, exit } = Virtual.run(program)
    assert.deepStrictEqual([Virtual.plain(exit), endMillis], [{ failure: { fail: "too slow" } }, 1_000])
  })

  it("interrupts what is interruptible within an uninterruptible region, when the caller interrupts", () => {
    const program = Effect.uninterruptibleMask((restore) => ours(restore(Effect.never), options))
    const { endMillis, exit } = Virtual.run(program, { interruptAtMillis: 10 })
    assert.deepStrictEqual(Option.map(exit, Exit.isInterrupted), Option.some(true))
    assert.strictEqual(endMillis, 10)
  })

  it("lets a finalizer have its time after an interruption, and no more", () => {
    const log: Array<string> = []
    const drain = (millis: number) =>
      Effect.interruptible(Effect.sleep(millis)).pipe(
        Timeout.timeoutFail(options),
        Effect.exit,
        Effect.map((exit) => log.push(exit._tag))
      )
    const program = Effect.never.pipe(Effect.ensuring(Effect.zipRight(drain(500), drain(5_000))))
    const { endMillis } = Virtual.run(program, { interruptAtMillis: 10 })
    assert.deepStrictEqual([log, endMillis], [["Success", "Failure"], 1_510])
  })

  it("hears of its interruption in a parallel branch", () => {
    const both = [Effect.delay(Effect.fail("other"), 10), ours(Effect.never, options)]
    assert.strictEqual(Virtual.run(Effect.all(both, { concurrency: 2 })).endMillis, 10)
  })

  it("provides the services and references around it, as if it were not there", () => {
    const inside = Effect.all({ service: Service, mark: mark.get })
    const program = (law: Law, before: Effect.Effect<void>) =>
      mark.locally(law(Effect.zipRight(before, inside), options), "outside").pipe(Effect.provideService(Service, 7))
    for (const before of [Effect.void, Effect.sleep(5)]) {
      for (const law of [ours, (self) => self] satisfies ReadonlyArray<Law>) {
        assert.deepStrictEqual(Virtual.plain(Virtual.run(program(law, before)).exit), {
          success: { service: 7, mark: "outside" }
        })
      }
    }
  })

  it("goes on in the same fiber after the time is over, interruptible as before and not interrupted", () => {
    const program = Effect.gen(function*() {
      const before = yield* Effect.fiberId
      yield* Effect.ignore(ours(Effect.never, options))
      yield* Effect.sleep("1 second")
      return { isSame: before === (yield* Effect.fiberId) }
    })
    const { endMillis, exit } = Virtual.run(program)
    assert.deepStrictEqual(Virtual.plain(exit), { success: { isSame: true } })
    assert.strictEqual(endMillis, 2_000)
    const cut = Virtual.run(program, { interruptAtMillis: 1_500 })
    assert.deepStrictEqual([Option.map(cut.exit, Exit.isInterrupted), cut.endMillis], [Option.some(true), 1_500])
  })

  it("stays interrupted where the caller was interrupted in the time that the finalizers took", () => {
    const log: Array<string> = []
    const slow = Effect.never.pipe(Effect.ensuring(Effect.sleep("1 second")))
    const program = ours(slow, options).pipe(
      Effect.exit,
      Effect.tap((exit) => Effect.sync(() => log.push(exit._tag))),
      Effect.zipRight(Effect.sleep("1 second")),
      Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted")))
    )
    const { endMillis } = Virtual.run(program, { interruptAtMillis: 1_500 })
    assert.deepStrictEqual([log, endMillis], [["interrupted"], 2_000])
  })

  it("leaves alone what the caller has forked before, and ends what the effect forks, as Effect.timeoutFail does", () => {
    const background = (name: string, log: Array<string>) =>
      Effect.fork(Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push(name))))
    const program = (law: Law, hasForked: boolean, inner: Effect.Effect<unknown>) => {
      const log: Array<string> = []
      const effect = Effect.gen(function*() {
        if (hasForked) yield* background("before", log)
        yield* Effect.ignore(law(Effect.zipRight(background("inside", log), inner), options))
        log.push("over")
        yield* Effect.sleep("1 second")
        log.push("end")
      })
      Virtual.run(effect)
      return log
    }
    for (const inner of [Effect.sleep(0), Effect.sleep(5), Effect.never]) {
      assert.deepStrictEqual(program(ours, false, inner), ["inside", "over", "end"])
      assert.deepStrictEqual(program(effects, true, inner), ["inside", "over", "end", "before"])
      assert.deepStrictEqual(program(ours, true, inner), ["inside", "over", "end", "before"])
    }
  })

  it("fails with the timeout that is over first when nested", () => {
    const nested = (outer: number, inner: number) =>
      Effect.never.pipe(
        Timeout.timeoutFail({ duration: inner, onTimeout: () => "inner" }),
        Timeout.timeoutFail({ duration: outer, onTimeout: () => "outer" })
      )
    const inner = Virtual.run(nested(20, 10))
    assert.deepStrictEqual([Virtual.plain(inner.exit), inner.endMillis], [{ failure: { fail: "inner" } }, 10])
    const outer = Virtual.run(nested(10, 20))
    assert.deepStrictEqual([Virtual.plain(outer.exit), outer.endMillis, outer.sleepsLeft], [
      { failure: { fail: "outer" } },
      10,
      0
    ])
  })

  it("leaves no fiber, timer or resource behind, at whatever operation it is interrupted", () => {
    for (const durationMillis of [5, 50]) {
      const points = Virtual.interruptEverywhere(() => {
        const log: Array<string> = []
        const resource = Effect.acquireUseRelease(
          Effect.sync(() => log.push("acquired")),
          () => Effect.zipRight(Effect.sleep(10), Effect.fork(Effect.never)),
          () => Effect.zipRight(Effect.sleep(3), Effect.sync(() => log.push("released")))
        )
        const timed = Timeout.timeoutFail(resource, { duration: durationMillis, onTimeout: () => "too slow" })
        return { program: Effect.onExit(timed, () => Effect.sync(() => log.push("ended"))), log }
      }, ({ fibersLeft, interrupted, sleepsLeft }, at, { log }) => {
        assert.deepStrictEqual({ at, fibersLeft, sleepsLeft }, { at, fibersLeft: 0, sleepsLeft: 0 })
        const whole = ["acquired", "released", "ended"]
        assert.deepInclude(interrupted ? [whole, ["ended"], []] : [whole], log)
      })
      assert.isAbove(points, 20)
    }
  })

  it("hears of an interruption at once, at whatever operation it comes", () => {
    const points = Virtual.interruptEverywhere(
      () => ({ program: Timeout.timeoutFail(Effect.sleep("1 hour"), options).pipe(Effect.ignore) }),
      ({ endMillis, interruptedMillis }, at) =>
        assert.deepStrictEqual({ at, endMillis }, { at, endMillis: interruptedMillis ?? 1_000 })
    )
    assert.isAbove(points, 20)
  })

  it("takes the effect first or last", () => {
    const first = Timeout.timeoutFail(Effect.succeed(1), options)
    const last = Effect.succeed(1).pipe(Timeout.timeoutFail(options))
    assert.deepStrictEqual([Effect.runSync(first), Effect.runSync(last)], [1, 1])
  })

  it("refuses a duration that is no time, or more than a timer can hold", () => {
    for (const duration of [0, -1, NaN, "0 seconds", Infinity, Duration.infinity, 2_147_483_648, "25 days"] as const) {
      assert.throws(() => Timeout.timeoutFail(Effect.void, { ...options, duration }), InvalidOption)
    }
    assert.strictEqual(
      Effect.runSync(Timeout.timeoutFail(Effect.succeed(1), { ...options, duration: 2_147_483_647 })),
      1
    )
  })

  it.effect("sets a deadline for what is inside, the earlier of two, and leaves the one outside alone", () =>
    Effect.gen(function*() {
      const inside = (deadlineMillis?: number) =>
        Timeout.timeoutFail(
          Effect.zipLeft(
            Effect.zip(Deadline.current, Effect.yieldNow()),
            Deadline.locally(Effect.yieldNow(), 5)
          ).pipe(Effect.map(([deadline]) => deadline)),
          { ...options, deadlineMillis }
        )
      assert.strictEqual(yield* inside(), Infinity)
      assert.strictEqual(yield* inside(700), 700)
      assert.strictEqual(yield* Deadline.current, Infinity)
      assert.strictEqual(yield* Deadline.locally(inside(700), 300), 300)
      assert.strictEqual(yield* Deadline.locally(Effect.zipRight(inside(100), Deadline.current), 300), 300)
    }))
})
