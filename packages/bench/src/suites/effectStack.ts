import * as Effect from "effect/Effect"
import * as RateLimiter from "effect/RateLimiter"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as naiveBreaker from "./naiveBreaker.js"
import { numbers, type Parts, type Protect, type Tagged } from "./stacks.js"

const schedule = Schedule.exponential(numbers.baseMillis).pipe(
  Schedule.jittered,
  Schedule.intersect(Schedule.recurs(numbers.retries))
)

/**
 * The stack that one composes from what Effect has, and the circuit breaker that one writes first; there is no budget. Its
 * limiter lives in a fiber.
 */
export const make = (parts: Parts): Effect.Effect<Protect, never, Scope.Scope> =>
  Effect.gen(function*() {
    const breaker = yield* naiveBreaker.make(5, 3_600_000)
    const semaphore = yield* Effect.makeSemaphore(numbers.maxConcurrent)
    const limit = parts.rateLimiter
      ? yield* RateLimiter.make({ limit: numbers.callsPerSecond, interval: "1 second" })
      : undefined
    return <A, E>(self: Effect.Effect<A, E>) => {
      let stack: Effect.Effect<A, E | Tagged> = Effect.timeout(self, numbers.attemptMillis)
      if (limit) stack = limit(stack)
      if (parts.bulkhead) stack = semaphore.withPermits(1)(stack)
      stack = Effect.retry(breaker(stack), schedule)
      return parts.deadline ? Effect.timeout(stack, numbers.deadlineMillis) : stack
    }
  })
