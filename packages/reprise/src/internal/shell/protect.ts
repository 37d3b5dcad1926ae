import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import { InvalidOption, number } from "../../InvalidOption.js"
import type { Policy } from "../../Policy.js"
import { Admission, type AnyPolicy } from "./admission.js"
import { admit, type Restore } from "./wait.js"

/** @internal */
export const protect = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  policies: ReadonlyArray<AnyPolicy>,
  call: Policy.CallOptions = {}
): Effect.Effect<A, E | E2, R> => {
  checkDistinct(policies)
  const priority = call.priority === undefined ? 0 : number("priority", call.priority, { min: -Number.MAX_VALUE })
  const ask = (fiber: Fiber.RuntimeFiber<unknown, unknown>) =>
    new Admission(policies, fiber, priority, call.partition, true)

  const guarded = (self: Effect.Effect<A, E, R>, restore: Restore): Effect.Effect<A, E | E2, R> =>
    Effect.withFiberRuntime<A, E | E2, R>((fiber) => {
      const admission = ask(fiber)
      const verdict = admission.look() ?? admission.take()
      return verdict === undefined
        ? run(self, admission)
        // Every policy of the list rejects with `E2`.
        : Effect.zipRight(admit(admission, verdict, restore) as Effect.Effect<void, E2>, run(self, admission))
    })
  // Made once, and not for each run.
  const masked = Effect.uninterruptible(guarded(Effect.interruptible(self), Effect.interruptible))
  const holds = policies.some((policy) => policy.holds)

  return Effect.withFiberRuntime<A, E | E2, R>((fiber, { runtimeFlags }) => {
    if (!RuntimeFlags.interruption(runtimeFlags)) return guarded(self, identity)
    if (holds) return masked
    const admission = ask(fiber)
    const verdict = admission.look()
    // Tickets that must hear of interruptions, and places in queues, are only taken inside of the mask.
    if (verdict === undefined ? admission.holds : verdict._tag === "Wait") return masked
    const failed = verdict ?? admission.take()
    return failed === undefined ? run(self, admission) : admit(admission, failed, identity) as Effect.Effect<never, E2>
  })
}

const run = <A, E, R>(self: Effect.Effect<A, E, R>, admission: Admission): Effect.Effect<A, E, R> =>
  Effect.matchCauseEffect(self, {
    onSuccess: (value) => admission.settle(Exit.succeed(value)),
    onFailure: (cause) => admission.settle(Exit.failCause(cause))
  })

/** A policy that is asked twice for one attempt would look twice before it takes, and could take more than it has. */
const checkDistinct = (policies: ReadonlyArray<AnyPolicy>): void => {
  if (new Set(policies).size === policies.length) return
  throw new InvalidOption({ option: "policies", value: policies, expected: "every policy at most once" })
}
