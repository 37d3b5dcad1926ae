import type { Budget } from "./budget.js"

const timeouts = new Set<unknown>(["TimeoutException", "AttemptTimeout"])

/** @internal */
export const isTimeout = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && timeouts.has(error._tag)

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

  begin(nowMillis: number): void {
    this.isHeld = false
    this.budget.begin(nowMillis)
  }

  /** After all that comes after the first failure. */
  end(isSuccess: boolean): void {
    if (this.isHeld) this.budget.release(this.isTimeout)
    else if (isSuccess) this.budget.rule.reward(this.isTimeout)
  }
}
