import type { Guard } from "./guard.js"

/**
 * The guards of a pipeline, each where there is one.
 *
 * @internal
 */
export interface Guards {
  readonly hedge: Guard | undefined
  readonly gate: Guard | undefined
  readonly breaker: Guard | undefined
  readonly bulkhead: Guard | undefined
  readonly rateLimiter: Guard | undefined
  readonly adaptiveLimiter: Guard | undefined
}

/**
 * All of them as one, in the order in which an attempt passes them: what costs the server nothing first, and what is scarce
 * last. Where a call may have waited for its turn in between, the gate and the breaker are asked again when it has come.
 *
 * @internal
 */
export const make = ({ adaptiveLimiter, breaker, bulkhead, gate, hedge, rateLimiter }: Guards): Guard | undefined => {
  // A token is scarce, so it comes last; but where it is waited for, the limiter that learns would take that for the server's time.
  const limits = rateLimiter?.isQueue
    ? [bulkhead, rateLimiter, adaptiveLimiter]
    : [bulkhead, adaptiveLimiter, rateLimiter]
  const mayWait = limits.some((limit) => limit?.isQueue)
  const guarded = inOrder(
    mayWait ? [gate, breaker?.ahead, ...limits, gate?.after, breaker] : [gate, breaker, ...limits]
  )
  return guarded === undefined ? hedge : hedge?.over?.(guarded) ?? guarded
}

/** The first of them is asked first. */
const inOrder = (guards: ReadonlyArray<Guard | undefined>): Guard | undefined =>
  guards.reduceRight<Guard | undefined>(
    (others, guard) =>
      guard === undefined || others === undefined
        ? guard ?? others
        : (request, attempt, deadlineMillis) =>
          guard(request, others(request, attempt, deadlineMillis), deadlineMillis),
    undefined
  )
