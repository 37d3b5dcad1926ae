import { retryAfter, withoutStack } from "../errors.js"
import type * as Policy from "../shell/model.js"
import type { Standing } from "../standing.js"
import type { Snapshot, Source } from "../telemetry/event.js"
import * as Gcra from "./gcra.js"
import { RateLimitExceeded } from "./model.js"

const rateLimitExceeded = withoutStack(
  RateLimitExceeded,
  function(key: string, limit: number, waitMillis: number, remaining: number) {
    this._tag = "RateLimitExceeded"
    this.key = key
    this.limit = limit
    this.retryAfter = retryAfter(waitMillis)
    this.remaining = remaining
  }
)

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export interface Settings {
  readonly key: string
  readonly limit: number
  readonly rate: Gcra.Rate
  /** The most waiting calls: none if a call beyond the limit fails. */
  readonly maxQueued: number
}

/**
 * A call in the queue, a list in both directions, because any call may leave it. Only the first one has a time of its
 * own; the others wait until they are the first.
 */
export class Waiter implements Policy.Turn<RateLimitExceeded> {
  onWake: (() => void) | undefined
  untilMillis = Infinity
  previous: Waiter | undefined
  next: Waiter | undefined
  outcome: "granted" | Policy.Reject<RateLimitExceeded> | undefined
  private hasLeft = false

  constructor(
    readonly limiter: Machine,
    readonly ticket: Policy.Ticket,
    readonly tokens: number,
    readonly deadlineMillis: number
  ) {}

  settle(outcome: "granted" | Policy.Reject<RateLimitExceeded>): void {
    this.outcome = outcome
    this.onWake?.()
  }

  poll(nowMillis: number, isPastDeadline: boolean): Policy.Ticket | Policy.Reject<RateLimitExceeded> | undefined {
    this.untilMillis = this.limiter.serve(this, nowMillis)
    const { outcome } = this
    if (outcome !== undefined) return outcome === "granted" ? this.ticket : outcome
    if (!isPastDeadline) return undefined
    this.leave()
    return { _tag: "Reject", error: this.limiter.exceeded(nowMillis, 0) }
  }

  leave(): void {
    if (this.hasLeft) return
    this.hasLeft = true
    if (this.outcome === "granted") this.ticket.withdraw?.()
    else if (this.outcome === undefined) this.limiter.leave(this)
  }
}

/**
 * The lateness of a timer up to which a call counts as started at its due time, because all calls behind it rely on
 * that.
 */
const lateMillis = 50

/**
 * The tokens, and the queue for them. Every change is one step.
 */
export class Machine implements Source {
  waiting = 0
  rejected = 0
  private hasChanged = false
  private tat = 0
  private queuedTokens = 0
  private first: Waiter | undefined
  private last: Waiter | undefined

  constructor(public settings: Settings, private originMillis: number) {}

  get policy(): string {
    return "rateLimiter"
  }

  get key(): string {
    return this.settings.key
  }

  inspect(nowMillis: number): Snapshot {
    const { key, policy, settings: { limit }, waiting } = this
    return { policy, key, waiting, limit, left: this.remaining(nowMillis) }
  }

  ticks(nowMillis: number): number {
    // A call may have read the clock before the limiter was made for it.
    return Math.max(nowMillis - this.originMillis, 0) * this.settings.rate.ticksPerMilli
  }

  standing(nowMillis: number): Standing {
    if (this.waiting > 0) return "busy"
    return this.hasChanged || this.tat > this.ticks(nowMillis) ? "changed" : "new"
  }

  /** The ticks that a call would wait if it came now. */
  missing(nowMillis: number, tokens: number): number {
    const now = this.ticks(nowMillis)
    const missing = Gcra.due(Math.max(this.tat, now), this.queuedTokens + tokens, this.settings.rate) - now
    return Math.max(missing, this.waiting > 0 ? 1 : 0)
  }

  /** Only if no tick is missing. */
  take(nowMillis: number, tokens: number): void {
    this.tat = Gcra.admit(this.tat, this.ticks(nowMillis), tokens, this.settings.rate)[1]
  }

  /** Returns unused tokens. The first call of the queue may then wait less. */
  refund(tokens: number): void {
    this.tat -= tokens * this.settings.rate.ticksPerToken
    this.first?.onWake?.()
  }

  remaining(nowMillis: number): number {
    return this.waiting > 0 ? 0 : Gcra.remaining(this.tat, this.ticks(nowMillis), this.settings.rate)
  }

  /** The reason why a call may not wait. */
  refuse(
    nowMillis: number,
    missing: number,
    tokens: number,
    deadlineMillis: number
  ): Policy.Reject<RateLimitExceeded> | undefined {
    const { maxQueued, rate } = this.settings
    const waitMillis = tokens > rate.burst ? Infinity : Math.ceil(missing / rate.ticksPerMilli)
    return this.waiting < maxQueued && nowMillis + waitMillis < deadlineMillis
      ? undefined
      : { _tag: "Reject", error: this.exceeded(nowMillis, waitMillis) }
  }

  exceeded(nowMillis: number, waitMillis: number): RateLimitExceeded {
    this.rejected++
    const { key, limit } = this.settings
    return rateLimitExceeded(key, limit, waitMillis, this.remaining(nowMillis))
  }

  enter(waiter: Waiter): void {
    waiter.previous = this.last
    waiter.next = undefined
    if (this.last === undefined) this.first = waiter
    else this.last.next = waiter
    this.last = waiter
    this.waiting++
    this.queuedTokens += waiter.tokens
  }

  /** A waiting call has taken nothing before its time: all calls behind it move up. */
  leave(waiter: Waiter): void {
    const wasFirst = this.first === waiter
    this.remove(waiter)
    if (wasFirst) this.first?.onWake?.()
  }

  /** The time of the next poll of the waiter, unless it is settled now. */
  serve(waiter: Waiter, nowMillis: number): number {
    return this.first === waiter
      ? nowMillis + Math.ceil(this.advance(this.ticks(nowMillis)) / this.settings.rate.ticksPerMilli)
      : Infinity
  }

  /** Spent tokens still count. The limiter decides again about the queue, in order, as if the calls came now. */
  reconfigure(settings: Settings, nowMillis: number): void {
    const now = this.ticks(nowMillis)
    this.hasChanged = true
    this.advance(now)
    const { burst, ticksPerToken } = settings.rate
    const ticksTaken = Math.max(this.tat - now, 0) * (ticksPerToken / this.settings.rate.ticksPerToken)
    this.settings = { ...settings, key: this.settings.key }
    this.originMillis = nowMillis
    this.tat = Math.min(ticksTaken, burst * ticksPerToken)
    for (const waiter of this.clear()) this.askAgain(waiter, nowMillis)
    this.first?.onWake?.()
  }

  /** Admits the first calls of the queue whose time has come. Returns the ticks that the next one must wait. */
  private advance(now: number): number {
    const { rate } = this.settings
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      const due = Gcra.due(this.tat, waiter.tokens, rate)
      if (due > now) {
        waiter.onWake?.()
        return due - now
      }
      const began = Math.max(due, now - lateMillis * rate.ticksPerMilli)
      this.tat = Gcra.admit(this.tat, began, waiter.tokens, rate)[1]
      this.remove(waiter)
      waiter.settle("granted")
    }
    return 0
  }

  private clear(): ReadonlyArray<Waiter> {
    const waiters: Array<Waiter> = []
    for (let waiter = this.first; waiter !== undefined; waiter = waiter.next) waiters.push(waiter)
    this.first = this.last = undefined
    this.waiting = this.queuedTokens = 0
    return waiters
  }

  private askAgain(waiter: Waiter, nowMillis: number): void {
    const { deadlineMillis, tokens } = waiter
    const missing = this.missing(nowMillis, tokens)
    if (missing <= 0) {
      this.take(nowMillis, tokens)
      return waiter.settle("granted")
    }
    const rejection = this.refuse(nowMillis, missing, tokens, deadlineMillis)
    if (rejection === undefined) this.enter(waiter)
    else waiter.settle(rejection)
  }

  private remove({ next, previous, tokens }: Waiter): void {
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    this.waiting--
    this.queuedTokens -= tokens
  }
}
