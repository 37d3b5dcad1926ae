import { LastMillis } from "../breaker/windows.js"
import type { Rule } from "../budget/rules.js"
import type * as RetryBudgetStore from "./budgetStore.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type Sums = RetryBudgetStore.Sums
type Standing = RetryBudgetStore.Standing

/** The time for which a requested retry predicts more requests. */
const demandMillis = 10_000

/**
 * The rule of one member: a local rule, with the state of the other members.
 *
 * A retry needs a part of the common rest that this member has reserved. The member reports the reserve before it uses
 * it, and the store takes reports one after the other. So no two members spend the same retry. It is a pure machine, as
 * the local rules are.
 */
export abstract class SharedRule<L extends Rule = Rule> implements Rule {
  readonly kind: Rule["kind"]
  readonly countsCalls: boolean
  readonly countsSuccesses: boolean
  /** The sums without this member's own; `undefined` if they are unknown: then it is a local rule. */
  others: Standing | undefined
  /** The number that the member may spend before the next exchange. */
  part = 0
  /** The last report, with the part of its reserve that the member may not spend before the answer. */
  private told: Sums = { calls: 0, wanted: 0, reserved: 0, spent: 0 }
  private growth = 0
  private readonly demand = new LastMillis(10, demandMillis)

  constructor(readonly local: L) {
    this.kind = local.kind
    this.countsCalls = local.countsCalls
    this.countsSuccesses = local.countsSuccesses
  }

  /** The time for which spent retries count. */
  abstract readonly rememberMillis: number
  /** The smallest useful part. */
  protected abstract readonly unit: number
  protected abstract price(isTimeout: boolean): number
  /** The number that all members together may still spend. */
  protected abstract rest(others: Standing, nowMillis: number, held: number): number
  protected abstract spent(nowMillis: number, held: number): number
  protected abstract calls(nowMillis: number): number
  protected abstract pay(price: number): void
  protected abstract settle(others: Standing): void

  abstract success(): void
  abstract reward(isTimeout: boolean): void

  call(nowMillis: number): void {
    this.local.call(nowMillis)
  }
  take(nowMillis: number, isTimeout: boolean, held: number): boolean {
    this.demand.add(false, nowMillis)
    if (this.others === undefined) return this.local.take(nowMillis, isTimeout, held)
    const price = this.price(isTimeout)
    if (this.part < price || this.rest(this.others, nowMillis, held) < price) return false
    this.part -= price
    this.pay(price)
    return true
  }
  begin(nowMillis: number): void {
    this.local.begin(nowMillis)
  }
  giveBack(isTimeout: boolean): void {
    if (this.others === undefined) return this.local.giveBack(isTimeout)
    const price = this.price(isTimeout)
    this.part += price
    this.pay(-price)
  }
  balance(nowMillis: number, held: number): number {
    return this.others === undefined
      ? this.local.balance(nowMillis, held)
      : Math.max(Math.min(this.part, this.rest(this.others, nowMillis, held)), 0)
  }
  standing(nowMillis: number): "new" | "changed" {
    // Its last report counts for the others until it reports its end.
    return this.local.standing(nowMillis) === "new" && this.isTold(nowMillis, 0) ? "new" : "changed"
  }

  /** Whether the other members have the current counts, and there is no more to reserve. */
  isTold(nowMillis: number, held: number): boolean {
    const { calls, reserved, spent, wanted } = this.told
    return this.calls(nowMillis) === calls && this.wanted(nowMillis) === wanted &&
      this.spent(nowMillis, held) === spent && this.reserve(nowMillis, held, 0) <= reserved
  }

  /** The next report. A larger reserve may be used after the answer shows that there is room for it. */
  report(nowMillis: number, held: number, chance: number): Sums {
    const reserved = this.reserve(nowMillis, held, chance)
    this.part = Math.min(this.part, reserved)
    this.growth = reserved - this.part
    return this.told = {
      calls: this.calls(nowMillis),
      wanted: this.wanted(nowMillis),
      reserved,
      spent: this.spent(nowMillis, held)
    }
  }

  /** The last report: it reserves nothing. */
  parting(nowMillis: number, held: number): Sums {
    this.part = 0
    this.growth = 0
    const spent = this.spent(nowMillis, held)
    return this.told = { calls: this.calls(nowMillis), wanted: 0, reserved: 0, spent }
  }

  heard(sums: Standing, nowMillis: number, held: number): void {
    const { told } = this
    const others = this.others = {
      members: sums.members,
      // A store that lost the reports must not show less than nothing for the others.
      calls: Math.max(sums.calls - told.calls, 0),
      wanted: Math.max(sums.wanted - told.wanted, 0),
      reserved: Math.max(sums.reserved - told.reserved, 0),
      spent: sums.spent - told.spent
    }
    const room = this.rest(others, nowMillis, held) - others.reserved - this.part
    this.part += Math.max(Math.min(this.growth, room), 0)
    this.growth = 0
    this.settle(others)
  }

  /** Forgets the state of the other members. */
  alone(): void {
    this.others = undefined
    this.part = 0
    this.growth = 0
  }

  private wanted(nowMillis: number): number {
    this.demand.advance(nowMillis)
    return this.demand.calls
  }

  /**
   * Reserves a share of the rest, in proportion to this member's demand. Half of it stays free for a member that needs
   * it.
   *
   * A part below one retry is rounded at random. So the parts of all add up to the rest, even with more members than
   * retries.
   */
  private reserve(nowMillis: number, held: number, chance: number): number {
    const { others } = this
    if (others === undefined) return 0
    const own = this.wanted(nowMillis)
    const weight = (own + 1) / (own + others.wanted + others.members)
    const fair = weight * Math.max(this.rest(others, nowMillis, held), 0) / this.unit
    const part = others.members === 1 ? fair : Math.max(fair / 2, Math.min(fair, 1))
    return Math.floor(part + chance) * this.unit
  }
}
