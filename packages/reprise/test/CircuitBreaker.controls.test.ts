import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, FiberId, Layer, Option, Schedule, Stream, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import {
  begin,
  type Breaker,
  call,
  counts,
  fail,
  make,
  type Options,
  rejection,
  retryAfter,
  ripe,
  succeed,
  times
} from "./breakerCalls.js"
import * as Virtual from "./virtual.js"

const ok = Exit.succeed("ok")
const bad = Exit.fail("down")

const lastCalls = (calls: number, minimumCalls = calls) =>
  Tripping.rate({ threshold: 1, minimumCalls, window: { calls } })
const slowerThan = (slowerThan: Duration.DurationInput, minimumCalls: number) =>
  Tripping.slowRate({ threshold: 1, minimumCalls, slowerThan, window: { calls: 10 } })

describe("isolate", () => {
  it.effect("rejects all calls until each of its handles has been released once", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const [one, two] = yield* times(2, CircuitBreaker.isolate(breaker))
      yield* one!.release
      yield* one!.release
      const error = yield* rejection(breaker)
      assert.deepInclude({ ...error }, { state: "Isolated", retryAfter: Option.none(), trip: undefined })
      yield* two!.release
      assert.deepStrictEqual([yield* CircuitBreaker.state(breaker), yield* succeed(breaker)], ["Closed", "ok"])
    }))

  it.effect("is left by no success, no failure and no time", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      const [one, two] = yield* times(2, begin(breaker))
      yield* CircuitBreaker.isolate(breaker)
      yield* one!.end(ok)
      yield* two!.end(bad)
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
      assert.strictEqual(yield* succeed(breaker), "rejected")
    }))

  it.effect("goes on afterwards where it was, with what ended in between", () =>
    Effect.gen(function*() {
      const closed = yield* make({ trip: Tripping.consecutive(2) })
      const running = yield* begin(closed)
      const isolation = yield* CircuitBreaker.isolate(closed)
      yield* running.end(bad)
      yield* isolation.release
      assert.deepStrictEqual(yield* counts(closed), [1, 1, 0])
      const open = yield* make()
      yield* fail(open)
      const another = yield* CircuitBreaker.isolate(open)
      yield* TestClock.adjust(400)
      yield* another.release
      assert.strictEqual(yield* retryAfter(open), 600)
    }))

  it.effect("closes several breakers to all calls by one handle for each", () =>
    Effect.gen(function*() {
      const breakers = yield* times(3, make())
      const isolations = yield* Effect.forEach(breakers, CircuitBreaker.isolate)
      assert.deepStrictEqual(yield* Effect.forEach(breakers, succeed), ["rejected", "rejected", "rejected"])
      yield* Effect.forEach(isolations, ({ release }) => release)
      assert.deepStrictEqual(yield* Effect.forEach(breakers, succeed), ["ok", "ok", "ok"])
    }))
})

describe("disable", () => {
  it.effect("lets all calls through, goes on counting, and never opens", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: lastCalls(5, 1) })
      yield* fail(breaker)
      yield* CircuitBreaker.disable(breaker)
      assert.deepStrictEqual(yield* times(50, fail(breaker)), Array<string>(50).fill("down"))
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), {
        state: "Disabled",
        calls: 5,
        failures: 5,
        rejected: 0
      })
    }))

  it.effect("does not open by hand or because of slow calls either", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: slowerThan("1 second", 1) })
      yield* CircuitBreaker.disable(breaker)
      yield* CircuitBreaker.trip(breaker)
      yield* CircuitBreaker.trip(breaker, { openFor: "1 hour" })
      yield* begin(breaker)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([yield* succeed(breaker), yield* counts(breaker)], ["ok", [2, 0, 1]])
    }))

  it.effect("begins and ends with a new window, and hears no call from before", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      yield* fail(breaker)
      const early = yield* begin(breaker)
      yield* CircuitBreaker.disable(breaker)
      yield* early.end(bad)
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
      yield* times(5, fail(breaker))
      const late = yield* begin(breaker)
      yield* CircuitBreaker.enable(breaker)
      yield* late.end(bad)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0, generation: 2 })
    }))

  it.effect("twice is disable once, and enable without it does nothing", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: lastCalls(5) })
      yield* fail(breaker)
      yield* CircuitBreaker.enable(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
      yield* CircuitBreaker.disable(breaker)
      yield* fail(breaker)
      yield* CircuitBreaker.disable(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
    }))
})

describe("close, trip and reset", () => {
  it.effect("close ends the open time with a new window, and nothing comes of that time later", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* fail(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", failures: 0, trips: 0 })
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* times(2, succeed(breaker)), ["ok", "ok"])
    }))

  it.effect("close does nothing to a closed breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      yield* fail(breaker)
      yield* CircuitBreaker.close(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { failures: 1, generation: 0 })
    }))

  it.effect("trip opens for as long as it is told, and no longer or shorter where it is open already", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* CircuitBreaker.trip(breaker, { openFor: "30 minutes" })
      yield* CircuitBreaker.trip(breaker, { openFor: "1 hour" })
      yield* CircuitBreaker.trip(breaker)
      yield* TestClock.adjust("15 minutes")
      assert.deepInclude({ ...(yield* rejection(breaker)) }, {
        retryAfter: Option.some(Duration.minutes(15)),
        openedAtMillis: 0,
        trip: { rule: "manual", calls: 0, failures: 0, slow: 0 }
      })
      yield* TestClock.adjust("15 minutes")
      assert.strictEqual(yield* succeed(breaker), "ok")
    }))

  it.effect("trip opens for as long as the schedule says where it is told nothing, and opens what is half-open", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ openFor: Schedule.exponential("1 second") })
      yield* CircuitBreaker.trip(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 1_000)
      yield* TestClock.adjust("1 second")
      const probe = yield* begin(breaker)
      yield* CircuitBreaker.trip(breaker)
      yield* probe.end(ok)
      assert.strictEqual(yield* retryAfter(breaker), 2_000)
    }))

  it.effect("trip for zero makes the next call a probe", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* CircuitBreaker.trip(breaker, { openFor: 0 })
      yield* begin(breaker)
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "HalfOpen", probes: 1 })
    }))

  it.effect("reset makes it what it was at first, whatever happened", () =>
    Effect.gen(function*() {
      for (const happens of [CircuitBreaker.isolate, CircuitBreaker.disable, CircuitBreaker.trip, fail]) {
        const breaker = yield* make({ trip: Tripping.consecutive(2) })
        const late = yield* begin(breaker)
        yield* fail(breaker)
        yield* happens(breaker)
        yield* CircuitBreaker.reset(breaker)
        yield* late.end(bad)
        assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), {
          state: "Closed",
          calls: 0,
          failures: 0,
          trips: 0
        })
        yield* fail(breaker)
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      }
    }))

  it.effect("reset does not let an earlier isolation end a later one", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const early = yield* CircuitBreaker.isolate(breaker)
      yield* CircuitBreaker.reset(breaker)
      yield* CircuitBreaker.isolate(breaker)
      yield* early.release
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Isolated")
    }))
})

describe("admit and settle", () => {
  it.effect("are a call in two steps, of which the second counts once", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      const permit = yield* CircuitBreaker.admit(breaker)
      yield* CircuitBreaker.settle(breaker, permit, bad)
      yield* CircuitBreaker.settle(permit, bad)(breaker)
      assert.deepStrictEqual(yield* counts(breaker), [1, 1, 0])
    }))

  it.effect("take a permit and give it back to a half-open breaker", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe()
      const permit = yield* CircuitBreaker.admit(breaker)
      const refused = yield* Effect.flip(CircuitBreaker.admit(breaker))
      assert.strictEqual(refused.state, "HalfOpen")
      yield* CircuitBreaker.settle(breaker, permit, Exit.interrupt(FiberId.none))
      const another = yield* CircuitBreaker.admit(breaker)
      yield* CircuitBreaker.settle(breaker, permit, bad)
      assert.strictEqual((yield* CircuitBreaker.snapshot(breaker)).probes, 1)
      yield* CircuitBreaker.settle(breaker, another, ok)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))
})

describe("reconfigure", () => {
  const reconfigure = (breaker: Breaker, options: Partial<Options> = {}) =>
    CircuitBreaker.reconfigure(breaker, {
      trip: Tripping.consecutive(1),
      openFor: Schedule.spaced("1 second"),
      ...options
    })

  it.effect("keeps what a window of the same kind has seen, as far as the new one can hold it", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: lastCalls(10) })
      yield* Effect.all([succeed(breaker), times(4, fail(breaker))])
      yield* reconfigure(breaker, { trip: lastCalls(20) })
      assert.deepStrictEqual(yield* counts(breaker), [5, 4, 0])
      yield* reconfigure(breaker, { trip: lastCalls(4) })
      assert.deepStrictEqual(yield* counts(breaker), [4, 4, 0])
      yield* reconfigure(breaker, { trip: Tripping.rate({ threshold: 1, window: { duration: "10 seconds" } }) })
      assert.deepStrictEqual(yield* counts(breaker), [4, 4, 0])
      yield* reconfigure(breaker, { trip: Tripping.consecutive(5) })
      assert.deepStrictEqual(yield* counts(breaker), [0, 0, 0])
    }))

  it.effect("opens with the next call that a lower threshold finds bad enough", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(10) })
      yield* times(4, fail(breaker))
      yield* reconfigure(breaker, { trip: Tripping.consecutive(3) })
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", generation: 0, failures: 4 })
      yield* fail(breaker)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
    }))

  it.effect("changes neither the time until which it is open nor its generation", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      yield* fail(breaker)
      yield* TestClock.adjust(400)
      yield* reconfigure(breaker, { openFor: Schedule.spaced("1 hour"), key: "other" })
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Open", generation: 1, key: "" })
      assert.strictEqual(yield* retryAfter(breaker), 600)
      yield* TestClock.adjust(600)
      yield* fail(breaker)
      assert.strictEqual(yield* retryAfter(breaker), 3_600_000)
    }))

  const capped = Backoff.exponential("4 seconds").pipe(Backoff.capped("1 minute"))
  for (const [from, to] of [[undefined, capped], [capped, Schedule.exponential("4 seconds")]] as const) {
    it.effect(`takes ${from === undefined ? "the default" : "one"} schedule for another of another kind`, () =>
      Effect.gen(function*() {
        const closed = yield* make({ openFor: from })
        yield* reconfigure(closed, { openFor: to })
        assert.strictEqual(yield* fail(closed), "down")
        assert.strictEqual(yield* retryAfter(closed), 4_000)
        const open = yield* make({ openFor: from })
        yield* fail(open)
        yield* reconfigure(open, { openFor: to })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* fail(open), "down")
        assert.strictEqual(yield* retryAfter(open), 4_000)
      }))
  }

  const kinds: ReadonlyArray<readonly [string, Tripping.Tripping]> = [
    ["consecutive failures", Tripping.consecutive(9)],
    ["a rate in time", Tripping.rate({ threshold: 1, window: { duration: "10 seconds" } })],
    ["a slow rate", slowerThan("1 hour", 9)]
  ]
  for (const [before, from] of kinds) {
    for (const [after, to] of kinds) {
      it.effect(`counts a call that began under ${before} and ends under ${after}`, () =>
        Effect.gen(function*() {
          yield* TestClock.setTime(1_700_000_000_123)
          const breaker = yield* make({ trip: from })
          const running = yield* begin(breaker)
          yield* reconfigure(breaker, { trip: to })
          yield* succeed(breaker)
          yield* running.end(bad)
          assert.strictEqual((yield* counts(breaker))[0], after === "consecutive failures" ? 1 : 2)
        }))
    }
  }

  for (
    const [before, from] of [["a rule without a limit", lastCalls(9)], [
      "another limit",
      slowerThan("1 hour", 9)
    ]] as const
  ) {
    it.effect(`counts calls in flight that are slow by the new limit, after ${before}`, () =>
      Effect.gen(function*() {
        const breaker = yield* make({ trip: from })
        yield* reconfigure(breaker, { trip: slowerThan("1 second", 2) })
        yield* times(2, begin(breaker))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* succeed(breaker), "rejected")
      }))
  }

  it.effect("goes on to watch the calls in flight, where the limit becomes another", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: slowerThan("1 hour", 9) })
      yield* times(2, begin(breaker))
      yield* reconfigure(breaker, { trip: slowerThan("1 second", 2) })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(breaker), "rejected")
    }))

  it.effect("gives a half-open breaker the new number of probes, and asks those that succeed anew", () =>
    Effect.gen(function*() {
      const breaker = yield* ripe({ successes: 2 })
      yield* succeed(breaker)
      yield* reconfigure(breaker, { probes: 3, successes: 3 })
      const running = yield* times(3, begin(breaker))
      assert.strictEqual(yield* succeed(breaker), "rejected")
      for (const probe of running.slice(1)) yield* probe.end(ok)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "HalfOpen")
      yield* running[0]!.end(ok)
      assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
    }))

  it.effect("leaves isolated what is isolated, and disabled what is disabled", () =>
    Effect.gen(function*() {
      const isolated = yield* Effect.tap(make(), CircuitBreaker.isolate)
      const disabled = yield* Effect.tap(make(), CircuitBreaker.disable)
      yield* Effect.forEach([isolated, disabled], (breaker) => reconfigure(breaker))
      yield* fail(disabled)
      const states = yield* Effect.forEach([isolated, disabled], CircuitBreaker.state)
      assert.deepStrictEqual(states, ["Isolated", "Disabled"])
    }))
})

describe("a shadow", () => {
  const shadowed = (shadow: Partial<Options>, options: Partial<Options> = {}) =>
    Effect.map(
      make({
        trip: Tripping.consecutive(100),
        shadow: { trip: Tripping.consecutive(2), openFor: Schedule.spaced("1 second"), ...shadow },
        ...options
      }),
      (breaker) => [breaker, Option.getOrThrow(CircuitBreaker.shadow(breaker))] as const
    )

  it.effect("sees the calls, rejects none, and says what it would have done", () =>
    Effect.gen(function*() {
      const [breaker, shadow] = yield* shadowed({})
      assert.deepStrictEqual(yield* times(5, fail(breaker)), Array<string>(5).fill("down"))
      assert.deepInclude(yield* CircuitBreaker.snapshot(shadow), { state: "Open", rejected: 3, trips: 1 })
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { state: "Closed", rejected: 0, failures: 5 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepInclude(yield* CircuitBreaker.snapshot(shadow), { state: "Closed", downMillis: 1_000 })
    }))

  it.effect("makes no call wait, and runs no probe of its own", () =>
    Effect.gen(function*() {
      let probes = 0
      const [breaker, shadow] = yield* shadowed({ onFull: "wait", probe: Effect.sync(() => probes++) })
      yield* CircuitBreaker.trip(shadow, { openFor: 0 })
      const running = yield* begin(breaker)
      assert.strictEqual((yield* CircuitBreaker.snapshot(shadow)).probes, 1)
      assert.strictEqual(yield* succeed(breaker), "ok")
      yield* running.end(ok)
      assert.strictEqual(yield* CircuitBreaker.state(shadow), "Closed")
      assert.strictEqual(probes, 0)
    }))

  it.effect("changes no result, even where its judge throws", () =>
    Effect.gen(function*() {
      const [breaker, shadow] = yield* shadowed({
        outcome: () => {
          throw "broken"
        }
      })
      assert.deepStrictEqual([yield* succeed(breaker), yield* fail(breaker)], ["ok", "down"])
      assert.strictEqual(yield* CircuitBreaker.state(shadow), "Open")
    }))

  it.effect("is there only where one was given", () =>
    Effect.map(make(), (breaker) => assert.isTrue(Option.isNone(CircuitBreaker.shadow(breaker)))))
})

describe("changes", () => {
  interface Listened extends Breaker {
    readonly listeners: ReadonlyArray<unknown>
  }
  const listen = (breaker: Breaker) =>
    Effect.gen(function*() {
      const seen: Array<CircuitBreaker.Transition> = []
      const fiber = yield* Effect.forkDaemon(
        Stream.runForEach(CircuitBreaker.changes(breaker), (change) => Effect.sync(() => seen.push(change)))
      )
      yield* TestClock.adjust(0)
      return { seen, fiber }
    })
  const words = (seen: ReadonlyArray<CircuitBreaker.Transition>) =>
    seen.map(({ from, generation, to }) => `${from} ${to} ${generation}`)

  it.effect("tells each transition once and in order, with its time and its reason", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ key: "payments" })
      const { seen } = yield* listen(breaker)
      yield* fail(breaker)
      yield* TestClock.adjust("1 second")
      yield* fail(breaker)
      yield* TestClock.adjust("1 second")
      yield* succeed(breaker)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(words(seen), [
        "Closed Closed 0",
        "Closed Open 1",
        "Open HalfOpen 2",
        "HalfOpen Open 3",
        "Open HalfOpen 4",
        "HalfOpen Closed 5"
      ])
      assert.deepStrictEqual(seen.map(({ atMillis }) => atMillis), [0, 0, 1_000, 1_000, 2_000, 2_000])
      assert.deepStrictEqual(seen.map(({ trip }) => trip?.rule), [
        undefined,
        "consecutive",
        "consecutive",
        "probe",
        "probe",
        undefined
      ])
      assert.strictEqual(seen[0]!.key, "payments")
    }))

  it.effect("tells nothing where the state stays what it was", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ trip: Tripping.consecutive(2) })
      const { seen } = yield* listen(breaker)
      yield* Effect.all([
        succeed(breaker),
        fail(breaker),
        CircuitBreaker.close(breaker),
        CircuitBreaker.enable(breaker)
      ])
      const [one, two] = yield* times(2, CircuitBreaker.isolate(breaker))
      yield* Effect.all([one!.release, one!.release, two!.release, CircuitBreaker.reset(breaker)])
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(words(seen), ["Closed Closed 0", "Closed Isolated 0", "Isolated Closed 0"])
    }))

  it.effect("goes to each consumer, until it ends", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const [one, two] = yield* times(2, listen(breaker))
      yield* Fiber.interrupt(one!.fiber)
      yield* fail(breaker)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual([one!.seen.length, two!.seen.length], [1, 2])
    }))

  it.effect("begins with the state at which the consumer starts, whatever has happened before", () =>
    Effect.gen(function*() {
      const breaker = yield* make({ key: "payments" })
      const changes = CircuitBreaker.changes(breaker)
      yield* fail(breaker)
      yield* TestClock.adjust("1 second")
      const first = yield* Stream.runHead(changes)
      const trip = { rule: "consecutive", calls: 1, failures: 1, slow: 0 }
      assert.deepStrictEqual(
        first,
        Option.some({ key: "payments", from: "Open", to: "Open", generation: 1, atMillis: 1_000, trip } as const)
      )
      const isolation = yield* CircuitBreaker.isolate(breaker)
      assert.strictEqual(Option.getOrThrow(yield* Stream.runHead(changes)).to, "Isolated")
      yield* isolation.release
    }))

  it.effect("loses nothing between the start and the first pull, nor between two pulls", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const seen = yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(CircuitBreaker.changes(breaker))
        const states = Effect.map(pull, (chunk) => Array.from(chunk, ({ to }) => to))
        // The first pull subscribes, and everything after it is kept.
        const first = yield* states
        yield* Effect.zipRight(CircuitBreaker.trip(breaker), CircuitBreaker.close(breaker))
        const second = yield* states
        yield* CircuitBreaker.trip(breaker)
        return [...first, ...second, ...yield* states]
      }))
      assert.deepStrictEqual(seen, ["Closed", "Open", "Closed", "Open"])
    }))

  it.effect("tells a consumer from a layer, which starts when it likes, every state that comes after its first", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const seen: Array<string> = []
      const watching = Layer.scopedDiscard(Effect.forkScoped(
        Stream.runForEach(CircuitBreaker.changes(breaker), ({ to }) => Effect.sync(() => seen.push(to)))
      ))
      yield* Effect.provide(
        Effect.gen(function*() {
          // The fiber of the layer has not run yet.
          yield* fail(breaker)
          yield* TestClock.adjust(0)
          yield* CircuitBreaker.close(breaker)
          yield* TestClock.adjust(0)
        }),
        watching
      )
      assert.deepStrictEqual(seen, ["Open", "Closed"])
    }))

  it("holds nothing for a consumer who has gone, at whichever operation it went", () => {
    Virtual.interruptEverywhere(
      () => {
        const breaker = Effect.runSync(make())
        const listening = Stream.runForEach(CircuitBreaker.changes(breaker), () => Effect.void)
        const program = Effect.zipRight(
          Effect.fork(Effect.zipRight(Effect.sleep(1), Effect.zipRight(fail(breaker), Effect.sleep(1)))),
          Effect.timeoutOption(listening, 5)
        )
        return { breaker, program }
      },
      (_, at, { breaker }) => assert.lengthOf((breaker as Listened).listeners, 0, `operation ${at}`)
    )
  })

  it.effect("gives a slow consumer the latest, and delays nobody", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const gate = yield* Deferred.make<void>()
      const slow = yield* Effect.forkDaemon(
        CircuitBreaker.changes(breaker).pipe(
          Stream.rechunk(1),
          Stream.tap(() => Deferred.await(gate)),
          Stream.takeUntil(({ generation }) => generation === 400),
          Stream.runCollect
        )
      )
      yield* TestClock.adjust(0)
      yield* times(200, Effect.zipRight(CircuitBreaker.trip(breaker), CircuitBreaker.close(breaker)))
      yield* Deferred.succeed(gate, undefined)
      const seen = Array.from(yield* Fiber.join(slow), ({ generation }) => generation)
      assert.strictEqual(seen.at(-1), 400)
      assert.deepStrictEqual(seen.slice(-64), Array.from({ length: 64 }, (_, i) => i + 337))
    }))
})

describe("snapshot", () => {
  it.effect("adds up how long it was open and half-open, failed probes included", () =>
    Effect.gen(function*() {
      const breaker = yield* make()
      const down = Effect.map(CircuitBreaker.snapshot(breaker), ({ downMillis }) => downMillis)
      yield* fail(breaker)
      yield* TestClock.adjust("2 seconds")
      yield* fail(breaker)
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* down, 5_000)
      yield* succeed(breaker)
      assert.strictEqual(yield* down, 5_000)
      yield* TestClock.adjust("1 minute")
      yield* CircuitBreaker.trip(breaker)
      yield* TestClock.adjust(500)
      assert.strictEqual(yield* down, 5_500)
      yield* CircuitBreaker.close(breaker)
      yield* TestClock.adjust(500)
      assert.strictEqual(yield* down, 5_500)
    }))

  const trips = {
    "in a row": Tripping.consecutive(3),
    "of slow calls": Tripping.slowRate({ slowerThan: "1 hour", threshold: 1, minimumCalls: 9, window: { calls: 9 } })
  }
  for (const [what, trip] of Object.entries(trips)) {
    it.effect(`adds up calls, failures and rejections, whatever the state was, with a rule ${what}`, () =>
      Effect.gen(function*() {
        const breaker = yield* make({ trip })
        const totals = Effect.map(
          CircuitBreaker.snapshot(breaker),
          ({ admitted, failed, rejected }) => [admitted, failed, rejected]
        )
        yield* Effect.all([succeed(breaker), fail(breaker), call(breaker, Effect.die("bug"))])
        yield* call(breaker, Effect.interrupt)
        assert.deepStrictEqual(yield* totals, [4, 2, 0])
        yield* CircuitBreaker.trip(breaker)
        yield* times(3, succeed(breaker))
        assert.deepStrictEqual(yield* totals, [4, 2, 3])
        yield* TestClock.adjust("1 minute")
        yield* fail(breaker)
        yield* CircuitBreaker.reset(breaker)
        yield* CircuitBreaker.disable(breaker)
        yield* fail(breaker)
        assert.deepStrictEqual(yield* totals, [6, 4, 3])
      }))
  }

  it("needs no fiber and no timer, whatever the breaker has been through", () => {
    const program = Effect.gen(function*() {
      const breaker = yield* make({ onFull: "wait" })
      yield* fail(breaker)
      yield* Effect.sleep("1 second")
      yield* Effect.all([call(breaker, Effect.as(Effect.sleep(10), "probe")), succeed(breaker)], { concurrency: 2 })
      yield* CircuitBreaker.trip(breaker)
      return yield* CircuitBreaker.state(breaker)
    })
    const { endMillis, exit, fibersLeft, sleepsLeft } = Virtual.run(program)
    assert.deepStrictEqual([Virtual.plain(exit), endMillis, fibersLeft, sleepsLeft], [{ success: "Open" }, 1_010, 0, 0])
  })
})
