/**
 * Publishes the decisions of Reprise as events, metrics, traces and log lines. All of it is off until you provide a
 * layer.
 *
 * @since 3.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { currentMonotonicMillis } from "./internal/effect/clock.js"
import { emit as emit_ } from "./internal/telemetry/current.js"
import type { Event, Listener, Snapshot, Source, Told } from "./internal/telemetry/event.js"
import * as layers from "./internal/telemetry/layers.js"
import * as logs from "./internal/telemetry/logs.js"
import * as metrics from "./internal/telemetry/metrics.js"
import * as states from "./internal/telemetry/states.js"
import * as traces from "./internal/telemetry/traces.js"
import { integer, millis } from "./InvalidOption.js"

export type {
  AttemptEnded,
  AttemptStarted,
  Base,
  CallEnded,
  CircuitTransition,
  Event,
  GateClosed,
  GateOpened,
  HedgeStarted,
  HedgeWon,
  LimitChanged,
  Listener,
  Outcome,
  Rejected,
  RetryRefused,
  RetryScheduled,
  Snapshot,
  Source,
  StoreLost,
  StoreRestored,
  Told,
  Waited
} from "./internal/telemetry/event.js"

export type { Delivered } from "./internal/telemetry/layers.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface MetricsOptions {
  /** The most keys with their own series. All other keys share `other`. Defaults to 100. */
  readonly maxKeys?: number | undefined
  /** The time between two updates of the gauges. Defaults to 1 second. */
  readonly every?: Duration.DurationInput | undefined
}

/**
 * Runs an effect for each event, one after the other, in a fiber of the layer.
 *
 * A slow or failing effect never delays or fails a call. If more than 1,024 events wait, the oldest are dropped. The
 * layer logs one warning for the first failure.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const TelemetryLive = Telemetry.layer((event) =>
 *   event._tag === "RetryScheduled" ? Effect.sync(() => console.log(`retry after ${event.errorType}`)) : Effect.void
 * )
 *
 * let attempts = 0
 * const flaky = Effect.suspend(() => ++attempts < 2 ? Effect.fail(new Error("down")) : Effect.succeed("ok"))
 * const resilient = Pipeline.make({ retry: Backoff.exponential("10 millis") })
 *
 * Effect.runPromise(resilient(flaky).pipe(Effect.provide(TelemetryLive)))
 * // => retry after Error
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layer: <R>(
  onEvent: (event: Event) => Effect.Effect<unknown, unknown, R>
) => Layer.Layer<never, never, R> = layers.background

/**
 * Calls a function for each event, in the step in which it happens.
 *
 * The function must be fast: calls wait for it. If it throws, the call continues, and the layer logs one warning.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerSync = (onEvent: (event: Event) => void): Layer.Layer<never> => layers.layer({ onEvent })

/**
 * Calls a function for each event of one effect, in the step in which it happens.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const resilient = Pipeline.make({ key: "orders" })
 * const program = Effect.succeed("ok").pipe(
 *   resilient,
 *   Telemetry.withListener((event) => console.log(`${event.key}: ${event._tag}`))
 * )
 *
 * Effect.runPromise(program)
 * // => orders: AttemptStarted
 * // => orders: AttemptEnded
 * // => orders: CallEnded
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const withListener: {
  (onEvent: (event: Event) => void): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, onEvent: (event: Event) => void): Effect.Effect<A, E, R>
} = dual(2, layers.locally)

/**
 * Receives the events of one pipeline or client: the value of the option `listener`.
 *
 * The function runs in the step in which the event happens, so it must be fast. If it throws, the call continues.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as Backoff from "reprise/Backoff"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const onRetry = Telemetry.listener((event) => {
 *   if (event._tag === "RetryScheduled") console.log(`attempt ${event.number} failed`)
 * })
 * const resilient = Pipeline.make({ retry: { schedule: Backoff.exponential("1 millis"), times: 1 }, listener: onRetry })
 *
 * Effect.runPromise(Effect.ignore(resilient(Effect.fail("down")))) // => attempt 1 failed
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const listener = (onEvent: (event: Event) => void): Listener => new layers.PipelineListener(onEvent)

/**
 * Counters, gauges and histograms, as Effect metrics. The guide "Observability" lists their names, units and tags.
 *
 * Throws `InvalidOption` if `maxKeys` is not a whole number of at least 1, or `every` is not longer than zero.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerMetrics = (options: MetricsOptions = {}): Layer.Layer<never> =>
  metrics.observed(
    integer("maxKeys", options.maxKeys ?? 100, { min: 1 }),
    millis("every", options.every ?? "1 second", { moreThan: 0 })
  )

/**
 * One span for each call, with one span for each attempt below it. Waits, rejections, retries and transitions are
 * events of the span of the call. `http.request.resend_count` and `error.type` are attributes of the attempts.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerTraces: Layer.Layer<never> = Layer.suspend(() => layers.layer(traces.make()))

/**
 * One structured log line for each change of a state, at `Info` or `Warning`, and for each retry and rejection, at
 * `Debug`.
 *
 * @since 3.1.0
 * @category layers
 */
export const layerLogs: Layer.Layer<never> = layers.layer(logs.observer)

/**
 * Metrics, traces and logs.
 *
 * @example
 * ```ts
 * import { Effect, Metric } from "effect"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const resilient = Pipeline.make({ key: "orders" })
 * const program = Effect.gen(function*() {
 *   yield* resilient(Effect.succeed("ok"))
 *   return (yield* Metric.snapshot).some((metric) => JSON.stringify(metric).includes("reprise.attempts"))
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Telemetry.layerAll()))).then(console.log) // => true
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerAll = (options: MetricsOptions = {}): Layer.Layer<never> =>
  Layer.mergeAll(layerMetrics(options), layerTraces, layerLogs)

/**
 * Lets any number of consumers read the events and the states. See `layerMonitor`.
 *
 * @since 3.1.0
 * @category tags
 */
export class Monitor extends Context.Tag("reprise/Telemetry/Monitor")<Monitor, {
  /** Every event from now on. A slow consumer loses the oldest events after 1,024, and receives their number. */
  readonly events: Stream.Stream<layers.Delivered>
  /** The policies and budgets that attempts have used so far, up to 10,000. */
  readonly snapshots: Effect.Effect<ReadonlyArray<Snapshot>>
  /** The same, as the objects themselves: a circuit breaker can be isolated. */
  readonly sources: Effect.Effect<ReadonlyArray<Source>>
}>() {}

/**
 * @since 3.1.0
 * @category layers
 */
export const layerMonitor: Layer.Layer<Monitor> = Layer.unwrapEffect(
  Effect.sync(() => {
    const sources = new states.Sources()
    const queues = new Set<layers.Delivery>()
    const observer = layers.layer({
      onEvent: (event) => {
        for (const queue of queues) queue.offer(event)
      },
      onSource: sources.see
    })
    const subscribe = Effect.flatMap(layers.queue, (queue) =>
      Effect.as(
        Effect.acquireRelease(
          Effect.sync(() => queues.add(queue)),
          () => Effect.sync(() => queues.delete(queue))
        ),
        queue.stream
      ))
    const monitor = Layer.succeed(Monitor, {
      events: Stream.unwrapScoped(subscribe),
      snapshots: Effect.map(currentMonotonicMillis, (nowMillis) => sources.snapshots(nowMillis)),
      sources: Effect.sync(() => sources.alive)
    })
    return Layer.merge(observer, monitor)
  })
)

/**
 * Emits an event in the step of the running fiber. Use it in a policy of your own.
 *
 * @since 3.1.0
 * @category constructors
 */
export const unsafeEmit: (event: Told) => void = emit_
