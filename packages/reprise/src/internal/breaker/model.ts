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
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/CircuitBreaker")

/**
 * The state of one dependency, shared by all calls to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CircuitBreaker extends Policy<CircuitOpen>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * `Closed` lets calls through, `Open` rejects them, `HalfOpen` lets a few through as probes. By hand: `Isolated` rejects
 * all, `Disabled` lets all through and still counts.
 *
 * @since 0.1.0
 * @category models
 */
export type State = "Closed" | "Open" | "HalfOpen" | "Isolated" | "Disabled"

/**
 * What a call says about the dependency: nothing, if it is `ignored`.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "success" | "failure" | "ignored"

/**
 * @since 0.1.0
 * @category options
 */
export interface Options<out R = never> {
  /** When it opens. */
  readonly trip: Tripping.Tripping
  /** Names it in errors and events. Defaults to `""`. */
  readonly key?: string | undefined
  /**
   * How long the breaker stays open: a duration of at least 0, or the delays of a schedule. The schedule starts again once the
   * breaker has stayed closed for as long as it was open, and its end repeats the last delay. The breaker opens at once, for the
   * last delay (at first for 1 s). A schedule that takes more than 1 s to decide, or more than the call has left, is ignored.
   * Defaults to 1 s, doubled with each opening up to 60 s, each with up to 10 % more or less.
   */
  readonly openFor?: Duration.DurationInput | Schedule.Schedule<unknown, Opening, R> | undefined
  /** How many calls may probe at once when the time is up. Defaults to 1. */
  readonly probes?: number | undefined
  /** How many successful probes close it. Defaults to `probes`. */
  readonly successes?: number | undefined
  /** How many failed probes do not open it again. Defaults to 0. */
  readonly toleratedProbeFailures?: number | undefined
  /** How long a probe may take: then another one may go, and its answer is ignored. Defaults to `30 seconds`. */
  readonly lease?: Duration.DurationInput | undefined
  /** What becomes of calls beyond the probes: rejected, or made to wait for what the probes say. Defaults to `"reject"`. */
  readonly onFull?: "reject" | "wait" | undefined
  /** How many may wait; the rest is rejected. Defaults to 1,000. */
  readonly maxWaiting?: number | undefined
  /** An effect that probes instead of the calls, which wait for what it says. */
  readonly probe?: Effect.Effect<unknown, unknown, R> | undefined
  /**
   * After a recovery, the shares of the calls that are let through: each output (from 0 to 1) lasts for the delay that
   * follows it. The first 1, or the end, is the end of the ramp.
   */
  readonly ramp?: Schedule.Schedule<number, unknown, R> | undefined
  /**
   * Which typed errors are failures; the others are ignored. Defaults to all but the rejections of other policies
   * (`isRejection`), which say that nothing was called. Defects always are failures.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
  /** Judges a success or a typed error; takes the place of `isFailure`. See `defaultOutcome`. */
  readonly outcome?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /** A candidate that sees the same calls and rejects none: what it would have done is in `shadow`. */
  readonly shadow?: Omit<Options<R>, "shadow"> | undefined
}

/**
 * What `openFor` is asked with: a schedule can look at why it opens, and `Retry.honorHint` at what the server asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opening extends Tripping.Trip {
  readonly error: Option.Option<unknown>
  readonly retryAfter: Option.Option<Duration.Duration>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Transition {
  readonly key: string
  /** The same as `to` only in the first element of `changes`, which tells the state at the start. */
  readonly from: State
  readonly to: State
  /** Grows with every change between closed, open and half-open. */
  readonly generation: number
  readonly atMillis: number
  readonly trip: Tripping.Trip | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly state: State
  readonly generation: number
  /** What its rule sees in the window; nothing unless closed. */
  readonly calls: number
  readonly failures: number
  readonly slow: number
  /** Probes in flight. */
  readonly probes: number
  readonly waiting: number
  /** Calls and probes let through since it was made. */
  readonly admitted: number
  /** How many of those were failures. */
  readonly failed: number
  /** Calls rejected since it was made. */
  readonly rejected: number
  /** How long it has been open and half-open since it was made, up to now. */
  readonly downMillis: number
  readonly openedAtMillis: number | undefined
  /** How much of its open time is left. None if it has no open time, or stays open for ever. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** How often it opened without staying closed in between for as long as it was open. */
  readonly trips: number
  readonly trip: Tripping.Trip | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Isolation {
  /** Ends this isolation; a second time does nothing. */
  readonly release: Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Permit {}

/**
 * The call was not made, because the circuit is open. It is a `Retry.Hint`, and captures no stack.
 *
 * @since 0.1.0
 * @category errors
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<{
  readonly key: string
  /** `Closed` only while a ramp lets a share of the calls through. */
  readonly state: State
  /** When another call may be admitted. None while isolated, and if the breaker stays open for ever. */
  readonly retryAfter: Option.Option<Duration.Duration>
  readonly openedAtMillis: number | undefined
  /** Why it opened. */
  readonly trip: Tripping.Trip | undefined
}> {
  /**
   * Ends a retry loop, as in every rejection.
   *
   * @since 0.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * @since 0.1.0
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
