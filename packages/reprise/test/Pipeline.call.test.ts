/** The engine under `Pipeline` and the client of `@reprise/http`: one region for a whole call. */
import { assert, describe, it } from "@effect/vitest"
import { Data, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as Bulkhead from "reprise/Bulkhead"
import * as Deadline from "reprise/Deadline"
import * as Pipeline from "reprise/Pipeline"
import * as Virtual from "./virtual.js"

class Late extends Data.TaggedError("Late")<{}> {}
class Down extends Data.TaggedError("Down")<{ readonly number: number }> {}

/** A call of up to three attempts under a bulkhead, each of up to 100 ms, and what its end was told. */
const calling = (options: {
  readonly millis?: number
  readonly attempt: (number: number) => Effect.Effect<string, Down>
  readonly bulkhead: Bulkhead.Bulkhead
}) => {
  const ends: Array<string> = []
  const call = Pipeline.call({
    millis: options.millis ?? Infinity,
    onDeadline: () => new Late(),
    run: (running) =>
      Effect.flatten(Effect.map(
        running.loop<string, unknown, never, never, never, unknown, string, Down | Late>({
          attempt: options.attempt,
          policies: [options.bulkhead],
          schedule: Schedule.intersect(Schedule.spaced(20), Schedule.recurs(2)),
          limit: () => ({ millis: 100, onTimeout: () => new Late() }),
          outcome: (exit) => exit
        }),
        ([exit]) => exit
      )),
    end: (exit) => {
      ends.push(exit._tag)
      return exit
    }
  })
  return { call, ends }
}

const bulkhead = () => Effect.runSync(Bulkhead.make({ maxConcurrent: 1, maxQueued: 1 }))

const failing = (times: number) => (number: number) =>
  number <= times ? Effect.fail(new Down({ number })) : Effect.succeed("done")

describe("a call", () => {
  it.effect("runs its attempts, and then its end, once, with the result", () =>
    Effect.gen(function*() {
      for (const [times, tag] of [[0, "Success"], [2, "Success"], [3, "Failure"]] as const) {
        const { call, ends } = calling({ attempt: failing(times), bulkhead: bulkhead() })
        const fiber = yield* Effect.fork(Effect.exit(call))
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(fiber))._tag, tag)
        assert.deepStrictEqual(ends, [tag])
      }
    }))

  it.effect("ends at its deadline, and its attempts see that deadline", () =>
    Effect.gen(function*() {
      const seen: Array<number> = []
      const attempt = () => Effect.zipRight(Effect.map(Deadline.current, (millis) => seen.push(millis)), Effect.never)
      const { call, ends } = calling({ millis: 150, attempt, bulkhead: bulkhead() })
      const fiber = yield* Effect.fork(Effect.flip(call))
      yield* TestClock.adjust(150)
      assert.strictEqual((yield* Fiber.join(fiber) as Effect.Effect<Late>)._tag, "Late")
      assert.deepStrictEqual([ends, seen], [["Failure"], [150, 150]])
      assert.strictEqual(yield* Deadline.current, Infinity)
    }))

  it.effect("keeps an earlier deadline of its fiber", () =>
    Effect.gen(function*() {
      let seen = NaN
      const call = Pipeline.call({
        millis: 1_000,
        onDeadline: () => new Late(),
        run: ({ deadlineMillis }) =>
          Effect.sync(() => {
            seen = deadlineMillis
          }),
        end: (exit) => exit
      })
      yield* Deadline.locally(call, 300)
      assert.strictEqual(seen, 300)
    }))

  it.effect("passes a rejection to the loop as an error", () =>
    Effect.gen(function*() {
      const full = yield* Bulkhead.make({ maxConcurrent: 1 })
      const holder = yield* Effect.fork(Effect.never.pipe(Bulkhead.protect(full)))
      yield* Effect.yieldNow()
      const { call } = calling({ attempt: failing(0), bulkhead: full })
      const fiber = yield* Effect.fork(Effect.flip(call))
      yield* TestClock.adjust("1 second")
      assert.propertyVal(yield* Fiber.join(fiber), "_tag", "BulkheadFull")
      yield* Fiber.interrupt(holder)
    }))

  it.effect("dies with a defect of what makes it, after its end", () =>
    Effect.gen(function*() {
      const ends: Array<string> = []
      const call = Pipeline.call({
        millis: 100,
        onDeadline: () => new Late(),
        run: () => Effect.die("bug"),
        end: (exit) => {
          ends.push(exit._tag)
          return exit
        }
      })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(call)))
      assert.deepStrictEqual(ends, ["Failure"])
    }))
})

describe("a call that is interrupted, at whatever operation", () => {
  const scenes = {
    "succeeds": { attempt: () => Effect.as(Effect.sleep(5), "done") },
    "succeeds at the second attempt": { attempt: failing(1) },
    "fails": { attempt: failing(9) },
    "has attempts that take too long": { attempt: () => Effect.never },
    "ends at its deadline": { attempt: () => Effect.never, millis: 150 },
    "waits for its turn": { attempt: () => Effect.as(Effect.sleep(5), "done"), isBusy: true, millis: 150 }
  } satisfies Record<
    string,
    { readonly attempt: Parameters<typeof calling>[0]["attempt"]; readonly millis?: number; readonly isBusy?: boolean }
  >

  for (const [name, scene] of Object.entries(scenes)) {
    it(`and otherwise ${name}, leaves no permit, fiber or timer, and runs its end at most once`, () => {
      const make = () => {
        const one = bulkhead()
        const { call, ends } = calling({ ...scene, bulkhead: one })
        const holder = Effect.sleep(30).pipe(Bulkhead.protect(one))
        const program = "isBusy" in scene ? Effect.all([holder, call], { concurrency: "unbounded" }) : call
        return { one, ends, program: program as Effect.Effect<unknown, unknown> }
      }
      const points = Virtual.interruptEverywhere(make, ({ exit, fibersLeft, sleepsLeft }, at, { ends, one }) => {
        const where = `cut at operation ${at}`
        assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
        const { queued, running } = Effect.runSync(Bulkhead.snapshot(one))
        assert.deepStrictEqual([queued, running], [0, 0], where)
        assert.isAtMost(ends.length, 1, where)
      })
      assert.isAbove(points, 10)
    })
  }
})
