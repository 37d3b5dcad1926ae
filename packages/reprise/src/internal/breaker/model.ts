import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type * as Schedule from "effect/Schedule"
import type { Policy } from "../shell/model.js"
import type * as Tripping from "./tripping.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreaker")

/**
 * The state of one dependency, shared by all calls to it.
 *
 * @since 3.1.0
 * @category models
 */
export interface CircuitBreaker extends Policy<CircuitOpen>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * The state of a breaker.
 *
 * - `Closed` admits calls.
 * - `Open` rejects them.
 * - `HalfOpen` admits a few as probes.
 * - `Isolated` rejects all, by hand.
 * - `Disabled` admits all and still counts, by hand.
 *
 * @since 3.1.0
 * @category models
 */
export type State = "Closed" | "Open" | "HalfOpen" | "Isolated" | "Disabled"

/**
 * The result of a call for its breaker. `ignored` says nothing about the dependency.
 *
 * @since 3.1.0
 * @category models
 */
export type Outcome = "success" | "failure" | "ignored"

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<out R = never> {
  /** The rule that opens it. */
  readonly trip: Tripping.Tripping
  /** Names it in errors and events. Defaults to `""`. */
  readonly key?: string | undefined
  /**
   * The time for which the breaker stays open: a duration of at least 0, or the delays of a schedule. Defaults to 1 s,
   * doubled with each opening up to 60 s, each with up to 10 % more or less.
   *
   * The schedule starts again after the breaker has stayed closed for as long as it was open. After its end the last
   * delay repeats. The breaker opens at once, for the last delay (at first for 1 s), until the schedule has decided. A
   * schedule that takes more than 1 s to decide, or more than the call has left, is ignored.
   */
  readonly openFor?: Duration.DurationInput | Schedule.Schedule<unknown, Opening, R> | undefined
  /** The most calls that may probe at once after the open time. Defaults to 1. */
  readonly probes?: number | undefined
  /** The number of successful probes that close it. Defaults to `probes`. */
  readonly successes?: number | undefined
  /** The number of failed probes that do not open it again. Defaults to 0. */
  readonly toleratedProbeFailures?: number | undefined
  /**
   * The most time for a probe. Afterwards another one may start, and its result is ignored. Defaults to `30 seconds`.
   */
  readonly lease?: Duration.DurationInput | undefined
  /** Whether calls beyond the probes are rejected, or wait for the results of the probes. Defaults to `"reject"`. */
  readonly onFull?: "reject" | "wait" | undefined
  /** The most waiting calls. Calls beyond are rejected. Defaults to 1,000. */
  readonly maxWaiting?: number | undefined
  /** An effect that probes instead of the calls. The calls wait for its result. */
  readonly probe?: Effect.Effect<unknown, unknown, R> | undefined
  /**
   * The shares of calls to admit after a recovery. Each output (from 0 to 1) lasts for the delay after it. The ramp
   * ends with the first output of 1, or with the schedule.
   */
  readonly ramp?: Schedule.Schedule<number, unknown, R> | undefined
  /**
   * Which typed errors are failures. All other errors are ignored. Defaults to all but the rejections of other policies
   * (`isRejection`), which made no call. Defects always are failures.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /** Classifies a success or a typed error. Replaces `isFailure`. See `defaultOutcome`. */
  readonly outcome?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** The options of a candidate that sees the same calls and rejects none. `shadow` shows what it would have done. */
  readonly shadow?: Omit<Options<R>, "shadow"> | undefined
}

/**
 * The input of `openFor`: a schedule can use the trip, and `Retry.honorHint` the wait that the server asked for.
 *
 * @since 3.1.0
 * @category models
 */
export interface Opening extends Tripping.Trip {
  readonly error: Option.Option<unknown>
  readonly retryAfter: Option.Option<Duration.Duration>
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Transition {
  readonly key: string
  /** The same as `to` only in the first element of `changes`, which has the state at the start. */
  readonly from: State
  readonly to: State
  /** Grows with every change between closed, open and half-open. */
  readonly generation: number
  readonly atMillis: number
  readonly trip: Tripping.Trip | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly state: State
  readonly generation: number
  /** The counts of its rule in the window; empty unless closed. */
  readonly calls: number
  readonly failures: number
  readonly slow: number
  /** Probes in flight. */
  readonly probes: number
  readonly waiting: number
  /** Calls and probes that it has admitted since it was made. */
  readonly admitted: number
  /** The failures among those. */
  readonly failed: number
  /** Calls rejected since it was made. */
  readonly rejected: number
  /** The time for which it has been open and half-open since it was made, up to now. */
  readonly downMillis: number
  readonly openedAtMillis: number | undefined
  /** The rest of its open time. None if it has no open time, or stays open for ever. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** The number of openings in a row, without a closed time as long as the open time. */
  readonly trips: number
  readonly trip: Tripping.Trip | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Isolation {
  /** Ends this isolation; a second time does nothing. */
  readonly release: Effect.Effect<void>
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Permit {}

/**
 * The call was not made, because the circuit is open. It is a `Retry.Hint`, and captures no stack.
 *
 * @since 3.1.0
 * @category errors
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<{
  readonly key: string
  /** `Closed` only while a ramp lets a share of the calls through. */
  readonly state: State
  /** The time until another call may be admitted. None while isolated, and if the breaker stays open for ever. */
  readonly retryAfter: Option.Option<Duration.Duration>
  readonly openedAtMillis: number | undefined
  /** The reason why it opened. */
  readonly trip: Tripping.Trip | undefined
}> {
  /**
   * `false`, as in every rejection: it ends a retry loop.
   *
   * @since 3.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const { key, retryAfter, state, trip } = this
    const name = key === "" ? "The circuit" : `The circuit "${key}"`
    const counts = trip === undefined || trip.calls === 0
      ? ""
      : `: ${trip.failures} failed and ${trip.slow} slow of ${trip.calls}`
    const why = trip === undefined ? "" : ` (${trip.rule}${counts})`
    const words = { Open: "is open", HalfOpen: "is being probed", Isolated: "is isolated" } as const
    const how = state in words ? words[state as keyof typeof words] : "lets only a share of the calls through"
    const when = Option.isSome(retryAfter) ? `, retry after ${Duration.format(retryAfter.value)}` : ""
    return `${name} ${how}${why}${when}`
  }
}
