import type { Spread } from "./stats.js"

export interface Goal {
  readonly what: string
  readonly wanted: string
  readonly measured: string
  readonly met: boolean
  /** Known reasons, told where the goal is missed. */
  readonly cause?: string
}

type Show = (value: number) => string

export const atMost = (what: string, limit: number, spread: Spread, show: Show): Goal => ({
  what,
  wanted: `≤ ${show(limit)}`,
  measured: `${show(spread.median)} (${show(spread.min)} to ${show(spread.max)})`,
  met: spread.median <= limit
})

export const atLeast = (what: string, limit: number, spread: Spread, show: Show): Goal => ({
  ...atMost(what, limit, spread, show),
  wanted: `≥ ${show(limit)}`,
  met: spread.median >= limit
})

/** Of several numbers that have to be the same one, as far as it is shown. */
export const allAt = (
  what: string,
  [least, most]: readonly [number, number],
  values: ReadonlyArray<number>,
  show: Show
): Goal => ({
  what,
  wanted: `${show(least)} to ${show(most)}`,
  measured: `${show(Math.min(...values))} to ${show(Math.max(...values))}`,
  met: Math.min(...values) >= least && show(Math.max(most, ...values)) === show(most)
})

/** Of one number, that was not measured in several processes. */
export const atMostOne = (what: string, limit: number, value: number, show: Show): Goal => ({
  what,
  wanted: `≤ ${show(limit)}`,
  measured: show(value),
  met: value <= limit
})

export const inF: Show = (value) => `${value.toFixed(2)} F`
export const times: Show = (value) => `${value.toFixed(value < 10 ? 2 : 0)} x`
export const percent: Show = (value) => `${(value * 100).toFixed(0)} %`
export const micros: Show = (value) => `${value.toFixed(0)} µs`
export const bytes: Show = (value) => `${value.toFixed(0)} B`
