import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type { Policy } from "../shell/model.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/AdaptiveLimiter")

/**
 * The learned number of permits for one dependency, shared by all calls to it.
 *
 * @since 3.1.0
 * @category models
 */
export interface AdaptiveLimiter extends Policy<LimitExceeded>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * The data of one call.
 *
 * @since 3.1.0
 * @category models
 */
export interface Sample {
  /** The duration of the call, without its wait for a permit; 0 if the clock stood still. */
  readonly rttMillis: number
  /** The number of running calls when it began, including itself. */
  readonly inFlight: number
  /** Whether it was rejected by the server or timed out: a sign of too much load at any duration. */
  readonly didDrop: boolean
  /** Whether the call began before the last decrease. Then it belongs to the same event as the decrease. */
  readonly isSameEvent?: boolean
}

/**
 * Computes the limit, with pure functions: `aimd`, `gradient2`, `vegas`, or your own.
 *
 * @since 3.1.0
 * @category models
 */
export interface Algorithm<in out S> {
  readonly initial: S
  /** The state after one more call. */
  readonly next: (state: S, sample: Sample) => S
  /** The most calls that may run at once. It is rounded down, and at least 1. */
  readonly limit: (state: S) => number
  /** The state at a limit of another algorithm, or at the nearest within its bounds. Defaults to `initial`. */
  readonly at?: ((limit: number) => S) | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Bounds {
  /**
   * The lowest limit. Defaults to 1, so that many clients together can go down to the capacity of a server.
   *
   * Netflix's `AIMDLimit` and `Gradient2Limit` default to 20, Envoy's adaptive concurrency to 3. Raise it if a client
   * has few peers.
   */
  readonly min?: number | undefined
  /** The highest limit. Defaults to 200, with `vegas` to 1,000. */
  readonly max?: number | undefined
  /** The limit at the start. Defaults to 20, or the nearest value from `min` to `max`. */
  readonly initial?: number | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Aimd extends Bounds {
  /** The factor of the limit after an event with drops, from 0.5 to less than 1. Defaults to 0.9. */
  readonly backoff?: number | undefined
  /** A call that takes longer counts as a drop. Defaults to `5 seconds`. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Gradient2 extends Bounds {
  /**
   * The number of calls that may queue at the server. The limit grows by it if calls do not slow down. Defaults to 4.
   */
  readonly queueSize?: number | undefined
  /**
   * The share of the way to a new limit that each call moves, up to 1. Smaller values make the limit steadier. Defaults
   * to 0.2.
   */
  readonly smoothing?: number | undefined
  /**
   * The duration of a call, as a multiple of the long-term time, up to which the limit does not shrink: at least 1.
   * Defaults to 1.5.
   */
  readonly tolerance?: number | undefined
  /** The number of calls in the long-term average. Defaults to 600. */
  readonly longWindow?: number | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Gradient2State {
  readonly limit: number
  /** The lowest limit for the current event. */
  readonly floor: number
  readonly longRttMillis: number
  /** Counts up to the end of the warm-up. */
  readonly samples: number
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Vegas extends Bounds {
  /**
   * The share of the way to a new limit that each call moves, up to 1. Smaller values make the limit steadier. Defaults
   * to 1.
   */
  readonly smoothing?: number | undefined
  /**
   * The number of calls, as a multiple of the limit, after which the time without load is measured again. Defaults to
   * 30.
   */
  readonly probeMultiplier?: number | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface VegasState {
  readonly limit: number
  /** The lowest limit for the current event. */
  readonly floor: number
  readonly noLoadRttMillis: number
  /** Since the last measurement of the time without load. */
  readonly samples: number
  /** The position of the next measurement in its interval, from 0 to 1. */
  readonly jitter: number
}

/**
 * The result of a call for the limiter. `ignored` says nothing about the load.
 *
 * @since 3.1.0
 * @category models
 */
export type Outcome = "success" | "dropped" | "ignored"

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<in out S> {
  /** The algorithm that computes the limit. */
  readonly algorithm: Algorithm<S>
  /** The most calls that may wait for a permit, in the order of their arrival. Defaults to 0: they are rejected. */
  readonly maxQueued?: number | undefined
  /** The longest wait of a call. Defaults to no limit but the deadline of its fiber. */
  readonly queueTimeout?: Duration.DurationInput | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
  /** The share of the limit and the queue that each kind of calls has for itself, from 0 to 1; together at most 1. */
  readonly partitions?: { readonly [name: string]: number } | undefined
  /**
   * Which typed errors are signs of too much load. All other errors are ignored. Defaults to those tagged
   * `TimeoutException` or `AttemptTimeout`. Defects and interrupted calls always are ignored.
   */
  readonly dropped?: ((error: unknown) => boolean) | undefined
  /** Classifies a success or a typed error. Replaces `dropped`. */
  readonly outcome?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Changes<in out S> {
  /** The new algorithm. It starts from the current limit, or the nearest within its bounds. */
  readonly algorithm?: Algorithm<S> | undefined
  /** The most calls that may wait for a permit. */
  readonly maxQueued?: number | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface CallOptions {
  /** The partition of the call. A call without a partition runs if the limit leaves room. */
  readonly partition?: string | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly limit: number
  readonly running: number
  readonly queued: number
  readonly maxQueued: number
  /** Calls rejected since it was made. */
  readonly rejected: { readonly [reason in LimitExceeded["reason"]]: number }
  readonly partitions: {
    readonly [name: string]: {
      /** The number of them that may always run. */
      readonly guaranteed: number
      readonly running: number
      readonly queued: number
    }
  }
}

/**
 * The call was not made, because the limit is reached. It is a `Retry.Hint`, and captures no stack.
 *
 * @since 3.1.0
 * @category errors
 */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<{
  readonly key: string
  /** The call could not wait (`full`), or the wait was too long (`timeout`, or the `deadline` of its fiber). */
  readonly reason: "full" | "timeout" | "deadline"
  /** The counts right after the rejection. */
  readonly limit: number
  readonly running: number
  readonly queued: number
  readonly partition: string | undefined
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
   * None: the time of the next free permit is unknown.
   *
   * @since 3.1.0
   */
  get retryAfter(): Option.Option<Duration.Duration> {
    return Option.none()
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const { key, limit, partition, queued, reason, running } = this
    const name = key === "" ? "The limit" : `The limit of "${key}"`
    const whose = partition === undefined ? "" : ` for "${partition}"`
    const how = {
      full: "is reached",
      timeout: "left no room in time",
      deadline: "left no room before the deadline"
    }[reason]
    return `${name} ${how}${whose}: ${running} running of ${limit}, ${queued} queued`
  }
}
