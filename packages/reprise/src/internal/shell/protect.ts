import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import { InvalidOption, number } from "../../InvalidOption.js"
import { type AnyFiber, maskUnless } from "../effect/fiber.js"
import { Admission, type AnyPolicy } from "./admission.js"
import * as attempt from "./attempt.js"
import type * as Policy from "./model.js"
import { admit } from "./wait.js"

/** @internal */
export const protect = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  policies: ReadonlyArray<AnyPolicy>,
  call?: Policy.CallOptions
): Effect.Effect<A, E | E2, R> => {
  checkDistinct(policies)
  const own = terms(policies, call)
  const unmasked = (fiber: AnyFiber): Effect.Effect<A, E | E2, R> | undefined => {
    const admission = new Admission(own, fiber)
    const verdict = admission.look()
    // Tickets that must receive interruptions, and places in queues, are only taken inside the mask.
    if (verdict === undefined ? admission.holds : verdict._tag === "Wait") return undefined
    const failed = verdict ?? admission.take()
    return failed === undefined
      ? attempt.run<A, E, R, E2>(self, admission, own, identity)
      : admit(admission, failed, identity) as Effect.Effect<never, E2>
  }
  return maskUnless(
    (restore, fiber) => attempt.begin<A, E, R, E2>(self, own, restore, fiber),
    // Stryker disable next-line ConditionalExpression,MethodExpression: it spares one pass, which comes to the same end.
    policies.some((policy) => policy.holds) ? undefined : unmasked
  )
}

const terms = (policies: ReadonlyArray<AnyPolicy>, call?: Policy.CallOptions): attempt.Terms => ({
  policies,
  ...callOptions(call),
  mayWait: true,
  deadlineMillis: undefined,
  limit: undefined
})

/** @internal */
export const callOptions = (call: Policy.CallOptions = {}): Pick<attempt.Terms, "priority" | "partition"> => ({
  priority: call.priority === undefined ? 0 : number("priority", call.priority, { min: -Number.MAX_VALUE }),
  partition: call.partition
})

/**
 * Two decisions of one policy for the same attempt would both come before it takes, so it could take more than it has.
 *
 * @internal
 */
export const checkDistinct = (policies: ReadonlyArray<AnyPolicy>): void => {
  if (new Set(policies).size === policies.length) return
  throw new InvalidOption({ option: "policies", value: policies, expected: "every policy at most once" })
}

/**
 * An attempt whose caller reports its end. The first end counts.
 *
 * @internal
 */
export class Admitted {
  private isSettled = false

  constructor(private readonly admission: Admission) {}

  settle(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.isSettled) return Effect.void
      this.isSettled = true
      return Effect.asVoid(Effect.exit(this.admission.settle(exit)))
    })
  }
}

/**
 * A wait is interruptible even within an acquisition that is not: nothing has been acquired yet.
 *
 * @internal
 */
export const admitted = <E>(policies: ReadonlyArray<AnyPolicy>): Effect.Effect<Admitted, E> =>
  Effect.uninterruptible(Effect.withFiberRuntime((fiber) => {
    const admission = new Admission(terms(policies), fiber)
    // The policies reject with `E`.
    const asked = admit(admission, admission.look(), Effect.interruptible) as Effect.Effect<void, E>
    return Effect.as(asked, new Admitted(admission))
  }))
