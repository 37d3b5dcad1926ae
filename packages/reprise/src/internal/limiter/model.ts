import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type { Policy } from "../shell/model.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/AdaptiveLimiter")

/**
 * The permits for one dependency, as many as it is thought to bear, shared by all calls to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdaptiveLimiter extends Policy<LimitExceeded>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * What one call has shown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sample {
  /** How long it took, without its wait for a permit; 0 where the clock stood still. */
  readonly rttMillis: number
  /** How many ran when it began, itself among them. */
  readonly inFlight: number
  /** Whether it was turned away or timed out: a sign of too much load, whatever time it took. */
  readonly didDrop: boolean
  /**
   * Whether the call began before the limit was last lowered. Then it shows the event that lowered the limit, and not a new one.
   */
  readonly isSameEvent?: boolean
}

/**
 * How the limit is learnt, as pure functions: `aimd`, `gradient2`, `vegas`, or your own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Algorithm<in out S> {
  readonly initial: S
  /** The state after one more call. */
  readonly next: (state: S, sample: Sample) => S
  /** How many may run at once; it is rounded down, and at least 1. */
  readonly limit: (state: S) => number
  /** The state at a limit that another has learnt, or at the nearest within its bounds. Defaults to `initial`. */
  readonly at?: ((limit: number) => S) | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Bounds {
  /**
   * The lowest limit. Defaults to 1, so that many clients together can come down to what a server bears. Netflix's `AIMDLimit`
   * and `Gradient2Limit` default to 20, Envoy's adaptive concurrency to 3. Raise it if a client has few peers.
   */
  readonly min?: number | undefined
  /** The highest limit. Defaults to 200, with `vegas` to 1,000. */
  readonly max?: number | undefined
  /** The limit to begin with. Defaults to 20, or what is nearest to it from `min` to `max`. */
  readonly initial?: number | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Aimd extends Bounds {
  /** What the limit is multiplied by after an event with drops, from 0.5 to less than 1. Defaults to 0.9. */
  readonly backoff?: number | undefined
  /** A call that takes longer counts as a drop. Defaults to `5 seconds`. */
  readonly timeout?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Gradient2 extends Bounds {
  /** How many calls may queue at the server: what the limit grows by where nothing slows down. Defaults to 4. */
  readonly queueSize?: number | undefined
  /** How much of the way to a new limit is gone with each call, up to 1: the less, the less it sways. Defaults to 0.2. */
  readonly smoothing?: number | undefined
  /** How many times the long-term time a call may take without lowering the limit, at least 1. Defaults to 1.5. */
  readonly tolerance?: number | undefined
  /** Over how many calls the long-term time is averaged. Defaults to 600. */
  readonly longWindow?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Gradient2State {
  readonly limit: number
  /** One event lowers the limit no further. */
  readonly floor: number
  readonly longRttMillis: number
  /** Up to where the average has warmed up. */
  readonly samples: number
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Vegas extends Bounds {
  /** How much of the way to a new limit is gone with each call, up to 1: the less, the less it sways. Defaults to 1. */
  readonly smoothing?: number | undefined
  /** After how many calls, in multiples of the limit, the time without load is measured anew. Defaults to 30. */
  readonly probeMultiplier?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface VegasState {
  readonly limit: number
  /** One event lowers the limit no further. */
  readonly floor: number
  readonly noLoadRttMillis: number
  /** Since the time without load was last measured anew. */
  readonly samples: number
  /** From 0 to 1: how late in its interval that will be. */
  readonly jitter: number
}

/**
 * What a call says about the load: nothing, if it is `ignored`.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome = "success" | "dropped" | "ignored"

/**
 * @since 0.1.0
 * @category options
 */
export interface Options<in out S> {
  /** How the limit is learnt. */
  readonly algorithm: Algorithm<S>
  /** How many may wait for a permit, in the order in which they came. Defaults to 0: they are rejected. */
  readonly maxQueued?: number | undefined
  /** How long a call may wait. Defaults to as long as it takes, up to the deadline of its fiber. */
  readonly queueTimeout?: Duration.DurationInput | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
  /** The share of the limit and the queue that each kind of calls has for itself, from 0 to 1; together at most 1. */
  readonly partitions?: { readonly [name: string]: number } | undefined
  /**
   * Which typed errors are signs of too much load; the others are ignored. Defaults to those tagged `TimeoutException` or
   * `AttemptTimeout`. Defects and interrupted calls always are ignored.
   */
  readonly dropped?: ((error: unknown) => boolean) | undefined
  /** Judges a success or a typed error; takes the place of `dropped`. */
  readonly outcome?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Changes<in out S> {
  /** How the limit is learnt from now on: from where it is, or the nearest within the bounds of this. */
  readonly algorithm?: Algorithm<S> | undefined
  /** How many may wait for a permit. */
  readonly maxQueued?: number | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface CallOptions {
  /** Whose share it runs in. One that has no share runs where the limit leaves room. */
  readonly partition?: string | undefined
}

/**
 * @since 0.1.0
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
      /** How many of them may run whatever the others do. */
      readonly guaranteed: number
      readonly running: number
      readonly queued: number
    }
  }
}

/**
 * The call was not made, because as many run as the dependency is thought to bear. It is a `Retry.Hint`, and
 * captures no stack.
 *
 * @since 0.1.0
 * @category errors
 */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<{
  readonly key: string
  /** The call could not wait (`full`), or waited as long as it may (`timeout`, or the `deadline` of its fiber). */
  readonly reason: "full" | "timeout" | "deadline"
  /** The counts are those right after the rejection. */
  readonly limit: number
  readonly running: number
  readonly queued: number
  readonly partition: string | undefined
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
   * None: nobody can say when a permit is free.
   *
   * @since 0.1.0
   */
  get retryAfter(): Option.Option<Duration.Duration> {
    return Option.none()
  }

  /**
   * @since 0.1.0
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
