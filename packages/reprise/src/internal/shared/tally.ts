import type { Batch, Sample, Window } from "../breaker/machine.js"
import * as strategy from "../breaker/strategy.js"
import type { Tripping } from "../breaker/tripping.js"
import { longestMillis } from "./answers.js"
import type * as CircuitBreakerStore from "./circuitStore.js"

type Counts = CircuitBreakerStore.Counts

/**
 * The calls of one process since its last report: the number of each kind, and their total time.
 *
 * A kind is an outcome with the longest limit that the call has reached, so that slow calls are slow for every member.
 *
 * @internal
 */
export class Tally {
  private counts = new Map<string, number>()

  constructor(readonly limits: ReadonlyArray<number>) {}

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

  /** Returns the counts for the report, and starts again at zero. */
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
 * The same rule, with a tally of the calls that its windows record.
 *
 * @internal
 */
export const tallied = (trip: Tripping): Tripping => {
  const { limits, makeInFlight, makeWindow, reads } = strategy.of(trip)
  return strategy.make(
    reads,
    (previous, nowMillis) => {
      const window = makeWindow(previous, nowMillis)
      const tally = new Tally(limits)
      const record = window.record.bind(window)
      // Replaces the window's own counter, because other code (export, `reconfigure`) must find a window of its kind.
      window.record = (outcome, nowMillis, durationMillis) => {
        record(outcome, nowMillis, durationMillis)
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
 * The outcome of the calls with this name; `undefined` if the name is of another kind.
 *
 * @internal
 */
export const outcomeOf = (name: string): Sample | undefined => kind.exec(name)?.[1] as Sample | undefined

/** More calls than any fleet makes between two exchanges. */
const maxCalls = 1e9

const sumOf = (counts: Counts, name: string): number => Object.hasOwn(counts, name) ? counts[name]! : 0

/**
 * The counts of other members, as batches.
 *
 * Failures come first. If another member had a success in the same interval, the failures before it must not trip the
 * breaker.
 *
 * @internal
 */
export const batches = (counts: Counts): ReadonlyArray<Batch> => {
  const all = Object.keys(counts).flatMap((name): ReadonlyArray<Batch> => {
    const [, outcome, limit = "0"] = kind.exec(name) ?? []
    const calls = Math.min(Math.round(sumOf(counts, name)), maxCalls)
    const reached = Number(limit)
    if (outcome === undefined || !(calls > 0) || reached > longestMillis) return []
    const mean = sumOf(counts, `${name} ms`) / sumOf(counts, name)
    return [{ outcome: outcome as Sample, calls, durationMillis: Math.max(mean, reached) }]
  })
  return [...all.filter(({ outcome }) => outcome !== "success"), ...all.filter(({ outcome }) => outcome === "success")]
}

/**
 * The part of the sums that is not in any of the others.
 *
 * @internal
 */
export const minus = (all: Counts, ...others: ReadonlyArray<Counts>): Counts =>
  Object.fromEntries(
    Object.entries(all).map(([name, sum]) => [
      name,
      others.reduce((rest, other) => rest - sumOf(other, name), sum)
    ])
  )
