import * as Effect from "effect/Effect"
import { constVoid, identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import { InvalidOption, number } from "../../InvalidOption.js"
import type { Policy } from "../../Policy.js"
import { Admission, type AnyPolicy } from "./admission.js"
import * as attempt from "./attempt.js"
import { admit } from "./wait.js"

/** @internal */
export const protect = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  policies: ReadonlyArray<AnyPolicy>,
  call?: Policy.CallOptions
): Effect.Effect<A, E | E2, R> => {
  checkDistinct(policies)
  const terms: attempt.Terms = {
    policies,
    ...callOptions(call),
    mayWait: true,
    deadlineMillis: undefined,
    attemptMillis: Infinity,
    onTimeout: constVoid
  }
  // Made once, and not for each run.
  const masked = Effect.uninterruptible(
    attempt.masked<A, E, R, E2>(Effect.interruptible(self), terms, Effect.interruptible)
  )
  const holds = policies.some((policy) => policy.holds)

  return Effect.withFiberRuntime<A, E | E2, R>((fiber, { runtimeFlags }) => {
    if (!RuntimeFlags.interruption(runtimeFlags)) return attempt.masked<A, E, R, E2>(self, terms, identity)
    if (holds) return masked
    const admission = new Admission(terms, fiber)
    const verdict = admission.look()
    // Tickets that must hear of interruptions, and places in queues, are only taken inside of the mask.
    if (verdict === undefined ? admission.holds : verdict._tag === "Wait") return masked
    const failed = verdict ?? admission.take()
    return failed === undefined
      ? attempt.run<A, E, R, E2>(self, admission, terms, identity)
      : admit(admission, failed, identity) as Effect.Effect<never, E2>
  })
}

/** @internal */
export const callOptions = (call: Policy.CallOptions = {}): Pick<attempt.Terms, "priority" | "partition"> => ({
  priority: call.priority === undefined ? 0 : number("priority", call.priority, { min: -Number.MAX_VALUE }),
  partition: call.partition
})

/**
 * A policy that is asked twice for one attempt would look twice before it takes, and could take more than it has.
 *
 * @internal
 */
export const checkDistinct = (policies: ReadonlyArray<AnyPolicy>): void => {
  if (new Set(policies).size === policies.length) return
  throw new InvalidOption({ option: "policies", value: policies, expected: "every policy at most once" })
}
