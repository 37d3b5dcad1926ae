/**
 * Bounds how many calls run at once by a limit that it learns from how long they take and which of them are turned away.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as algorithms from "./internal/limiter/algorithms.js"
import * as limiter from "./internal/limiter/limiter.js"
import type {
  AdaptiveLimiter,
  Aimd,
  Algorithm,
  CallOptions,
  Changes,
  Gradient2,
  Gradient2State,
  LimitExceeded,
  Options,
  Snapshot,
  Vegas,
  VegasState
} from "./internal/limiter/model.js"
import * as shell from "./internal/shell/protect.js"
import * as OptionsConfig from "./OptionsConfig.js"

export {
  type AdaptiveLimiter,
  type Aimd,
  type Algorithm,
  type Bounds,
  type CallOptions,
  type Changes,
  type Gradient2,
  type Gradient2State,
  LimitExceeded,
  type Options,
  type Outcome,
  type Sample,
  type Snapshot,
  TypeId,
  type Vegas,
  type VegasState
} from "./internal/limiter/model.js"

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
export const aimd: (options?: Aimd) => Algorithm<number> = algorithms.aimd

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
  options?: Gradient2
) => Algorithm<Gradient2State> = algorithms.gradient2

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
export const vegas: (options?: Vegas) => Algorithm<VegasState> = algorithms.vegas

/**
 * Makes a limiter. It holds no fiber and no timer: only a wait that is limited has a timer, while it lasts. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <S>(options: Options<S>): Effect.Effect<AdaptiveLimiter> => limiter.make(options)

/**
 * Makes the limiter of a tag, for the wiring of services.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <I, S>(
  tag: Context.Tag<I, AdaptiveLimiter>,
  options: Options<S>
): Layer.Layer<I> => Layer.effect(tag, make(options))

/**
 * The numbers of a limiter that learns by `aimd`, read from Effect's `Config`: `MIN_LIMIT`, `MAX_LIMIT`, `INITIAL_LIMIT`,
 * `BACKOFF`, `TIMEOUT`, `MAX_QUEUED` and `QUEUE_TIMEOUT`, each behind the prefix if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options<number>> =>
  OptionsConfig.make({
    prefix,
    variables: {
      min: ["MIN_LIMIT", OptionsConfig.optional(Config.integer())],
      max: ["MAX_LIMIT", OptionsConfig.optional(Config.integer())],
      initial: ["INITIAL_LIMIT", OptionsConfig.optional(Config.integer())],
      backoff: ["BACKOFF", OptionsConfig.optional(Config.number())],
      timeout: ["TIMEOUT", OptionsConfig.optional(Config.duration())],
      maxQueued: ["MAX_QUEUED", OptionsConfig.optional(Config.integer())],
      queueTimeout: ["QUEUE_TIMEOUT", OptionsConfig.optional(Config.duration())]
    },
    options: ({ maxQueued, queueTimeout, ...options }) => ({ algorithm: aimd(options), maxQueued, queueTimeout }),
    check: make
  })

/**
 * Like `layer`, with options from `Config`: those of `config`, or your own.
 * A value out of range is a `ConfigError` at its variable. The layer logs one warning with unknown variables behind the prefix.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig: {
  <I>(tag: Context.Tag<I, AdaptiveLimiter>): Layer.Layer<I, ConfigError.ConfigError>
  <I, S>(
    tag: Context.Tag<I, AdaptiveLimiter>,
    options: Config.Config<Options<S>>
  ): Layer.Layer<I, ConfigError.ConfigError>
} = <I, S>(tag: Context.Tag<I, AdaptiveLimiter>, options?: Config.Config<Options<S>>) =>
  Layer.effect(
    tag,
    Effect.flatten(options === undefined ? OptionsConfig.load(config(), make) : OptionsConfig.load(options, make))
  )

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
    options?: CallOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | LimitExceeded, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: AdaptiveLimiter,
    options?: CallOptions
  ): Effect.Effect<A, E | LimitExceeded, R>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: AdaptiveLimiter,
    options?: CallOptions
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
  <S>(changes: Changes<S>): (self: AdaptiveLimiter) => Effect.Effect<void>
  <S>(self: AdaptiveLimiter, changes: Changes<S>): Effect.Effect<void>
} = dual(
  2,
  <S>(self: AdaptiveLimiter, changes: Changes<S>): Effect.Effect<void> => limiter.reconfigure(of(self), changes)
)

/**
 * All that is known, for dashboards and for people.
 *
 * @since 0.1.0
 * @category getters
 */
export const snapshot = (self: AdaptiveLimiter): Effect.Effect<Snapshot> => limiter.snapshot(of(self))
