import type { InFlight } from "./inFlight.js"
import type { Window } from "./machine.js"
import { type Tripping, TypeId } from "./tripping.js"

// Internal all the same; without the tag, because the tests refer to it (`stripInternal`).

/**
 * What a rule has to know of a call besides how it ended: the less it is, the less a call costs.
 */
export type Reads = "nothing" | "clock" | "durations"

export interface Strategy extends Tripping {
  readonly reads: Reads
  /** A new window, with what an earlier one has seen, where that is of the same kind. */
  readonly makeWindow: (previous: Window | undefined, nowMillis: number) => Window
  /** From how many milliseconds on a call is slow. */
  readonly limits: ReadonlyArray<number>
  /** What watches the calls in flight; what has watched them so far, where there is something. */
  readonly makeInFlight: ((previous?: InFlight) => InFlight) | undefined
}

export const make = (
  reads: Reads,
  makeWindow: Strategy["makeWindow"],
  limits: ReadonlyArray<number> = [],
  makeInFlight?: Strategy["makeInFlight"]
): Tripping => ({ [TypeId]: TypeId, reads, makeWindow, limits, makeInFlight }) as Strategy

/**
 * Every `Tripping` is made by `make`.
 */
export const of = (tripping: Tripping): Strategy => tripping as Strategy

const order: ReadonlyArray<Reads> = ["nothing", "clock", "durations"]

export const more = (a: Reads, b: Reads): Reads => order.indexOf(a) > order.indexOf(b) ? a : b
