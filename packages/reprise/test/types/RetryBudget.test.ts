import { describe, it } from "@effect/vitest"
import type { Config, ConfigError, Duration } from "effect"
import { Context, Effect, type Layer, Schedule } from "effect"
import * as Retry from "reprise/Retry"
import * as RetryBudget from "reprise/RetryBudget"
import { expectTypeOf } from "vitest"

class Payments extends Context.Tag("Payments")<Payments, RetryBudget.RetryBudget>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

interface A {
  readonly a: unique symbol
}
interface B {
  readonly b: unique symbol
}
interface Slow {
  readonly _tag: "Slow"
}
interface Down {
  readonly _tag: "Down"
}

type Budget = RetryBudget.RetryBudget

declare const budget: Budget
declare const effect: Effect.Effect<number, Slow | Down, A>
declare const schedule: Schedule.Schedule<string, unknown, B>

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of RetryBudget", () => {
  it("make a budget without anything", () => {
    types(() => {
      expectTypeOf(RetryBudget.share()).toEqualTypeOf<Effect.Effect<Budget>>()
      expectTypeOf(RetryBudget.tokens()).toEqualTypeOf<Effect.Effect<Budget>>()
      // @ts-expect-error an option of the other kind
      RetryBudget.share({ capacity: 1 })
    })
  })

  it("give a layer the tag it is for, and what the making needs", () => {
    types(() => {
      expectTypeOf(RetryBudget.layer(Payments, RetryBudget.share())).toEqualTypeOf<Layer.Layer<Payments>>()
      const needing = {} as Effect.Effect<Budget, "broken", A>
      expectTypeOf(RetryBudget.layer(Payments, needing)).toEqualTypeOf<Layer.Layer<Payments, "broken", A>>()
      type Configured = Layer.Layer<Payments, ConfigError.ConfigError>
      expectTypeOf(RetryBudget.layerConfig(Payments)).toEqualTypeOf<Configured>()
      expectTypeOf(RetryBudget.layerConfig(Payments, RetryBudget.config("PAYMENTS"))).toEqualTypeOf<Configured>()
      expectTypeOf(RetryBudget.config()).toEqualTypeOf<Config.Config<RetryBudget.Share>>()
      // @ts-expect-error the service of this tag is no budget
      RetryBudget.layer(Other, RetryBudget.share())
    })
  })

  it("let nothing fail that keeps the accounts", () => {
    types(() => {
      expectTypeOf(RetryBudget.recordCall(budget)).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(RetryBudget.recordSuccess(budget, { isRetry: true })).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(RetryBudget.tryWithdraw(budget, { isTimeout: true })).toEqualTypeOf<Effect.Effect<boolean>>()
      expectTypeOf(RetryBudget.snapshot(budget)).toEqualTypeOf<Effect.Effect<RetryBudget.Snapshot>>()
    })
  })

  it("leave an effect that is tracked as it is", () => {
    types(() => {
      expectTypeOf(RetryBudget.track(effect, budget)).toEqualTypeOf<typeof effect>()
      expectTypeOf(effect.pipe(RetryBudget.track(budget))).toEqualTypeOf<typeof effect>()
    })
  })

  it("leave a schedule that is gated as it is, unless it says what a timeout is", () => {
    types(() => {
      expectTypeOf(RetryBudget.gate(schedule, budget)).toEqualTypeOf<typeof schedule>()
      expectTypeOf(schedule.pipe(RetryBudget.gate(budget))).toEqualTypeOf<typeof schedule>()
      const isTimeout = (error: Slow | Down) => error._tag === "Slow"
      type Asking = Schedule.Schedule<string, Slow | Down, B>
      expectTypeOf(RetryBudget.gate(schedule, budget, { isTimeout })).toEqualTypeOf<Asking>()
      expectTypeOf(schedule.pipe(RetryBudget.gate(budget, { isTimeout }))).toEqualTypeOf<Asking>()
      const gated = Schedule.exponential("1 second").pipe(RetryBudget.gate(budget))
      expectTypeOf(gated).toEqualTypeOf<Schedule.Schedule<Duration.Duration>>()
      expectTypeOf(effect.pipe(Effect.retry(gated))).toEqualTypeOf<typeof effect>()
    })
  })

  it("add BudgetExhausted with the error it carries, and what the schedule requires", () => {
    type Retried = Effect.Effect<number, Slow | Down | RetryBudget.BudgetExhausted<Slow | Down>, A | B>
    types(() => {
      expectTypeOf(RetryBudget.retry(effect, schedule, budget)).toEqualTypeOf<Retried>()
      expectTypeOf(effect.pipe(RetryBudget.retry(schedule, budget))).toEqualTypeOf<Retried>()
      const options = { isTimeout: (error: Slow | Down) => error._tag === "Slow" }
      expectTypeOf(RetryBudget.retry(effect, schedule, budget, options)).toEqualTypeOf<Retried>()
      expectTypeOf(effect.pipe(RetryBudget.retry(schedule, budget, options))).toEqualTypeOf<Retried>()
      effect.pipe(
        RetryBudget.retry(schedule, budget),
        Effect.catchTag("BudgetExhausted", (error) => {
          expectTypeOf(error.last).toEqualTypeOf<Slow | Down>()
          return Effect.void
        })
      )
      // @ts-expect-error a schedule for other errors
      RetryBudget.retry(effect, {} as Schedule.Schedule<unknown, Error>, budget)
    })
  })

  it("let a loop have a budget, and leave its types alone", () => {
    types(() => {
      const plain = Retry.loop({ attempt: () => effect, schedule })
      expectTypeOf(Retry.loop({ attempt: () => effect, schedule, budget, isTimeout: ({ _tag }) => _tag === "Slow" }))
        .toEqualTypeOf(plain)
    })
  })

  it("leave an effect without nested retries as it is", () => {
    types(() => {
      expectTypeOf(Retry.withoutNested(effect)).toEqualTypeOf<typeof effect>()
      expectTypeOf(Retry.allowNested(effect)).toEqualTypeOf<typeof effect>()
    })
  })
})
