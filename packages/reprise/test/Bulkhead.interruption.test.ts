import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Bulkhead from "reprise/Bulkhead"
import * as Deadline from "reprise/Deadline"
import * as Virtual from "./virtual.js"

type Handle = Bulkhead.Bulkhead

interface Scene {
  readonly bulkhead: Handle
  readonly program: Effect.Effect<unknown, unknown>
  /** What the caller of the program, which is not interrupted itself, has to see. */
  readonly check?: (result: Virtual.Result<unknown, unknown>, where: string) => void
}

const make = (options: Partial<Bulkhead.Options> = {}): Handle =>
  Effect.runSync(Bulkhead.make({ maxConcurrent: 1, maxQueued: 3, ...options }))

const held = (bulkhead: Handle) =>
  Effect.map(Bulkhead.snapshot(bulkhead), ({ queued, running }) => ({ queued, running }))

/** As many calls run at once as there are permits, and not one more. */
const admits = (bulkhead: Handle) =>
  Effect.gen(function*() {
    yield* Bulkhead.resize(bulkhead, { maxQueued: 0 })
    const { maxConcurrent } = yield* Bulkhead.snapshot(bulkhead)
    const call = Effect.sleep(1).pipe(Bulkhead.protect(bulkhead), Effect.exit)
    const exits = yield* Effect.all(Array.from({ length: maxConcurrent + 1 }, () => call), { concurrency: "unbounded" })
    assert.lengthOf(exits.filter(Exit.isSuccess), maxConcurrent)
  })

/** Cuts it at each operation in turn: nothing is left of it then, and no permit is missing. */
const cut = (make: () => Scene) => {
  let sooner = 0
  const points = Virtual.interruptEverywhere(make, (result, at, { bulkhead, check }) => {
    const where = `cut at operation ${at}`
    const { exit, fibersLeft, sleepsLeft } = result
    assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
    assert.deepStrictEqual(Effect.runSync(held(bulkhead)), { queued: 0, running: 0 }, where)
    check?.(result, where)
    if (Option.isSome(exit) && Exit.isFailure(exit.value)) sooner++
    assert.deepStrictEqual(Virtual.plain(Virtual.run(admits(bulkhead)).exit), { success: undefined }, where)
  })
  assert.isAbove(points, 20)
  return sooner
}

/** The caller hears of the interruption when it comes: neither a wait nor a call keeps it. */
const atOnce: NonNullable<Scene["check"]> = ({ endMillis, interruptedMillis }, where) => {
  if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, where)
}

const call = (bulkhead: Handle, millis = 5, options?: Bulkhead.CallOptions) =>
  Effect.sleep(millis).pipe(Bulkhead.protect(bulkhead, options))

/** Takes so many operations. */
const lasting = (operations: number): Effect.Effect<void> =>
  operations === 0 ? Effect.void : Effect.suspend(() => lasting(operations - 1))

/** A fiber yields for the first time after ten operations, and from then on after each. */
const all = (...effects: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
  Effect.flatMap(
    Effect.forEach(effects, (effect) => Effect.fork(Effect.zipRight(lasting(10), Effect.exit(effect)))),
    (fibers) => Effect.forEach(fibers, Fiber.join)
  )

describe("a call that is interrupted, at whatever operation", () => {
  const uncontended = {
    "succeeds": Effect.void,
    "takes time": Effect.sleep(5),
    "fails": Effect.fail("down"),
    "dies": Effect.die("bug"),
    "does much": Effect.forEach([1, 2, 3], () => Effect.yieldNow())
  }
  for (const [how, effect] of Object.entries(uncontended)) {
    it(`gives its permit back where it ${how}`, () => {
      cut(() => {
        const bulkhead = make({ maxConcurrent: 2, maxQueued: 0 })
        const once = Effect.exit(Bulkhead.protect(effect, bulkhead))
        return { bulkhead, program: Effect.zipRight(once, once), check: atOnce }
      })
    })
  }

  it("gives its permit back where it is not interruptible, or only inside", () => {
    cut(() => {
      const bulkhead = make()
      const inner = Effect.interruptible(Effect.sleep(2))
      const once = Effect.exit(Bulkhead.protect(inner, bulkhead))
      return { bulkhead, program: Effect.uninterruptible(Effect.zipRight(once, once)) }
    })
  })

  for (const order of ["fifo", "lifo"] as const) {
    it(`leaves nothing of those that wait with it, ${order}`, () => {
      const sooner = cut(() => {
        const bulkhead = make({ order })
        return { bulkhead, program: all(call(bulkhead), call(bulkhead), call(bulkhead)), check: atOnce }
      })
      assert.isAbove(sooner, 50)
    })
  }

  it("gives a permit that it was granted on its way out to the next that waits", () => {
    for (const order of ["fifo", "lifo"] as const) {
      let begun = 0
      Virtual.interruptEverywhere(
        () => {
          const bulkhead = make({ order })
          let others = -1
          const counted = Effect.map(call(bulkhead), () => others++)
          // Only the call in the middle hears of the interruption.
          const program = Effect.uninterruptible(Effect.gen(function*() {
            others = 0
            const holder = yield* Effect.fork(counted)
            yield* Effect.sleep(1)
            const late = yield* Effect.fork(Effect.zipRight(Effect.sleep(1), counted))
            const exit = yield* Effect.exit(Effect.interruptible(call(bulkhead)))
            yield* Fiber.joinAll([holder, late])
            return exit
          }))
          return { program, bulkhead, others: () => others }
        },
        ({ exit, fibersLeft, sleepsLeft }, at, { bulkhead, others }) => {
          const where = `cut at operation ${at}`
          assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0], where)
          assert.deepStrictEqual(Effect.runSync(held(bulkhead)), { queued: 0, running: 0 }, where)
          assert.isTrue(Option.isSome(exit), where)
          if (others() < 0) return
          begun++
          assert.strictEqual(others(), 2, where)
        }
      )
      assert.isAbove(begun, 60)
    }
  })

  it("leaves no timer of a wait that is limited, whether it ends in time or not", () => {
    for (const queueTimeout of [3, 5, 50]) {
      const sooner = cut(() => {
        const bulkhead = make({ queueTimeout })
        return { bulkhead, program: all(call(bulkhead), call(bulkhead)), check: atOnce }
      })
      assert.isAbove(sooner, 30)
    }
  })

  it("leaves no timer of a deadline", () => {
    for (const deadlineMillis of [3, 5, 50]) {
      cut(() => {
        const bulkhead = make()
        const program = Deadline.locally(all(call(bulkhead), call(bulkhead)), deadlineMillis)
        return { bulkhead, program, check: atOnce }
      })
    }
  })

  it("leaves the bulkhead as it is while it is made larger and smaller", () => {
    for (const sizes of [[3, 1], [1, 2]] as const) {
      cut(() => {
        const bulkhead = make({ maxConcurrent: 2, maxQueued: 2 })
        const resized = Effect.forEach(sizes, (maxConcurrent) =>
          Effect.zipRight(
            Effect.sleep(2),
            Bulkhead.resize(bulkhead, { maxConcurrent, maxQueued: maxConcurrent })
          ))
        const calls = Array.from({ length: 4 }, () => call(bulkhead))
        return { bulkhead, program: all(...calls, resized), check: atOnce }
      })
    }
  })

  it("leaves nothing of the one that it makes leave the queue, nor of itself", () => {
    cut(() => {
      const bulkhead = make({ maxQueued: 1 })
      const urgent = Effect.zipRight(Effect.sleep(1), call(bulkhead, 5, { priority: 1 }))
      return { bulkhead, program: all(call(bulkhead), call(bulkhead), urgent), check: atOnce }
    })
  })

  it("leaves nothing where it holds one permit and waits for another", () => {
    cut(() => {
      const bulkhead = make({ maxConcurrent: 2 })
      const nested = Effect.zipRight(Effect.sleep(2), call(bulkhead)).pipe(Bulkhead.protect(bulkhead))
      return { bulkhead, program: all(nested, call(bulkhead, 4)), check: atOnce }
    })
  })
})

describe("a permit that is given back, at whatever operation of the one who asks for it", () => {
  const scenes: ReadonlyArray<
    readonly [how: string, protect: () => <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, unknown>]
  > = [
    ["bulkhead", () => Bulkhead.protect(make({ maxQueued: 1 }))],
    ["adaptive limiter", () => {
      const algorithm = AdaptiveLimiter.aimd({ max: 1 })
      return AdaptiveLimiter.protect(Effect.runSync(AdaptiveLimiter.make({ algorithm, maxQueued: 1 })))
    }]
  ]
  for (const [how, protect] of scenes) {
    it(`is heard of, in the ${how}`, () => {
      for (let operations = 0; operations < 60; operations++) {
        const through = protect()
        const { exit } = Virtual.run(all(through(lasting(operations)), through(Effect.void)), { yieldAlways: true })
        assert.isTrue(Option.isSome(exit), `it waits for ever, after ${operations} operations`)
      }
    })
  }
})

describe("a call through an adaptive limiter that is interrupted, at whatever operation", () => {
  const algorithm = AdaptiveLimiter.aimd({ initial: 2, max: 3 })
  const snapshot = (limiter: AdaptiveLimiter.AdaptiveLimiter) => Effect.runSync(AdaptiveLimiter.snapshot(limiter))

  const scenes: ReadonlyArray<
    readonly [how: string, options: Partial<AdaptiveLimiter.Options<number>>]
  > = [
    ["is rejected where there is no room", {}],
    ["waits", { maxQueued: 3 }],
    ["waits for some time", { maxQueued: 3, queueTimeout: 3 }],
    ["runs in its share", { maxQueued: 1, partitions: { a: 0.5, b: 0.5 } }]
  ]
  for (const [how, options] of scenes) {
    it(`leaves nothing where it ${how}`, () => {
      const points = Virtual.interruptEverywhere(
        () => {
          const limiter = Effect.runSync(AdaptiveLimiter.make({ algorithm, dropped: () => true, ...options }))
          const call = (partition: string, effect: Effect.Effect<unknown, unknown> = Effect.void) =>
            Effect.zipRight(Effect.sleep(5), effect).pipe(AdaptiveLimiter.protect(limiter, { partition }))
          return { limiter, program: all(call("a"), call("a"), call("b", Effect.fail("full")), call("b")) }
        },
        ({ endMillis, exit, fibersLeft, interruptedMillis, sleepsLeft }, at, { limiter }) => {
          const where = `cut at operation ${at}`
          assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft], [true, 0, 0], where)
          if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, where)
          const { partitions, queued, running } = snapshot(limiter)
          assert.deepStrictEqual([running, queued], [0, 0], where)
          for (const { queued, running } of Object.values(partitions)) {
            assert.deepStrictEqual([running, queued], [0, 0], where)
          }
        }
      )
      assert.isAbove(points, 60)
    })
  }

  it("shows nothing of the load: the limit stays", () => {
    Virtual.interruptEverywhere(
      () => {
        const limiter = Effect.runSync(AdaptiveLimiter.make({ algorithm, dropped: () => true }))
        return { limiter, program: AdaptiveLimiter.protect(Effect.sleep("1 hour"), limiter) }
      },
      ({ interruptedMillis = Infinity }, at, { limiter }) => {
        const { limit } = snapshot(limiter)
        // It takes longer than the timeout of `aimd`.
        if (interruptedMillis < 3_600_000) assert.strictEqual(limit, 2, `cut at operation ${at}`)
        else if (interruptedMillis === Infinity) assert.strictEqual(limit, 1)
      }
    )
  })
})
