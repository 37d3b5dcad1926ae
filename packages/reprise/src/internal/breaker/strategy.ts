import type { InFlight } from "./inFlight.js"
import type { Window } from "./machine.js"
import { type Tripping, TypeId } from "./tripping.js"

// Internal all the same; without the tag, because the tests refer to it (`stripInternal`).

/** The data of a call that a rule needs besides its result. Less data makes a call cheaper. */
export type Reads = "nothing" | "clock" | "durations"

export interface Strategy extends Tripping {
  readonly reads: Reads
  /** A new window, with the samples of an earlier one if that is of the same kind. */
  readonly makeWindow: (previous: Window | undefined, nowMillis: number) => Window
  /** The durations in milliseconds from which a call is slow. */
  readonly limits: ReadonlyArray<number>
  /** Makes the counter of calls in flight, from the earlier one if there is one. */
  readonly makeInFlight: ((previous?: InFlight) => InFlight) | undefined
}

export const make = (
  reads: Reads,
  makeWindow: Strategy["makeWindow"],
  limits: ReadonlyArray<number> = [],
  makeInFlight?: Strategy["makeInFlight"]
): Tripping => ({ [TypeId]: TypeId, reads, makeWindow, limits, makeInFlight }) as Strategy

/** `make` makes every `Tripping`. */
export const of = (tripping: Tripping): Strategy => tripping as Strategy

const order: ReadonlyArray<Reads> = ["nothing", "clock", "durations"]

export const more = (a: Reads, b: Reads): Reads => order.indexOf(a) > order.indexOf(b) ? a : b
