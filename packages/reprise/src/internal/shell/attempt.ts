import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { type AnyFiber, mask, type Restore, settledBy } from "../effect/fiber.js"
import * as admission from "./admission.js"
import { admit } from "./wait.js"

/**
 * Runs an admitted attempt within its time limit.
 *
 * @internal
 */
export interface Limit {
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    restore: Restore,
    end: (exit: Exit.Exit<A, unknown>) => Effect.Effect<A, unknown>
  ): Effect.Effect<A, unknown, R>
}

/**
 * The settings of one attempt.
 *
 * @internal
 */
export interface Terms extends admission.Terms {
  /** A parameter, so that a program without time limits does not include their code. */
  readonly limit: Limit | undefined
  /** Whether it is a race: its parts pass the policies on their own, and are attempts. */
  readonly isRace?: boolean
}

/**
 * Passes the policies, runs the effect and reports its end to them. It must run in an uninterruptible region, and makes
 * the effect interruptible with `restore`.
 *
 * @internal
 */
export const masked = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  terms: Terms,
  restore: Restore
): Effect.Effect<A, E | E2, R> => Effect.withFiberRuntime<A, E | E2, R>((fiber) => begin(self, terms, restore, fiber))

/**
 * The same within a step.
 *
 * @internal
 */
export const begin = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  terms: Terms,
  restore: Restore,
  fiber: AnyFiber
): Effect.Effect<A, E | E2, R> => {
  const asked = new admission.Admission(terms, fiber)
  const verdict = asked.look() ?? asked.take()
  if (verdict === undefined) return run(self, asked, terms, restore)
  // The policies reject with `E2`.
  const admitted = admit(asked, verdict, restore) as Effect.Effect<void, E2>
  return Effect.flatMap(admitted, () => run<A, E, R, E2>(self, asked, terms, restore))
}

/** @internal */
export const run = <A, E, R, E2>(
  self: Effect.Effect<A, E, R>,
  asked: admission.Admission,
  terms: Terms,
  restore: Restore
): Effect.Effect<A, E | E2, R> => {
  if (terms.scope !== undefined && terms.isRace !== true) {
    asked.watched = terms.scope.watchAttempt(asked.fiber)
    asked.settles = true
    self = asked.watched.within(self)
  }
  if (terms.limit !== undefined) return limited(self, asked, terms, restore) as Effect.Effect<A, E | E2, R>
  if (!asked.settles) return restore(self)
  return settledBy<A, E, R, A, E, never>(restore(self), asked)
}

/** A function in `run` would cost an attempt without a limit too. A timeout is an error of the attempt. */
const limited = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  asked: admission.Admission,
  terms: Terms,
  restore: Restore
): Effect.Effect<A, unknown, R> => terms.limit!(self, asked.fiber, restore, (exit) => asked.settle(exit))

/** @internal */
export const attempt = <A, E, R, E2>(self: Effect.Effect<A, E, R>, terms: Terms): Effect.Effect<A, E | E2, R> =>
  mask((restore, fiber) => begin<A, E, R, E2>(self, terms, restore, fiber))
