/**
 * Bounds how many calls run at once, and how many wait, so that one slow dependency cannot use all resources.
 *
 * @since 3.1.0
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

/** `make` and `layer` make every bulkhead. */
const of = (self: Bulkhead): bulkhead.Handle => self as bulkhead.Handle

/**
 * Makes a bulkhead. It holds no fiber. It holds a timer only during a wait that has a limit. Throws `InvalidOption` for
 * an option out of range.
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Bulkhead> => bulkhead.make(options)

/**
 * Makes a bulkhead as the service of a tag.
 *
 * @since 3.1.0
 * @category layers
 */
export const layer = <I>(tag: Context.Tag<I, Bulkhead>, options: Options): Layer.Layer<I> =>
  Layer.effect(tag, make(options))

/**
 * Reads the numbers of `Options` from Effect's `Config`.
 *
 * The names are `MAX_CONCURRENT`, which has no default, `MAX_QUEUED` and `QUEUE_TIMEOUT`, each with the prefix in
 * front, if there is one.
 *
 * @since 3.1.0
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
 * Like `layer`, with options from `Config`. A value out of range is a `ConfigError` at its variable. The layer logs one
 * warning with unknown variables behind the prefix.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerConfig = <I>(
  tag: Context.Tag<I, Bulkhead>,
  options: Config.Config<Options> = config()
): Layer.Layer<I, ConfigError.ConfigError> => Layer.effect(tag, Effect.flatten(OptionsConfig.load(options, make)))

/**
 * Runs the effect with a permit, and releases the permit at its end.
 *
 * If all permits are taken, the call waits in the queue. It fails with `BulkheadFull` if it may not wait.
 *
 * 1. A waiting call goes before later calls, except those of a higher priority.
 * 2. If the queue is full, the bulkhead rejects the call that it would serve last. That is the new call, or a waiting
 *    call of a lower priority, or with `"lifo"` the oldest one of the same priority.
 * 3. The bulkhead rejects a waiting call when the deadline of its fiber passes. A call whose deadline has passed does
 *    not wait.
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
 * @since 3.1.0
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
 * Changes the number of permits and the size of the queue. An option that is missing keeps its value.
 *
 * Fewer permits interrupt no call: the next call starts when enough calls have ended. More permits go to the waiting
 * calls, in order. A smaller queue rejects the calls that it would serve last. Throws `InvalidOption` for a number out
 * of range.
 *
 * @since 3.1.0
 * @category control
 */
export const resize: {
  (options: Size): (self: Bulkhead) => Effect.Effect<void>
  (self: Bulkhead, options: Size): Effect.Effect<void>
} = dual(2, (self: Bulkhead, options: Size): Effect.Effect<void> => bulkhead.resize(of(self), options))

/**
 * The full state, for dashboards and logs.
 *
 * @since 3.1.0
 * @category getters
 */
export const snapshot = (self: Bulkhead): Effect.Effect<Snapshot> => bulkhead.snapshot(of(self))
