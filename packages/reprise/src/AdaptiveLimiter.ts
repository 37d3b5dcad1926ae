/**
 * Bounds how many calls run at once by a limit that it learns from how long they take and which of them are turned away.
 *
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import { made } from "./internal/effect/config.js"
import * as algorithms from "./internal/limiter/algorithms.js"
import * as config_ from "./internal/limiter/config.js"
import * as limiter from "./internal/limiter/limiter.js"
import * as shell from "./internal/shell/protect.js"
import type { Policy } from "./Policy.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = limiter.TypeId

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof limiter.TypeId

/**
 * The permits for one dependency, as many as it is thought to bear, shared by all calls to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AdaptiveLimiter extends Policy<LimitExceeded>, Pipeable {
  readonly [TypeId]: TypeId
}

/**
 * @since 0.1.0
 */
export declare namespace AdaptiveLimiter {
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
   * Why a call was rejected: it could not wait (`full`), or waited as long as it may (`timeout`, or the `deadline` of its
   * fiber).
   *
   * @since 0.1.0
   * @category models
   */
  export type Reason = "full" | "timeout" | "deadline"

  /**
   * The counts are those right after the rejection.
   *
   * @since 0.1.0
   * @category models
   */
  export interface Rejection {
    readonly key: string
    readonly reason: Reason
    readonly limit: number
    readonly running: number
    readonly queued: number
    readonly partition: string | undefined
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
    readonly rejected: { readonly [reason in Reason]: number }
    readonly partitions: {
      readonly [name: string]: {
        /** How many of them may run whatever the others do. */
        readonly guaranteed: number
        readonly running: number
        readonly queued: number
      }
    }
  }
}

/**
 * The call was not made, because as many run as the dependency is thought to bear. It captures no stack.
 *
 * @since 0.1.0
 * @category errors
 */
export class LimitExceeded extends Data.TaggedError("LimitExceeded")<AdaptiveLimiter.Rejection> {
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

const reject = limiter.withoutStack(LimitExceeded)

/** Every limiter is made here. */
const of = (self: AdaptiveLimiter): limiter.Limiter => self as limiter.Limiter

/**
 * Additive increase, multiplicative decrease: one more after each call while at least half of the limit runs, and `backoff`
 * times the limit, but at least one less, after a drop.
 *
 * Calls that began before the limit was lowered change it no more, as TCP reduces its window once per round trip: 30 calls that
 * time out in one pause of a server lower the limit once.
 *
 * As `AIMDLimit` of https://github.com/Netflix/concurrency-limits, whose `min` is 20. It learns from drops alone: give `dropped`
 * what the server says when it has too much to do. Throws `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category algorithms
 */
export const aimd: (options?: AdaptiveLimiter.Aimd) => AdaptiveLimiter.Algorithm<number> = algorithms.aimd

/**
 * Lowers the limit as calls take longer than on the long-term average, by up to a half, and else lets it grow by `queueSize`.
 *
 * As `Gradient2Limit` of https://github.com/Netflix/concurrency-limits, whose `min` is 20 and which knows no drops: here a drop
 * goes halfway down. Calls of one round trip together lower the limit by at most a half. Where an overload lasts, the average follows it, and the limit rises: `max` is what bounds it then.
 * Throws `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category algorithms
 */
export const gradient2: (
  options?: AdaptiveLimiter.Gradient2
) => AdaptiveLimiter.Algorithm<AdaptiveLimiter.Gradient2State> = algorithms.gradient2

/**
 * Estimates from the shortest time of all calls how many of them queue at the server, and holds that between 3 and 6; from a
 * limit of 100 on, between 6 and 12, and so on with each power of ten.
 *
 * As `VegasLimit` of https://github.com/Netflix/concurrency-limits, after TCP Vegas; but the time of a drop is never the shortest,
 * calls of one round trip together lower the limit by at most a quarter, and the jitter of the measurements is a fixed sequence. Throws `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category algorithms
 */
export const vegas: (options?: AdaptiveLimiter.Vegas) => AdaptiveLimiter.Algorithm<AdaptiveLimiter.VegasState> =
  algorithms.vegas

/**
 * Makes a limiter. It holds no fiber and no timer: only a wait that is limited has a timer, while it lasts. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <S>(options: AdaptiveLimiter.Options<S>): Effect.Effect<AdaptiveLimiter> =>
  limiter.make(options, reject)

/**
 * Makes the limiter of a tag, for the wiring of services.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <I, S>(
  tag: Context.Tag<I, AdaptiveLimiter>,
  options: AdaptiveLimiter.Options<S>
): Layer.Layer<I> => Layer.effect(tag, make(options))

/**
 * The numbers of a limiter that learns by `aimd`, read from Effect's `Config`: `MIN_LIMIT`, `MAX_LIMIT`, `INITIAL_LIMIT`,
 * `BACKOFF`, `TIMEOUT`, `MAX_QUEUED` and `QUEUE_TIMEOUT`, each behind the prefix if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config: (prefix?: string) => Config.Config<AdaptiveLimiter.Options<number>> = config_.config

/**
 * Like `layer`, with options from `Config`: those of `config`, or your own. A value out of range is a `ConfigError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig: {
  <I>(tag: Context.Tag<I, AdaptiveLimiter>): Layer.Layer<I, ConfigError.ConfigError>
  <I, S>(
    tag: Context.Tag<I, AdaptiveLimiter>,
    options: Config.Config<AdaptiveLimiter.Options<S>>
  ): Layer.Layer<I, ConfigError.ConfigError>
} = <I, S>(tag: Context.Tag<I, AdaptiveLimiter>, options?: Config.Config<AdaptiveLimiter.Options<S>>) =>
  Layer.effect(tag, options === undefined ? made(config(), make) : made(options, make))

/**
 * Runs the effect where the limit leaves room, and learns from how it ends; waits for room where it may, and fails with
 * `LimitExceeded` where not. Put timeouts inside: an interrupted call shows nothing.
 *
 * While fewer run than the limit, everybody may run. From then on, only a partition may of which fewer run than its share of
 * the limit (rounded up): so what others have borrowed of it is not taken from it, and for as long as their calls run, more
 * run than the limit, at most by the shares that were borrowed. Those who wait are served in the order in which they came, but
 * first those whose partition has less than its share.
 *
 * A partition also has its share of the queue (rounded up). If others have filled the queue, a call of a partition that waits in
 * fewer places than its own takes the place of the call that came last in the partition that has borrowed most.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* AdaptiveLimiter.make({
 *     algorithm: AdaptiveLimiter.aimd({ initial: 10 }),
 *     dropped: (error) => error === "overloaded"
 *   })
 *   yield* Effect.fail("overloaded").pipe(AdaptiveLimiter.protect(limiter), Effect.ignore)
 *   return yield* AdaptiveLimiter.snapshot(limiter)
 * })
 *
 * Effect.runPromise(program).then(({ limit }) => console.log(limit)) // => 9
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const protect: {
  (
    limiter: AdaptiveLimiter,
    options?: AdaptiveLimiter.CallOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LimitExceeded, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: AdaptiveLimiter,
    options?: AdaptiveLimiter.CallOptions
  ): Effect.Effect<A, E | LimitExceeded, R>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: AdaptiveLimiter,
    options?: AdaptiveLimiter.CallOptions
  ): Effect.Effect<A, E | LimitExceeded, R> => shell.protect(self, [limiter], options)
)

/**
 * Changes how the limit is learnt and how many may wait; what is not given stays. The limit goes on from where it is; how long
 * calls take is learnt anew.
 *
 * A lower limit interrupts nobody, and a higher one lets those begin who wait; a smaller queue rejects those who came last,
 * first of the partitions that wait in more places than their share.
 * Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.aimd({ initial: 50 }) })
 *   yield* AdaptiveLimiter.reconfigure(limiter, { algorithm: AdaptiveLimiter.aimd({ max: 30 }) })
 *   return (yield* AdaptiveLimiter.snapshot(limiter)).limit
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 30
 * ```
 *
 * @since 0.1.0
 * @category control
 */
export const reconfigure: {
  <S>(changes: AdaptiveLimiter.Changes<S>): (self: AdaptiveLimiter) => Effect.Effect<void>
  <S>(self: AdaptiveLimiter, changes: AdaptiveLimiter.Changes<S>): Effect.Effect<void>
} = dual(
  2,
  <S>(self: AdaptiveLimiter, changes: AdaptiveLimiter.Changes<S>): Effect.Effect<void> =>
    limiter.reconfigure(of(self), changes)
)

/**
 * All that is known, for dashboards and for people.
 *
 * @since 0.1.0
 * @category getters
 */
export const snapshot = (self: AdaptiveLimiter): Effect.Effect<AdaptiveLimiter.Snapshot> => limiter.snapshot(of(self))
