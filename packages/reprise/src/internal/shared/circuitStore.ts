import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../StoreError.js"
import type * as Tripping from "../breaker/tripping.js"

/**
 * `SharedCircuitBreaker` asks for it; `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 0.1.0
 * @category tags
 */
export class CircuitBreakerStore extends Context.Tag("reprise/CircuitBreakerStore")<
  CircuitBreakerStore,
  Service
>() {}

/**
 * A store of your own may break: an answer out of range is ignored, and one that throws, dies or never answers is as good as none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** How often a member tells what it has seen, and learns what the others have. */
  readonly syncInterval: Duration.Duration
  /** The longest that anybody waits for an answer. */
  readonly timeout: Duration.Duration
  /** Adds up what the member has counted since it last told, if it is of this version; returns how things are. */
  readonly sync: (key: string, report: Report) => Effect.Effect<Standing, StoreError>
  /** Opens it, unless something else has happened since `version`. */
  readonly trip: (key: string, trip: Trip) => Effect.Effect<Standing, StoreError>
  /** Asks for the permit to probe. */
  readonly admit: (key: string, request: ProbeRequest) => Effect.Effect<Admission, StoreError>
  /**
   * Tells how a probe ended: the last success closes it, the failure that is one too many opens it anew. A permit that has
   * ended, or is of another version, changes nothing.
   */
  readonly settle: (key: string, settlement: Settlement) => Effect.Effect<Standing, StoreError>
  /** Closes it, unless something else has happened since `version`. */
  readonly close: (key: string, version: Version) => Effect.Effect<Standing, StoreError>
  /**
   * Every transition as it happens, those that came from this member too. It does not fail or end: one that does is listened to
   * again after a second, and each time twice as late.
   */
  readonly changes: Stream.Stream<Change>
}

/**
 * Which state of a key it is about. What is not kept, because nobody has told of it or because it was lost, is `noVersion`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Version {
  /** When the record was begun, in epoch milliseconds of the store: another one means that a record was lost. */
  readonly epoch: number
  /** Grows with every change between closed, open and half-open. */
  readonly generation: number
}

/**
 * @since 0.1.0
 * @category models
 */
export type State =
  | { readonly _tag: "Closed" }
  | Open
  | { readonly _tag: "HalfOpen"; readonly trips: number; readonly trip: Tripping.Trip }

/**
 * @since 0.1.0
 * @category models
 */
export interface Open {
  readonly _tag: "Open"
  /** How long it is open yet; 0 where a probe may go. */
  readonly openMillis: number
  /** How often it opened in a row. */
  readonly trips: number
  readonly trip: Tripping.Trip
}

/**
 * What members count while it is closed; the names are theirs.
 *
 * @since 0.1.0
 * @category models
 */
export type Counts = Readonly<Record<string, number>>

/**
 * @since 0.1.0
 * @category models
 */
export interface Standing {
  readonly version: Version
  readonly state: State
  /** The sums of all members since this version began; nothing unless closed. */
  readonly counts: Counts
}

/**
 * From a member that knows of no version it is taken wherever the state is closed; and so is a `Trip`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly version: Version
  /** What is more than 0. Where there is nothing, and no record either, none is begun. */
  readonly counts: Counts
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Trip {
  readonly version: Version
  readonly trip: Tripping.Trip
  readonly openMillis: number
  /** How often it had opened in a row, where the store has lost it. Defaults to what the store counts. */
  readonly trips?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Probing {
  /** Probes in flight at once. */
  readonly probes: number
  /** Successful probes that close it. */
  readonly successes: number
  /** Failed probes that do not yet open it again. */
  readonly tolerated: number
  /** How long a permit lasts. */
  readonly leaseMillis: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ProbeRequest extends Probing {
  /** Names the permit. No other request has it. */
  readonly token: string
  /**
   * Which opening the member has waited for, by its own clock. Where it is still this one, its time is over, whatever the
   * clock of the store says.
   */
  readonly version?: Version | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Admission {
  readonly isGranted: boolean
  /** When it is worth asking again; 0 where it is granted, or closed. */
  readonly retryAfterMillis: number
  readonly standing: Standing
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Settlement extends ProbeRequest {
  /** That of the standing which came with the permit. */
  readonly version: Version
  /** `ignored` gives the permit back. */
  readonly outcome: "success" | "failure" | "ignored"
  /** For how long a failure opens it. */
  readonly openMillis: number
}

/**
 * `Missed`: there may have been changes that nobody told of.
 *
 * @since 0.1.0
 * @category models
 */
export type Change =
  | { readonly _tag: "Changed"; readonly key: string; readonly version: Version }
  | { readonly _tag: "Missed" }

/**
 * @since 0.1.0
 * @category models
 */
export const noVersion: Version = { epoch: 0, generation: 0 }

/** @internal */
export const isSameVersion = (a: Version, b: Version): boolean => a.epoch === b.epoch && a.generation === b.generation
