import { describe, it } from "@effect/vitest"
import type { Context, Duration, Effect, Exit } from "effect"
import { Data, Option, Schedule } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import { expectTypeOf } from "vitest"

class Busy extends Data.TaggedError("Busy")<{
  readonly retryable: true
  readonly retryAfter: Option.Option<Duration.Duration>
}> {}

class Refused extends Data.TaggedError("Refused")<{
  readonly retryable: false
  readonly retryAfter: Option.Option<never>
  readonly status: number
}> {}

class Plain extends Data.TaggedError("Plain")<{ readonly status: number }> {}

interface A {
  readonly a: Context.Tag<"A", number>
}
interface B {
  readonly b: Context.Tag<"B", number>
}

declare const hinting: Effect.Effect<number, Busy | Refused, A>
declare const plain: Effect.Effect<number, Plain>

const policy = Backoff.exponential("1 second").pipe(
  Backoff.capped("1 minute"),
  Backoff.fullJitter,
  Backoff.attempts(5),
  Retry.whileRetryable,
  Retry.honorHint({ max: "2 minutes" })
)

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of Retry", () => {
  it("require the fields of the hint from the input of the schedule", () => {
    expectTypeOf(Retry.whileRetryable(Schedule.forever)).toEqualTypeOf<
      Schedule.Schedule<number, Pick<Retry.Hint, "retryable">>
    >()
    expectTypeOf(Retry.honorHint()(Schedule.forever)).toEqualTypeOf<
      Schedule.Schedule<number, Pick<Retry.Hint, "retryAfter">>
    >()
    expectTypeOf(policy).toExtend<Schedule.Schedule<Duration.Duration, Retry.Hint>>()
  })

  it("keep output, input and services of the schedule", () => {
    const schedule = {} as Schedule.Schedule<string, Plain, B>
    types(() => {
      expectTypeOf(Retry.whileRetryable(schedule)).toEqualTypeOf<
        Schedule.Schedule<string, Plain & Pick<Retry.Hint, "retryable">, B>
      >()
      expectTypeOf(Retry.honorHint()(schedule)).toEqualTypeOf<
        Schedule.Schedule<string, Plain & Pick<Retry.Hint, "retryAfter">, B>
      >()
    })
  })

  it("let a policy run on any union of errors that carry the hint", () => {
    types(() => {
      expectTypeOf(hinting.pipe(Retry.retry(policy))).toEqualTypeOf<Effect.Effect<number, Busy | Refused, A>>()
      expectTypeOf(Retry.retry(hinting, policy)).toEqualTypeOf<Effect.Effect<number, Busy | Refused, A>>()
      expectTypeOf(hinting.pipe(Retry.retry(Schedule.forever))).toEqualTypeOf<
        Effect.Effect<number, Busy | Refused, A>
      >()
    })
  })

  it("refuse errors that do not carry it", () => {
    types(() => {
      // @ts-expect-error Plain has neither field
      Retry.retry(plain, policy)
      // @ts-expect-error Plain has neither field
      plain.pipe(Retry.retry(policy))
      // @ts-expect-error one of the union has neither field
      Retry.ledger({} as Effect.Effect<number, Busy | Plain>, policy)
    })
  })

  it("add the services of the schedule", () => {
    const schedule = {} as Schedule.Schedule<number, unknown, B>
    types(() => {
      expectTypeOf(hinting.pipe(Retry.retry(schedule))).toEqualTypeOf<Effect.Effect<number, Busy | Refused, A | B>>()
    })
  })

  it("know that a ledger never fails, and of which errors it tells", () => {
    type Ledger<R> = Effect.Effect<
      readonly [exit: Exit.Exit<number, Busy | Refused>, ledger: Retry.Ledger<Busy | Refused>],
      never,
      R
    >
    types(() => {
      expectTypeOf(hinting.pipe(Retry.ledger(policy))).toEqualTypeOf<Ledger<A>>()
      expectTypeOf(Retry.ledger(hinting, policy)).toEqualTypeOf<Ledger<A>>()
      expectTypeOf(Retry.loop({
        attempt: (number) => {
          expectTypeOf(number).toEqualTypeOf<number>()
          return hinting
        },
        schedule: policy,
        refuse: (error) => {
          expectTypeOf(error).toEqualTypeOf<Busy | Refused>()
          return Option.some("refused")
        },
        beforeWait: (attempt) => {
          expectTypeOf(attempt).toEqualTypeOf<Retry.Attempt<Busy | Refused>>()
          return {} as Effect.Effect<void, never, B>
        }
      })).toEqualTypeOf<Ledger<A | B>>()
    })
  })

  it("take any word as a reason, and know those of their own", () => {
    expectTypeOf<"notIdempotent">().toExtend<Retry.Reason>()
    expectTypeOf<"retryAfterTooLong">().toExtend<Retry.Reason>()
    expectTypeOf<number>().not.toExtend<Retry.Reason>()
  })
})
