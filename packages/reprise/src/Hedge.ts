/**
 * Starts another attempt when one takes unusually long, and uses the first success.
 *
 * @since 3.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { missing } from "./internal/effect/config.js"
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
 * Hedges after the time within which this share of recent calls had an answer, to within 5 % or a millisecond.
 *
 * Hedges beyond the 95th percentile add 5 % of load (Dean and Barroso, "The Tail at Scale", 2013). It learns from the
 * first attempt of each call, never from hedges. If that attempt had no answer, or a hedge was faster, it learns that
 * the answer took longer than the delay. Throws `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const quantile = (options: QuantileOptions): Quantile => new delay.QuantileDelay(options)

/**
 * Makes a hedge. It holds no fiber and no timer. Throws `InvalidOption` for an option out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Hedge> => hedger.make(options, race.run)

/**
 * Makes a hedge as the service of a tag.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, Hedge>, options: Options): Layer.Layer<I> =>
  Layer.effect(tag, make(options))

/**
 * Reads the numbers of `Options` from Effect's `Config`, each with the prefix in front, if there is one.
 *
 * - `AFTER` is a fixed delay.
 * - `QUANTILE` learns the delay. `AFTER` is then the delay until it is known, and `MIN_AFTER` and `MAX_AFTER` bound it.
 * - `MAX_HEDGES` is the most hedges per call.
 *
 * @since 3.1.0
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
      throw missing("AFTER", "Expected AFTER or QUANTILE to exist")
    },
    check: make
  })

/**
 * Like `layer`, with options from `Config`. A value out of range is a `ConfigError` at its variable. The layer logs one
 * warning with unknown variables behind the prefix.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, Hedge>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/** `make` and `layer` make every hedge. */
const of = (self: Hedge): hedger.Hedger => self as hedger.Hedger

/**
 * Runs the effect, and starts it again each time that the delay passes without a result, up to `maxHedges` times.
 *
 * Hedge only effects that are safe to run twice.
 *
 * 1. The first success is the result.
 * 2. Only time starts a hedge. After a failure none starts, because the failure may require a wait. Put a retry policy
 *    around the call to retry.
 * 3. The call waits for attempts that still run, because one of them may succeed. If all fail, the call fails with the
 *    last failure.
 * 4. Within `Retry.withoutNested` no hedge starts.
 * 5. The call interrupts the attempts that lost, and their finalizers have run when it returns. If the caller is
 *    interrupted, the call interrupts all of them.
 * 6. The call keeps the `FiberRef` values of the attempt that succeeded.
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
 * @since 3.1.0
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
 * Like `protect`, for attempts that differ: the function makes each attempt from its number, which counts from 1.
 *
 * @since 3.1.0
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
 * Changes the options of a running hedge.
 *
 * The measurements of a `quantile` stay for another `quantile`, and so do the counts and the `key`. Calls that run keep
 * their old options. Throws `InvalidOption` for an option out of range.
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
 * @since 3.1.0
 * @category control
 */
export const reconfigure: {
  (options: Options): (self: Hedge) => Effect.Effect<void>
  (self: Hedge, options: Options): Effect.Effect<void>
} = dual(2, (self: Hedge, options: Options): Effect.Effect<void> => hedger.reconfigure(of(self), options))

/**
 * The full state, for dashboards and logs.
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: Hedge): Effect.Effect<Snapshot> =>
  Effect.sync(() => {
    const { calls, delay, hedges, key, refused, won } = of(self)
    return { key, calls, hedges, won, refused, delay: Duration.millis(delay.millis()) }
  })
