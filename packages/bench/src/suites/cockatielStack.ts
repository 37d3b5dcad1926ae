import * as cockatiel from "cockatiel"
import { numbers, type Parts } from "./stacks.js"

type Policy = cockatiel.IPolicy<cockatiel.IDefaultPolicyContext>

const timeout = (millis: number): Policy => cockatiel.timeout(millis, cockatiel.TimeoutStrategy.Aggressive)

/** The same stack by cockatiel, which has no budget and no rate limiter. */
export const make = (parts: Parts): Policy => {
  const retry = cockatiel.retry(cockatiel.handleAll, {
    maxAttempts: numbers.retries,
    backoff: new cockatiel.ExponentialBackoff({ initialDelay: numbers.baseMillis })
  })
  const breaker = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 3_600_000,
    breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 10_000, minimumRps: 2 })
  })
  return cockatiel.wrap<cockatiel.IDefaultPolicyContext, never>(
    ...(parts.deadline ? [timeout(numbers.deadlineMillis)] : []),
    retry,
    breaker,
    ...(parts.bulkhead ? [cockatiel.bulkhead(numbers.maxConcurrent)] : []),
    timeout(numbers.attemptMillis)
  )
}
