/**
 * Bounds how many calls run at once, and how many wait for their turn: one slow dependency cannot take everything there is.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigError from "effect/ConfigError"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as bulkhead from "./internal/bulkhead/bulkhead.js"
import type { Bulkhead, BulkheadFull, CallOptions, Options, Size, Snapshot } from "./internal/bulkhead/model.js"
import * as shell from "./internal/shell/protect.js"
import * as OptionsConfig from "./OptionsConfig.js"

export {
  type Bulkhead,
  BulkheadFull,
  type CallOptions,
  type Options,
  type Size,
  type Snapshot,
  TypeId
} from "./internal/bulkhead/model.js"

/** Every bulkhead is made here. */
const of = (self: Bulkhead): bulkhead.Handle => self as bulkhead.Handle

/**
 * Makes a bulkhead. It holds no fiber and no timer: only a wait that is limited has a timer, while it lasts. Throws
 * `InvalidOption` for an option out of range.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Bulkhead> => bulkhead.make(options)

/**
 * Makes the bulkhead of a tag, for the wiring of services.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, Bulkhead>, options: Options): Layer.Layer<I> =>
  Layer.effect(tag, make(options))

/**
 * The numbers of `Options`, read from Effect's `Config`: `MAX_CONCURRENT`, which has no default, `MAX_QUEUED` and
 * `QUEUE_TIMEOUT`, each behind the prefix if there is one.
 *
 * @since 0.1.0
 * @category config
 */
export const config = (prefix?: string): Config.Config<Options> =>
  OptionsConfig.make({
    prefix,
    variables: {
      maxConcurrent: ["MAX_CONCURRENT", Config.integer()],
      maxQueued: ["MAX_QUEUED", OptionsConfig.optional(Config.integer())],
      queueTimeout: ["QUEUE_TIMEOUT", OptionsConfig.optional(Config.duration())]
    },
    options: (values): Options => values,
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
  tag: Context.Tag<I, Bulkhead>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/**
 * Runs the effect with a permit, which it gives back however it ends; waits for one where all are taken, and fails with
 * `BulkheadFull` where it may not wait.
 *
 * Nobody who waits is overtaken, but by a higher priority. Where the queue is full, the one that would be served last is
 * rejected: the call itself, or one that waits and has a lower priority, or the same and came before it (`"lifo"`). A call
 * that waits is rejected as soon as the deadline of its fiber passes, and one whose deadline has passed does not wait.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Bulkhead from "reprise/Bulkhead"
 *
 * const program = Effect.gen(function*() {
 *   const bulkhead = yield* Bulkhead.make({ key: "reports", maxConcurrent: 2, maxQueued: 1 })
 *   const call = Effect.sleep("10 millis").pipe(Bulkhead.protect(bulkhead), Effect.flip, Effect.option)
 *   const errors = yield* Effect.all([call, call, call, call], { concurrency: "unbounded" })
 *   return errors.flatMap((error) => error._tag === "Some" ? [error.value.message] : [])
 * })
 *
 * Effect.runPromise(program).then((messages) => console.log(messages.join("\n")))
 * // => The bulkhead "reports" is full: 2 of 2 running, 1 of 1 queued
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const protect: {
  (
    bulkhead: Bulkhead,
    options?: CallOptions
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | BulkheadFull, R>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    bulkhead: Bulkhead,
    options?: CallOptions
  ): Effect.Effect<A, E | BulkheadFull, R>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    bulkhead: Bulkhead,
    options?: CallOptions
  ): Effect.Effect<A, E | BulkheadFull, R> => shell.protect(self, [bulkhead], options)
)

/**
 * Changes how many may run and how many may wait; what is not given stays.
 *
 * Fewer permits interrupt nobody: no other call begins until enough of them have ended. More permits go to those who wait, in
 * their order. A smaller queue rejects those who would have been served last. Throws `InvalidOption` for a number out of
 * range.
 *
 * @since 0.1.0
 * @category control
 */
export const resize: {
  (options: Size): (self: Bulkhead) => Effect.Effect<void>
  (self: Bulkhead, options: Size): Effect.Effect<void>
} = dual(2, (self: Bulkhead, options: Size): Effect.Effect<void> => bulkhead.resize(of(self), options))

/**
 * All that is known, for dashboards and for people.
 *
 * @since 0.1.0
 * @category getters
 */
export const snapshot = (self: Bulkhead): Effect.Effect<Snapshot> => bulkhead.snapshot(of(self))
