import { assert, describe, it } from "@effect/vitest"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
import { Clock, Duration, Effect, Exit, Fiber, Metric, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import * as Services from "../../reprise/test/services.js"
import * as Explain from "../src/Explain.js"

const one = (
  policy: Explain.ClientOptions,
  script: ReadonlyArray<Explain.Outcome>,
  options?: Explain.Options
) => Effect.map(Explain.explain(policy, script, options), ({ calls }) => calls[0]!)

const tags = ({ calls }: Explain.Explanation) => calls.map(({ result }) => result._tag)

/** A real timer: what a limiter behind a network does. */
const asleep = (duration: Duration.DurationInput) => Effect.withClock(Effect.sleep(duration), Services.liveClock)

const waits = (attempts: number) => Backoff.attempts(Schedule.spaced("1 second"), attempts)

/** Fibers, and ports that keep a process alive, once all that was on its way has ended. */
const held = Effect.zipRight(
  asleep(20),
  Effect.map(Metric.value(Metric.counter("effect_fiber_active")), ({ count }) => {
    const ports = process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
    return { fibers: count, ports }
  })
)

const leavesNothing = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const before = yield* held
    const result = yield* self
    assert.deepStrictEqual(yield* held, before)
    return result
  })

describe("a call that nothing ends", () => {
  it.live("is reported, and ended without a trace", () =>
    leavesNothing(Effect.gen(function*() {
      for (const retry of [waits(3), false] as const) {
        const call = yield* one({ retry }, ["hang"])
        assert.deepStrictEqual(call.result, { _tag: "NeverEnds" })
        assert.strictEqual(call.durationMillis, Infinity)
        assert.deepStrictEqual(call.attempts.length, 1)
        assert.deepInclude(call.attempts[0]!, {
          durationMillis: Infinity,
          outcome: "no answer",
          error: undefined,
          sent: "maybe",
          reason: "neverEnds",
          requests: [{ startMillis: 0, durationMillis: Infinity, outcome: "no answer" }]
        })
      }
    })))

  it.live("keeps the decisions that were made before", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: waits(3) }, [503, "hang"])
      assert.deepStrictEqual(call.attempts.map(({ reason }) => reason), ["backoff", "neverEnds"])
      assert.deepStrictEqual(call.attempts.map(({ startMillis }) => startMillis), [0, 1000])
    }))

  it.live("is the last of a sequence, and those that wait for it never end either", () =>
    leavesNothing(Effect.gen(function*() {
      const sequence = yield* Explain.explain({}, [200, "hang"], { calls: 4 })
      assert.deepStrictEqual(tags(sequence), ["Success", "NeverEnds"])
      assert.strictEqual(sequence.totalMillis, Infinity)
      const options = { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 1 }) }
      const queued = yield* Explain.explain(options, ["hang", 200], { calls: 3, every: "1 second" })
      assert.deepStrictEqual(tags(queued), ["NeverEnds", "NeverEnds", "Failure"])
      assert.deepInclude(queued.calls[1]!.attempts[0]!, { outcome: "nothing sent", sent: "no", reason: "neverEnds" })
    })))

  it.live("is one that tries again for ever", () =>
    leavesNothing(Effect.gen(function*() {
      const explanation = yield* Explain.explain({ retry: Schedule.forever }, [503], { calls: 2 })
      assert.deepStrictEqual(tags(explanation), ["NeverEnds"])
      const call = explanation.calls[0]!
      assert.strictEqual(call.attempts.flatMap(({ requests }) => requests).length, 1_000)
      assert.strictEqual(call.attempts.at(-1)!.reason, "neverEnds")
    })))

  it.live("is one that waits for what never comes", () =>
    leavesNothing(Effect.gen(function*() {
      const rateLimiter = HttpResilience.rateLimiter(() => Effect.never)
      const call = yield* one({ rateLimiter }, [200])
      assert.deepStrictEqual(call.result, { _tag: "NeverEnds" })
      assert.deepStrictEqual(call.attempts.map(({ outcome, reason }) => [outcome, reason]), [[
        "nothing sent",
        "neverEnds"
      ]])
    })))

  it.live("is one that waits again and again", () =>
    leavesNothing(Effect.gen(function*() {
      for (const waiting of [Effect.sleep("1 second"), Effect.yieldNow()]) {
        const rateLimiter = HttpResilience.rateLimiter(() => Effect.forever(waiting))
        assert.deepStrictEqual((yield* one({ rateLimiter }, [200])).result, { _tag: "NeverEnds" })
      }
    })))

  it.live("tells when its attempts were, where no ledger is left", () =>
    Effect.gen(function*() {
      let taken = 0
      const rateLimiter = HttpResilience.rateLimiter(() => taken++ === 0 ? Effect.void : Effect.never)
      const call = yield* one({ retry: waits(3), rateLimiter }, [{ status: 503, after: 5 }])
      assert.deepStrictEqual(
        call.attempts.map(({ durationMillis, number, outcome, reason }) => ({
          ...{ number, durationMillis, outcome, reason }
        })),
        [
          { number: 1, durationMillis: 5, outcome: "503", reason: "unknown" },
          { number: 2, durationMillis: Infinity, outcome: "nothing sent", reason: "neverEnds" }
        ]
      )
    }))
})

describe("an explanation", () => {
  it.live("takes none of the time that it tells of, and leaves nothing behind", () =>
    leavesNothing(Effect.gen(function*() {
      const [took, call] = yield* Effect.timed(
        one({ retry: Schedule.spaced("20 days"), deadline: "24 days" }, ["hang"])
      )
      assert.strictEqual(call.durationMillis, 24 * 86_400_000)
      assert.isBelow(Duration.toMillis(took), 5_000)
      const guarded = ResilientHttpClient.standard({ hedge: HttpResilience.hedge({ after: "1 second" }) })
      yield* Explain.explain(guarded, ["hang", 503, "cutBody", "reset"], { calls: 20, every: "100 millis" })
    })))

  it.effect("goes on where the clock of the program stands still", () =>
    Effect.gen(function*() {
      const call = yield* one({ retry: waits(3) }, [503])
      assert.strictEqual(call.durationMillis, 2000)
      assert.strictEqual(yield* Clock.currentTimeMillis, 0)
    }))

  it.live("knows nothing of a deadline of the program", () =>
    Effect.gen(function*() {
      const call = yield* Deadline.within(one({ retry: waits(3) }, [503]), "1 minute")
      assert.strictEqual(call.attempts.length, 3)
    }))

  it.live("waits for what goes by no clock, in no virtual time", () =>
    Effect.gen(function*() {
      const limiters = [
        Effect.promise(async () => {
          for (let i = 0; i < 100; i++) await Promise.resolve()
        }),
        asleep(2)
      ]
      for (const limiter of limiters) {
        const call = yield* one({ retry: waits(3), rateLimiter: HttpResilience.rateLimiter(() => limiter) }, [503])
        assert.deepStrictEqual(call.attempts.map(({ startMillis }) => startMillis), [0, 1000, 2000])
      }
    }))

  it.live("tells what a limiter of the program's own fails with, whatever it is", () =>
    Effect.gen(function*() {
      for (const error of ["enough", { _tag: "enough" }]) {
        let taken = 0
        const rateLimiter = HttpResilience.rateLimiter(() => taken++ === 0 ? Effect.void : Effect.fail(error))
        const call = yield* one({ retry: waits(3), rateLimiter }, [503])
        assert.deepInclude(call.result, { _tag: "Failure", error: "enough" })
        assert.deepInclude(call.attempts.at(-1)!, { number: 2, outcome: "enough", sent: "no", reason: "rateLimited" })
      }
    }))

  it.live("tells of a defect as of a failure", () =>
    Effect.gen(function*() {
      const rateLimiter = HttpResilience.rateLimiter(() => Effect.die(new Error("bug")))
      const call = yield* one({ rateLimiter }, [200])
      assert.deepInclude(call.result, { _tag: "Failure", error: "defect" })
      assert.strictEqual(call.attempts.at(-1)!.reason, "defect")
    }))

  it.live("ends all that it began where it is interrupted", () =>
    leavesNothing(Effect.gen(function*() {
      let began = 0
      let ended = 0
      const rateLimiter = HttpResilience.rateLimiter(() =>
        Effect.onExit(Effect.async<void>(() => void began++), () =>
          Effect.zipRight(Effect.sleep("1 hour"), Effect.sync(() => ended++)))
      )
      const fiber = yield* Effect.fork(Explain.explain({ rateLimiter }, [200], { calls: 3, every: 0 }))
      while (began < 3) {
        yield* Effect.yieldNow()
      }
      const exit = yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.deepStrictEqual([began, ended], [3, 3])
    })))
})
