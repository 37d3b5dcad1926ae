import type { Share, Tokens } from "../budget/rules.js"
import { SharedRule } from "./budgetRule.js"
import type * as RetryBudgetStore from "./budgetStore.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type Standing = RetryBudgetStore.Standing

export class SharedShare extends SharedRule<Share> {
  readonly rememberMillis: number
  protected readonly unit = 1

  constructor(local: Share) {
    super(local)
    this.rememberMillis = local.retries.millis
  }

  success(): void {}
  reward(): void {}
  protected price(): number {
    return 1
  }
  /** The budget counts held retries, and `begin` counts those that start. */
  protected pay(): void {}
  protected settle(): void {}
  protected rest(others: Standing, nowMillis: number, held: number): number {
    return this.local.left(nowMillis, held + Math.max(others.spent, 0), others.calls)
  }
  protected spent(nowMillis: number, held: number): number {
    this.local.retries.advance(nowMillis)
    return this.local.retries.calls + held
  }
  protected calls(nowMillis: number): number {
    this.local.calls.advance(nowMillis)
    return this.local.calls.calls
  }
}

/**
 * The used tokens of the bucket are the sum over all members. A success returns used tokens of any member. So one
 * member may have more than the capacity, and another one less than zero.
 */
export class SharedTokens extends SharedRule<Tokens> {
  /** Afterwards the tokens return: a new process has a full bucket too. */
  readonly rememberMillis = 60_000
  protected readonly unit: number

  constructor(local: Tokens) {
    super(local)
    this.unit = local.cost
  }

  success(): void {
    if (this.others === undefined) this.local.success()
    else this.put(this.local.onSuccess, this.others)
  }
  reward(isTimeout: boolean): void {
    if (this.others === undefined) this.local.reward(isTimeout)
    else this.put(this.price(isTimeout), this.others)
  }
  override alone(): void {
    super.alone()
    this.local.tokens = Math.min(Math.max(this.local.tokens, 0), this.local.capacity)
  }
  protected price(isTimeout: boolean): number {
    return this.local.costOf(isTimeout)
  }
  protected pay(price: number): void {
    this.local.tokens -= price
  }
  /** More tokens were returned than used: by several members at once, or for a member that has ended. */
  protected settle(others: Standing): void {
    const excess = -this.gone(others.spent)
    const own = this.local.tokens - this.local.capacity
    if (excess > 0 && own > 0) this.local.tokens -= Math.min(own, Math.ceil(excess / others.members))
  }
  protected rest(others: Standing): number {
    return this.local.capacity - Math.max(this.gone(others.spent), 0)
  }
  protected spent(): number {
    return this.local.capacity - this.local.tokens
  }
  protected calls(): number {
    return 0
  }

  private gone(elsewhere: number): number {
    return this.spent() + elsewhere
  }
  private put(tokens: number, others: Standing): void {
    this.local.tokens += Math.max(Math.min(tokens, this.gone(others.spent)), 0)
  }
}
