/**
 * Limits how many calls start per unit of time. The other calls fail, or wait in a bounded queue.
 *
 * @since 3.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import { monotonicMillis } from "./internal/effect/clock.js"
import * as limiter from "./internal/rateLimiter/limiter.js"
import { Machine, type Settings } from "./internal/rateLimiter/machine.js"
import type { Consume, Options, RateLimiter, RateLimitExceeded, Snapshot } from "./internal/rateLimiter/model.js"
import * as shell from "./internal/shell/protect.js"
import * as InvalidOption from "./InvalidOption.js"
import * as OptionsConfig from "./OptionsConfig.js"

export {
  type Consume,
  type Options,
  type RateLimiter,
  RateLimitExceeded,
  type Snapshot,
  TypeId
} from "./internal/rateLimiter/model.js"

/**
 * Makes a limiter with its full burst. It holds no fiber and no timer. Throws `InvalidOption` for an option out of
 * range.
 *
 * The rule is the generic cell rate algorithm (ITU-T I.371). It keeps the rate of `limit / window` exactly, and every
 * window has fewer calls than `limit + burst`.
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RateLimiter> => {
  const settings = check(options)
  return Effect.withFiberRuntime((fiber) =>
    Effect.succeed(new limiter.Limiter(new Machine(settings, monotonicMillis(fiber))))
  )
}

const check = (options: Options): Settings => {
  const limit = InvalidOption.integer("limit", options.limit, { min: 1 })
  const windowMillis = InvalidOption.millis("window", options.window, { moreThan: 0 })
  const burst = InvalidOption.integer("burst", options.burst ?? limit, { min: 1 })
  const maxQueued = InvalidOption.integer("maxQueued", options.maxQueued ?? 1_000, { min: 0 })
  return {
    key: options.key ?? "",
    limit,
    rate: { ticksPerMilli: limit, ticksPerToken: windowMillis, burst },
    maxQueued: InvalidOption.oneOf("onExceeded", options.onExceeded ?? "fail", ["delay", "fail"]) === "delay"
      ? maxQueued
      : 0
  }
}

/**
 * Makes a limiter as the service of a tag.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, RateLimiter>, options: Options): Layer.Layer<I> =>
  Layer.effect(tag, make(options))

/**
 * Reads `Options` from Effect's `Config`, each with the prefix in front, if there is one.
 *
 * The names are `LIMIT` and `WINDOW`, which have no default, `BURST`, `ON_EXCEEDED` (`delay` or `fail`) and
 * `MAX_QUEUED`.
 *
 * @since 3.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> =>
  OptionsConfig.make({
    prefix,
    variables: {
      limit: ["LIMIT", Config.integer()],
      window: ["WINDOW", Config.duration()],
      burst: ["BURST", OptionsConfig.optional(Config.integer())],
      onExceeded: ["ON_EXCEEDED", OptionsConfig.optional(Config.literal("delay", "fail")())],
      maxQueued: ["MAX_QUEUED", OptionsConfig.optional(Config.integer())]
    },
    options: (values): Options => values,
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
  tag: Context.Tag<I, RateLimiter>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/** `make` and `layer` make every limiter. */
const of = (self: RateLimiter): limiter.Limiter => self as limiter.Limiter

/** The policy that takes this number of tokens for each attempt. */
const taking = (self: RateLimiter, options: Consume | undefined): limiter.Limiter => {
  const tokens = InvalidOption.integer("tokens", options?.tokens ?? 1, { min: 1 })
  return tokens === 1 ? of(self) : new limiter.Limiter(of(self).machine, tokens)
}

/**
 * Takes the tokens and runs the effect. Fails with `RateLimitExceeded` if there are not enough and the call may not
 * wait.
 *
 * 1. Waiting calls start in the order of their arrival, each at its time.
 * 2. No wait begins that would last until the `Deadline` of the fiber, or for ever.
 * 3. A call that is interrupted while it waits has taken nothing, and all calls behind it move up. After its start
 *    time, its tokens are spent.
 * 4. A clock that moves backwards delays no call.
 *
 * @example
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import * as RateLimiter from "reprise/RateLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* RateLimiter.make({ limit: 2, window: "1 minute" })
 *   const call = Effect.succeed("done").pipe(RateLimiter.protect(limiter))
 *   const error = yield* Effect.flip(Effect.all([call, call, call]))
 *   const wait = Option.getOrElse(error.retryAfter, () => Duration.infinity)
 *   return Math.ceil(Duration.toSeconds(wait))
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 30
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const protect: {
  (
    limiter: RateLimiter,
    options?: Consume
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RateLimitExceeded, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: RateLimiter,
    options?: Consume
  ): Effect.Effect<A, E | RateLimitExceeded, R>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    limiter: RateLimiter,
    options?: Consume
  ): Effect.Effect<A, E | RateLimitExceeded, R> => shell.protect(self, [taking(limiter, options)])
)

/**
 * Takes the tokens, or waits for them, and runs no effect.
 *
 * @since 3.1.0
 * @category combinators
 */
export const consume = (
  self: RateLimiter,
  options?: Consume
): Effect.Effect<void, RateLimitExceeded> => shell.protect(Effect.void, [taking(self, options)])

/**
 * Changes the options of a running limiter. Spent tokens still count, up to the new burst.
 *
 * If the new burst is larger, the additional tokens are available at once. The counts and the `key` stay. The limiter
 * decides again about waiting calls, in order, as if they came now. Each starts sooner or later than before, or is
 * rejected if its wait or the queue is too long. Throws `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as RateLimiter from "reprise/RateLimiter"
 *
 * const program = Effect.gen(function*() {
 *   const limiter = yield* RateLimiter.make({ limit: 10, window: "1 hour" })
 *   yield* Effect.replicateEffect(RateLimiter.consume(limiter), 10)
 *   yield* RateLimiter.reconfigure(limiter, { limit: 25, window: "1 hour" })
 *   return (yield* RateLimiter.snapshot(limiter)).remaining
 * })
 *
 * Effect.runPromise(program).then(console.log) // => 15
 * ```
 *
 * @since 3.1.0
 * @category control
 */
export const reconfigure: {
  (options: Options): (self: RateLimiter) => Effect.Effect<void>
  (self: RateLimiter, options: Options): Effect.Effect<void>
} = dual(2, (self: RateLimiter, options: Options): Effect.Effect<void> => {
  const settings = check(options)
  return Effect.withFiberRuntime((fiber) => {
    of(self).machine.reconfigure(settings, monotonicMillis(fiber))
    return Effect.void
  })
})

/**
 * The full state, for dashboards and logs.
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: RateLimiter): Effect.Effect<Snapshot> =>
  Effect.withFiberRuntime((fiber) => {
    const { machine } = of(self)
    const { rejected, settings: { key, limit }, waiting } = machine
    return Effect.succeed({ key, limit, remaining: machine.remaining(monotonicMillis(fiber)), waiting, rejected })
  })
