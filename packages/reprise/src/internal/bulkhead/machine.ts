import type * as Policy from "../shell/model.js"
import * as groups from "./groups.js"
import * as waiters from "./waiters.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type Reason = "full" | "timeout" | "deadline"

/**
 * Calls with their own share of the permits.
 */
export class Group<E> implements Policy.Admit, groups.Share {
  readonly _tag = "Admit"
  readonly holds = true
  guaranteed = 0
  guaranteedQueued = 0
  running = 0
  readonly waiting: waiters.Waiters<Waiter<E>>

  constructor(
    readonly gate: Gate<E>,
    readonly name: string | undefined,
    readonly share: number,
    order: waiters.Order,
    /** A permit, as the shell holds it. */
    readonly ticket: (group: Group<E>) => Policy.Ticket
  ) {
    this.waiting = new waiters.Waiters(order)
  }

  decide({ priority }: Policy.Call): Policy.Decision<E> {
    const { gate } = this
    if (gate.canEnter(this)) return this
    if (!gate.hasRoom(this, priority)) return { _tag: "Reject", error: gate.refuse(this, "full") }
    return {
      _tag: "Wait",
      enter: ({ nowMillis }) => gate.enqueue(this, priority, nowMillis),
      refuse: () => gate.refuse(this, "deadline")
    }
  }

  take(_call: Policy.Call): Policy.Ticket {
    this.gate.enter(this)
    return this.ticket(this)
  }
}

/**
 * A call that waits for a permit: its place in the queue.
 */
export class Waiter<E> extends waiters.Waiter implements Policy.Turn<E> {
  onWake: (() => void) | undefined
  outcome: "granted" | Policy.Reject<E> | undefined

  constructor(
    readonly gate: Gate<E>,
    readonly group: Group<E>,
    priority: number,
    /** The order of arrival, across groups. */
    readonly number: number,
    readonly untilMillis: number
  ) {
    super(priority)
  }

  settle(outcome: "granted" | Policy.Reject<E>): void {
    this.outcome = outcome
    this.onWake?.()
  }

  poll(nowMillis: number, isPastDeadline: boolean): Policy.Ticket | Policy.Reject<E> | undefined {
    const { outcome } = this
    if (outcome !== undefined && outcome !== "granted") return outcome
    // A permit that comes after the deadline goes to the next call.
    if (isPastDeadline) return this.giveUp("deadline")
    if (outcome === "granted") return this.group.ticket(this.group)
    return nowMillis >= this.untilMillis ? this.giveUp("timeout") : undefined
  }

  leave(): void {
    if (this.outcome === "granted") this.gate.release(this.group)
    else if (this.lane !== undefined) this.gate.remove(this)
    this.outcome = undefined
  }

  private giveUp(reason: Reason): Policy.Reject<E> {
    this.leave()
    return { _tag: "Reject", error: this.gate.refuse(this.group, reason) }
  }
}

/**
 * Permits, and the queue for them. After each step no call waits that could run, so a new call that runs at once
 * overtakes none.
 */
export class Gate<E> {
  running = 0
  queued = 0
  readonly rejected = { full: 0, timeout: 0, deadline: 0 }
  readonly groups: Array<Group<E>> = []
  private numbers = 0

  constructor(
    public limit: number,
    public maxQueued: number,
    readonly queueTimeoutMillis: number,
    readonly rejection: (gate: Gate<E>, group: Group<E>, reason: Reason) => E
  ) {}

  /** Only before the first call. */
  add(group: Group<E>): Group<E> {
    this.groups.push(group)
    groups.guarantee(this.groups, this.limit, this.maxQueued)
    return group
  }

  canEnter(group: Group<E>): boolean {
    return this.running < this.limit || group.running < group.guaranteed
  }

  enter(group: Group<E>): void {
    this.running++
    group.running++
  }

  release(group: Group<E>): void {
    this.running--
    group.running--
    this.serve()
  }

  resize(limit: number, maxQueued: number): void {
    this.limit = limit
    this.maxQueued = maxQueued
    groups.guarantee(this.groups, limit, maxQueued)
    this.serve()
    while (this.queued > maxQueued) this.reject(groups.mostBorrowing(this.groups).waiting.last!)
  }

  hasRoom(group: Group<E>, priority: number): boolean {
    return this.queued < this.maxQueued || group.waiting.precedesLast(priority) ||
      groups.lender(this.groups, group) !== undefined
  }

  /**
   * In a full queue, the call replaces the last call of the group, or of a group that waits in more places than its
   * own.
   */
  enqueue(group: Group<E>, priority: number, nowMillis: number): Waiter<E> {
    const waiter = new Waiter(this, group, priority, this.numbers++, nowMillis + this.queueTimeoutMillis)
    // The group without a lender waits, because it has room.
    if (this.queued >= this.maxQueued) this.reject((groups.lender(this.groups, group) ?? group).waiting.last!)
    group.waiting.add(waiter)
    this.queued++
    return waiter
  }

  /** Counts a rejection. */
  refuse(group: Group<E>, reason: Reason): E {
    this.rejected[reason]++
    return this.rejection(this, group, reason)
  }

  /** Only a waiting call. */
  remove(waiter: Waiter<E>): void {
    waiter.group.waiting.remove(waiter)
    this.queued--
  }

  private reject(waiter: Waiter<E>): void {
    this.remove(waiter)
    waiter.settle({ _tag: "Reject", error: this.refuse(waiter.group, "full") })
  }

  private serve(): void {
    while (this.queued > 0) {
      const waiter = this.next()
      if (waiter === undefined) return
      this.remove(waiter)
      this.enter(waiter.group)
      waiter.settle("granted")
    }
  }

  /** The first call that may run: from the groups below their guarantee, and then from all. */
  private next(): Waiter<E> | undefined {
    let next: Waiter<E> | undefined
    for (const group of this.groups) {
      const { first } = group.waiting
      if (first !== undefined && this.canEnter(group) && (next === undefined || precedes(first, next))) next = first
    }
    return next
  }
}

const isOwed = <E>({ group: { guaranteed, running } }: Waiter<E>): boolean => running < guaranteed

const precedes = <E>(one: Waiter<E>, other: Waiter<E>): boolean => {
  if (isOwed(one) !== isOwed(other)) return isOwed(one)
  // Stryker disable next-line EqualityOperator: every call has its own number.
  return one.number < other.number
}
