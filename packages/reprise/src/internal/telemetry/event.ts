import type * as Duration from "effect/Duration"
import type * as CircuitBreaker from "../breaker/model.js"
import type { Reason } from "../retry/model.js"

/**
 * The fields of every event.
 *
 * @since 3.1.0
 * @category models
 */
export interface Base {
  /** The time of the event, in epoch milliseconds. */
  readonly timeMillis: number
  /** Counts the calls of the process. `undefined` if the event belongs to no call. */
  readonly call: number | undefined
  /** The name of the pipeline, or the origin of the request. In events of a policy, the key of the policy. */
  readonly key: string
}

/**
 * An attempt begins: every policy has admitted it.
 *
 * @since 3.1.0
 * @category models
 */
export interface AttemptStarted extends Base {
  readonly _tag: "AttemptStarted"
  /** Counts the attempts of the call from 1. A hedge has the number of the attempt that it stands beside. */
  readonly number: number
}

/**
 * The result of an attempt or a call.
 *
 * @since 3.1.0
 * @category models
 */
export type Outcome = "success" | "failure" | "interrupted"

/**
 * An attempt has ended.
 *
 * @since 3.1.0
 * @category models
 */
export interface AttemptEnded extends Base {
  readonly _tag: "AttemptEnded"
  readonly number: number
  /** From its admission to its end. Waits for policies are not part of it. */
  readonly duration: Duration.Duration
  readonly outcome: Outcome
  /** The status, such as `503`, or the tag of the error. `undefined` unless the attempt failed. */
  readonly errorType: string | undefined
}

/**
 * The loop waits, and then makes another attempt.
 *
 * @since 3.1.0
 * @category models
 */
export interface RetryScheduled extends Base {
  readonly _tag: "RetryScheduled"
  /** The number of the attempt that failed. */
  readonly number: number
  readonly delay: Duration.Duration
  /** `backoff`, or `retryAfter` if the server asked for a longer wait. */
  readonly reason: Reason
  readonly errorType: string
}

/**
 * An attempt failed, and no other attempt follows.
 *
 * @since 3.1.0
 * @category models
 */
export interface RetryRefused extends Base {
  readonly _tag: "RetryRefused"
  /** The number of the attempt that failed. */
  readonly number: number
  /** The reason: `budget`, `deadline`, `notIdempotent`, `attempts`, `notRetryable` and so on. */
  readonly reason: Reason
  readonly errorType: string
}

/**
 * A call has ended.
 *
 * @since 3.1.0
 * @category models
 */
export interface CallEnded extends Base {
  readonly _tag: "CallEnded"
  /** The number of started attempts, including hedges. */
  readonly attempts: number
  readonly duration: Duration.Duration
  readonly outcome: Outcome
  /** The status, such as `503`, or the tag of the error. `undefined` unless the call failed. */
  readonly errorType: string | undefined
}

/**
 * A policy rejected an attempt.
 *
 * @since 3.1.0
 * @category models
 */
export interface Rejected extends Base {
  readonly _tag: "Rejected"
  /**
   * `circuitBreaker`, `bulkhead`, `adaptiveLimiter`, `rateLimiter`, `retryAfterGate`, or the name of your own policy.
   */
  readonly policy: string
  /** The tag of the rejection. */
  readonly errorType: string
}

/**
 * A wait for a policy has ended.
 *
 * @since 3.1.0
 * @category models
 */
export interface Waited extends Base {
  readonly _tag: "Waited"
  readonly policy: string
  readonly duration: Duration.Duration
  readonly outcome: "admitted" | "rejected" | "interrupted"
}

/**
 * A circuit breaker has changed its state.
 *
 * @since 3.1.0
 * @category models
 */
export interface CircuitTransition extends Base {
  readonly _tag: "CircuitTransition"
  readonly from: CircuitBreaker.State
  readonly to: CircuitBreaker.State
  readonly generation: number
  /** The reason why the circuit opened. `undefined` unless a rule opened it. */
  readonly trip: CircuitBreaker.Transition["trip"]
}

/**
 * A server asked every caller to wait.
 *
 * @since 3.1.0
 * @category models
 */
export interface GateClosed extends Base {
  readonly _tag: "GateClosed"
  readonly duration: Duration.Duration
}

/**
 * The first attempt after a pause has passed the gate.
 *
 * @since 3.1.0
 * @category models
 */
export interface GateOpened extends Base {
  readonly _tag: "GateOpened"
}

/**
 * A hedge begins beside an attempt that takes long.
 *
 * @since 3.1.0
 * @category models
 */
export interface HedgeStarted extends Base {
  readonly _tag: "HedgeStarted"
}

/**
 * A hedge succeeded before the attempt that it stands beside.
 *
 * @since 3.1.0
 * @category models
 */
export interface HedgeWon extends Base {
  readonly _tag: "HedgeWon"
}

/**
 * An adaptive limiter has changed its limit.
 *
 * @since 3.1.0
 * @category models
 */
export interface LimitChanged extends Base {
  readonly _tag: "LimitChanged"
  readonly from: number
  readonly to: number
}

/**
 * A shared store no longer answers. `key` names the shared thing.
 *
 * @since 3.1.0
 * @category models
 */
export interface StoreLost extends Base {
  readonly _tag: "StoreLost"
  /** The tag of the error. */
  readonly errorType: string
}

/**
 * A shared store answers again.
 *
 * @since 3.1.0
 * @category models
 */
export interface StoreRestored extends Base {
  readonly _tag: "StoreRestored"
}

/**
 * A decision of Reprise at run time. No event holds a header, a query, a credential or a body.
 *
 * @since 3.1.0
 * @category models
 */
export type Event =
  | AttemptStarted
  | AttemptEnded
  | RetryScheduled
  | RetryRefused
  | CallEnded
  | Rejected
  | Waited
  | CircuitTransition
  | GateClosed
  | GateOpened
  | HedgeStarted
  | HedgeWon
  | LimitChanged
  | StoreLost
  | StoreRestored

/**
 * The part of an event that its source provides.
 *
 * @since 3.1.0
 * @category models
 */
export type Told = Event extends infer E ? E extends Event ? Omit<E, "timeMillis" | "call"> : never : never

/**
 * A function that receives the events of the calls of one pipeline, made by `Telemetry.listener`.
 *
 * @since 3.1.0
 * @category models
 */
export interface Listener {
  readonly [ListenerTypeId]: typeof ListenerTypeId
}

/**
 * @since 3.1.0
 * @category type ids
 */
export const ListenerTypeId: unique symbol = Symbol.for("reprise/Telemetry/Listener")

/**
 * The state of a policy or a budget, in numbers that fit a gauge.
 *
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  /**
   * `circuitBreaker`, `bulkhead`, `adaptiveLimiter`, `rateLimiter`, `retryAfterGate`, `retryBudget`, or a name of your
   * own.
   */
  readonly policy: string
  readonly key: string
  /** The state of a circuit breaker, or `Open` and `Closed` of a gate, which lets attempts pass while it is open. */
  readonly state?: string | undefined
  /** The time since a circuit opened, or the rest of a gate's pause, in milliseconds. */
  readonly millis?: number | undefined
  /** The number of running attempts. */
  readonly running?: number | undefined
  /** The number of waiting attempts. */
  readonly waiting?: number | undefined
  /** The most attempts that may run at once. */
  readonly limit?: number | undefined
  /** The number of retries or tokens that are left. */
  readonly left?: number | undefined
}

/**
 * A policy or a budget whose state telemetry can show.
 *
 * @since 3.1.0
 * @category models
 */
export interface Source {
  readonly policy: string
  readonly key: string
  /** The state at a time of the monotonic clock. It must change nothing. */
  readonly inspect: (nowMillis: number) => Snapshot
}
