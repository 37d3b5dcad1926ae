import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../StoreError.js"
import type * as Tripping from "../breaker/tripping.js"

/**
 * Stores states for `SharedCircuitBreaker`. `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 3.1.0
 * @category tags
 */
export class CircuitBreakerStore extends Context.Tag("reprise/CircuitBreakerStore")<
  CircuitBreakerStore,
  Service
>() {}

/**
 * A store of your own may break. Reprise ignores an answer out of range, and treats a store that throws, dies or never
 * answers as away.
 *
 * @since 3.1.0
 * @category models
 */
export interface Service {
  /** The time between two reports of a member. */
  readonly syncInterval: Duration.Duration
  /** The longest wait for an answer. */
  readonly timeout: Duration.Duration
  /** Adds the member's new counts, if they are of this version. Returns the state. */
  readonly sync: (key: string, report: Report) => Effect.Effect<Standing, StoreError>
  /** Opens it, unless its state has changed since `version`. */
  readonly trip: (key: string, trip: Trip) => Effect.Effect<Standing, StoreError>
  /** Requests a permit to probe. */
  readonly admit: (key: string, request: ProbeRequest) => Effect.Effect<Admission, StoreError>
  /**
   * Reports the result of a probe. The last success closes it, the failure beyond the tolerated ones opens it again. A
   * permit that has ended, or has another version, changes nothing.
   */
  readonly settle: (key: string, settlement: Settlement) => Effect.Effect<Standing, StoreError>
  /** Closes it, unless its state has changed since `version`. */
  readonly close: (key: string, version: Version) => Effect.Effect<Standing, StoreError>
  /**
   * Every transition as it happens, including those of this member. The stream does not fail or end. Reprise subscribes
   * again to one that does, after a second, and then with doubled waits.
   */
  readonly changes: Stream.Stream<Change>
}

/**
 * The state of a key that an operation is about. `noVersion` stands for a key without a record, new or lost.
 *
 * @since 3.1.0
 * @category models
 */
export interface Version {
  /** The start of the record, in epoch milliseconds of the store. Another epoch means that a record was lost. */
  readonly epoch: number
  /** Grows with every change between closed, open and half-open. */
  readonly generation: number
}

/**
 * @since 3.1.0
 * @category models
 */
export type State =
  | { readonly _tag: "Closed" }
  | Open
  | { readonly _tag: "HalfOpen"; readonly trips: number; readonly trip: Tripping.Trip }

/**
 * @since 3.1.0
 * @category models
 */
export interface Open {
  readonly _tag: "Open"
  /** The rest of the open time; 0 if a probe may go. */
  readonly openMillis: number
  /** The number of openings in a row. */
  readonly trips: number
  readonly trip: Tripping.Trip
}

/**
 * Counts of members while it is closed. The members choose the names.
 *
 * @since 3.1.0
 * @category models
 */
export type Counts = Readonly<Record<string, number>>

/**
 * @since 3.1.0
 * @category models
 */
export interface Standing {
  readonly version: Version
  readonly state: State
  /** The sums of all members since this version began; empty unless closed. */
  readonly counts: Counts
}

/**
 * A report without a version counts if the state is closed. So does such a `Trip`.
 *
 * @since 3.1.0
 * @category models
 */
export interface Report {
  readonly version: Version
  /** Counts above 0. Without counts and without a record, the store makes no record. */
  readonly counts: Counts
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Trip {
  readonly version: Version
  readonly trip: Tripping.Trip
  readonly openMillis: number
  /** The number of openings in a row, if the store has lost it. Defaults to the store's own count. */
  readonly trips?: number | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Probing {
  /** The most probes in flight at once. */
  readonly probes: number
  /** The number of successful probes that close it. */
  readonly successes: number
  /** The number of failed probes that do not open it again. */
  readonly tolerated: number
  /** The time of a permit. */
  readonly leaseMillis: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface ProbeRequest extends Probing {
  /** The unique name of the permit. */
  readonly token: string
  /**
   * The opening whose time is over by the member's own clock. If it is still current, the store treats its time as
   * over, even if the clock of the store differs.
   */
  readonly version?: Version | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Admission {
  readonly isGranted: boolean
  /** The time until another request can succeed; 0 if it is granted, or closed. */
  readonly retryAfterMillis: number
  readonly standing: Standing
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Settlement extends ProbeRequest {
  /** The version of the state that came with the permit. */
  readonly version: Version
  /** `ignored` returns the permit. */
  readonly outcome: "success" | "failure" | "ignored"
  /** The open time after a failure. */
  readonly openMillis: number
}

/**
 * `Missed`: changes may have been lost.
 *
 * @since 3.1.0
 * @category models
 */
export type Change =
  | { readonly _tag: "Changed"; readonly key: string; readonly version: Version }
  | { readonly _tag: "Missed" }

/**
 * @since 3.1.0
 * @category models
 */
export const noVersion: Version = { epoch: 0, generation: 0 }

/** @internal */
export const isSameVersion = (a: Version, b: Version): boolean => a.epoch === b.epoch && a.generation === b.generation
