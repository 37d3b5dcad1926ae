import { LastMillis } from "../breaker/windows.js"
import type { Standing } from "../standing.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * Decides whether a retry may go, as a pure machine: it imports nothing from Effect, reads no clock and draws no random
 * number.
 */
export interface Rule {
  readonly kind: "share" | "tokens"
  /** Whether it needs the calls. Without them, a call costs nothing. */
  readonly countsCalls: boolean
  readonly countsSuccesses: boolean
  /** A call begins. */
  call(nowMillis: number): void
  /** A first attempt succeeded. */
  success(): void
  /** Whether one more retry may go, while `held` others wait. If not, nothing changes. */
  take(nowMillis: number, isTimeout: boolean, held: number): boolean
  /** A retry that it allowed begins. */
  begin(nowMillis: number): void
  /** A retry that it allowed never began. */
  giveBack(isTimeout: boolean): void
  /** A retry succeeded. */
  reward(isTimeout: boolean): void
  balance(nowMillis: number, held: number): number
  /** The standing without held retries. */
  standing(nowMillis: number): Exclude<Standing, "busy">
}

const spans = 10

/**
 * Bounds the retries in a window by a share of its calls, and a floor.
 *
 * It drops calls up to a tenth of the window too early and retries a tenth too late, so the bound holds for every
 * window.
 */
export class Share implements Rule {
  readonly kind = "share"
  readonly countsCalls = true
  readonly countsSuccesses = false
  readonly calls: LastMillis
  readonly retries: LastMillis

  constructor(readonly ratio: number, readonly floor: number, windowMillis: number) {
    this.calls = new LastMillis(spans, windowMillis)
    this.retries = new LastMillis(spans + 1, windowMillis * (spans + 1) / spans)
  }

  call(nowMillis: number): void {
    this.calls.addAll(1, 0, nowMillis)
  }
  success(): void {}
  take(nowMillis: number, _isTimeout: boolean, held: number): boolean {
    return this.left(nowMillis, held) >= 1
  }
  begin(nowMillis: number): void {
    this.retries.addAll(1, 0, nowMillis)
  }
  giveBack(): void {}
  reward(): void {}
  balance(nowMillis: number, held: number): number {
    return Math.max(this.left(nowMillis, held), 0)
  }
  /** A new one has not earned from calls either, and so admits fewer retries. */
  standing(nowMillis: number): Exclude<Standing, "busy"> {
    this.calls.advance(nowMillis)
    this.retries.advance(nowMillis)
    return this.retries.calls > 0 ? "changed" : this.calls.calls > 0 ? "replaceable" : "new"
  }

  /** The number of retries left, including those for calls elsewhere. */
  left(nowMillis: number, held: number, elsewhere = 0): number {
    this.calls.advance(nowMillis)
    this.retries.advance(nowMillis)
    // 0.29 of 100 calls is 28.999999999999996 of them.
    return Math.floor(this.ratio * (this.calls.calls + elsewhere) + this.floor + 1e-9) - this.retries.calls - held
  }
}

/**
 * A bucket of tokens that retries take from and successes fill.
 */
export class Tokens implements Rule {
  readonly kind = "tokens"
  readonly countsCalls = false
  readonly countsSuccesses: boolean
  tokens: number

  constructor(
    readonly capacity: number,
    readonly cost: number,
    readonly timeoutCost: number,
    readonly onSuccess: number
  ) {
    this.countsSuccesses = onSuccess > 0
    this.tokens = capacity
  }

  call(): void {}
  success(): void {
    this.put(this.onSuccess)
  }
  take(_nowMillis: number, isTimeout: boolean): boolean {
    const cost = this.costOf(isTimeout)
    if (this.tokens < cost) return false
    this.tokens -= cost
    return true
  }
  begin(): void {}
  giveBack(isTimeout: boolean): void {
    this.put(this.costOf(isTimeout))
  }
  reward(isTimeout: boolean): void {
    this.put(this.costOf(isTimeout))
  }
  balance(): number {
    return this.tokens
  }
  standing(): Exclude<Standing, "busy"> {
    return this.tokens === this.capacity ? "new" : "changed"
  }

  costOf(isTimeout: boolean): number {
    return isTimeout ? this.timeoutCost : this.cost
  }
  private put(tokens: number): void {
    this.tokens = Math.min(this.tokens + tokens, this.capacity)
  }
}
