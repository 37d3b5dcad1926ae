import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import * as SharedCircuitBreaker from "reprise/SharedCircuitBreaker"
import * as Tripping from "reprise/Tripping"
import { call, counts, down, fail, rejection, retryAfter, succeed, times } from "./breakerCalls.js"
import { Cable, inOneStore, interval, logTo, type Options, process, processes, settle } from "./sharedBreakers.js"
import * as Virtual from "./virtual.js"

const pair = (options: Partial<Options> = {}) =>
  Effect.map(processes(2, options), ([one, other]) => [one!, other!] as const)

const stateOf = ({ breaker }: { readonly breaker: CircuitBreaker.CircuitBreaker }) => CircuitBreaker.state(breaker)

/** Open in both, and the time is over. */
const ripePair = (options: Partial<Options> = {}) =>
  Effect.gen(function*() {
    const members = yield* pair(options)
    yield* fail(members[0].breaker)
    yield* settle
    yield* TestClock.adjust("1 second")
    return members
  })

describe("without its store, a shared breaker", () => {
  it.effect("goes on by itself: it trips, probes and recovers, and no call fails because of the store", () =>
    inOneStore(Effect.gen(function*() {
      for (const state of ["cut", "silent"] as const) {
        const { breaker, cable } = yield* process({ key: state })
        cable.state = state
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* succeed(breaker), "ok")
        assert.strictEqual(yield* fail(breaker), "down")
        assert.strictEqual(yield* succeed(breaker), "rejected")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* fail(breaker), "down")
        assert.strictEqual(yield* succeed(breaker), "rejected")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* succeed(breaker), "ok")
        assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
      }
    })))

  it.effect("writes one line when it is gone and one when it is back, however many calls there are", () => {
    const lines: Array<string> = []
    return inOneStore(Effect.gen(function*() {
      const { breaker, cable } = yield* process()
      for (let i = 0; i < 2; i++) {
        cable.state = "cut"
        yield* TestClock.adjust("2 seconds")
        yield* times(1_000, fail(breaker))
        yield* TestClock.adjust("2 seconds")
        cable.state = "good"
        yield* TestClock.adjust("2 seconds")
      }
      const gone = "WARN The circuit \"payments\": each process goes on by itself. " +
        "The store of shared state: the cable is cut"
      const back = "INFO The circuit \"payments\": shared with other processes again"
      assert.deepStrictEqual(lines, [gone, back, gone, back])
    })).pipe(Effect.provide(logTo(lines)))
  })

  it.effect("makes the first call that needs it wait for the timeout, and no other", () =>
    inOneStore(Effect.gen(function*() {
      const [, { breaker, cable }] = yield* ripePair()
      cable.state = "silent"
      const probe = yield* Effect.fork(call(breaker, down))
      yield* TestClock.adjust("249 millis")
      assert.isNull(probe.unsafePoll())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(probe), "down")
      yield* TestClock.adjust("1 second")
      // At once: nobody moves the clock.
      assert.strictEqual(yield* succeed(breaker), "ok")
    })))

  it.effect("stays open where an answer was under way when it opened, and tells the others", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* pair()
      one.cable.delayMillis = 50
      yield* succeed(one.breaker)
      yield* TestClock.adjust("110 millis")
      // It has told of the success, and does not know the answer yet.
      yield* fail(one.breaker)
      yield* TestClock.adjust("45 millis")
      yield* settle
      assert.strictEqual(yield* stateOf(one), "Open")
      yield* TestClock.adjust("200 millis")
      yield* settle
      assert.deepStrictEqual([yield* stateOf(one), yield* stateOf(other)], ["Open", "Open"])
    })))

  it.effect("sends no probe where none may go without the store", () =>
    inOneStore(Effect.gen(function*() {
      const [, { breaker, cable }] = yield* ripePair({ onStoreError: "reject" })
      cable.state = "cut"
      assert.strictEqual(yield* succeed(breaker), "rejected")
      assert.isAtLeast(yield* retryAfter(breaker), 1)
      cable.state = "good"
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(breaker), "ok")
    })))

  it.effect("asks it again at every interval, whatever the number of calls, and not more often", () =>
    inOneStore(Effect.gen(function*() {
      const { breaker, cable } = yield* process()
      cable.state = "cut"
      yield* TestClock.adjust("1 second")
      cable.asked.splice(0)
      for (let i = 0; i < 10; i++) {
        yield* times(100, fail(breaker))
        yield* interval
      }
      assert.isAtMost(cable.commands, 11)
    })))
})

describe("when its store is back, a shared breaker", () => {
  it.effect("tells the others that it has opened meanwhile", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* pair({ openFor: Schedule.spaced("10 seconds") })
      one.cable.state = "cut"
      yield* fail(one.breaker)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* stateOf(other), "Closed")
      one.cable.state = "good"
      yield* TestClock.adjust("200 millis")
      yield* settle
      assert.strictEqual(yield* stateOf(other), "Open")
      assert.match((yield* rejection(other.breaker)).message, /retry after 5s 800ms|retry after 5s 9\d\dms/)
    })))

  it.effect("learns what the others have learnt meanwhile", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* pair({ openFor: Schedule.spaced("10 seconds") })
      one.cable.state = "cut"
      yield* fail(other.breaker)
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* succeed(one.breaker), "ok")
      one.cable.state = "good"
      yield* TestClock.adjust("200 millis")
      yield* settle
      assert.strictEqual(yield* stateOf(one), "Open")
    })))

  it.effect("has all closed where its own probe has succeeded meanwhile and nothing else has happened", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripePair()
      one.cable.state = "cut"
      yield* interval
      assert.strictEqual(yield* succeed(one.breaker), "ok")
      one.cable.state = "good"
      yield* interval
      yield* interval
      assert.deepStrictEqual([yield* stateOf(one), yield* stateOf(other)], ["Closed", "Closed"])
    })))

  it.effect("does not tell what it had counted while nobody heard it", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* pair({ trip: Tripping.consecutive(100) })
      yield* Effect.forEach([one, other], ({ breaker }) => succeed(breaker))
      yield* Effect.repeatN(interval, 11)
      one.cable.state = "cut"
      yield* interval
      yield* times(9, fail(one.breaker))
      yield* interval
      one.cable.state = "good"
      yield* Effect.repeatN(interval, 11)
      yield* fail(other.breaker)
      yield* Effect.repeatN(interval, 11)
      assert.deepStrictEqual([yield* counts(one.breaker), yield* counts(other.breaker)], [[10, 10, 0], [1, 1, 0]])
    })))

  it.effect("tells it anew where the store has lost everything while it was open", () =>
    Effect.gen(function*() {
      // Two stores: the second is the first one after it has lost its memory.
      const [before, after] = yield* Effect.replicateEffect(
        Effect.provide(CircuitBreakerStore.CircuitBreakerStore, CircuitBreakerStore.layerMemory()),
        2
      )
      let current = before!
      const store: CircuitBreakerStore.Service = {
        ...before!,
        sync: (key, report) => Effect.suspend(() => current.sync(key, report)),
        trip: (key, trip) => Effect.suspend(() => current.trip(key, trip)),
        admit: (key, request) => Effect.suspend(() => current.admit(key, request)),
        settle: (key, settlement) => Effect.suspend(() => current.settle(key, settlement)),
        close: (key, version) => Effect.suspend(() => current.close(key, version))
      }
      const make = SharedCircuitBreaker.make({
        key: "a",
        trip: Tripping.consecutive(1),
        openFor: Schedule.exponential("4 seconds")
      })
      const members = yield* Effect.all([make, make]).pipe(
        Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, store)
      )
      yield* settle
      yield* fail(members[0])
      yield* TestClock.adjust("4 seconds")
      yield* fail(members[1])
      yield* TestClock.adjust("1 second")
      current = after!
      yield* TestClock.adjust("1100 millis")
      yield* settle
      assert.deepStrictEqual(yield* Effect.forEach(members, CircuitBreaker.state), ["Open", "Open"])
      const { state } = yield* after!.sync("a", { version: CircuitBreakerStore.noVersion, counts: {} })
      assert.deepInclude(state, { _tag: "Open", trips: 2 })
      assert.approximately(state._tag === "Open" ? state.openMillis : 0, 5_900, 200)
    }).pipe(Effect.scoped))
})

describe("a shared breaker that is not told", () => {
  it.effect("finds out by itself, within ten intervals", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* pair({ openFor: Schedule.spaced("1 minute") })
      other.cable.isDeaf = true
      yield* fail(one.breaker)
      yield* settle
      assert.strictEqual(yield* stateOf(other), "Closed")
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* stateOf(other), "Open")
      yield* CircuitBreaker.close(one.breaker)
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* stateOf(other), "Closed")
    })))

  it.effect("gives a permit back whose answer was lost, so that another process may probe", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripePair({ onStoreError: "reject", lease: "1 hour" })
      one.cable.losesAnswers = true
      const lost = yield* Effect.fork(succeed(one.breaker))
      yield* TestClock.adjust("250 millis")
      assert.strictEqual(yield* Fiber.join(lost), "rejected")
      yield* interval
      one.cable.losesAnswers = false
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* succeed(other.breaker), "ok")
    })))

  it.effect("gives a permit back whose caller was interrupted before the answer came", () =>
    inOneStore(Effect.gen(function*() {
      const [one, other] = yield* ripePair({ lease: "1 hour" })
      one.cable.losesAnswers = true
      const fiber = yield* Effect.fork(succeed(one.breaker))
      yield* settle
      one.cable.losesAnswers = false
      yield* Fiber.interrupt(fiber)
      // It was just asking something else, whose answer is lost too.
      yield* TestClock.adjust("400 millis")
      yield* settle
      assert.strictEqual(yield* succeed(other.breaker), "ok")
    })))

  it.effect("is not shared where something else is kept under its key, which is one line in the log", () => {
    const lines: Array<string> = []
    return inOneStore(Effect.gen(function*() {
      const { breaker, cable } = yield* process()
      cable.state = "garbage"
      yield* TestClock.adjust("3 seconds")
      yield* fail(breaker)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* fail(breaker), "down")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* succeed(breaker), "ok")
      assert.deepStrictEqual(lines, ["WARN The circuit \"payments\" is not shared. The store of shared state: a list"])
    })).pipe(Effect.provide(logTo(lines)))
  })
})

describe("a call through a shared breaker", () => {
  it("leaves no permit taken and no fiber running, wherever it is interrupted", () => {
    const interrupted = Virtual.interruptEverywhere(
      () => {
        let left = -1
        const program = Effect.gen(function*() {
          const store = yield* CircuitBreakerStore.CircuitBreakerStore
          const cable = new Cable()
          const breaker = yield* SharedCircuitBreaker.make({ key: "a", trip: Tripping.consecutive(1), lease: "1 hour" })
            .pipe(
              Effect.provideService(CircuitBreakerStore.CircuitBreakerStore, cable.service(store))
            )
          yield* CircuitBreaker.trip(breaker, { openFor: 0 })
          yield* Effect.sleep("1 millis")
          yield* succeed(breaker).pipe(
            Effect.onExit(() =>
              Effect.sleep("1 second").pipe(
                Effect.zipRight(store.admit("a", {
                  token: "another",
                  probes: 1,
                  successes: 1,
                  tolerated: 0,
                  leaseMillis: 1
                })),
                Effect.map(({ retryAfterMillis }) => left = retryAfterMillis),
                Effect.orDie
              )
            )
          )
        }).pipe(Effect.scoped, Effect.provide(CircuitBreakerStore.layerMemory()))
        return { program, left: () => left }
      },
      ({ fibersLeft, sleepsLeft }, _, { left }) => {
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
        // Nobody holds a permit, or the circuit is closed; -1 where the call had not begun.
        assert.isAtMost(left(), 0)
      },
      undefined,
      5
    )
    assert.isAbove(interrupted, 100)
  })
})
