/** What holds for the events of every call, whatever happens to it. */
import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, FastCheck as fc, Option, Schedule } from "effect"
import * as Bulkhead from "reprise/Bulkhead"
import * as Hedge from "reprise/Hedge"
import * as Pipeline from "reprise/Pipeline"
import * as Telemetry from "reprise/Telemetry"
import * as Virtual from "./virtual.js"

class Down extends Data.TaggedError("Down")<{}> {}

type Step = "succeeds" | "fails" | "dies" | "hangs" | "is slow"

const attempt = (step: Step): Effect.Effect<string, Down> => {
  switch (step) {
    case "succeeds":
      return Effect.succeed("ok")
    case "fails":
      return Effect.fail(new Down())
    case "dies":
      return Effect.die("bug")
    case "hangs":
      return Effect.never
    case "is slow":
      return Effect.as(Effect.sleep(30), "ok")
  }
}

interface Scene {
  readonly steps: ReadonlyArray<Step>
  readonly times: number
  readonly attemptTimeout: number | undefined
  readonly hasPolicies: boolean
  readonly deadline: number
  readonly isBusy: boolean
  readonly isHedged: boolean
}

const scenes: fc.Arbitrary<Scene> = fc.record({
  steps: fc.array(fc.constantFrom<Step>("succeeds", "fails", "fails", "dies", "hangs", "is slow"), {
    minLength: 1,
    maxLength: 5
  }),
  times: fc.integer({ min: 0, max: 4 }),
  attemptTimeout: fc.constantFrom(20, 50, undefined),
  hasPolicies: fc.boolean(),
  deadline: fc.constantFrom(60, 100, 1_000),
  isBusy: fc.boolean(),
  isHedged: fc.boolean()
})

/** The call of a scene, and the events that it emits. */
const calling = ({ attemptTimeout, deadline, hasPolicies, isBusy, isHedged, steps, times }: Scene) => {
  const events: Array<Telemetry.Event> = []
  const bulkhead = Effect.runSync(Bulkhead.make({ maxConcurrent: 2, maxQueued: 1 }))
  const hedge = isHedged ? Effect.runSync(Hedge.make({ after: 10 })) : undefined
  let number = 0
  const resilient = Pipeline.make({
    attemptTimeout,
    deadline,
    policies: hasPolicies ? [bulkhead] : [],
    hedge,
    retry: Schedule.intersect(Schedule.spaced(7), Schedule.recurs(times)),
    listener: Telemetry.listener((event) => events.push(event))
  })
  const call = resilient(Effect.suspend(() => attempt(steps[number++] ?? "succeeds")))
  const holder = Effect.sleep(25).pipe(Bulkhead.protect(bulkhead))
  const program = isBusy ? Effect.all([holder, holder, call], { concurrency: "unbounded" }) : call
  return { events, program: program as Effect.Effect<unknown, unknown> }
}

const count = (events: ReadonlyArray<Telemetry.Event>, tag: Telemetry.Event["_tag"]) =>
  events.filter(({ _tag }) => _tag === tag).length

const check = (events: ReadonlyArray<Telemetry.Event>, isHedged: boolean): void => {
  const started = count(events, "AttemptStarted")
  assert.strictEqual(count(events, "AttemptEnded"), started, "every attempt that starts ends")
  assert.isAtMost(count(events, "CallEnded"), 1, "a call ends once")
  const last = events.at(-1)
  if (last?._tag !== "CallEnded") return assert.lengthOf(events, 0, "the end of the call is the last event")
  assert.strictEqual(last.attempts, started)
  assert.strictEqual(new Set(events.map(({ call }) => call)).size, 1, "all events belong to the call")
  const starts = events.flatMap((event) => event._tag === "AttemptStarted" ? [event.number] : [])
  if (!isHedged) assert.deepStrictEqual(starts, starts.map((_, i) => i + 1), "attempts count from 1")
  const delays = events.flatMap((event) => event._tag === "RetryScheduled" ? [Duration.toMillis(event.delay)] : [])
  const spent = delays.reduce((sum, delay) => sum + delay, 0)
  // The last of them may be cut by the deadline.
  const certain = started + count(events, "Rejected") > delays.length ? spent : spent - (delays.at(-1) ?? 0)
  assert.isAtMost(certain, Duration.toMillis(last.duration), "a call lasts at least as long as its waits")
  assert.isAtMost(count(events, "RetryRefused"), 1, "a call is refused a retry once")
}

describe("the events of a call", () => {
  it("begin and end every attempt once, in order, whatever its attempts do", () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const { events, program } = calling(scene)
        const { exit } = Virtual.run(program)
        assert.isTrue(Option.isSome(exit))
        check(events, scene.isHedged)
        assert.strictEqual(events.at(-1)?._tag, "CallEnded")
      }),
      { numRuns: 300 }
    )
  })

  for (
    const [what, parts] of Object.entries({
      "bare ": { attemptTimeout: undefined, hasPolicies: false, isHedged: false },
      "": { attemptTimeout: 20, hasPolicies: true, isHedged: false },
      "hedged ": { attemptTimeout: 20, hasPolicies: true, isHedged: true }
    })
  ) {
    it(`are whole wherever a ${what}call is interrupted`, () => {
      const steps: ReadonlyArray<Step> = ["fails", "is slow", "fails", "succeeds"]
      const scene: Scene = { steps, times: 4, deadline: 1_000, isBusy: true, ...parts }
      const points = Virtual.interruptEverywhere(
        () => calling(scene),
        ({ exit, fibersLeft, sleepsLeft }, at, { events }) => {
          assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], `cut at operation ${at}`)
          check(events, parts.isHedged)
        }
      )
      assert.isAbove(points, 30)
    })
  }
})
