import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as CircuitBreakerSchema from "reprise/CircuitBreakerSchema"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import { begin, call, counts, down, fail, queue, rejection, retryAfter, succeed, times } from "./breakerCalls.js"
import { inOneStore, interval, type Options, type Process, process, processes, settle } from "./sharedBreakers.js"

const states = (all: ReadonlyArray<Process>) => Effect.forEach(all, ({ breaker }) => CircuitBreaker.state(breaker))
const all = <A>(n: number, value: A): Array<A> => Array.from({ length: n }, () => value)

/** Open in all of them, and the time is over. */
const ripe = (n: number, options: Partial<Options> = {}) =>
  Effect.gen(function*() {
    const members = yield* processes(n, options)
    yield* fail(members[0]!.breaker)
    yield* settle
    yield* TestClock.adjust("1 second")
    return members
  })

describe("circuit breakers that share a state", () => {
  it.effect("open all as soon as one of them trips", () =>
    inOneStore(Effect.gen(function*() {
      const members = yield* processes(5)
      assert.strictEqual(yield* fail(members[2]!.breaker), "down")
      yield* settle
      assert.deepStrictEqual(yield* states(members), all(5, "Open"))
      assert.deepStrictEqual(yield* Effect.forEach(members, ({ breaker }) => succeed(breaker)), all(5, "rejected"))
    })))

  it.effect("tell everywhere why it opened, and when it is worth trying again", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* processes(2, { trip: Tripping.consecutive(3) })
      yield* times(3, fail(one!.breaker))
      yield* settle
      yield* TestClock.adjust("400 millis")
      const error = yield* rejection(other!.breaker)
      assert.deepInclude(error, { key: "payments", state: "Open" })
      assert.deepStrictEqual(error.trip, { rule: "consecutive", calls: 3, failures: 3, slow: 0 })
      assert.match(error.message, /retry after 600ms/)
    })))

  it.effect("send exactly as many probes as one would, however many callers there are", () =>
    inOneStore(Effect.gen(function*() {
      for (const probes of [1, 3]) {
        const members = yield* ripe(4, { key: `probes ${probes}`, probes })
        const running = yield* Effect.forEach(
          members.flatMap(({ breaker }) => all(10, breaker)),
          begin,
          { concurrency: "unbounded" }
        )
        yield* settle
        const ends = yield* Effect.forEach(running, ({ fiber }) => Fiber.poll(fiber))
        assert.strictEqual(ends.filter(Option.isNone).length, probes)
        assert.deepStrictEqual((yield* states(members)).filter((state) => state === "Closed"), [])
      }
    })))

  it.effect("close all when the probes have succeeded, whoever sent them", () =>
    inOneStore(Effect.gen(function*() {
      const members = yield* ripe(3, { probes: 1, successes: 3 })
      for (const { breaker } of members) {
        assert.deepStrictEqual((yield* states(members)).includes("Closed"), false)
        assert.strictEqual(yield* succeed(breaker), "ok")
        yield* interval
      }
      assert.deepStrictEqual(yield* states(members), all(3, "Closed"))
    })))

  it.effect("open all anew for the next time of the schedule when a probe fails, whoever sent it", () =>
    inOneStore(Effect.gen(function*() {
      const members = yield* processes(3, { openFor: Schedule.exponential("100 millis") })
      yield* CircuitBreaker.trip(members[0]!.breaker)
      yield* settle
      yield* TestClock.adjust("100 millis")
      for (const [at, millis, trips] of [[1, 200, 2], [2, 400, 3], [0, 800, 4]] as const) {
        assert.strictEqual(yield* fail(members[at]!.breaker), "down")
        yield* settle
        assert.deepStrictEqual(yield* states(members), all(3, "Open"))
        for (const { breaker } of members) {
          const retryAfter = Option.some(Duration.millis(millis))
          assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { retryAfter, trips })
        }
        yield* TestClock.adjust(`${millis - 1} millis`)
        assert.deepStrictEqual(yield* Effect.forEach(members, ({ breaker }) => succeed(breaker)), all(3, "rejected"))
        yield* TestClock.adjust("1 millis")
      }
      assert.strictEqual(yield* succeed(members[1]!.breaker), "ok")
    })))

  it.effect("open for longer if they fail again soon after they have recovered, whoever trips", () =>
    Effect.gen(function*() {
      const [one, other] = yield* processes(2, { openFor: Schedule.exponential("1 second") })
      const waits: Array<number> = []
      for (const { breaker } of [one!, other!, one!, other!]) {
        yield* fail(breaker)
        yield* settle
        waits.push(yield* retryAfter(breaker))
        yield* TestClock.adjust(waits.at(-1)!)
        yield* succeed(breaker)
        yield* settle
      }
      assert.deepStrictEqual(waits, [1_000, 2_000, 4_000, 8_000])
      yield* TestClock.adjust("8 seconds")
      yield* fail(one!.breaker)
      assert.strictEqual(yield* retryAfter(one!.breaker), 1_000)
    }).pipe(inOneStore))

  it.effect("go on when the process that probes is gone, once its lease has ended", () =>
    inOneStore(Effect.gen(function*() {
      const [gone, other] = yield* ripe(2, { lease: "3 seconds" })
      yield* begin(gone!.breaker)
      gone!.cable.state = "cut"
      yield* TestClock.adjust("2900 millis")
      assert.strictEqual(yield* succeed(other!.breaker), "rejected")
      yield* interval
      assert.strictEqual(yield* succeed(other!.breaker), "ok")
      assert.strictEqual(yield* CircuitBreaker.state(other!.breaker), "Closed")
    })))

  it.effect("make calls wait for the probe of another process, where they may wait", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripe(2, { onFull: "wait" })
      const probe = yield* begin(one!.breaker)
      const waiting = yield* queue(other!.breaker)
      yield* interval
      assert.strictEqual((yield* CircuitBreaker.snapshot(other!.breaker)).waiting, 1)
      yield* probe.end(Exit.succeed("ok"))
      yield* interval
      assert.strictEqual(yield* Fiber.join(waiting), "ok")
    })))

  it.effect("give the permit of a probe back that is interrupted or ends with an ignored error", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripe(2, { isFailure: (error) => error !== "ignored" })
      assert.strictEqual(yield* call(one!.breaker, Effect.fail("ignored")), "ignored")
      yield* settle
      assert.strictEqual(yield* call(other!.breaker, Effect.interrupt), "interrupted")
      yield* settle
      assert.strictEqual(yield* succeed(one!.breaker), "ok")
      yield* settle
      assert.deepStrictEqual(yield* states([one!, other!]), ["Closed", "Closed"])
    })))

  it.effect("probe with an effect of their own, one for all", () =>
    inOneStore(Effect.gen(function*() {
      let probes = 0
      const probe = Effect.sync(() => probes++)
      const members = yield* ripe(3, { probe, onFull: "wait" })
      const results = yield* Effect.forEach(members, ({ breaker }) => queue(breaker))
      yield* interval
      yield* interval
      assert.deepStrictEqual(yield* Effect.forEach(results, Fiber.join), all(3, "ok"))
      assert.strictEqual(probes, 1)
    })))

  it.effect("trip, close and reset together by hand, and are isolated and disabled each by itself", () =>
    inOneStore(Effect.gen(function*() {
      const members = yield* processes(2)
      const [one, other] = members.map(({ breaker }) => breaker)
      yield* CircuitBreaker.trip(one!)
      yield* settle
      assert.deepStrictEqual(yield* states(members), ["Open", "Open"])
      yield* CircuitBreaker.close(other!)
      yield* settle
      assert.deepStrictEqual(yield* states(members), ["Closed", "Closed"])
      const isolation = yield* CircuitBreaker.isolate(one!)
      yield* settle
      assert.deepStrictEqual(yield* states(members), ["Isolated", "Closed"])
      yield* isolation.release
      yield* CircuitBreaker.disable(one!)
      yield* fail(other!)
      yield* interval
      assert.deepStrictEqual(yield* states(members), ["Disabled", "Open"])
      assert.strictEqual(yield* succeed(one!), "ok")
      yield* CircuitBreaker.enable(one!)
      yield* interval
      assert.deepStrictEqual(yield* states(members), ["Open", "Open"])
      yield* CircuitBreaker.reset(other!)
      yield* settle
      assert.deepStrictEqual(yield* states(members), ["Closed", "Closed"])
    })))

  it.effect("open all by hand, also right after a probe that the store has not heard of", () =>
    inOneStore(Effect.gen(function*() {
      const members = yield* ripe(2)
      assert.strictEqual(yield* succeed(members[0]!.breaker), "ok")
      yield* CircuitBreaker.trip(members[0]!.breaker)
      yield* interval
      assert.deepStrictEqual(yield* states(members), ["Open", "Open"])
    })))

  it.effect("share nothing with those of another key", () =>
    inOneStore(Effect.gen(function*() {
      const one = yield* process({ key: "a" })
      const other = yield* process({ key: "b" })
      yield* fail(one.breaker)
      yield* interval
      assert.deepStrictEqual(yield* states([one, other]), ["Open", "Closed"])
    })))

  it.effect("know how things are when they are made, and wait no longer than the others", () =>
    inOneStore(Effect.gen(function*() {
      const one = yield* process()
      yield* fail(one.breaker)
      yield* TestClock.adjust("400 millis")
      const late = yield* process()
      assert.match((yield* rejection(late.breaker)).message, /retry after 600ms/)
    })))

  it.effect("need a key", () =>
    Effect.sync(() =>
      assert.throws(
        () => SharedCircuitBreaker.make({ key: "", trip: Tripping.consecutive(1) }),
        "Invalid option \"key\": expected a name, got \"\""
      )
    ))

  it.effect("leave no fiber when their scope ends, and go on each by itself", () =>
    Effect.gen(function*() {
      const made = yield* inOneStore(Effect.tap(process(), ({ cable }) => Effect.sync(() => cable.asked.splice(0))))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(made.cable.asked, [])
      yield* fail(made.breaker)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* call(made.breaker, down), "down")
      assert.strictEqual(yield* CircuitBreaker.state(made.breaker), "Open")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(made.breaker), "ok")
    }))
})

/** Until those have asked too who have nothing to tell. */
const quiet = Effect.repeatN(interval, 10)

describe("the rule of a fleet", () => {
  const trips = (options: Partial<Options>, each: ReadonlyArray<Effect.Effect<string, string>>) =>
    inOneStore(Effect.gen(function*() {
      const members = yield* processes(each.length, options)
      // So that all of them know of the same record, and of all that is in it.
      yield* Effect.forEach(members, ({ breaker }) => succeed(breaker))
      yield* interval
      yield* quiet
      yield* Effect.forEach(members, ({ breaker }, i) => call(breaker, each[i]))
      yield* interval
      yield* interval
      return yield* states(members)
    }))

  it.effect("sees the calls of all: one failure in each of four trips at four in a row", () =>
    Effect.gen(function*() {
      const rule = { trip: Tripping.consecutive(4) }
      assert.deepStrictEqual(yield* trips(rule, all(4, down)), all(4, "Open"))
      assert.deepStrictEqual(yield* trips(rule, all(3, down)), all(3, "Closed"))
    }))

  it.effect("sees the successes of all", () =>
    Effect.gen(function*() {
      const rule = { trip: Tripping.consecutive(4) }
      // Whoever reports first: no four failures are in a row.
      assert.deepStrictEqual(yield* trips(rule, [down, down, Effect.succeed("ok"), down, down]), all(5, "Closed"))
    }))

  it.effect("sees the share of failures of all", () =>
    Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 1, minimumCalls: 4, window: { duration: "1 second" } })
      assert.deepStrictEqual(yield* trips({ trip }, all(4, down)), all(4, "Open"))
      assert.deepStrictEqual(yield* trips({ trip }, [down, down, down, Effect.succeed("ok")]), all(4, "Closed"))
    }))

  it.effect("sees how long the calls of all took", () =>
    Effect.gen(function*() {
      const trip = Tripping.slowRate({ slowerThan: "2 seconds", threshold: 1, window: { calls: 4 } })
      const members = yield* processes(4, { trip })
      yield* Effect.forEach(members, ({ breaker }) => succeed(breaker))
      yield* interval
      yield* quiet
      const running = yield* Effect.forEach(members, ({ breaker }) => begin(breaker))
      yield* TestClock.adjust("2 seconds")
      yield* Effect.forEach(running, ({ end }) => end(Exit.succeed("ok")))
      yield* interval
      yield* interval
      assert.deepStrictEqual(yield* states(members), all(4, "Open"))
    }).pipe(inOneStore))

  it.effect("is that of each process where any of them may trip", () =>
    Effect.gen(function*() {
      const trip = Tripping.consecutive(4)
      assert.deepStrictEqual(yield* trips({ trip, scope: "any" }, all(6, down)), all(6, "Closed"))
    }))

  it.effect("counts no call twice, and none of before it came", () =>
    inOneStore(Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 1, minimumCalls: 1_000, window: { duration: "10 minutes" } })
      const [one, other] = yield* processes(2, { trip })
      yield* times(3, fail(one!.breaker))
      yield* interval
      const late = yield* process({ trip })
      for (let i = 0; i < 5; i++) {
        yield* times(2, fail(other!.breaker))
        yield* fail(one!.breaker)
        yield* interval
        yield* interval
      }
      yield* quiet
      assert.deepStrictEqual(yield* counts(one!.breaker), [18, 18, 0])
      assert.deepStrictEqual(yield* counts(other!.breaker), [18, 18, 0])
      // Nobody knows how old the sums are that were there when it came: a window of time begins empty.
      assert.deepStrictEqual(yield* counts(late.breaker), [15, 15, 0])
    })))

  it.effect("begins anew for all when they have recovered", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripe(2, { trip: Tripping.consecutive(1) })
      yield* succeed(one!.breaker)
      yield* settle
      assert.deepStrictEqual(yield* states([one!, other!]), ["Closed", "Closed"])
      assert.deepStrictEqual(yield* counts(other!.breaker), [0, 0, 0])
      yield* fail(other!.breaker)
      yield* settle
      assert.deepStrictEqual(yield* states([one!, other!]), ["Open", "Open"])
    })))
})

describe("what sharing costs", () => {
  it.effect("asks the store as often for a hundred thousand calls as for one, and a few times at rest", () =>
    inOneStore(Effect.gen(function*() {
      const { breaker, cable } = yield* process()
      const commandsFor = (callsPerInterval: number) =>
        Effect.gen(function*() {
          cable.asked.splice(0)
          for (let i = 0; i < 10; i++) {
            yield* times(callsPerInterval, succeed(breaker))
            yield* interval
          }
          return cable.commands
        })
      assert.strictEqual(yield* commandsFor(1), 10)
      assert.strictEqual(yield* commandsFor(10_000), 10)
      assert.isAtMost(yield* commandsFor(0), 2)
    })))

  it.effect("asks a few times while it is open, and while others probe, however many calls there are", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* processes(2)
      yield* fail(one!.breaker)
      yield* settle
      const commandsFor = (calls: number) =>
        Effect.gen(function*() {
          other!.cable.asked.splice(0)
          for (let i = 0; i < 8; i++) {
            yield* times(calls, succeed(other!.breaker))
            yield* interval
          }
          return other!.cable.commands
        })
      assert.isAtMost(yield* commandsFor(1_000), 10)
      yield* TestClock.adjust("1 second")
      yield* begin(one!.breaker)
      assert.isAtMost(yield* commandsFor(1_000), 20)
    })))
})

describe("a registry of shared breakers", () => {
  it.effect("shares the breakers of each key, through one store", () =>
    inOneStore(Effect.gen(function*() {
      const make = SharedCircuitBreaker.makeKeyed<string>({
        breaker: { trip: Tripping.consecutive(1), openFor: Schedule.spaced("1 second") }
      })
      const [one, other] = yield* Effect.all([make, make])
      const through = (breakers: CircuitBreakers.CircuitBreakers<string>, key: string, effect = Effect.succeed("ok")) =>
        Effect.flatMap(CircuitBreakers.get(breakers, key), (breaker) => call(breaker, effect))
      yield* through(other, "a")
      yield* through(other, "b")
      yield* through(one, "a", down as never)
      yield* settle
      assert.strictEqual(yield* through(other, "a"), "rejected")
      assert.strictEqual(yield* through(other, "b"), "ok")
      // A key that this process has not used before is known to be open soon after its first call.
      const third = yield* make
      yield* through(third, "a")
      yield* settle
      assert.strictEqual(yield* through(third, "a"), "rejected")
    })))

  it.effect("lets go of keys that nobody uses, although they are shared", () =>
    inOneStore(Effect.gen(function*() {
      const breakers = yield* SharedCircuitBreaker.makeKeyed<number>({
        breaker: { trip: Tripping.consecutive(1) },
        capacity: 3
      })
      for (let key = 0; key < 10; key++) {
        yield* CircuitBreakers.protect(Effect.void, breakers, key)
        yield* interval
      }
      assert.strictEqual((yield* CircuitBreakers.entries(breakers)).length, 3)
      assert.strictEqual(yield* CircuitBreakers.overflowed(breakers), 0)
    })))
})

describe("the memory of a process that shares", () => {
  it.effect("can be written down and read like that of any breaker", () =>
    inOneStore(Effect.gen(function*() {
      const { breaker } = yield* process({ trip: Tripping.consecutive(3) })
      yield* times(2, fail(breaker))
      const exported = yield* CircuitBreakerSchema.exportState(breaker)
      const plain = yield* CircuitBreaker.make({ trip: Tripping.consecutive(3) })
      yield* CircuitBreakerSchema.importState(plain, exported)
      assert.deepStrictEqual(yield* counts(plain), [2, 2, 0])
      const store = yield* CircuitBreakerStore.CircuitBreakerStore
      assert.deepStrictEqual(
        (yield* store.sync("payments", { version: CircuitBreakerStore.noVersion, counts: {} })).state,
        {
          _tag: "Closed"
        }
      )
    })))
})
