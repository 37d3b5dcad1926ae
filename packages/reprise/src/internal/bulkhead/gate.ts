import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { monotonicMillis } from "../effect/clock.js"
import type { Group } from "./groups.js"
import * as groups_ from "./groups.js"
import * as waiters from "./waiters.js"

/** @internal */
export type Reason = "full" | "timeout" | "deadline"

/** @internal */
export class Waiter<E> extends waiters.Waiter {
  /** Whether it got a permit. */
  outcome: Exit.Exit<void, E> | undefined
  stopTimer: (() => void) | undefined
  private resume: ((exit: Exit.Exit<void, E>) => void) | undefined

  constructor(
    readonly group: Group<E>,
    priority: number,
    /** In the order in which they came, across groups. */
    readonly number: number,
    readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    readonly deadlineMillis: number
  ) {
    super(priority)
  }

  readonly settled: Effect.Effect<void, E> = Effect.async((resume) => {
    // It may be decided before anybody listens.
    if (this.outcome === undefined) this.resume = resume
    else resume(this.outcome)
  })

  settle(outcome: Exit.Exit<void, E>): void {
    this.outcome = outcome
    this.stopTimer?.()
    this.resume?.(outcome)
  }

  isLate(): boolean {
    return this.deadlineMillis !== Infinity && this.deadlineMillis <= monotonicMillis(this.fiber)
  }
}

/**
 * Permits, and the queue for them. After each step nobody waits who could run: so whoever may run at once overtakes nobody.
 *
 * @internal
 */
export class Gate<E> {
  running = 0
  queued = 0
  readonly rejected = { full: 0, timeout: 0, deadline: 0 }
  private numbers = 0

  constructor(
    public limit: number,
    public maxQueued: number,
    readonly queueTimeoutMillis: number,
    readonly groups: ReadonlyArray<Group<E>>,
    readonly rejection: (gate: Gate<E>, group: Group<E>, reason: Reason) => E
  ) {
    groups_.guarantee(groups, limit, maxQueued)
  }

  tryEnter(group: Group<E>): boolean {
    if (this.running >= this.limit && group.running >= group.guaranteed) return false
    this.enter(group)
    return true
  }

  release(group: Group<E>): void {
    this.running--
    group.running--
    if (this.queued > 0) this.serve()
  }

  resize(limit: number, maxQueued: number): void {
    if (limit !== this.limit || maxQueued !== this.maxQueued) {
      this.limit = limit
      this.maxQueued = maxQueued
      groups_.guarantee(this.groups, this.limit, this.maxQueued)
    }
    this.serve()
    while (this.queued > maxQueued) {
      const last = groups_.mostBorrowing(this.groups)?.waiting.last
      if (last === undefined) return
      this.reject(last, "full")
    }
  }

  hasRoom(group: Group<E>, priority: number): boolean {
    return this.queued < this.maxQueued || group.waiting.precedesLast(priority) ||
      groups_.lender(this.groups, group) !== undefined
  }

  /** If the queue is full: in place of the last call of the group, or of a group that waits in more places than its own. */
  enqueue(
    group: Group<E>,
    priority: number,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    deadlineMillis: number
  ): Waiter<E> {
    const waiter = new Waiter(group, priority, this.numbers++, fiber, deadlineMillis)
    if (this.queued >= this.maxQueued) {
      const last = (groups_.lender(this.groups, group) ?? group).waiting.last
      if (last !== undefined) this.reject(last, "full")
    }
    group.waiting.add(waiter)
    this.queued++
    return waiter
  }

  /** Rejects a call that never waited. */
  refuse(group: Group<E>, reason: Reason): Exit.Exit<never, E> {
    this.rejected[reason]++
    return Exit.fail(this.rejection(this, group, reason))
  }

  reject(waiter: Waiter<E>, reason: Reason): void {
    if (this.remove(waiter)) waiter.settle(this.refuse(waiter.group, reason))
  }

  /** Gives back whatever one has who stops waiting. */
  leave(waiter: Waiter<E>): void {
    if (this.remove(waiter)) waiter.stopTimer?.()
    else if (waiter.outcome !== undefined && Exit.isSuccess(waiter.outcome)) this.release(waiter.group)
  }

  private enter(group: Group<E>): void {
    this.running++
    group.running++
  }

  private remove(waiter: Waiter<E>): boolean {
    if (waiter.lane === undefined) return false
    waiter.group.waiting.remove(waiter)
    this.queued--
    return true
  }

  private serve(): void {
    for (let waiter = this.next(); waiter !== undefined; waiter = this.next()) {
      if (waiter.isLate()) {
        this.reject(waiter, "deadline")
      } else {
        this.remove(waiter)
        this.enter(waiter.group)
        waiter.settle(Exit.void)
      }
    }
  }

  /** The first of those who may run: of the groups that do not have what they are guaranteed, and then of all. */
  private next(): Waiter<E> | undefined {
    if (this.queued === 0) return undefined
    let next: Waiter<E> | undefined
    let isNextOwed = false
    for (const { guaranteed, running, waiting: { first } } of this.groups) {
      const isOwed = running < guaranteed
      if (first === undefined || (!isOwed && this.running >= this.limit)) continue
      const isBefore = next === undefined || (isOwed === isNextOwed ? first.number < next.number : isOwed)
      if (isBefore) [next, isNextOwed] = [first, isOwed]
    }
    return next
  }
}
