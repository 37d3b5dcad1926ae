import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pipeable from "effect/Pipeable"
import { monotonicMillis } from "../effect/clock.js"
import { type Standing, standing } from "../standing.js"
import { type RetryBudget, TypeId } from "./model.js"
import type { Rule } from "./rules.js"
import { Toll } from "./toll.js"

/** @internal */
export class Budget extends Pipeable.Class() implements RetryBudget {
  readonly [TypeId]: typeof TypeId = TypeId
  /** Retries that are paid for and have not begun. */
  held = 0
  withdrawn = 0
  refused = 0

  constructor(readonly key: string, readonly rule: Rule) {
    super()
  }

  [standing](nowMillis: number): Standing {
    if (this.held > 0) return "busy"
    return this.rule.isNew(nowMillis) ? "new" : "changed"
  }

  /** Pays for a retry that may begin later. */
  hold(nowMillis: number, isTimeout: boolean): boolean {
    if (!this.rule.take(nowMillis, isTimeout, this.held)) {
      this.refused++
      return false
    }
    this.held++
    return true
  }

  begin(nowMillis: number): void {
    this.held--
    this.withdrawn++
    this.rule.begin(nowMillis)
  }

  release(isTimeout: boolean): void {
    this.held--
    this.rule.giveBack(isTimeout)
  }

  withdraw(nowMillis: number, isTimeout: boolean): boolean {
    const isPaid = this.hold(nowMillis, isTimeout)
    if (isPaid) this.begin(nowMillis)
    return isPaid
  }

  /** For the retries of one call. By way of the budget: a loop without one does not hold its code. */
  toll<E>(isTimeout: ((error: E) => boolean) | undefined): Toll<E> {
    return new Toll(this, isTimeout)
  }

  /** Made once, and not for each call. */
  readonly onSuccess = <A>(value: A): Effect.Effect<A> => {
    this.rule.success()
    return Exit.succeed(value)
  }
}

/**
 * Counts the call. An interruption before its first operation is no call.
 *
 * @internal
 */
export const counted = <A, E, R>(self: Budget, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  self.rule.countsCalls
    ? Effect.withFiberRuntime((fiber) => {
      self.rule.call(monotonicMillis(fiber))
      return effect
    })
    : effect

/**
 * Counts a success at the first attempt.
 *
 * @internal
 */
export const rewarded = <A, E, R>(self: Budget, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  self.rule.countsSuccesses ? Effect.flatMap(effect, self.onSuccess) : effect
