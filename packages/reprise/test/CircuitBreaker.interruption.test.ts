import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import * as Virtual from "./virtual.js"

const slow = Tripping.slowRate({ slowerThan: "1 hour", threshold: 1, window: { calls: 10 } })

/** A half-open breaker: the next call is its probe. */
const ripe = (options: Partial<CircuitBreaker.CircuitBreaker.Options> = {}) => {
  const breaker = Effect.runSync(CircuitBreaker.make({ trip: Tripping.consecutive(1), ...options }))
  Virtual.run(CircuitBreaker.trip(breaker, { openFor: 0 }))
  return breaker
}

/** Whoever comes after the cut must get the permit, and find nothing of the call that was cut. */
const isWhole = (breaker: CircuitBreaker.CircuitBreaker, at: number) => {
  const { probes, state, waiting } = Virtual.run(CircuitBreaker.snapshot(breaker)).exit.pipe(
    Option.getOrThrow,
    Exit.getOrElse(() => assert.fail())
  )
  assert.deepStrictEqual([probes, waiting], [0, 0], `${at} operations before the cut`)
  assert.include(["Closed", "HalfOpen", "Open"], state)
  const after = Virtual.run(
    Effect.zipRight(CircuitBreaker.protect(Effect.void, breaker), CircuitBreaker.state(breaker))
  )
  assert.deepStrictEqual(after.exit, Option.some(Exit.succeed("Closed" as const)), `${at} operations before the cut`)
}

const cutEverywhere = (
  make: () => CircuitBreaker.CircuitBreaker,
  program: (breaker: CircuitBreaker.CircuitBreaker) => Effect.Effect<unknown, unknown>
) => {
  const operations = Virtual.interruptEverywhere(
    () => {
      const breaker = make()
      return { breaker, program: program(breaker) }
    },
    ({ fibersLeft, sleepsLeft }, at, { breaker }) => {
      assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0], `${at} operations before the cut`)
      isWhole(breaker, at)
    }
  )
  assert.isAbove(operations, 5)
}

const work = Effect.zipRight(Effect.yieldNow(), Effect.sleep("10 millis"))

describe("a call that is cut at any of its operations", () => {
  it("loses no permit of a closed breaker", () => {
    cutEverywhere(
      () => Effect.runSync(CircuitBreaker.make({ trip: Tripping.consecutive(1) })),
      (breaker) => CircuitBreaker.protect(work, breaker)
    )
  })

  it("leaves nothing in flight where calls in flight are watched", () => {
    cutEverywhere(
      () => Effect.runSync(CircuitBreaker.make({ trip: slow })),
      (breaker) => CircuitBreaker.protect(work, breaker)
    )
  })

  it("gives the permit of a probe back", () => {
    cutEverywhere(ripe, (breaker) => CircuitBreaker.protect(work, breaker))
  })

  it("does so with a probe of the breaker's own", () => {
    cutEverywhere(() => ripe({ probe: work }), (breaker) => CircuitBreaker.protect(work, breaker))
  })

  it("does so with a candidate beside it", () => {
    cutEverywhere(() => ripe({ shadow: { trip: slow } }), (breaker) => CircuitBreaker.protect(work, breaker))
  })

  it("does so where calls wait for the probe, and leaves no waiting call behind", () => {
    cutEverywhere(() => ripe({ onFull: "wait" }), (breaker) => {
      const call = CircuitBreaker.protect(work, breaker)
      return Effect.all([call, call, call], { concurrency: "unbounded" })
    })
  })

  it("does so where the permit is taken and given back in two steps", () => {
    cutEverywhere(ripe, (breaker) =>
      Effect.acquireUseRelease(
        CircuitBreaker.admit(breaker),
        () => work,
        (permit, exit) => CircuitBreaker.settle(breaker, permit, exit)
      ))
  })
})
