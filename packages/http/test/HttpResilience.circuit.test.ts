/** A circuit is closed by successful requests, and by nothing else. */
import { assert, describe, it } from "@effect/vitest"
import type { Clock } from "effect"
import { Duration, Effect, FastCheck as fc, Fiber, Schedule, Stream, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as CircuitBreakers from "reprise/CircuitBreakers"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../reprise/test/services.js"
import * as HttpCircuitBreakers from "../src/HttpCircuitBreakers.js"
import * as HttpResilience from "../src/HttpResilience.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const { after, ended, make } = Memory

/** The clock of the test, which moves on with each reading, so that time passes between any two operations. */
const moving = (clock: Clock.Clock, stepMillis: number): Clock.Clock => {
  let passedMillis = 0
  const nowMillis = () => clock.unsafeCurrentTimeMillis() + (passedMillis += stepMillis)
  const nowNanos = () => clock.unsafeCurrentTimeNanos() + BigInt(Math.round(1e6 * (passedMillis += stepMillis)))
  return Services.changedClock({ unsafeCurrentTimeMillis: nowMillis, unsafeCurrentTimeNanos: nowNanos }, clock)
}

const queues: ReadonlyArray<() => ResilientHttpClient.Options> = [
  () => ({ bulkhead: HttpResilience.bulkhead({ maxConcurrent: 10, maxQueued: 1_000 }) }),
  () => ({ adaptiveLimiter: Memory.limiter(10, { maxQueued: 1_000 }).guard }),
  () => ({
    rateLimiter: HttpResilience.rateLimiter({ limit: 50, window: "100 millis", onExceeded: "delay" })
  }),
  () => ({})
]

interface Outage {
  readonly callers: number
  readonly queue: number
  readonly isWaiting: boolean
  readonly latency: number
  readonly openMillis: number
  readonly stepMillis: number
}

/** The states of the circuit of a server that refuses everything, while many callers go on calling it. */
const states = ({ callers, isWaiting, latency, openMillis, queue, stepMillis }: Outage) =>
  Effect.gen(function*() {
    const openFor = Schedule.spaced(openMillis)
    const breakers = yield* HttpCircuitBreakers.make({
      trip: Tripping.consecutive(5),
      openFor,
      onFull: isWaiting ? "wait" : "reject"
    })
    const breaker = yield* CircuitBreakers.get(breakers, "http://h.test")
    const seen: Array<string> = []
    yield* Effect.forkScoped(
      Stream.runForEach(CircuitBreaker.changes(breaker), ({ to }) => Effect.sync(() => seen.push(to)))
    )
    yield* TestClock.adjust(0)
    const guard = HttpResilience.circuitBreaker({ breakers, onOpen: isWaiting ? "wait" : "reject" })
    const refused = () => after(latency, Memory.down)
    const options = { ...queues[queue]!(), breaker: guard, deadline: "5 seconds" } as const
    const { call } = yield* make(options, ...Array.from({ length: 20_000 }, refused))
    const clock = moving(yield* Effect.clock, stepMillis)
    for (let wave = 0; wave < 25; wave++) {
      yield* Effect.replicateEffect(Effect.forkScoped(Effect.withClock(ended(call()), clock)), callers)
      yield* TestClock.adjust(Math.ceil(openMillis / 8))
    }
    return seen
  }).pipe(Effect.scoped)

describe("a circuit", () => {
  it.effect("never closes while 500 callers queue for a server that refuses everything", () =>
    Effect.gen(function*() {
      const outage = { callers: 500, queue: 0, isWaiting: false, latency: 3, openMillis: 40, stepMillis: 0.01 }
      const [first, opened, ...others] = yield* states(outage)
      assert.deepStrictEqual([first, opened], ["Closed", "Open"])
      assert.isAbove(others.filter((to) => to === "Open").length, 5)
      assert.notInclude(others, "Closed")
    }), 60_000)

  it.effect("never closes without a successful request, whatever calls wait for", () =>
    Effect.gen(function*() {
      const outages = fc.sample(
        fc.record({
          callers: fc.integer({ min: 1, max: 20 }),
          queue: fc.nat(queues.length - 1),
          isWaiting: fc.boolean(),
          latency: fc.integer({ min: 0, max: 10 }),
          openMillis: fc.integer({ min: 1, max: 50 }),
          stepMillis: fc.constantFrom(0.01, 0.1, 1)
        }),
        { numRuns: 6, seed: 4 }
      )
      for (const outage of outages) {
        const [, ...others] = yield* states(outage)
        assert.notInclude(others, "Closed", JSON.stringify(outage))
      }
    }), 60_000)
})

describe("a dependency that restarts ten times, ten connections reset each time", () => {
  const restarts = (breaker: HttpResilience.Stage<CircuitBreaker.CircuitOpen>) =>
    Effect.gen(function*() {
      let isRestarting = false
      const { call } = yield* make(
        { breaker },
        ...Array.from({ length: 520 }, () => () => isRestarting ? Memory.reset : Memory.ok)
      )
      const ends: Array<unknown> = []
      for (let n = 0; n < 10; n++) {
        yield* Memory.times(40, call())
        isRestarting = true
        yield* Memory.times(10, call())
        isRestarting = false
        ends.push(...yield* Memory.times(2, call()))
        yield* TestClock.adjust("1 minute")
      }
      return ends.filter((end) => end === "CircuitOpen").length
    })

  it.effect("is rejected after each restart for a moment by a rule that counts failures in a row", () =>
    Effect.gen(function*() {
      const trip = Tripping.consecutive(10)
      assert.strictEqual(yield* restarts(HttpResilience.circuitBreaker({ trip })), 20)
    }))

  it.effect("is called again at once with the rule of the guide", () =>
    Effect.gen(function*() {
      const trip = Tripping.rate({ threshold: 0.5, minimumCalls: 40, window: { duration: "10 seconds" } })
      assert.strictEqual(yield* restarts(HttpResilience.circuitBreaker({ trip, onOpen: "wait" })), 0)
    }))
})

describe("a call that waits for a circuit", () => {
  it.effect("waits for longer than any timer, and then asks anew", () =>
    Effect.gen(function*() {
      const sleeps: Array<number> = []
      const clock = yield* Effect.clock
      const watched = Services.changedClock({
        sleep: (duration) => {
          sleeps.push(Duration.toMillis(duration))
          return clock.sleep(duration)
        }
      }, clock)
      const breaker = HttpResilience.circuitBreaker({
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("60 days"),
        onOpen: "wait"
      })
      const { call, sent } = yield* make({ breaker }, Memory.down)
      yield* ended(call())
      const waiting = yield* Effect.fork(Effect.withClock(ended(call()), watched))
      yield* TestClock.adjust("59 days")
      assert.lengthOf(yield* sent, 1)
      yield* TestClock.adjust("8 days")
      assert.strictEqual(yield* Fiber.join(waiting), 200)
      for (const millis of sleeps) assert.isAtMost(millis, 2_147_483_647)
    }))

  it.effect("is rejected by an isolated circuit, which has no end", () =>
    Effect.gen(function*() {
      const breakers = yield* HttpCircuitBreakers.make({ trip: Tripping.consecutive(1) })
      yield* Effect.flatMap(CircuitBreakers.get(breakers, "http://h.test"), CircuitBreaker.isolate)
      const { call } = yield* make({ breaker: HttpResilience.circuitBreaker({ breakers, onOpen: "wait" }) })
      assert.strictEqual(yield* ended(call()), "CircuitOpen")
    }))
})
