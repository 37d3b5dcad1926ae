import type { Window } from "../breaker/machine.js"
import * as windows from "../breaker/windows.js"
import type * as CircuitBreakerStore from "./circuitStore.js"
import * as tally from "./tally.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type Counts = CircuitBreakerStore.Counts

/**
 * Sums have no order. So a leaving member reports the length of the current row of failures, by the number of successes
 * and failures before that row.
 */
const successesThen = "row: success"
const failuresBefore = "row: failure"

const total = (counts: Counts, outcome: "success" | "failure"): number =>
  Object.entries(counts).reduce((all, [name, one]) => tally.outcomeOf(name) === outcome ? all + one : all, 0)

const sum = (counts: Counts, name: string): number => Object.hasOwn(counts, name) ? counts[name]! : 0

/** The number of failures in a row at the end of the sums; `undefined` if a success came without such a report. */
export const row = (counts: Counts): number | undefined =>
  total(counts, "success") === sum(counts, successesThen)
    ? Math.max(total(counts, "failure") - sum(counts, failuresBefore), 0)
    : undefined

/**
 * Records the earlier counts that still apply to a new member: failures in a row, and calls that all fit into a window
 * of calls.
 *
 * The age of a sum is unknown, so a window of time begins empty.
 */
export const record = (window: Window, before: Counts, own: Counts, nowMillis: number): void => {
  if (window instanceof windows.Several) {
    for (const one of window.windows) record(one, before, own, nowMillis)
  } else if (window instanceof windows.Consecutive) {
    if (total(own, "success") === 0) window.failures += row(before) ?? 0
  } else if (window instanceof windows.Rate && window.samples instanceof windows.LastCalls) {
    const batches = tally.batches(before)
    const calls = batches.reduce((sum, batch) => sum + batch.calls, 0)
    const { samples } = window
    if (samples.calls + calls <= samples.size) window.recordAll(batches, nowMillis)
  }
}

/** The counts that a leaving member adds to the sums, so that new members get the number of failures in a row. */
export const parting = (window: Window, counts: Counts): Counts => {
  const failures = rowOf(window)
  if (failures === undefined || row(counts) === failures) return {}
  const missing = {
    [successesThen]: total(counts, "success") - sum(counts, successesThen),
    [failuresBefore]: total(counts, "failure") - failures - sum(counts, failuresBefore)
  }
  return Object.fromEntries(Object.entries(missing).filter(([, count]) => count > 0))
}

const rowOf = (window: Window): number | undefined => {
  if (window instanceof windows.Consecutive) return window.failures
  return window instanceof windows.Several
    ? window.windows.map(rowOf).find((failures) => failures !== undefined)
    : undefined
}
