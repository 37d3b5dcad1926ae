import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as timeout from "../timeout.js"
import { Admission, type AnyPolicy } from "./admission.js"
import { admit, type Restore } from "./wait.js"

/**
 * What one attempt runs under.
 *
 * @internal
 */
export interface Terms {
  readonly policies: ReadonlyArray<AnyPolicy>
  readonly priority: number
  readonly partition: string | undefined
  /** `false` for a hedge. */
  readonly mayWait: boolean
  /** How long the attempt may take once it is admitted. */
  readonly attemptMillis: number
  /** Defaults to the deadline of the fiber. */
  readonly deadlineMillis?: number
  /** The error of an attempt that took as long as it may. */
  readonly onTimeout: (millis: number) => unknown
}

/** @internal */
export const ask = (terms: Terms, fiber: Fiber.RuntimeFiber<unknown, unknown>): Admission =>
  new Admission(terms.policies, fiber, terms.priority, terms.partition, terms.mayWait, terms.deadlineMillis)

/**
 * Asks the policies, waits for them, runs the effect and tells them how it ended. It belongs into a region that is
 * uninterruptible; `restore` makes what may be interrupted interruptible again.
 *
 * @internal
 */
export const masked = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  terms: Terms,
  restore: Restore
): Effect.Effect<A, E | E2, R> =>
  Effect.withFiberRuntime<A, E | E2, R>((fiber) => {
    const admission = ask(terms, fiber)
    const verdict = admission.look() ?? admission.take()
    if (verdict === undefined) return run(self, admission, terms, restore)
    return Effect.zipRight(
      // The policies reject with `E2`.
      admit(admission, verdict, restore) as Effect.Effect<void, E2>,
      Effect.suspend(() => run<A, E, R, E2>(self, admission, terms, restore))
    )
  })

/** @internal */
export const run = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  admission: Admission,
  { attemptMillis, deadlineMillis, onTimeout }: Terms,
  restore: Restore
): Effect.Effect<A, E | E2, R> => {
  const settle = (exit: Exit.Exit<A, E | E2>) => admission.settle(exit)
  const leftMillis = deadlineMillis === undefined || deadlineMillis === Infinity
    ? Infinity
    : deadlineMillis - admission.nowMillis
  const millis = Math.min(attemptMillis, leftMillis)
  if (millis === Infinity) {
    return Effect.matchCauseEffect(restore(self), {
      onSuccess: (value) => settle(Exit.succeed(value)),
      onFailure: (cause) => settle(Exit.failCause(cause))
    })
  }
  // A timeout is an error of the attempt: its type is part of `E2`.
  const limit = { millis, onTimeout: () => onTimeout(millis) as E2, deadlineMillis: deadlineMillis ?? Infinity }
  if (millis > 0) return timeout.limited(self, admission.fiber, restore, limit, settle)
  admission.withdraw()
  return Effect.fail(limit.onTimeout())
}

/** @internal */
export const attempt = <A, E, R, E2>(self: Effect.Effect<A, E, R>, terms: Terms): Effect.Effect<A, E | E2, R> =>
  Effect.withFiberRuntime((_, { runtimeFlags }) =>
    // `Effect.uninterruptibleMask` in fewer operations.
    RuntimeFlags.interruption(runtimeFlags)
      ? Effect.uninterruptible(masked<A, E, R, E2>(self, terms, Effect.interruptible))
      : masked<A, E, R, E2>(self, terms, identity)
  )
