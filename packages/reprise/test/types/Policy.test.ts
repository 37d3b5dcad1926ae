import { describe, it } from "@effect/vitest"
import type { Effect } from "effect"
import { Data } from "effect"
import type * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as Backoff from "reprise/Backoff"
import type * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import type * as Deadline from "reprise/Deadline"
import * as Pipeline from "reprise/Pipeline"
import * as Policy from "reprise/Policy"
import type * as RateLimiter from "reprise/RateLimiter"
import * as Retry from "reprise/Retry"
import type * as RetryBudget from "reprise/RetryBudget"
import type { AttemptTimeout } from "reprise/Timeout"
import type * as Timeout from "reprise/Timeout"
import { expectTypeOf } from "vitest"

class Down extends Data.TaggedError("Down")<{ readonly retryable: boolean }> {}

class Busy extends Data.TaggedError("Busy")<Retry.Hint> {}

declare const effect: Effect.Effect<number, Down, "service">
declare const hinting: Effect.Effect<number, Busy>
declare const other: Effect.Effect<number, "other">
declare const breaker: CircuitBreaker.CircuitBreaker
declare const bulkhead: Bulkhead.Bulkhead
declare const limiter: AdaptiveLimiter.AdaptiveLimiter
declare const rate: RateLimiter.RateLimiter
declare const judge: Policy.Policy<"quota", number, Down>

type Open = CircuitBreaker.CircuitOpen
type Full = Bulkhead.BulkheadFull

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of Policy", () => {
  it("add the rejections of all policies to the errors of the effect", () => {
    type Protected = Effect.Effect<number, Down | Open | Full | "quota", "service">
    types(() => {
      expectTypeOf(Policy.protect(effect, [breaker, bulkhead, judge])).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(Policy.protect([breaker, bulkhead, judge]))).toEqualTypeOf<Protected>()
      expectTypeOf(Policy.protect(effect, [])).toEqualTypeOf<Effect.Effect<number, Down, "service">>()
    })
  })

  it("refuse a policy that judges other errors than those of the effect", () => {
    types(() => {
      // @ts-expect-error the policy judges `Down`
      Policy.protect(other, [judge])
    })
  })

  it("let a retry policy that reads `retryable` go around a breaker", () => {
    types(() => {
      const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(3), Retry.whileRetryable)
      const retried = Retry.retry(CircuitBreaker.protect(effect, breaker), policy)
      expectTypeOf(retried).toEqualTypeOf<Effect.Effect<number, Down | Open, "service">>()
    })
  })

  it("let a retry policy that reads the whole hint go around the policies of this package", () => {
    types(() => {
      const policy = Backoff.exponential("1 second").pipe(Retry.honorHint(), Retry.whileRetryable)
      const guarded = Policy.protect(hinting, [breaker, bulkhead, limiter, rate])
      expectTypeOf(Retry.retry(guarded, policy)).toEqualTypeOf<
        Effect.Effect<number, Busy | Open | Full | AdaptiveLimiter.LimitExceeded | RateLimiter.RateLimitExceeded>
      >()
    })
  })

  it("make a hint of each rejection", () => {
    type Rejection = Open | Full | AdaptiveLimiter.LimitExceeded | RateLimiter.RateLimitExceeded
    expectTypeOf<Rejection>().toExtend<Retry.Hint>()
    expectTypeOf<RetryBudget.BudgetExhausted<Busy>>().toExtend<Retry.Hint>()
  })
})

describe("the types of Pipeline", () => {
  it("have the rejections, the timeout and the deadline among the errors of a call", () => {
    types(() => {
      const resilient = Pipeline.make({ policies: [breaker], retry: Backoff.exponential("1 second") })
      type Failed = Down | Open | Timeout.AttemptTimeout
      expectTypeOf(resilient(effect)).toEqualTypeOf<
        Effect.Effect<number, Failed | Deadline.DeadlineExceeded<Failed>, "service">
      >()
    })
  })

  it("refuse an effect whose errors the retry policy does not take", () => {
    types(() => {
      const resilient = Pipeline.make({ retry: { times: 1, while: (error: Down | AttemptTimeout) => error.retryable } })
      resilient(effect)
      // @ts-expect-error the predicate takes `Down`
      resilient(other)
    })
  })
})
