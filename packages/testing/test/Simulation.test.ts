import type { HttpClientResponse } from "@effect/platform"
import { HttpClient, HttpClientError } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Option, Random, Schedule } from "effect"
import * as Deadline from "reprise/Deadline"
import { InvalidOption } from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as Timeout from "reprise/Timeout"
import * as Services from "../../reprise/test/services.js"
import { World } from "../src/internal/simulation/world.js"
import { Timeline } from "../src/internal/virtual/timeline.js"
import * as Simulation from "../src/Simulation.js"

type Options = Simulation.Options
type Policy = Options["policy"]
type Second = Simulation.Second

const bare: Policy = (server) => server

const impatient: Policy = HttpClient.transform((attempt) =>
  Timeout.timeoutFail(attempt, { duration: "1 second", onTimeout: () => "too slow" })
)

/** Draws a number for every call, and waits so long before it tries again, once. */
const dice: Policy = (server) =>
  HttpClient.transform(impatient(server), (call) =>
    Effect.flatMap(
      Random.nextRange(100, 900),
      (millis) => Effect.catchAll(call, () => Effect.delay(call, Duration.millis(millis)))
    ))

const outage = { kind: "stall", at: "2 seconds", duration: "2 seconds" } as const

const small = (options: Partial<Options> = {}): Options => ({
  clients: 5,
  capacity: 100,
  load: 0.8,
  duration: "8 seconds",
  policy: bare,
  ...options
})

const run = (options: Partial<Options> = {}) => Simulation.run(small(options))

const total = (seconds: ReadonlyArray<Second>, key: keyof Second) =>
  seconds.reduce((sum, second) => sum + second[key], 0)

const observed = (fibers: Services.FiberCount, policy: Policy): Policy => (server) =>
  HttpClient.transform(policy(server), fibers.of)

describe("Simulation.run", () => {
  it.effect("gives the same for the same seed, and something else for another", () =>
    Effect.gen(function*() {
      const first = yield* run({ policy: dice, outage, seed: 7 })
      assert.deepStrictEqual(yield* run({ policy: dice, outage, seed: 7 }), first)
      const { seconds } = yield* run({ outage, seed: 8 })
      assert.notDeepEqual(seconds.map(({ calls }) => calls), first.seconds.map(({ calls }) => calls))
    }))

  it.effect("has the same calls at the same times for every policy", () =>
    Effect.gen(function*() {
      const calls = (policy: Policy) =>
        Effect.map(run({ policy, outage }), ({ seconds }) => seconds.map((second) => second.calls))
      assert.deepStrictEqual(yield* calls(dice), yield* calls(bare))
    }))

  it.effect("counts every call once, and says when", () =>
    Effect.gen(function*() {
      const { seconds, summary } = yield* run({ policy: dice, outage, duration: "7500 millis" })
      assert.deepStrictEqual(
        seconds.map(({ startMillis }) => startMillis),
        [0, 1, 2, 3, 4, 5, 6, 7].map((n) => n * 1_000)
      )
      for (const key of ["calls", "succeeded", "failed", "rejected", "attempts"] as const) {
        assert.strictEqual(summary[key], total(seconds, key))
      }
      assert.isTrue(seconds.every(({ calls, failed, succeeded }) => calls === succeeded + failed))
      assert.closeTo(summary.calls, 0.8 * 100 * 7.5, 100)
      assert.isAbove(summary.attempts, summary.calls)
      assert.isAbove(summary.failed, 0)
      assert.strictEqual(summary.peakLoad, Math.max(...seconds.map(({ attempts }) => attempts / 100)))
      assert.strictEqual(summary.services, summary.succeeded + summary.wasted)
    }))

  it.effect("makes a client of its own for each, and spreads the calls over them", () =>
    Effect.gen(function*() {
      const counts: Array<number> = []
      const policy: Policy = (server) => {
        const client = counts.push(0) - 1
        return HttpClient.tapRequest(server, () => Effect.sync(() => counts[client]!++))
      }
      const { summary } = yield* run({ policy, clients: 4 })
      assert.strictEqual(counts.length, 4)
      assert.strictEqual(counts.reduce((a, b) => a + b), summary.calls)
      assert.isAbove(Math.min(...counts), summary.calls / 8)
    }))

  it.effect("serves all where nothing is wrong", () =>
    Effect.gen(function*() {
      const { summary } = yield* run()
      assert.strictEqual(summary.succeeded, summary.calls)
      assert.strictEqual(summary.services, summary.calls)
      assert.deepStrictEqual(summary.amplification, { during: 0, after: 1 })
      assert.deepStrictEqual(summary.recovery, Option.some(Duration.zero))
    }))

  it.effect("keeps what comes in a stall for later, and serves it when the outage is over", () =>
    Effect.gen(function*() {
      const { seconds, summary } = yield* run({ outage })
      assert.strictEqual(summary.failed, 0)
      const arrived = seconds[2]!.calls + seconds[3]!.calls
      assert.isAtMost(Math.abs(seconds[3]!.queue - seconds[1]!.queue - arrived), 1)
      assert.isAtLeast(summary.peakQueue, seconds[3]!.queue)
    }))

  it.effect("refuses connections as a transport does, and goes on with what it has", () =>
    Effect.gen(function*() {
      const codes = new Set<unknown>()
      const policy: Policy = HttpClient.tapError((error) =>
        Effect.sync(() => {
          assert.instanceOf(error, HttpClientError.RequestError)
          codes.add((error.cause as { readonly code?: string }).code)
        })
      )
      const { seconds, summary } = yield* run({ outage: { ...outage, kind: "refuse" }, policy, load: 3 })
      assert.deepStrictEqual([...codes], ["ECONNREFUSED"])
      assert.strictEqual(seconds[2]!.failed, seconds[2]!.calls)
      assert.strictEqual(seconds[2]!.attempts, seconds[2]!.calls)
      assert.isBelow(seconds[3]!.queue, seconds[1]!.queue)
      // What was refused was an attempt, and nothing that a policy had turned away.
      assert.strictEqual(summary.rejected, 0)
      assert.strictEqual(summary.amplification.during, 1)
    }))

  it.effect("tells what a policy has turned away from what has failed", () =>
    Effect.gen(function*() {
      let calls = 0
      const policy: Policy = HttpClient.transform((call) =>
        Effect.flatMap(Effect.sync(() => calls++), (n) =>
          n % 2 === 0 ? Effect.mapError(call, String) : Effect.fail("rejected"))
      )
      const { summary } = yield* run({ policy, outage: { ...outage, kind: "refuse" } })
      assert.strictEqual(summary.rejected, Math.floor(calls / 2))
      assert.isAbove(summary.failed, summary.rejected)
      assert.strictEqual(summary.attempts, Math.ceil(calls / 2))
    }))

  it.effect("answers 503 where its queue is full", () =>
    Effect.gen(function*() {
      const statuses: Array<number> = []
      const policy: Policy = HttpClient.tap((response: HttpClientResponse.HttpClientResponse) =>
        Effect.sync(() => statuses.push(response.status))
      )
      const { summary } = yield* run({ load: 2, server: { queue: 10 }, policy })
      assert.strictEqual(summary.peakQueue, 10)
      assert.strictEqual(statuses.filter((status) => status === 503).length, summary.failed)
      assert.isAbove(summary.failed, 0.4 * summary.calls)
      assert.strictEqual(summary.wasted, 0)
    }))

  it.effect("wastes its time on clients that are gone, unless it looks", () =>
    Effect.gen(function*() {
      const result = (abandoned: "serve" | "skip" | "remove") =>
        Effect.map(
          run({ policy: impatient, outage, server: { abandoned }, duration: "20 seconds" }),
          ({ summary }) => summary
        )
      const [serve, skip, remove] = yield* Effect.all([result("serve"), result("skip"), result("remove")])
      // 160 wait when it ends, of which 80 are gone; another 20 for each that is served.
      assert.isAbove(serve.wasted, 160)
      // A client may go while it is served.
      assert.isBelow(skip.wasted, 30)
      assert.strictEqual(remove.wasted, 0)
      assert.isBelow(remove.peakQueue, skip.peakQueue)
      assert.isAbove(Option.match(serve.recovery, { onNone: () => 0, onSome: Duration.toSeconds }), 1)
      assert.deepStrictEqual(remove.recovery, Option.some(Duration.zero))
    }))

  it.effect("has not recovered where it relapses", () =>
    Effect.gen(function*() {
      const failing = (from: number, to: number): Policy =>
        HttpClient.transform((call) =>
          Effect.flatMap(
            Clock.currentTimeMillis,
            (now) => now >= from && now < to ? Effect.fail("down") : Effect.mapError(call, String)
          )
        )
      const recovery = (policy: Policy) => Effect.map(run({ policy, outage }), ({ summary }) => summary.recovery)
      assert.deepStrictEqual(yield* recovery(failing(5_500, 5_700)), Option.some(Duration.seconds(2)))
      assert.deepStrictEqual(yield* recovery(failing(7_500, 8_000)), Option.none())
    }))

  it.effect("sees nothing of the program around it", () =>
    Effect.gen(function*() {
      const alone = yield* run({ policy: dice, outage })
      const within = run({ policy: dice, outage }).pipe(
        Effect.withRandom(Random.make("other")),
        Retry.retry(Schedule.recurs(1)),
        Deadline.within("1 second"),
        Effect.uninterruptible
      )
      assert.deepStrictEqual(yield* within, alone)
    }))

  it.effect("takes no time of the program", () =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      yield* run()
      assert.strictEqual((yield* Clock.currentTimeMillis) - start, 0)
    }))
})

describe("the end of a simulation", () => {
  it.effect("leaves no fiber and no timer behind", () =>
    Effect.gen(function*() {
      const fibers = new Services.FiberCount()
      yield* run({ policy: observed(fibers, dice), outage })
      assert.strictEqual(fibers.running, 0)
    }))

  it.effect("interrupts what goes on for more than a minute after the last call, and counts it as failed", () =>
    Effect.gen(function*() {
      const endedAt: Array<number> = []
      const policy: Policy = HttpClient.transform(() =>
        Effect.onInterrupt(
          Effect.never,
          () => Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => endedAt.push(now)))
        )
      )
      const fibers = new Services.FiberCount()
      const { summary } = yield* run({ policy: observed(fibers, policy) })
      assert.deepStrictEqual([...new Set(endedAt)], [68_000])
      assert.strictEqual(summary.failed, summary.calls)
      assert.strictEqual(endedAt.length, summary.calls)
      assert.strictEqual(fibers.running, 0)
    }))

  it.effect("waits in virtual time for what cannot be interrupted, but not for ever", () =>
    Effect.gen(function*() {
      const policy = (uninterruptible: Effect.Effect<void>): Policy =>
        HttpClient.transform(() => Effect.zipRight(Effect.uninterruptible(uninterruptible), Effect.never))
      const fibers = new Services.FiberCount()
      const slow = run({ policy: observed(fibers, policy(Effect.sleep("90 seconds"))) })
      assert.strictEqual((yield* slow).summary.succeeded, 0)
      assert.strictEqual(fibers.running, 0)
      const endless = run({ policy: policy(Effect.never) })
      assert.strictEqual((yield* endless).summary.succeeded, 0)
    }))

  it.effect("comes at once where it is interrupted, with nothing left of its calls", () =>
    Effect.gen(function*() {
      const fibers = new Services.FiberCount()
      const begun = yield* Deferred.make<void>()
      let sent = 0
      let ended = 0
      const policy: Policy = (server) =>
        observed(fibers, bare)(server).pipe(HttpClient.transform((call) => {
          if (++sent === 100) Effect.runSync(Deferred.succeed(begun, undefined))
          return Effect.onExit(call, () => Effect.sync(() => ended++))
        }))
      const simulation = yield* Effect.fork(run({ policy, load: 2, duration: "10 minutes" }))
      yield* Deferred.await(begun)
      const exit = yield* Fiber.interrupt(simulation)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.isBelow(sent, 20_000)
      assert.strictEqual(ended, sent)
      assert.strictEqual(fibers.running, 0)
    }))

  it("comes by a timeout of the program as well: its timers have their turn", () =>
    Effect.runPromise(
      Effect.map(Effect.timeoutOption(run({ duration: "1 day" }), "20 millis"), (result) =>
        assert.deepStrictEqual(result, Option.none()))
    ))

  it.effect("is the defect of a policy, with what it was", () =>
    Effect.gen(function*() {
      const policy: Policy = HttpClient.transform(() => Effect.die("a bug"))
      const exit = yield* Effect.exit(run({ policy }))
      assert.deepStrictEqual(exit, Exit.die("a bug"))
      const thrown = yield* Effect.exit(run({
        policy: () => {
          throw new Error("a bug in the making")
        }
      }))
      assert.isTrue(Exit.isFailure(thrown) && Cause.isDie(thrown.cause))
    }))

  it("leaves the agenda with what is the model's own", () => {
    const world = new World({
      clients: 3,
      callsPerMilli: 0.08,
      durationMillis: 5_000,
      server: { capacity: 100, queue: Infinity, abandoned: "remove" },
      outage: { kind: "stall", startMillis: 1_000, endMillis: 2_000 },
      policy: dice,
      seed: 3
    })
    while (world.advance(100));
    assert.strictEqual(world.timeline.fibers.size, 0)
    // The one that would have ended the calls that go on for too long.
    assert.strictEqual(world.timeline.agenda.pending, 1)
  })

  it("keeps stacks for the rest of the program", async () => {
    const limit = Error.stackTraceLimit
    await Effect.runPromise(run({ policy: impatient, outage }))
    await Effect.runPromise(Effect.exit(run({ policy: HttpClient.transform(() => Effect.die("a bug")) })))
    assert.strictEqual(Error.stackTraceLimit, limit)
  })
})

describe("virtual time", () => {
  it("never wakes from a sleep without an end, and forgets one that is interrupted", () => {
    const timeline = new Timeline<undefined>(Random.make(0))
    const fork = (effect: Effect.Effect<void>) => {
      timeline.fork(effect, undefined, () => {})
      while (timeline.runNext());
      return timeline.agenda.pending
    }
    assert.strictEqual(fork(Effect.sleep(Infinity)), 0)
    assert.strictEqual(fork(Effect.sleep("1 second")), 1)
    assert.strictEqual(timeline.fibers.size, 2)
    timeline.interruptAll()
    while (timeline.runNext());
    assert.deepStrictEqual([timeline.agenda.pending, timeline.fibers.size], [0, 0])
  })
})

describe("bad options", () => {
  const wrong: ReadonlyArray<readonly [option: string, options: Partial<Options>]> = [
    ["clients", { clients: 0 }],
    ["clients", { clients: 1.5 }],
    ["capacity", { capacity: 0 }],
    ["capacity", { capacity: Infinity }],
    ["load", { load: -1 }],
    ["load", { load: NaN }],
    ["duration", { duration: 0 }],
    ["seed", { seed: -1 }],
    ["server.queue", { server: { queue: -1 } }],
    ["outage.at", { outage: { ...outage, at: -1 } }],
    ["outage.duration", { outage: { ...outage, duration: 0 } }],
    ["outage.duration", { outage: { ...outage, duration: "7 seconds" } }]
  ]

  it("are thrown before anything runs", () => {
    for (const [option, options] of wrong) {
      try {
        run(options)
        assert.fail(`${option} was accepted`)
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.strictEqual(error.option, option)
      }
    }
    run({ outage: { ...outage, duration: "6 seconds" } })
  })
})
