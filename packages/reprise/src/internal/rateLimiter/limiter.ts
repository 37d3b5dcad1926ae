import type * as Duration from "effect/Duration"
import * as Pipeable from "effect/Pipeable"
import type { RateLimiter, RateLimitExceeded } from "../../RateLimiter.js"
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
  isAdmitted = false
  /** Set while it waits for others. The first one of the queue waits for its own time. */
  wake: (() => void) | undefined

  constructor(readonly tokens: number) {}
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
  private tat = 0
  private queuedTokens = 0
  private first: Waiter | undefined
  private last: Waiter | undefined

  constructor(readonly settings: Settings, private originMillis: number, private lastMillis = originMillis) {
    super()
  }

  /** A clock that steps back goes on from where it was. */
  ticks(nowMillis: number): number {
    if (nowMillis < this.lastMillis) this.originMillis -= this.lastMillis - nowMillis
    this.lastMillis = nowMillis
    return (nowMillis - this.originMillis) * this.settings.rate.ticksPerMilli
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
    const { rate } = this.settings
    const elapsedMillis = Math.max(nowMillis, this.lastMillis) - this.originMillis
    return this.waiting > 0 ? 0 : Gcra.remaining(this.tat, elapsedMillis * rate.ticksPerMilli, rate)
  }

  enter(tokens: number): Waiter {
    const waiter = new Waiter(tokens)
    waiter.previous = this.last
    if (this.last === undefined) this.first = waiter
    else this.last.next = waiter
    this.last = waiter
    this.waiting++
    this.queuedTokens += tokens
    return waiter
  }

  isFirst(waiter: Waiter): boolean {
    return this.first === waiter
  }

  /** Nothing is taken for a call until its time has come: all behind it move up. */
  leave(waiter: Waiter): void {
    if (waiter.isAdmitted) return
    const wasFirst = this.isFirst(waiter)
    this.remove(waiter)
    if (wasFirst) this.first?.wake?.()
  }

  /** Admits the first ones of the queue whose time has come; then, how many ticks the next one has to wait. */
  advance(now: number): number {
    const { rate } = this.settings
    for (let waiter = this.first; waiter !== undefined; waiter = this.first) {
      const due = Gcra.due(this.tat, waiter.tokens, rate)
      if (due > now) {
        waiter.wake?.()
        return due - now
      }
      const began = Math.max(due, now - lateMillis * rate.ticksPerMilli)
      this.tat = Gcra.admit(this.tat, began, waiter.tokens, rate)[1]
      this.remove(waiter)
      waiter.isAdmitted = true
      waiter.wake?.()
    }
    return 0
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
