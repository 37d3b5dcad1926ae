/**
 * Bounds the number of concurrent calls with a limit that it learns from the duration and the rejections of calls.
 *
 * @since 3.1.0
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

/** `make` and `layer` make every limiter. */
const of = (self: AdaptiveLimiter): limiter.Limiter => self as limiter.Limiter

/**
 * Additive increase, multiplicative decrease. The limit grows by one after each call while at least half of it is in
 * use. After a drop it shrinks to `backoff` times its value, but by at least one.
 *
 * Calls that began before the last decrease do not change the limit, as TCP reduces its window once per round trip. If
 * 30 calls time out in one pause of a server, the limit shrinks once.
 *
 * It is `AIMDLimit` of https://github.com/Netflix/concurrency-limits, whose `min` is 20. It learns from drops only, so
 * let `dropped` detect the responses of an overloaded server. Throws `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category algorithms
 */
export const aimd: (options?: Aimd) => Algorithm<number> = algorithms.aimd

/**
 * Lowers the limit, by up to a half, as calls take longer than their long-term average. Otherwise the limit grows by
 * `queueSize`.
 *
 * It is `Gradient2Limit` of https://github.com/Netflix/concurrency-limits, whose `min` is 20 and which ignores drops.
 * Here a drop moves the limit towards half of its value. All calls of one round trip together lower the limit by at
 * most a half.
 *
 * During a long overload the average adapts to it, and the limit rises: then only `max` bounds it. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category algorithms
 */
export const gradient2: (
  options?: Gradient2
) => Algorithm<Gradient2State> = algorithms.gradient2

/**
 * Estimates how many calls queue at the server, from the shortest time of all calls, and holds that number between 3
 * and 6. From a limit of 100 on, the range is 6 to 12, and so on with each power of ten.
 *
 * It is `VegasLimit` of https://github.com/Netflix/concurrency-limits, after TCP Vegas, with three differences:
 *
 * - The time of a drop is never the shortest time.
 * - All calls of one round trip together lower the limit by at most a quarter.
 * - The jitter of the measurements is a fixed sequence.
 *
 * Throws `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category algorithms
 */
export const vegas: (options?: Vegas) => Algorithm<VegasState> = algorithms.vegas

/**
 * Makes a limiter. It holds no fiber. It holds a timer only during a wait that has a limit. Throws `InvalidOption` for
 * an option out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <S>(options: Options<S>): Effect.Effect<AdaptiveLimiter> => limiter.make(options)

/**
 * Makes a limiter as the service of a tag.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I, S>(
  tag: Context.Tag<I, AdaptiveLimiter>,
  options: Options<S>
): Layer.Layer<I> => Layer.effect(tag, make(options))

/**
 * Reads the numbers of a limiter that learns by `aimd` from Effect's `Config`.
 *
 * The names are `MIN_LIMIT`, `MAX_LIMIT`, `INITIAL_LIMIT`, `BACKOFF`, `TIMEOUT`, `MAX_QUEUED` and `QUEUE_TIMEOUT`, each
 * with the prefix in front, if there is one.
 *
 * @since 3.1.0
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
 * Like `layer`, with options from `Config`: those of `config`, or your own. A value out of range is a `ConfigError` at
 * its variable. The layer logs one warning with unknown variables behind the prefix.
 *
 * @since 3.1.0
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
 * Runs the effect if the limit allows it, and learns from its result.
 *
 * A call beyond the limit waits in the queue, or fails with `LimitExceeded` if it cannot. Put timeouts inside: the
 * limiter learns nothing from an interrupted call.
 *
 * 1. Below the limit, every call may run.
 * 2. At the limit, a call may run only if its partition runs less than its share of the limit (rounded up). So a
 *    partition gets its share even if others have borrowed it. Until the borrowed calls end, more calls run than the
 *    limit, by at most the borrowed shares.
 * 3. The queue is first in, first out, but partitions below their share go first.
 * 4. A partition also has its share of the queue (rounded up). In a full queue, a call of a partition below its share
 *    replaces the last call of the partition that has borrowed most.
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
 * @since 3.1.0
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
 * Changes the algorithm and the size of the queue. An option that is missing keeps its value. The limit keeps its value
 * too; the limiter learns the duration of calls anew.
 *
 * A lower limit interrupts no call. A higher one starts calls from the queue. A smaller queue rejects the newest calls,
 * first those of partitions above their share. Throws `InvalidOption` for an option out of range.
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
 * @since 3.1.0
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
 * The full state, for dashboards and logs.
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: AdaptiveLimiter): Effect.Effect<Snapshot> => limiter.snapshot(of(self))
