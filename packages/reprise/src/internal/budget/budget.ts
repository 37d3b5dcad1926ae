import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pipeable from "effect/Pipeable"
import { monotonicMillis } from "../effect/clock.js"
import type { Fallible } from "../effect/schedule.js"
import { isTimeout } from "../errors.js"
import * as Driver from "../retry/driver.js"
import { again } from "../retry/loop.js"
import { type Standing, standing } from "../standing.js"
import type { Snapshot, Source } from "../telemetry/event.js"
import { type RetryBudget, TypeId } from "./model.js"
import type { Rule } from "./rules.js"

/** @internal */
export class Budget extends Pipeable.Class() implements RetryBudget, Source {
  readonly [TypeId]: typeof TypeId = TypeId
  /** Retries that are paid for and have not begun. */
  held = 0
  withdrawn = 0
  refused = 0

  constructor(readonly key: string, readonly rule: Rule) {
    super()
  }

  [standing](nowMillis: number): Standing {
    return this.held > 0 ? "busy" : this.rule.standing(nowMillis)
  }

  get policy(): string {
    return "retryBudget"
  }

  inspect(nowMillis: number): Snapshot {
    return { policy: this.policy, key: this.key, left: this.rule.balance(nowMillis, this.held) }
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

  /**
   * The toll for the retries of one call. It comes from the budget, so that a loop without one does not include its
   * code.
   */
  toll<E>(isTimeout: ((error: E) => boolean) | undefined): Toll<E> {
    return new Toll(this, isTimeout)
  }

  /** Made once for all calls. */
  readonly onSuccess = <A>(value: A): Effect.Effect<A> => {
    this.rule.success()
    return Exit.succeed(value)
  }
}

/**
 * Counts the call. An interruption before its first operation does not count.
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

/**
 * The payments for the retries of one call. A payment for a retry that never begins is returned.
 *
 * @internal
 */
export class Toll<in E> {
  isRefused = false
  private isHeld = false
  /** Of the last payment. */
  private isTimeout!: boolean

  constructor(readonly budget: Budget, readonly isTimeoutOf: (error: E) => boolean = isTimeout) {}

  pay(error: E, nowMillis: number): boolean {
    const isTimeout = this.isTimeoutOf(error)
    if (!this.budget.hold(nowMillis, isTimeout)) {
      this.isRefused = true
      return false
    }
    this.isHeld = true
    this.isTimeout = isTimeout
    return true
  }

  /** The attempt after the payment. */
  attempt<A, E2, R>(self: Effect.Effect<A, E2, R>): Effect.Effect<A, E2, R> {
    return Effect.withFiberRuntime((fiber) => {
      this.isHeld = false
      this.budget.begin(monotonicMillis(fiber))
      return self
    })
  }

  /** Wraps the rest of the call after the first failure. */
  over<A, E2, R>(self: Effect.Effect<A, E2, R>, isSuccess: (value: A) => boolean): Effect.Effect<A, E2, R> {
    return Effect.onExit(self, (exit) =>
      Effect.sync(() => {
        if (this.isHeld) this.budget.release(this.isTimeout)
        else if (Exit.isSuccess(exit) && isSuccess(exit.value)) this.budget.rule.reward(this.isTimeout)
      }))
  }
}

/**
 * Like `Retry.retry`, with a budget that pays for each retry. If the budget rejects one, `exhausted` makes the error
 * from the last one.
 *
 * @internal
 */
export const retry = <A, E, R, B, R1, E2, E1 = never>(
  self: Effect.Effect<A, E, R>,
  schedule: Fallible<B, E, E1, R1>,
  budget: Budget,
  isTimeout: ((error: E) => boolean) | undefined,
  exhausted: (error: E) => E2
): Effect.Effect<A, E | E1 | E2, R | R1> =>
  counted(
    budget,
    Effect.catchAllCause(rewarded(budget, self), (cause) => {
      const toll = budget.toll(isTimeout)
      const retries = again(Effect.failCause(cause), self, Driver.make(schedule, { toll }))
      return toll.over(
        // Once the budget has refused a retry, the loop ends with the last error.
        Effect.mapError(retries, (error): E | E1 | E2 => toll.isRefused ? exhausted(error as E) : error),
        () => true
      )
    })
  )
