import type { CircuitBreakerStore } from "../../CircuitBreakerStore.js"
import type { Tripping } from "../../Tripping.js"
import type { Sample, Window } from "../breaker/machine.js"
import * as strategy from "../breaker/strategy.js"

type Counts = CircuitBreakerStore.Counts

/**
 * What one process has seen since it last told the others: how many calls of each kind, and how long they took together. A kind
 * is an outcome and the longest of the limits that the call has reached, so that what is slow here is slow there.
 *
 * @internal
 */
export class Tally {
  private counts = new Map<string, number>()

  constructor(
    readonly record: Window["record"],
    readonly limits: ReadonlyArray<number>
  ) {}

  add(outcome: Sample, durationMillis: number): void {
    let reached = 0
    for (const limit of this.limits) if (limit <= durationMillis && limit > reached) reached = limit
    const kind = reached === 0 ? outcome : `${outcome}@${reached}`
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    if (durationMillis > 0) {
      const sum = `${kind} ms`
      this.counts.set(sum, (this.counts.get(sum) ?? 0) + durationMillis)
    }
  }

  get isEmpty(): boolean {
    return this.counts.size === 0
  }

  /** What is to be told, and begins anew. */
  take(): Counts {
    const taken = Object.fromEntries(this.counts)
    this.counts.clear()
    return taken
  }
}

const tallies = new WeakMap<Window, Tally>()

/**
 * The tally of a window that `tallied` has made.
 *
 * @internal
 */
export const of = (window: Window): Tally | undefined => tallies.get(window)

/**
 * The same rule, and what its windows record is counted for the others.
 *
 * @internal
 */
export const tallied = (trip: Tripping): Tripping => {
  const { limits, makeInFlight, makeWindow, reads } = strategy.of(trip)
  return strategy.make(
    reads,
    (previous, nowMillis) => {
      const window = makeWindow(previous, nowMillis)
      const tally = new Tally(window.record.bind(window), limits)
      // In place of the window's own: whoever looks at it (to export it, to go on with it) finds one of its kind.
      window.record = (outcome, nowMillis, durationMillis) => {
        tally.record(outcome, nowMillis, durationMillis)
        tally.add(outcome, durationMillis)
      }
      tallies.set(window, tally)
      return window
    },
    limits,
    makeInFlight
  )
}

const kind = /^(success|failure|interrupted)(?:@(\d+(?:\.\d+)?))?$/

/**
 * Records what others have counted. Failures come first: where somebody saw a success in the same interval, the failures
 * before it are no reason to trip.
 *
 * @internal
 */
export const replay = ({ record }: Tally, counts: Counts, nowMillis: number): void => {
  const kinds = Object.keys(counts).flatMap((name) => {
    const [, outcome, reached = "0"] = kind.exec(name) ?? []
    return outcome === undefined ? [] : [{ name, outcome: outcome as Sample, reached: Number(reached) }]
  })
  const ordered = [...kinds.filter(isBad), ...kinds.filter((kind) => !isBad(kind))]
  for (const { name, outcome, reached } of ordered) {
    const calls = Math.round(counts[name] ?? 0)
    const millis = Math.max((counts[`${name} ms`] ?? 0) / calls, reached)
    for (let i = 0; i < calls; i++) record(outcome, nowMillis, millis)
  }
}

const isBad = ({ outcome }: { readonly outcome: Sample }) => outcome !== "success"

/**
 * What is in the sums of all and in neither of the others.
 *
 * @internal
 */
export const minus = (all: Counts, ...others: ReadonlyArray<Counts>): Counts =>
  Object.fromEntries(
    Object.entries(all).map(([name, sum]) => [
      name,
      others.reduce((rest, other) => rest - (other[name] ?? 0), sum)
    ])
  )
