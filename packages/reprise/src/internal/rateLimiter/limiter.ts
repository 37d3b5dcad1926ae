import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pipeable from "effect/Pipeable"
import type { RateLimiter, RateLimitExceeded } from "../../RateLimiter.js"
import { type Standing, standing } from "../standing.js"
import * as Gcra from "./gcra.js"

// Not marked internal: the declarations of RateLimiter refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/RateLimiter")

/** @internal */
export interface Settings {
  readonly key: string
  readonly limit: number
  readonly rate: Gcra.Rate
  /** How many calls may wait: none where they are to fail. */
  readonly maxQueued: number
  readonly reject: (key: string, limit: number, retryAfter: Duration.Duration, remaining: number) => RateLimitExceeded
}

/**
 * A call in the queue, which is a list in both directions: any of them may leave it.
 *
 * @internal
 */
export class Waiter {
  previous: Waiter | undefined
  next: Waiter | undefined
  /** Whether it got its tokens. */
  outcome: Exit.Exit<void, RateLimitExceeded> | undefined
  isWoken = false
  private resume: (() => void) | undefined

  constructor(readonly tokens: number, readonly deadlineMillis: number) {}

  readonly woken: Effect.Effect<void> = Effect.async((resume) => {
    // It may be woken before anybody listens.
    if (this.isWoken) resume(Effect.void)
    else this.resume = () => resume(Effect.void)
  })

  wake(): void {
    this.isWoken = true
    this.resume?.()
  }

  settle(outcome: Exit.Exit<void, RateLimitExceeded>): void {
    this.outcome = outcome
    this.wake()
  }
}

/** Timers are late at times: up to this much, a call is taken to have begun when it was due, as all behind it count on. */
const lateMillis = 50

/**
 * All of it changes in single steps: nothing is held across an operation but a place in the queue.
 *
 * @internal
 */
export class Limiter extends Pipeable.Class() implements RateLimiter {
  readonly [TypeId]: typeof TypeId = TypeId
  waiting = 0
  rejected = 0
  private hasChanged = false
  private tat = 0
  private queuedTokens = 0
  private first: Waiter | undefined
  private last: Waiter | undefined

  constructor(public settings: Settings, private originMillis: number, private lastMillis = originMillis) {
    super()
  }

  /** A clock that steps back goes on from where it was. */
  ticks(nowMillis: number): number {
    if (nowMillis < this.lastMillis) this.originMillis -= this.lastMillis - nowMillis
    this.lastMillis = nowMillis
    return (nowMillis - this.originMillis) * this.settings.rate.ticksPerMilli
  }

  [standing](nowMillis: number): Standing {
    if (this.waiting > 0) return "busy"
    return this.hasChanged || this.tat > this.ticksAt(nowMillis) ? "changed" : "new"
  }

  /** How many ticks the call would have to wait; it is admitted where that is none. */
  take(now: number, tokens: number): number {
    const [missing, tat] = Gcra.admit(this.tat, now, this.queuedTokens + tokens, this.settings.rate)
    if (this.waiting > 0) return Math.max(missing, 1)
    this.tat = tat
    return missing
  }

  /** Only looks, so that it may be asked by any clock. */
  remaining(nowMillis: number): number {
    return this.waiting > 0 ? 0 : Gcra.remaining(this.tat, this.ticksAt(nowMillis), this.settings.rate)
  }

  private ticksAt(nowMillis: number): number {
    return (Math.max(nowMillis, this.lastMillis) - this.originMillis) * this.settings.rate.ticksPerMilli
  }

  /** Why a call may not even wait for what it misses. */
  refuse(nowMillis: number, missing: number, tokens: number, deadlineMillis: number): RateLimitExceeded | undefined {
    const { key, limit, maxQueued, rate, reject } = this.settings
    const waitMillis = tokens > rate.burst ? Infinity : Math.ceil(missing / rate.ticksPerMilli)
    if (this.waiting < maxQueued && nowMillis + waitMillis < deadlineMillis) return undefined
    this.rejected++
    return reject(key, limit, Duration.millis(waitMillis), this.remaining(nowMillis))
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

  isFirst(waiter: Waiter): boolean {
    return this.first === waiter
  }

  /** Nothing is taken for a call until its time has come: all behind it move up. */
  leave(waiter: Waiter): void {
    if (waiter.outcome !== undefined) return
    const wasFirst = this.isFirst(waiter)
    this.remove(waiter)
    if (wasFirst) this.first?.wake()
  }

  /** What was taken counts on. Those in the queue are asked again, in their order, as if they came now. */
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
    this.first?.wake()
  }

  /** Admits the first ones of the queue whose time has come; then, how many ticks the next one has to wait. */
  advance(now: number): number {
    const { rate } = this.settings
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      const due = Gcra.due(this.tat, waiter.tokens, rate)
      if (due > now) {
        waiter.wake()
        return due - now
      }
      const began = Math.max(due, now - lateMillis * rate.ticksPerMilli)
      this.tat = Gcra.admit(this.tat, began, waiter.tokens, rate)[1]
      this.remove(waiter)
      waiter.settle(Exit.void)
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
    const missing = this.take(0, tokens)
    if (missing === 0) return waiter.settle(Exit.void)
    const rejection = this.refuse(nowMillis, missing, tokens, deadlineMillis)
    if (rejection === undefined) this.enter(waiter)
    else waiter.settle(Exit.fail(rejection))
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
