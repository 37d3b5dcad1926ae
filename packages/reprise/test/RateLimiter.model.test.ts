import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Fiber, Option } from "effect"
import * as RateLimiter from "reprise/RateLimiter"
import { millisOf } from "./breakerCalls.js"
import * as Virtual from "./virtual.js"

/** A call: when it comes after the one before, what it costs, and how long it has patience. */
interface Call {
  readonly gapMillis: number
  readonly tokens: number
  readonly patienceMillis: number
}

interface Case {
  readonly limit: number
  /** A window is as many as it has tokens: then all is due at whole milliseconds. */
  readonly millisPerToken: number
  readonly burst: number
  readonly calls: ReadonlyArray<Call>
}

const cases: fc.Arbitrary<Case> = fc.record({
  limit: fc.integer({ min: 1, max: 6 }),
  millisPerToken: fc.integer({ min: 1, max: 20 }),
  burst: fc.integer({ min: 1, max: 6 }),
  calls: fc.array(
    fc.record({
      gapMillis: fc.oneof(fc.constant(0), fc.nat(10), fc.nat(80)),
      tokens: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 7 })),
      patienceMillis: fc.oneof({ weight: 2, arbitrary: fc.constant(Infinity) }, fc.nat(100))
    }),
    { minLength: 1, maxLength: 25, size: "max" }
  )
})

/** How many milliseconds of the clock one of the model takes. */
const scale = 64

/**
 * When each call is due: one after another, as soon as a bucket has its tokens and nobody is before it. Those that leave
 * before take none.
 */
const model = ({ burst, calls, millisPerToken }: Case) => {
  const full = burst * millisPerToken
  let bucket = { parts: full, millis: 0 }
  const at = (millis: number) => ({ parts: Math.min(bucket.parts + millis - bucket.millis, full), millis })
  let atMillis = 0
  let frontMillis = 0
  return calls.map(({ gapMillis, patienceMillis, tokens }, index) => {
    atMillis += gapMillis
    if (tokens > burst) return { atMillis, dueMillis: Infinity, leavesMillis: Infinity, outcome: "refused" as const }
    const missing = tokens * millisPerToken - bucket.parts
    const dueMillis = Math.max(atMillis, frontMillis, bucket.millis + missing)
    // A fraction of its own: nothing else happens at the same time.
    const leavesMillis = atMillis + patienceMillis + (index + 1) / scale
    if (leavesMillis < dueMillis) {
      frontMillis = Math.max(frontMillis, leavesMillis)
      return { atMillis, dueMillis, leavesMillis, outcome: "left" as const }
    }
    frontMillis = dueMillis
    bucket = at(dueMillis)
    bucket.parts -= tokens * millisPerToken
    // Whether it leaves within the millisecond in which it is due is no law.
    return { atMillis, dueMillis, leavesMillis: Infinity, outcome: "began" as const }
  })
}

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

const observe = (made: Case, leavesMillis: ReadonlyArray<number>) => {
  const { burst, calls, limit, millisPerToken } = made
  const began: Array<number> = []
  const program = Effect.gen(function*() {
    const window = limit * millisPerToken * scale
    const limiter = yield* RateLimiter.make({ limit, window, burst, onExceeded: "delay" })
    const fibers: Array<Fiber.Fiber<number | string>> = []
    for (const [index, { gapMillis, tokens }] of calls.entries()) {
      if (gapMillis > 0) yield* Effect.sleep(gapMillis * scale)
      const call = Effect.tap(now, () => Effect.sync(() => began.push(index))).pipe(
        RateLimiter.protect(limiter, { tokens }),
        Effect.catchAll(() => Effect.succeed("refused"))
      )
      const fiber = yield* Effect.fork(call)
      yield* Effect.yieldNow()
      fibers.push(fiber)
      const patienceMillis = leavesMillis[index]! * scale - (yield* now)
      if (patienceMillis < Infinity) yield* Effect.forkDaemon(Effect.delay(Fiber.interrupt(fiber), patienceMillis))
    }
    const ends = yield* Effect.forEach(
      fibers,
      (fiber) => Effect.map(Fiber.await(fiber), (exit) => exit._tag === "Success" ? exit.value : "left")
    )
    return { ends, snapshot: yield* RateLimiter.snapshot(limiter) }
  })
  const { success } = Virtual.plain(Virtual.run(program).exit) as { success: Effect.Effect.Success<typeof program> }
  return { ...success, began }
}

describe("a limiter that delays, in virtual time", () => {
  it("starts random calls when a naive model says so, in their order, and those that leave take nothing", () => {
    const outcomes: Record<string, number> = {}
    fc.assert(
      fc.property(cases, (made) => {
        const expected = model(made)
        const { began, ends, snapshot } = observe(made, expected.map(({ leavesMillis }) => leavesMillis))
        for (const [index, { atMillis, dueMillis, outcome }] of expected.entries()) {
          const end = ends[index]!
          assert.strictEqual(typeof end === "number" ? "began" : end, outcome)
          if (typeof end === "number") {
            assert.strictEqual(end, dueMillis * scale)
          }
          const name = outcome === "began" ? dueMillis > atMillis ? "delayed" : "at once" : outcome
          outcomes[name] = (outcomes[name] ?? 0) + 1
        }
        assert.deepStrictEqual(began, [...began].sort((a, b) => a - b))
        const refused = expected.filter(({ outcome }) => outcome === "refused").length
        assert.deepInclude(snapshot, { waiting: 0, rejected: refused })
      }),
      { numRuns: 200, seed: 11 }
    )
    for (const name of ["refused", "left", "delayed", "at once"]) assert.isAbove(outcomes[name]!, 50, name)
  })

  it("keeps to its rate exactly where a token takes no whole millisecond, from 100 to 10,000 a second", () => {
    const windowMillis = 50
    for (const limit of [100, 300, 1_000, 2_000, 7_000, 10_000].map((perSecond) => perSecond * windowMillis / 1_000)) {
      for (const burst of [1, limit]) {
        const began: Array<number> = []
        const program = Effect.gen(function*() {
          const limiter = yield* RateLimiter.make({ limit, window: windowMillis, burst, onExceeded: "delay" })
          const call = Effect.map(now, (millis) => began.push(millis)).pipe(RateLimiter.protect(limiter))
          const callers = yield* Effect.forkAll(Array.from({ length: 50 }, () => Effect.forever(call)))
          yield* Effect.sleep(2 * windowMillis)
          yield* Fiber.interrupt(callers)
        })
        const { fibersLeft, sleepsLeft } = Virtual.run(program)
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
        const second = began.filter((millis) => millis >= windowMillis && millis < 2 * windowMillis)
        assert.strictEqual(second.length, limit, `burst ${burst}`)
        began.forEach((from, first) => {
          const after = began[first + limit + burst - 1]
          if (after !== undefined) assert.isAtLeast(after - from, windowMillis, `burst ${burst}`)
        })
      }
    }
  })

  it("tells those it rejects when to come again: then they are admitted, and a millisecond before they are not", () => {
    fc.assert(
      fc.property(cases, (made) => {
        const program = Effect.gen(function*() {
          const { burst, calls, limit, millisPerToken } = made
          const limiter = yield* RateLimiter.make({ limit, window: limit * millisPerToken, burst })
          for (const { gapMillis, tokens } of calls) {
            if (gapMillis > 0) yield* Effect.sleep(gapMillis * scale)
            const { remaining } = yield* RateLimiter.snapshot(limiter)
            const rejection = Effect.option(Effect.flip(RateLimiter.consume(limiter, { tokens })))
            const first = yield* rejection
            assert.strictEqual(Option.isNone(first), tokens <= remaining)
            if (Option.isNone(first) || tokens > burst) continue
            assert.strictEqual(first.value.remaining, remaining)
            const retryAfter = millisOf(first.value.retryAfter)
            if (retryAfter > 1) yield* Effect.sleep(retryAfter - 1)
            const early = retryAfter > 1 ? yield* rejection : first
            assert.isTrue(Option.isSome(early))
            yield* Effect.sleep(1)
            assert.isTrue(Option.isNone(yield* rejection))
          }
        })
        assert.deepStrictEqual(Virtual.plain(Virtual.run(program).exit), { success: undefined })
      }),
      { numRuns: 120, seed: 13 }
    )
  })
})
