import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, FastCheck as fc, Option } from "effect"
import * as Hedge from "reprise/Hedge"
import * as Virtual from "./virtual.js"

/** What comes of an attempt: after how long, what, and how long its finalizer takes where it is interrupted. */
interface Attempt {
  readonly tookMillis: number
  readonly end: "ok" | "fail" | "fatal" | "die"
  readonly releaseMillis: number
}

interface Case {
  readonly afterMillis: number
  readonly maxHedges: number
  readonly attempts: ReadonlyArray<Attempt>
  /** What the budget says, one after another. */
  readonly grants: ReadonlyArray<boolean>
  readonly interruptAtMillis: number
}

const attempt = fc.record({
  tookMillis: fc.constantFrom(0, 0, 5, 10, 20, 40, 80),
  end: fc.constantFrom("ok", "ok", "fail", "fail", "fail", "fatal", "die") as fc.Arbitrary<Attempt["end"]>,
  releaseMillis: fc.constantFrom(0, 0, 3, 30_000)
})

const cases: fc.Arbitrary<Case> = fc.record({
  afterMillis: fc.constantFrom(0, 7_680, 15_872, 31_232, Infinity),
  maxHedges: fc.integer({ min: 1, max: 4 }),
  attempts: fc.array(attempt, { minLength: 5, maxLength: 5 }),
  grants: fc.array(fc.constantFrom(true, true, true, false), { minLength: 4, maxLength: 4 }),
  interruptAtMillis: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, fc.constantFrom(1, 12, 25, 50))
}).map((made) => ({
  ...made,
  // Each has a remainder of its own: no two things ever happen at the same time.
  attempts: made.attempts.map(({ tookMillis, ...rest }, index) => ({
    ...rest,
    tookMillis: tookMillis === 0 ? 0 : tookMillis * 1_024 + 2 ** index
  })),
  interruptAtMillis: made.interruptAtMillis * 1_024 + 256
}))

interface Outcome {
  readonly result: string
  readonly endMillis: number
  readonly starts: ReadonlyArray<number>
  readonly counts: { readonly hedges: number; readonly won: number; readonly refused: number }
}

/** From one event to the next, by looking for the earliest. */
const model = ({ afterMillis, attempts, grants, interruptAtMillis, maxHedges }: Case): Outcome => {
  const starts = [0]
  const running = new Set([0])
  let left = maxHedges
  let refused = 0
  const endOf = (index: number) => starts[index]! + attempts[index]!.tookMillis
  const end = (result: string, atMillis: number, index = -1): Outcome => {
    const endMillis = atMillis + Math.max(0, ...[...running].map((index) => attempts[index]!.releaseMillis))
    const counts = { hedges: starts.length - 1, won: result.startsWith("ok") && index > 0 ? 1 : 0, refused }
    // The finalizers of the others are waited for, and the caller may be interrupted until they have run.
    return { result: interruptAtMillis < endMillis ? "interrupted" : result, endMillis, starts, counts }
  }
  const ask = (atMillis: number) => {
    if (grants[starts.length - 1]!) {
      running.add(starts.length)
      starts.push(atMillis)
      left--
    } else {
      refused++
      left = 0
    }
  }
  for (;;) {
    const next = [...running].sort((a, b) => endOf(a) - endOf(b))[0]
    const endsAt = next === undefined ? Infinity : endOf(next)
    const delayedTo = left > 0 ? starts[starts.length - 1]! + afterMillis : Infinity
    if (interruptAtMillis < Math.min(endsAt, delayedTo)) return end("interrupted", interruptAtMillis)
    if (next === undefined || delayedTo < endsAt) {
      ask(delayedTo)
      continue
    }
    running.delete(next)
    const what = attempts[next]!.end
    if (what !== "fail") return end(`${what} ${next + 1}`, endsAt, next)
    left = 0
    if (running.size === 0) return end(`fail ${next + 1}`, endsAt, next)
  }
}

const now = Effect.clockWith((clock) => clock.currentTimeMillis)

const observe = (made: Case) => {
  const starts: Array<number> = []
  const log: Array<string> = []
  const grants = [...made.grants]
  const hedge = Effect.runSync(Hedge.make({
    after: made.afterMillis,
    maxHedges: made.maxHedges,
    isFailure: (error) => String(error).startsWith("fail"),
    withdraw: Effect.sync(() => grants.shift()!)
  }))
  const run = (number: number) => {
    const { end, releaseMillis, tookMillis } = made.attempts[number - 1]!
    const name = `${end} ${number}`
    const ends = { ok: Effect.succeed(name), fail: Effect.fail(name), fatal: Effect.fail(name), die: Effect.die(name) }
    const took = tookMillis === 0 ? ends[end] : Effect.delay(ends[end], tookMillis)
    return Effect.flatMap(now, (millis) => {
      starts.push(millis)
      return Effect.onExit(took, (exit) =>
        Exit.isInterrupted(exit)
          ? Effect.zipRight(Effect.sleep(releaseMillis), Effect.sync(() => log.push(`released ${number}`)))
          : Effect.sync(() => log.push(`ended ${number}`)))
    })
  }
  const program = Effect.onExit(Hedge.hedge(run, hedge), () => Effect.sync(() => log.push("returned")))
  const result = Virtual.run(program, { interruptAtMillis: made.interruptAtMillis })
  const said = Option.match(result.exit, {
    onNone: () => "never ends",
    onSome: Exit.match({
      onSuccess: (value) => value,
      onFailure: (cause) => Cause.isInterrupted(cause) ? "interrupted" : String(Cause.squash(cause))
    })
  })
  const { hedges, refused, won } = Effect.runSync(Hedge.snapshot(hedge))
  return {
    ...result,
    log,
    outcome: { result: said, endMillis: result.endMillis, starts, counts: { hedges, won, refused } }
  }
}

describe("a hedged call with random attempts, in virtual time", () => {
  it("does what a naive model does, and leaves nothing behind", () => {
    const results: Record<string, number> = {}
    fc.assert(
      fc.property(cases, (made) => {
        const expected = model(made)
        const { fibersLeft, log, outcome, sleepsLeft } = observe(made)
        assert.deepStrictEqual(outcome, expected)
        assert.deepStrictEqual([fibersLeft, sleepsLeft], [0, 0])
        // Every attempt has ended, or its finalizer has, before the call returns.
        assert.strictEqual(log.length, expected.starts.length + 1)
        assert.strictEqual(log[log.length - 1], "returned")
        const [name] = expected.result.split(" ")
        results[name!] = (results[name!] ?? 0) + 1
      }),
      { numRuns: 800, seed: 17 }
    )
    for (const name of ["ok", "fail", "fatal", "die", "interrupted"]) assert.isAbove(results[name]!, 20, name)
  })

  it("never makes more attempts than it may, none before its time, and none after a failure", () => {
    fc.assert(
      fc.property(cases, (made) => {
        const { counts, starts } = observe(made).outcome
        assert.isAtMost(starts.length, 1 + made.maxHedges)
        assert.strictEqual(counts.hedges, starts.length - 1)
        starts.slice(1).forEach((start, index) => assert.strictEqual(start - starts[index]!, made.afterMillis))
        const last = starts[starts.length - 1]!
        made.attempts.slice(0, starts.length - 1).forEach(({ end, tookMillis }, index) => {
          if (end === "fail") assert.isAtLeast(starts[index]! + tookMillis, last)
        })
      }),
      { numRuns: 300, seed: 19 }
    )
  })
})
