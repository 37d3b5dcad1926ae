import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Backoff from "reprise/Backoff"
import * as Bulkhead from "reprise/Bulkhead"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Deadline from "reprise/Deadline"
import * as Pipeline from "reprise/Pipeline"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Timeout from "reprise/Timeout"
import * as Tripping from "reprise/Tripping"

/** What a stack has besides the retries, the circuit breaker and the attempt timeout, which all have. */
export interface Parts {
  readonly deadline?: boolean
  readonly bulkhead?: boolean
  readonly rateLimiter?: boolean
}

/** By the name in the rows of the report. */
export const stacks: Record<string, Parts> = {
  standard: { deadline: true },
  "standard + limits": { deadline: true, bulkhead: true, rateLimiter: true },
  "standard + limits, no deadline": { bulkhead: true, rateLimiter: true }
}

/** The errors of all policies. */
export interface Tagged {
  readonly _tag: string
}

/** Puts a stack around an effect. */
export interface Protect {
  <A, E>(self: Effect.Effect<A, E>): Effect.Effect<A, E | Tagged>
}

/** The same numbers in every stack; nothing is rejected, and nothing times out. */
export const numbers = {
  retries: 2,
  baseMillis: 1,
  attemptMillis: 10_000,
  deadlineMillis: 30_000,
  maxConcurrent: 1_000,
  callsPerSecond: 1e9
}

/** Opens when half of at least 20 calls in 10 s fail. */
export const trip = Tripping.rate({
  threshold: 0.5,
  minimumCalls: 20,
  window: { duration: "10 seconds", buckets: 10 }
})

const policy = Backoff.exponential(numbers.baseMillis).pipe(
  Backoff.fullJitter,
  Backoff.attempts(numbers.retries + 1)
)

const attemptTimeout = Timeout.timeoutFail({
  duration: numbers.attemptMillis,
  onTimeout: () => new Cause.TimeoutException()
})

/** The parts of `standard` in one pipeline. */
export const pipeline = Pipeline.make({
  deadline: numbers.deadlineMillis,
  retry: policy,
  budget: Effect.runSync(RetryBudget.share()),
  policies: [Effect.runSync(CircuitBreaker.make({ trip }))],
  attemptTimeout: numbers.attemptMillis
})

/** What rejects without asking anybody is outside of what is scarce, as in `ResilientHttpClient`. */
export const make = (parts: Parts): Protect => {
  const budget = Effect.runSync(RetryBudget.share())
  const breaker = Effect.runSync(CircuitBreaker.make({ trip }))
  const bulkhead = Effect.runSync(Bulkhead.make({ maxConcurrent: numbers.maxConcurrent }))
  const limiter = Effect.runSync(RateLimiter.make({ limit: numbers.callsPerSecond, window: "1 second" }))
  return <A, E>(self: Effect.Effect<A, E>) => {
    let stack: Effect.Effect<A, E | Tagged> = attemptTimeout(self)
    if (parts.rateLimiter) stack = RateLimiter.protect(stack, limiter)
    if (parts.bulkhead) stack = Bulkhead.protect(stack, bulkhead)
    stack = RetryBudget.retry(CircuitBreaker.protect(stack, breaker), policy, budget)
    return parts.deadline ? Deadline.within(stack, numbers.deadlineMillis) : stack
  }
}
