import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import type * as MetricKeyType from "effect/MetricKeyType"
import * as MetricLabel from "effect/MetricLabel"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { dateMillis } from "./clock.js"
import type { AnyFiber } from "./fiber.js"
import type { Series, SpanOptions } from "./model.js"

/**
 * Writes to the loggers of a fiber within a step, as `Effect.log` does.
 *
 * @internal
 */
export const unsafeLog = (
  fiber: AnyFiber,
  level: "Debug" | "Info" | "Warning",
  message: string,
  annotations: Readonly<Record<string, unknown>>,
  defect?: unknown
): void => {
  const logLevel = LogLevel.fromLiteral(level)
  if (LogLevel.greaterThan(fiber.getFiberRef(FiberRef.currentMinimumLogLevel), logLevel)) return
  const options = {
    fiberId: fiber.id(),
    logLevel,
    message: [message],
    cause: defect === undefined ? Cause.empty : Cause.die(defect),
    context: fiber.getFiberRefs(),
    spans: fiber.getFiberRef(FiberRef.currentLogSpan),
    annotations: HashMap.union(
      fiber.getFiberRef(FiberRef.currentLogAnnotations),
      HashMap.fromIterable(Object.entries(annotations))
    ),
    date: new Date(dateMillis(fiber))
  }
  for (const logger of fiber.getFiberRef(FiberRef.currentLoggers)) {
    try {
      logger.log(options)
    } catch {
      // A logger that throws must not fail the call that is logged.
    }
  }
}

/**
 * Starts a span within a step; `undefined` if the fiber is not traced.
 *
 * @internal
 */
export const startSpan = (
  fiber: AnyFiber,
  { kind, name, parent }: SpanOptions
): Tracer.Span | undefined => {
  if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return undefined
  const tracer = Context.get(fiber.currentDefaultServices, Tracer.Tracer)
  return tracer.span(name, Option.fromNullable(parent), Context.empty(), [], dateNanos(fiber), kind)
}

/**
 * The wall clock of a fiber, for spans.
 *
 * @internal
 */
export const dateNanos = (fiber: AnyFiber): bigint =>
  Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock).unsafeCurrentTimeNanos()

/**
 * A histogram has its boundaries in place of a kind.
 *
 * @internal
 */
export const series = (
  name: string,
  kind: "counter" | "gauge" | ReadonlyArray<number>,
  description: string,
  tags: Readonly<Record<string, string>>
): Series => {
  const labels = Object.entries(tags).map(([key, value]) => MetricLabel.make(key, value))
  if (kind === "gauge") return made(MetricKey.gauge(name, { description }), labels)
  // Only these are sums that never fall: an exporter takes any other counter for a gauge.
  if (kind === "counter") return made(MetricKey.counter(name, { description, incremental: true }), labels)
  return made(MetricKey.histogram(name, MetricBoundaries.fromIterable(kind), description), labels)
}

const made = <Out>(
  key: MetricKey.MetricKey<MetricKeyType.MetricKeyType<number, Out>>,
  labels: ReadonlyArray<MetricLabel.MetricLabel>
): Series => {
  const metric = Metric.fromMetricKey(MetricKey.taggedWithLabels(key, labels))
  return { update: (value) => metric.unsafeUpdate(value, noTags) }
}

const noTags: [] = []
