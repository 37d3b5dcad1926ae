import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Schedule } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import type { Breaker, Options } from "./breakerCalls.js"
import * as Virtual from "./virtual.js"

const openFor = Schedule.spaced(100)
const down = Effect.fail("down")

const make = (options: Options): Breaker =>
  Effect.runSync(Effect.withClock(CircuitBreaker.make({ openFor, ...options }), Virtual.clock()))

/** Its next call is a probe. */
const ripe = (options: Options): Breaker => {
  const breaker = make(options)
  Effect.runSync(Effect.withClock(CircuitBreaker.trip(breaker, { openFor: 0 }), Virtual.clock()))
  return breaker
}

const snapshotAt = (breaker: Breaker, millis: number) => {
  const clock = Virtual.clock()
  clock.millis = millis
  return Effect.runSync(Effect.withClock(CircuitBreaker.snapshot(breaker), clock))
}

const ask = (breaker: Breaker, effect: Effect.Effect<unknown, unknown> = Effect.void) =>
  Effect.exit(CircuitBreaker.protect(effect, breaker))

const inTwoSteps = (effect: Effect.Effect<unknown, unknown>) => (breaker: Breaker) =>
  Effect.acquireUseRelease(
    CircuitBreaker.admit(breaker),
    () => effect,
    (permit, exit) => CircuitBreaker.settle(breaker, permit, exit)
  )

/** Good calls close it: each is let through, unless it is open, and then the next is let through after that time. */
const closes = (breaker: Breaker, successes: number) =>
  Effect.gen(function*() {
    let admitted = 0
    for (let n = 0; n <= successes + 1; n++) {
      const { retryAfter, state } = yield* CircuitBreaker.snapshot(breaker)
      if (state === "Closed") break
      if (state === "Open") yield* Effect.sleep(Option.getOrThrow(retryAfter))
      const exit = yield* ask(breaker)
      assert.isTrue(Exit.isSuccess(exit), `${state}, and the call is rejected`)
      admitted++
    }
    assert.isAtMost(admitted, successes)
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Closed")
  })

/** What no call holds any longer: a permit, a place among those that wait, a place among those that are in flight. */
const isLeftAlone = (breaker: Breaker, successes: number) =>
  Effect.gen(function*() {
    const now = yield* CircuitBreaker.snapshot(breaker)
    assert.deepInclude(now, { probes: 0, waiting: 0 })
    // What a registry asks before it lets go of a breaker.
    assert.propertyVal(breaker, "running", 0)
    if (now.state === "Closed") {
      yield* Effect.sleep("1 hour")
      assert.deepInclude(yield* CircuitBreaker.snapshot(breaker), { calls: now.calls, slow: now.slow })
    }
    yield* closes(breaker, successes)
  })

const opensAgain = (breaker: Breaker, failure: Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    yield* ask(breaker, failure)
    yield* ask(breaker, failure)
    assert.strictEqual(yield* CircuitBreaker.state(breaker), "Open")
  })

interface Scene {
  readonly breaker: Breaker
  readonly program: Effect.Effect<unknown, unknown>
  /** How many good probes close it. */
  readonly successes?: number
  /** What opens it, again and again. */
  readonly failure?: Effect.Effect<unknown, unknown>
  /** What has to be so besides, after each cut. */
  readonly check?: (result: Virtual.Result<unknown, unknown>, at: number) => void
}

/** Cuts it at each operation in turn; gives what states the breaker was in then, and how often. */
const cut = (make: () => Scene) => {
  const states: Record<string, number> = {}
  const points = Virtual.interruptEverywhere(
    make,
    (result, at, { breaker, check, failure = down, successes = 1 }) => {
      const { endMillis, fibersLeft, sleepsLeft } = result
      const where = `cut at operation ${at}`
      assert.deepStrictEqual([Option.isSome(result.exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
      check?.(result, at)
      const after = Virtual.run(Effect.gen(function*() {
        yield* Effect.sleep(endMillis)
        const state = yield* CircuitBreaker.state(breaker)
        states[state] = (states[state] ?? 0) + 1
        yield* isLeftAlone(breaker, successes)
        yield* opensAgain(breaker, failure)
      }))
      assert.deepStrictEqual(Virtual.plain(after.exit), { success: undefined }, where)
    }
  )
  assert.isAbove(points, 20)
  return states
}

/** The caller hears of the interruption when it comes: nothing of the breaker's keeps it. */
const atOnce: NonNullable<Scene["check"]> = ({ endMillis, interruptedMillis }, at) => {
  if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, `cut at operation ${at}`)
}

const later = (millis: number, effect: Effect.Effect<unknown, unknown> = Effect.void) => Effect.delay(effect, millis)

const consecutive = { trip: Tripping.consecutive(2) }
const oneSlowCall = Tripping.slowRate({ threshold: 1, window: { calls: 1 }, slowerThan: 20 })

/** Fewer operations than `Effect.all`: the time that the tests take grows with their square. */
const beside = (one: Effect.Effect<unknown, unknown>, other: Effect.Effect<unknown, unknown>) =>
  Effect.flatMap(Effect.fork(one), (fiber) => Effect.zipRight(other, Fiber.await(fiber)))

describe("a call that is interrupted, at whatever operation", () => {
  it("leaves nothing behind in a closed breaker", () => {
    const states = cut(() => {
      const breaker = make(consecutive)
      const failing = ask(breaker, later(5, down))
      return { breaker, program: Effect.zipRight(failing, failing), check: atOnce }
    })
    assert.hasAllKeys(states, ["Closed", "Open"])
  })

  it("leaves nobody in flight where the rule counts slow calls", () => {
    const states = cut(() => {
      const breaker = make({ trip: oneSlowCall })
      const program = beside(ask(breaker, later(30)), later(25, ask(breaker)))
      return { breaker, program, failure: later(20), check: atOnce }
    })
    assert.hasAllKeys(states, ["Closed", "Open"])
  })

  it("counts as slow where it has taken so long, and still leaves nobody in flight", () => {
    const states = cut(() => {
      const breaker = make({ trip: oneSlowCall })
      const program = ask(breaker, Effect.zipRight(Effect.sleep(20), Effect.yieldNow()))
      return { breaker, program, failure: later(20), check: atOnce }
    })
    assert.hasAllKeys(states, ["Closed", "Open"])
  })

  const probes = [
    ["good", later(5), ["Open", "HalfOpen", "Closed"]],
    ["bad", later(5, down), ["Open", "HalfOpen"]]
  ] as const
  for (const [how, effect, expected] of probes) {
    it(`gives its permit back where it is a ${how} probe`, () => {
      const states = cut(() => {
        const breaker = ripe({ ...consecutive, successes: 2 })
        const program = Effect.zipRight(ask(breaker, effect), ask(breaker, effect))
        return { breaker, program, successes: 2, check: atOnce }
      })
      assert.sameMembers(Object.keys(states), [...expected])
    })
  }

  it("opens where it is a probe that was slow already, and gives its permit back", () => {
    const states = cut(() => {
      const breaker = ripe({ trip: oneSlowCall })
      const program = ask(breaker, Effect.zipRight(Effect.sleep(20), Effect.yieldNow()))
      return { breaker, program, failure: later(20), check: atOnce }
    })
    assert.hasAllKeys(states, ["Open", "HalfOpen"])
    assert.isAbove(states["Open"]!, states["HalfOpen"]!)
  })

  it("leaves those that wait, with all others that do", () => {
    const states = cut(() => {
      const breaker = ripe({ ...consecutive, successes: 2, onFull: "wait" })
      const program = beside(ask(breaker, later(5)), ask(breaker, later(5)))
      return { breaker, program, successes: 2, check: atOnce }
    })
    assert.hasAllKeys(states, ["Open", "HalfOpen", "Closed"])
  })

  it("gives the permit of a probe of the breaker's own back", () => {
    for (const wasDown of [false, true]) {
      const states = cut(() => {
        let isDown = wasDown
        const probe = later(5, Effect.suspend(() => isDown ? down : Effect.void))
        const breaker = ripe({ ...consecutive, onFull: "wait", probe })
        const program = wasDown ? ask(breaker) : beside(ask(breaker), ask(breaker))
        const check: Scene["check"] = (result, at) => {
          atOnce(result, at)
          isDown = false
        }
        return { breaker, program, check }
      })
      assert.containsAllKeys(states, ["Open", "HalfOpen"])
    }
  })

  it("gives its permit back where it is taken and given back in two steps", () => {
    for (const [effect, onFull] of [[later(5), "wait"], [later(5, down), "reject"]] as const) {
      const states = cut(() => {
        const breaker = ripe({ ...consecutive, onFull })
        const call = Effect.exit(inTwoSteps(effect)(breaker))
        const program = beside(call, call)
        return { breaker, program, check: atOnce }
      })
      assert.containsAllKeys(states, ["Open", "HalfOpen"])
    }
  })

  it("gives back what its shadow holds too", () => {
    cut(() => {
      const breaker = make({ trip: oneSlowCall, shadow: { ...consecutive, openFor, onFull: "wait" } })
      const shadow = Option.getOrThrow(CircuitBreaker.shadow(breaker))
      Effect.runSync(Effect.withClock(CircuitBreaker.trip(shadow, { openFor: 0 }), Virtual.clock()))
      const program = beside(ask(breaker, later(10)), later(1, ask(breaker, later(10))))
      const check: Scene["check"] = (result, at) => {
        atOnce(result, at)
        assert.deepInclude(snapshotAt(shadow, result.endMillis), { probes: 0, waiting: 0 }, `cut at operation ${at}`)
        assert.propertyVal(shadow, "running", 0)
        if (!result.interrupted) assert.strictEqual(result.endMillis, 11)
      }
      return { breaker, program, failure: later(20), check }
    })
  })
})

describe("those that go on where another call is interrupted, at whatever operation", () => {
  const now = Effect.clockWith((clock) => clock.currentTimeMillis)

  /** A call that probes, the call that is cut, and one that comes after it. */
  const crowd = (call: (breaker: Breaker) => Effect.Effect<unknown, unknown>, breaker: Breaker) => {
    const seen = { begun: 0, ends: [] as Array<string>, leftMillis: 0, endMillis: 0 }
    const other = Effect.flatMap(ask(breaker, later(5)), ({ _tag }) =>
      Effect.map(now, (millis) => {
        seen.ends.push(_tag)
        seen.endMillis = millis
      }))
    const begin = Effect.suspend(() => {
      seen.begun++
      return Effect.forkDaemon(other)
    })
    const program = Effect.acquireUseRelease(
      Effect.zipLeft(begin, Effect.sleep(1)),
      () => call(breaker),
      (first) =>
        Effect.flatMap(now, (millis) => {
          seen.leftMillis = millis
          return Effect.flatMap(begin, (last) => Fiber.awaitAll([first, last]))
        })
    )
    return { program, seen }
  }

  const goOn = (
    call: (breaker: Breaker) => Effect.Effect<unknown, unknown>,
    options: Partial<Options>,
    latestMillis: number
  ) =>
    cut(() => {
      const breaker = ripe({ ...consecutive, lease: "1 hour", onFull: "wait", ...options })
      const { program, seen } = crowd(call, breaker)
      const check: Scene["check"] = ({ interrupted, interruptedMillis = Infinity }, at) => {
        const where = `cut at operation ${at}`
        assert.include(interrupted ? [0, 2] : [2], seen.begun, where)
        assert.deepStrictEqual(seen.ends, Array<string>(seen.begun).fill("Success"), where)
        assert.isAtMost(seen.endMillis, latestMillis, where)
        // The call that is cut leaves at once.
        assert.isAtMost(seen.leftMillis, Math.max(interruptedMillis, 1), where)
      }
      return { breaker, program, successes: options.successes ?? 1, check }
    })

  // One after another, each takes its time and waits for nothing else.
  it("take the permit that it waited for", () => void goOn((breaker) => ask(breaker, later(5)), { successes: 3 }, 15))

  it("take the permit that it gives back", () =>
    void goOn((breaker) => ask(breaker, later(30)), { probes: 2, successes: 3 }, 36))

  it("take over from a probe of the breaker's own", () => void goOn((breaker) => ask(breaker), { probe: later(5) }, 15))

  it("take the permit that it waited for in two steps", () => void goOn(inTwoSteps(later(5)), { successes: 3 }, 15))
})

describe("a call that waits", () => {
  it("does nothing until something changes, even where others have waited before", () => {
    const breaker = ripe({ ...consecutive, lease: "1 hour", onFull: "wait", successes: 3 })
    const call = ask(breaker, later(5))
    const program = beside(call, beside(later(1, call), later(6, call)))
    const { endMillis, exit, sleepsLeft } = Virtual.run(program, { yieldAlways: true })
    assert.deepStrictEqual([Option.isSome(exit), endMillis, sleepsLeft], [true, 15, 0])
  })
})

describe("an interruption that comes from within", () => {
  it("neither counts nor keeps the permit", () => {
    const breaker = ripe({ ...consecutive, successes: 1 })
    const { exit } = Virtual.run(
      Effect.gen(function*() {
        const first = yield* ask(breaker, Effect.interrupt)
        const { failures, probes, state } = yield* CircuitBreaker.snapshot(breaker)
        const second = yield* ask(breaker)
        return [Exit.isInterrupted(first), state, failures, probes, Exit.isSuccess(second)]
      })
    )
    assert.deepStrictEqual(Virtual.plain(exit), { success: [true, "HalfOpen", 0, 0, true] })
  })

  it("is a slow call where it comes late", () => {
    const stateAfter = (millis: number) => {
      const breaker = make({ trip: oneSlowCall })
      const timed = Effect.timeout(CircuitBreaker.protect(Effect.never, breaker), Duration.millis(millis))
      return Virtual.plain(Virtual.run(Effect.zipRight(Effect.exit(timed), CircuitBreaker.state(breaker))).exit)
    }
    assert.deepStrictEqual([stateAfter(19), stateAfter(20)], [{ success: "Closed" }, { success: "Open" }])
  })
})
