/**
 * Starts another attempt when one takes unusually long, and uses the first that succeeds.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as delay from "./internal/hedge/delay.js"
import * as hedger from "./internal/hedge/hedge.js"
import type { CallOptions, Hedge, Options, Quantile, QuantileOptions, Snapshot } from "./internal/hedge/model.js"
import * as race from "./internal/hedge/race.js"
import * as OptionsConfig from "./OptionsConfig.js"

export {
  type CallOptions,
  type Hedge,
  type Options,
  type Quantile,
  type QuantileOptions,
  QuantileTypeId,
  type Snapshot,
  TypeId
} from "./internal/hedge/model.js"

/**
 * Hedges after the time within which this share of recent calls was answered, to within 5 %, or a millisecond (Dean and
 * Barroso, "The Tail at Scale", 2013: hedging beyond the 95th percentile adds 5 % of load).
 *
 * It learns from the first attempt of each call, never from hedges: how long an answer took, and where there was none, or a
 * hedge was faster, that it took longer than the delay. Throws `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const quantile = (options: QuantileOptions): Quantile => new delay.QuantileDelay(options)

/**
 * Makes a hedge. It holds no fiber and no timer. Throws `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Hedge> => hedger.make(options, race.run)

/**
 * Makes the hedge of a tag, for the wiring of services.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, Hedge>, options: Options): Layer.Layer<I> =>
  Layer.effect(tag, make(options))

/**
 * The numbers of `Options`, read from Effect's `Config`: `AFTER`, or `QUANTILE` for a delay that is learned, or both: then
 * `AFTER` is the delay until it is known. With `QUANTILE`, `MIN_AFTER` and `MAX_AFTER` bound it. `MAX_HEDGES`. Each is behind the
 * prefix if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> =>
  OptionsConfig.make({
    prefix,
    variables: {
      after: ["AFTER", OptionsConfig.optional(Config.duration())],
      quantile: ["QUANTILE", OptionsConfig.optional(Config.number())],
      min: ["MIN_AFTER", OptionsConfig.optional(Config.duration())],
      max: ["MAX_AFTER", OptionsConfig.optional(Config.duration())],
      maxHedges: ["MAX_HEDGES", OptionsConfig.optional(Config.integer())]
    },
    blame: { initial: ["after"] },
    options: ({ after, max, maxHedges, min, quantile: share }): Options => {
      if (share !== undefined) return { after: quantile({ quantile: share, min, max, initial: after }), maxHedges }
      if (after !== undefined) return { after, maxHedges }
      throw ConfigError.MissingData(["AFTER"], "Expected AFTER or QUANTILE to exist")
    },
    check: make
  })

/**
 * Like `layer`, with options from `Config`.
 * A value out of range is a `ConfigError` at its variable. The layer logs one warning with unknown variables behind the prefix.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, Hedge>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/** Every hedge is made by `make`. */
const of = (self: Hedge): hedger.Hedger => self as hedger.Hedger

/**
 * Runs the effect, and again beside itself each time that the delay has passed without a result, up to `maxHedges` times.
 * Only what may be done twice may be hedged.
 *
 * The first success is the result. Only time starts a hedge: after a failure none starts, because the failure may say to wait.
 * Put a retry policy around the call for another attempt. Attempts that still run are waited for, and one of them may
 * succeed. When all have failed, the call fails with the last failure. Within `Retry.withoutNested` no hedge starts.
 *
 * The call interrupts the attempts that lost, and their finalizers have run when it returns. If the caller is interrupted, the
 * call interrupts all of them. It keeps what the attempt that succeeded set in `FiberRef`s.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Hedge from "reprise/Hedge"
 *
 * const program = Effect.gen(function*() {
 *   const hedge = yield* Hedge.make({ after: "5 millis" })
 *   let attempts = 0
 *   const call = Effect.suspend(() => ++attempts === 1 ? Effect.never : Effect.succeed(`answer ${attempts}`))
 *   return yield* call.pipe(Hedge.protect(hedge))
 * })
 *
 * Effect.runPromise(program).then(console.log) // => answer 2
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const protect: {
  (hedge: Hedge, options?: CallOptions): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, hedge: Hedge, options?: CallOptions): Effect.Effect<A, E, R>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R>(self: Effect.Effect<A, E, R>, hedge: Hedge, options?: CallOptions): Effect.Effect<A, E, R> =>
    race.run(of(hedge), () => self, options)
)

/**
 * Like `protect`, for attempts that differ: each is made with its number, which counts from 1.
 *
 * @since 0.1.0
 * @category combinators
 */
export const hedge: {
  (hedge: Hedge): <A, E, R>(attempt: (number: number) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(attempt: (number: number) => Effect.Effect<A, E, R>, hedge: Hedge): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(attempt: (number: number) => Effect.Effect<A, E, R>, hedge: Hedge): Effect.Effect<A, E, R> =>
    race.run(of(hedge), (number) => Effect.suspend(() => attempt(number)))
)

/**
 * Gives a running hedge other options. What a `quantile` has learned stays for another `quantile`, and so do the counts and the
 * `key`; calls that run end as they began. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Duration, Effect } from "effect"
 * import * as Hedge from "reprise/Hedge"
 *
 * const program = Effect.gen(function*() {
 *   const hedge = yield* Hedge.make({ after: "1 second" })
 *   yield* Hedge.reconfigure(hedge, { after: "200 millis", maxHedges: 2 })
 *   return Duration.format((yield* Hedge.snapshot(hedge)).delay)
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 200ms
 * ```
 *
 * @since 0.1.0
 * @category control
 */
export const reconfigure: {
  (options: Options): (self: Hedge) => Effect.Effect<void>
  (self: Hedge, options: Options): Effect.Effect<void>
} = dual(2, (self: Hedge, options: Options): Effect.Effect<void> => hedger.reconfigure(of(self), options))

/**
 * All that is known, for dashboards and for people.
 *
 * @since 0.1.0
 * @category getters
 */
export const snapshot = (self: Hedge): Effect.Effect<Snapshot> =>
  Effect.sync(() => {
    const { calls, delay, hedges, key, refused, won } = of(self)
    return { key, calls, hedges, won, refused, delay: Duration.millis(delay.millis()) }
  })
