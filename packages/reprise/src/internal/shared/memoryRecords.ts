import type * as Machine from "../breaker/machine.js"
import * as CircuitBreakerStore from "./circuitStore.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** The record of a key. */
export interface Record {
  readonly epoch: number
  state: Machine.State
  /** The leases of the state, by their tokens. */
  readonly tokens: Map<string, number>
  readonly counts: Map<string, number>
  usedMillis: number
}

/**
 * The state of a key without a record.
 *
 * @internal
 */
export const nothing: CircuitBreakerStore.Standing = {
  version: CircuitBreakerStore.noVersion,
  state: { _tag: "Closed" },
  counts: {}
}

/** The time for which an unused record is kept. */
const idleMillis = 3_600_000

/** The number of longest unused records to check for each new one, which bounds its cost. */
const looks = 8

/** Records in the order of their last use. A new record removes those that were unused for an hour. */
export class Records {
  readonly byKey = new Map<string, Record>()

  use(key: string, now: number): Record | undefined {
    const record = this.byKey.get(key)
    if (record === undefined) return undefined
    record.usedMillis = now
    this.putLast(key, record)
    return record
  }

  add(key: string, state: Machine.State, now: number): Record {
    this.letGo(now)
    // 0 is the epoch of a key without a record.
    const epoch = Math.max(Math.floor(now), 1)
    const record: Record = { epoch, state, tokens: new Map(), counts: new Map(), usedMillis: now }
    this.byKey.set(key, record)
    return record
  }

  private letGo(now: number): void {
    let left = looks
    for (const [key, record] of this.byKey) {
      if (left-- === 0 || now - record.usedMillis < idleMillis) return
      if (endMillis(record.state) > now) this.putLast(key, record)
      else this.byKey.delete(key)
    }
  }

  private putLast(key: string, record: Record): void {
    this.byKey.delete(key)
    this.byKey.set(key, record)
  }
}

/** The time until which the state must be kept. */
const endMillis = (state: Machine.State): number => {
  switch (state._tag) {
    case "Closed":
      return -Infinity
    case "Open":
      return state.untilMillis
    case "HalfOpen":
      return Math.max(...state.leases.map(({ untilMillis }) => untilMillis))
  }
}

/** @internal */
export const isCurrent = ({ epoch, state }: Record, version: CircuitBreakerStore.Version): boolean =>
  CircuitBreakerStore.isSameVersion(version, { epoch, generation: state.generation })

/** @internal */
export const isHeld = ({ state, tokens }: Record, token: string, now: number): boolean => {
  const lease = tokens.get(token)
  return state._tag === "HalfOpen" && state.leases.some(({ id, untilMillis }) => id === lease && untilMillis > now)
}

/** @internal */
export const standing = ({ counts, epoch, state }: Record, now: number): CircuitBreakerStore.Standing => ({
  version: { epoch, generation: state.generation },
  state: told(state, now),
  counts: Object.fromEntries(counts)
})

const told = (state: Machine.State, now: number): CircuitBreakerStore.State => {
  if (state._tag === "Closed") return { _tag: "Closed" }
  const { trip, trips } = state
  return state._tag === "Open"
    ? { _tag: "Open", openMillis: restMillis(state, now), trips, trip }
    : { _tag: "HalfOpen", trips, trip }
}

/** A clock that moved backwards extends nothing. */
const restMillis = ({ openedAtMillis, untilMillis }: Machine.Open, now: number): number =>
  Math.max(Math.min(untilMillis - now, untilMillis - openedAtMillis), 0)
