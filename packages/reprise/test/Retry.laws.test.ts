import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, FastCheck as fc, FiberId, Option, Schedule } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import * as Schedules from "./schedules.js"
import * as Services from "./services.js"
import * as Virtual from "./virtual.js"

interface Failure extends Retry.Hint {
  readonly id: number
}

type Outcome =
  | { readonly _tag: "Succeed"; readonly delayMillis: number }
  | { readonly _tag: "Fail"; readonly delayMillis: number; readonly cause: Cause.Cause<Failure> }
  | { readonly _tag: "FailParallel"; readonly causes: ReadonlyArray<Cause.Cause<Failure>> }

const failure: fc.Arbitrary<Failure> = fc.record({
  id: fc.nat(9),
  retryable: fc.nat(9).map((n) => n > 0),
  retryAfter: fc.option(fc.nat(5_000), { nil: undefined }).map((millis) =>
    Option.map(Option.fromNullable(millis), Duration.millis)
  )
})

const fail = failure.map(Cause.fail)

const cause: fc.Arbitrary<Cause.Cause<Failure>> = fc.letrec<{ cause: Cause.Cause<Failure> }>((tie) => ({
  cause: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fail,
    fc.constant(Cause.die("defect")),
    fc.constant(Cause.interrupt(FiberId.none)),
    fc.constant(Cause.empty),
    fc.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.parallel(left, right)),
    fc.tuple(tie("cause"), tie("cause")).map(([left, right]) => Cause.sequential(left, right))
  )
})).cause

const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      _tag: fc.constant("Fail" as const),
      delayMillis: fc.constantFrom(0, 0, 7, 450),
      cause: fail
    })
  },
  {
    weight: 2,
    arbitrary: fc.record({ _tag: fc.constant("Fail" as const), delayMillis: fc.constantFrom(0, 30), cause })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      _tag: fc.constant("FailParallel" as const),
      causes: fc.array(cause, { minLength: 1, maxLength: 3 })
    })
  },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Succeed" as const), delayMillis: fc.constantFrom(0, 5) }) }
)

const perform = (outcome: Outcome, number: number): Effect.Effect<number, Failure> => {
  switch (outcome._tag) {
    case "Succeed":
      return Effect.delay(Effect.succeed(number), outcome.delayMillis)
    case "Fail": {
      const failed = Effect.failCause(outcome.cause)
      return outcome.delayMillis === 0 ? failed : Effect.delay(failed, outcome.delayMillis)
    }
    case "FailParallel":
      return Effect.as(
        Effect.all(outcome.causes.map((cause, i) => Effect.delay(Effect.failCause(cause), i)), {
          concurrency: "unbounded"
        }),
        number
      )
  }
}

type Policy = Schedule.Schedule<unknown, Failure>

const millis = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(2_147_483_647, 2_147_483_648, 9_000_000_000) }
)
const small = fc.integer({ min: 1, max: 3_000 })
const times = fc.nat(6)
const notZeroId = (error: Failure) => error.id !== 0

const intervalAfter = (millis: number): Policy => Schedules.fromDelays((n) => n < 4 ? millis : undefined)

const notZero = Schedule.whileInput(Schedule.identity<Failure>(), notZeroId)

const leaf: fc.Arbitrary<readonly [name: string, policy: () => Policy]> = fc.oneof(
  fc.tuple(small, fc.constantFrom(1, 1.5, 2, 10)).map(([base, factor]) =>
    [`exponential(${base}, ${factor})`, () => Schedule.exponential(base, factor)] as const
  ),
  millis.map((n) => [`spaced(${n})`, () => Schedule.spaced(n)] as const),
  small.map((n) => [`fixed(${n})`, () => Schedule.fixed(n)] as const),
  small.map((n) => [`windowed(${n})`, () => Schedule.windowed(n)] as const),
  small.map((n) => [`fibonacci(${n})`, () => Schedule.fibonacci(n)] as const),
  small.map((n) => [`linear(${n})`, () => Schedules.linear(n)] as const),
  millis.map((n) => [`duration(${n})`, () => Schedule.duration(n)] as const),
  times.map((n) => [`recurs(${n})`, () => Schedule.recurs(n)] as const),
  small.map((n) => [`recurUpTo(${n})`, () => Schedule.recurUpTo(n)] as const),
  fc.constant(["cron", () => Schedules.cron("*/5 * * * * *")] as const),
  ...Schedules.leaves.map((leaf) => fc.constant(leaf)),
  fc.constant(["forever", () => Schedule.forever] as const),
  fc.constant(["once", () => Schedule.once] as const),
  fc.constant(["stop", () => Schedule.stop] as const),
  fc.constant(["NaN", () => Schedule.delayed(Schedule.forever, () => NaN)] as const),
  fc.constantFrom(NaN, -1_000).map((n) => [`after(${n})`, () => intervalAfter(n)] as const),
  fc.constant(["negative", () => Schedule.modifyDelay(Schedule.spaced(5), () => Duration.millis(-5))] as const),
  fc.tuple(small, small).map(([base, cap]) =>
    [`decorrelated(${base})`, () => Backoff.decorrelated({ base, cap: base + cap })] as const
  )
)

const unary: fc.Arbitrary<readonly [name: string, f: (self: Policy) => Policy]> = fc.oneof(
  fc.constantFrom<readonly [string, (self: Policy) => Policy]>(
    ["jittered", Schedule.jittered],
    ["whileInput", Schedule.whileInput(notZeroId)],
    ["untilInput", Schedule.untilInput((error: Failure) => !notZeroId(error))],
    ["untilInputEffect", Schedule.untilInputEffect((error: Failure) => Effect.succeed(!notZeroId(error)))],
    ["recurWhile", (self) => Schedule.intersect(self, notZero)],
    ["resetWhen", (self) => Schedules.resetWhen(self, (out) => typeof out === "number" && out > 2)],
    ["delays", (self) => Schedule.delays(self)],
    ["passthrough", (self) => Schedule.passthrough(self)],
    ["mapInput", (self) => Schedules.mapInput(self, (error: Failure) => ({ ...error, id: error.id + 1 }))],
    ["modifyDelay", Schedule.modifyDelay((_, delay) => Duration.times(delay, 2))],
    ["addDelay", Schedule.addDelay(() => 11)],
    ["delayed", Schedule.delayed((delay) => Duration.sum(delay, Duration.millis(1)))],
    ["check", Schedule.check((error: Failure) => notZeroId(error))],
    ...Schedules.combinators,
    ["driven by a defect", Schedule.mapEffect((out) => out === 3 ? Effect.die("schedule") : Effect.succeed(out))],
    ["fullJitter", Backoff.fullJitter],
    ["whileRetryable", Retry.whileRetryable],
    ["honorHint", Retry.honorHint({ max: "3 seconds" })]
  ),
  millis.map((n) => [`upTo(${n})`, Schedule.upTo(n)] as const),
  millis.map((n) => [`resetAfter(${n})`, (self: Policy) => Schedules.resetAfter(self, n)] as const),
  millis.map((n) => [`Backoff.within(${n > 1e6 ? 1e6 : n})`, Backoff.within(n > 1e6 ? 1e6 : n)] as const),
  small.map((n) => [`Backoff.capped(${n})`, Backoff.capped(n)] as const),
  fc.integer({ min: 1, max: 6 }).map((n) => [`Backoff.attempts(${n})`, Backoff.attempts(n)] as const)
)

const hintless: Failure = { id: 1, retryable: true, retryAfter: Option.none() }

const binary = fc.constantFrom<readonly [string, (left: Policy, right: Policy) => Policy]>(
  ["union", (left, right) => Schedule.union(left, right)],
  ["intersect", (left, right) => Schedule.intersect(left, right)],
  ["andThen", (left, right) => Schedule.andThen(left, right)],
  ["andThenEither", (left, right) => Schedule.andThenEither(left, right)],
  ["zipLeft", (left, right) => Schedules.zipLeft(left, right)],
  ["chain", (left, right) => Backoff.chain(left, right)],
  ...Schedules.pairs(hintless)
)

type Named = readonly [name: string, make: () => Policy]

// Effect's intersection looks second by second, maybe for ever, for where a cron meets the other side: not here.
const policy: fc.Arbitrary<Named> = fc.letrec<{ policy: Named }>((tie) => ({
  policy: fc.oneof(
    { maxDepth: 4, depthSize: "small", withCrossShrink: true },
    leaf,
    fc.tuple(tie("policy"), unary).map(([[inner, make], [name, f]]): Named => [`${inner} | ${name}`, () => f(make())]),
    fc.tuple(tie("policy"), tie("policy"), binary).map(([[left, makeLeft], [right, makeRight], [name, f]]): Named => [
      `${name}(${left}, ${right})`,
      () => f(makeLeft(), makeRight())
    ]).filter(([name]) => !(/cron|secondOfMinute|after/.test(name) && /intersect|zip|compose/.test(name)))
  )
})).policy

interface Seen {
  readonly atMillis: number
  readonly metadata: Schedule.IterationMetadata
}

type Law = (effect: Effect.Effect<number, Failure>, policy: Policy) => Effect.Effect<number, Failure>

/** What a retry does with the script: it succeeds after its last line, and no retry goes on for ever. */
const observe = (law: Law, script: ReadonlyArray<Outcome>, make: () => Policy, seed: number) => {
  const seen: Array<Seen> = []
  const attempt = Effect.gen(function*() {
    const atMillis = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const metadata = yield* Schedule.CurrentIterationMetadata
    const number = seen.push({ atMillis, metadata })
    return yield* perform(script[number - 1] ?? { _tag: "Succeed", delayMillis: 0 }, number)
  })
  const result = Virtual.run(Effect.suspend(() => law(attempt, make())), { seed })
  return { seen, exit: Virtual.plain(result.exit), endMillis: result.endMillis, sleepsLeft: result.sleepsLeft }
}

const scripts = fc.array(outcome, { maxLength: 8, size: "max" })
const isPlain = (cause: Cause.Cause<unknown>) => Object.hasOwn(Object(Services.plainCause(cause)), "fail")
const plainScripts = fc.array(
  outcome.filter(({ _tag, ...outcome }) => _tag === "Succeed" || ("cause" in outcome && isPlain(outcome.cause))),
  { maxLength: 8, size: "max" }
)
const seeds = fc.nat()

const describeRun = (name: string, expected: unknown, actual: unknown) =>
  `${name}\nexpected ${JSON.stringify(expected, undefined, 1)}\nactual ${JSON.stringify(actual, undefined, 1)}`

const effectRetry: Law = (effect, policy) => Effect.retry(effect, policy)

const agree = (law: Law, runs: number) => {
  const attempts: Array<number> = []
  fc.assert(
    fc.property(scripts, policy, seeds, (script, [name, make], seed) => {
      const expected = observe(effectRetry, script, make, seed)
      const actual = observe(law, script, make, seed)
      attempts.push(expected.seen.length)
      if (!isDeepStrictEqual(actual, expected)) throw new Error(describeRun(name, expected, actual))
    }),
    { numRuns: runs, seed: 20_240_801 }
  )
  return attempts
}

const roomy = { timeout: 30_000 }

describe("the laws of Effect.retry", roomy, () => {
  it("hold for random effects and schedules: same attempts, times, metadata and exit", () => {
    const attempts = agree((effect, policy) => Retry.retry(effect, policy), 500)
    // The property says something only where something is retried.
    assert.isAbove(attempts.filter((n) => n > 2).length, 100)
    assert.isAbove(attempts.filter((n) => n > 5).length, 30)
  })

  it("hold for the data-last form", () => {
    agree((effect, policy) => effect.pipe(Retry.retry(policy)), 100)
  })
})

describe("the ledger", roomy, () => {
  const flat: Law = (effect, policy) => Effect.flatMap(Retry.ledger(effect, policy), ([exit]) => exit)

  it("has the exit of Effect.retry where an attempt fails with a plain error", () => {
    fc.assert(
      fc.property(plainScripts, policy, seeds, (script, [name, make], seed) => {
        const expected = observe(effectRetry, script, make, seed)
        const actual = observe(flat, script, make, seed)
        if (!isDeepStrictEqual(actual, expected)) throw new Error(describeRun(name, expected, actual))
      }),
      { numRuns: 200, seed: 7 }
    )
  })

  it("makes the attempts that Effect.retry makes when causes are mixed", () => {
    fc.assert(
      fc.property(scripts, policy, seeds, (script, [name, make], seed) => {
        const expected = observe(effectRetry, script, make, seed).seen
        const actual = observe(flat, script, make, seed).seen
        if (!isDeepStrictEqual(actual, expected)) throw new Error(describeRun(name, expected, actual))
      }),
      { numRuns: 200, seed: 8 }
    )
  })

  it("accounts for all the time between the first attempt and the last", () => {
    fc.assert(
      fc.property(
        scripts,
        policy.filter(([name]) => !/defect|mapInputEffect/.test(name)),
        seeds,
        (script, [, make], seed) => {
          const entries: Array<Retry.Attempt> = []
          const { endMillis, seen } = observe(
            (effect, policy) =>
              Effect.flatMap(Retry.ledger(effect, policy), ([exit, ledger]) => {
                entries.push(...ledger)
                return exit
              }),
            script,
            make,
            seed
          )
          assert.deepStrictEqual(entries.map(({ number }) => number), seen.map((_, index) => index + 1))
          assert.deepStrictEqual(entries.map(({ startMillis }) => startMillis), seen.map(({ atMillis }) => atMillis))
          entries.forEach((entry, index) => {
            const delayMillis = Math.ceil(Option.match(entry.delay, { onNone: () => 0, onSome: Duration.toMillis }))
            const nextMillis = entries[index + 1]?.startMillis ?? endMillis
            assert.closeTo(entry.startMillis + Duration.toMillis(entry.duration) + delayMillis, nextMillis, 0.01)
            assert.strictEqual(Option.isSome(entry.delay), index < entries.length - 1)
          })
        }
      ),
      { numRuns: 200, seed: 9 }
    )
  })
})
