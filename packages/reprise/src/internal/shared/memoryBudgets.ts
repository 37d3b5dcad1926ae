import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../effect/clock.js"
import type * as RetryBudgetStore from "./budgetStore.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type Report = RetryBudgetStore.Report
type Standing = RetryBudgetStore.Standing

interface Told {
  readonly report: Report
  readonly atMillis: number
}

/** The number of syncs of any key between two checks of all keys. */
const syncsBetweenSweeps = 1_000

/**
 * The store within one process.
 */
export class MemoryBudgets implements RetryBudgetStore.Service {
  /** By key and member. */
  readonly records = new Map<string, Map<string, Told>>()
  private syncs = 0

  constructor(readonly syncInterval: Duration.Duration, readonly timeout: Duration.Duration) {}

  readonly sync = (key: string, report: Report): Effect.Effect<Standing> =>
    Effect.withFiberRuntime((fiber) => Effect.succeed(this.tell(key, report, monotonicMillis(fiber))))

  private tell(key: string, report: Report, now: number): Standing {
    if (++this.syncs % syncsBetweenSweeps === 0) { for (const other of this.records.keys()) this.sweep(other, now) }
    const members = this.records.get(key) ?? new Map<string, Told>()
    this.records.set(key, members)
    members.set(report.member, { report, atMillis: now })
    this.sweep(key, now)
    return [...members.values()].reduce((sums, told) => plus(sums, told, now), none)
  }

  private sweep(key: string, now: number): void {
    const members = this.records.get(key)
    members?.forEach((told, member) => {
      if (!isPresent(told, now) && !isRemembered(told, now)) members.delete(member)
    })
    if (members?.size === 0) this.records.delete(key)
  }
}

const none: Standing = { members: 0, calls: 0, wanted: 0, reserved: 0, spent: 0 }

// A clock that moved backwards must not keep a member for longer.
const isPresent = ({ atMillis, report }: Told, now: number) => Math.abs(now - atMillis) < report.presentMillis

const isRemembered = ({ atMillis, report }: Told, now: number) => Math.abs(now - atMillis) < report.rememberMillis

const plus = (sums: Standing, told: Told, now: number): Standing => {
  const { report } = told
  const present = isPresent(told, now) ? 1 : 0
  const remembered = isRemembered(told, now) ? 1 : 0
  return {
    members: sums.members + present,
    calls: sums.calls + report.calls * present,
    wanted: sums.wanted + report.wanted * present,
    reserved: sums.reserved + report.reserved * remembered,
    spent: sums.spent + report.spent * remembered
  }
}
