import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as clock from "../effect/clock.js"
import { isTimeout } from "../errors.js"
import type { Budget } from "./budget.js"

/**
 * What the retries of one call have paid: what is paid for and never begins is given back.
 *
 * @internal
 */
export class Toll<in E> {
  isRefused = false
  private isHeld = false
  private isTimeout = false

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

  /** The attempt that was paid for. */
  attempt<A, E2, R>(self: Effect.Effect<A, E2, R>): Effect.Effect<A, E2, R> {
    return Effect.withFiberRuntime((fiber) => {
      this.isHeld = false
      this.budget.begin(clock.monotonicMillis(fiber))
      return self
    })
  }

  /** Goes around all that comes after the first failure. */
  over<A, E2, R>(self: Effect.Effect<A, E2, R>, isSuccess: (value: A) => boolean): Effect.Effect<A, E2, R> {
    return Effect.onExit(self, (exit) =>
      Effect.sync(() => {
        if (this.isHeld) this.budget.release(this.isTimeout)
        else if (Exit.isSuccess(exit) && isSuccess(exit.value)) this.budget.rule.reward(this.isTimeout)
      }))
  }
}
