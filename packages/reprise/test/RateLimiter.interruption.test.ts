import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import * as RateLimiter from "reprise/RateLimiter"
import * as Virtual from "./virtual.js"

type Limiter = RateLimiter.RateLimiter

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

/** A token each 10 ms, and none is left. */
const empty = (burst: number): Limiter => {
  const make = RateLimiter.make({ limit: 100, window: "1 second", burst, onExceeded: "delay" })
  const limiter = Effect.tap(make, (limiter) => RateLimiter.consume(limiter, { tokens: burst }))
  return Effect.runSync(Effect.withClock(limiter, Virtual.clock()))
}

const beside = (one: Effect.Effect<unknown, unknown>, other: Effect.Effect<unknown, unknown>) =>
  Effect.flatMap(Effect.fork(one), (fiber) => Effect.zipRight(other, Fiber.await(fiber)))

/** Nobody waits any longer, nothing is held, and all of the burst comes back and is kept to. */
const isLeftAlone = (limiter: Limiter, burst: number) =>
  Effect.gen(function*() {
    assert.deepInclude(yield* RateLimiter.snapshot(limiter), { waiting: 0 })
    const began = yield* now
    yield* RateLimiter.consume(limiter)
    // Everything that could have begun has taken its token: three at most.
    assert.isAtMost((yield* now) - began, 40)
    yield* Effect.sleep("1 second")
    assert.deepInclude(yield* RateLimiter.snapshot(limiter), { remaining: burst })
    yield* RateLimiter.consume(limiter, { tokens: burst })
    const full = yield* now
    yield* RateLimiter.consume(limiter)
    assert.strictEqual((yield* now) - full, 10)
  })

interface Scene {
  readonly limiter: Limiter
  readonly program: Effect.Effect<unknown, unknown>
  readonly check?: (result: Virtual.Result<unknown, unknown>, where: string) => void
}

/** Cuts it at each operation in turn. */
const cut = (make: (burst: number) => Scene, bursts = [1, 2]) => {
  for (const burst of bursts) {
    const points = Virtual.interruptEverywhere(
      () => make(burst),
      (result, at, { check, limiter }) => {
        const { endMillis, exit, fibersLeft, interruptedMillis, sleepsLeft } = result
        const where = `cut at operation ${at}`
        assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
        if (check !== undefined) check(result, where)
        else if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, where)
        const after = Virtual.run(Effect.zipRight(Effect.sleep(endMillis), isLeftAlone(limiter, burst)))
        assert.deepStrictEqual(Virtual.plain(after.exit), { success: undefined }, where)
      }
    )
    assert.isAbove(points, 20)
  }
}

describe("a call of a limiter that is interrupted, at whatever operation", () => {
  it("leaves nothing behind where it is admitted at once or rejected", () => {
    cut((burst) => {
      const limiter = empty(burst)
      const fails = Effect.runSync(RateLimiter.make({ limit: 1, window: "1 hour" }))
      const ask = Effect.ignore(RateLimiter.consume(fails))
      return { limiter, program: Effect.zipRight(ask, Effect.zipRight(ask, ask)) }
    })
  })

  it("leaves no timer and no place in the queue behind where it waits", () => {
    cut((burst) => {
      const limiter = empty(burst)
      return { limiter, program: RateLimiter.protect(Effect.sleep(5), limiter) }
    })
  })

  it("leaves none behind with all that wait with it", () => {
    cut((burst) => {
      const limiter = empty(burst)
      const call = Effect.exit(RateLimiter.consume(limiter))
      return { limiter, program: beside(call, beside(call, call)) }
    })
  })
})

describe("those that wait behind a call of a limiter that is interrupted, at whatever operation", () => {
  it("begin when it is their turn: at its time where it took nothing, at their own where it took a token", () => {
    for (const place of [0, 1, 2]) {
      const ends = new Set<string>()
      cut((burst) => {
        const limiter = empty(burst)
        const began: Array<number> = []
        const call = Effect.flatMap(RateLimiter.consume(limiter), () => Effect.map(now, (at) => began.push(at)))
        const others = (count: number) => Effect.replicateEffect(Effect.forkDaemon(call), count)
        const target = { began: false }
        const program = Effect.acquireUseRelease(
          Effect.zipLeft(others(place), Effect.sleep(1)),
          () => RateLimiter.protect(Effect.sync(() => (target.began = true)), limiter),
          (before, exit) =>
            Effect.flatMap(
              others(2 - place),
              (after) =>
                Effect.flatMap(Fiber.awaitAll([...before, ...after]), () =>
                  Effect.sync(() => ends.add(`${Exit.isSuccess(exit)} ${began.join(" ")}`)))
            )
        )
        const check: Scene["check"] = (_, where) => {
          if (began.length === 0) return
          // Each 10 ms one of three, of whom one may be missing, or have been interrupted between its token and its effect.
          const times = [10, 20, 30].filter((at) => at !== 10 * (place + 1))
          assert.deepInclude([[10, 20], times], began, where)
          if (target.began) assert.deepStrictEqual(began, times, where)
        }
        return { limiter, program, check }
      }, [1])
      assert.isAtLeast(ends.size, 2)
    }
  })

  it("begin where they come just as it leaves, and can be interrupted themselves", () => {
    const ends = new Set<number>()
    cut((burst) => {
      const limiter = empty(burst)
      const came = { count: 0, began: [] as Array<boolean> }
      const call = Effect.checkInterruptible((isInterruptible) => Effect.sync(() => came.began.push(isInterruptible)))
      const other = Effect.zipRight(
        Effect.delay(Effect.sync(() => came.count++), burst === 1 ? 9 : 15),
        RateLimiter.protect(call, limiter)
      )
      const program = Effect.acquireUseRelease(
        Effect.forkDaemon(Effect.interruptible(other)),
        // With a burst of two, there is a token for the other one when this one leaves.
        () => Effect.delay(RateLimiter.consume(limiter, { tokens: burst }), burst === 1 ? 8 : 5),
        Fiber.await
      )
      const check: Scene["check"] = ({ endMillis }, where) => {
        assert.deepStrictEqual(came.began, Array<boolean>(came.count).fill(true), where)
        ends.add(endMillis)
      }
      return { limiter, program, check }
    })
    assert.isAtLeast(ends.size, 2)
  })

  it("are not counted twice where many are due at once, and one is interrupted as its time comes", () => {
    const points = Virtual.interruptEverywhere(() => {
      const make = RateLimiter.make({ limit: 4, window: 1, burst: 1, onExceeded: "delay" })
      const limiter = Effect.runSync(Effect.withClock(Effect.tap(make, RateLimiter.consume), Virtual.clock()))
      const call = Effect.forkDaemon(RateLimiter.consume(limiter))
      const program = Effect.acquireUseRelease(
        Effect.zip(call, call),
        () => Effect.zipRight(Effect.yieldNow(), RateLimiter.consume(limiter)),
        Fiber.awaitAll
      )
      return { program, limiter }
    }, ({ exit, fibersLeft, sleepsLeft }, at, { limiter }) => {
      assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], `cut at operation ${at}`)
      const clock = Virtual.clock()
      clock.millis = 10
      const now = Effect.runSync(Effect.withClock(RateLimiter.snapshot(limiter), clock))
      assert.deepInclude(now, { waiting: 0, remaining: 1 }, `cut at operation ${at}`)
    })
    assert.isAbove(points, 20)
  })
})
