import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import type * as Tracer from "effect/Tracer"
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
  const logLevel = level === "Warning" ? "Warn" : level
  if (LogLevel.isGreaterThan(fiber.getRef(References.MinimumLogLevel), logLevel)) return
  const options = {
    fiber,
    logLevel,
    message: [message],
    cause: defect === undefined ? Cause.empty : Cause.die(defect),
    date: new Date(dateMillis(fiber))
  } as const
  const { context } = fiber
  const all = { ...fiber.getRef(References.CurrentLogAnnotations), ...annotations }
  // A logger reads the annotations of the fiber.
  fiber.setContext(Context.add(context, References.CurrentLogAnnotations, all))
  for (const logger of fiber.getRef(Logger.CurrentLoggers)) {
    try {
      logger.log(options)
    } catch {
      // A logger that throws must not fail the call that is logged.
    }
  }
  fiber.setContext(context)
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
  if (!fiber.getRef(References.TracerEnabled)) return undefined
  return Effect.runSyncWith(fiber.context)(Effect.makeSpan(name, { kind, parent, root: parent === undefined }))
}

/**
 * The wall clock of a fiber, for spans.
 *
 * @internal
 */
export const dateNanos = (fiber: AnyFiber): bigint => fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()

/**
 * A histogram has its boundaries in place of a kind.
 *
 * @internal
 */
export const series = (
  name: string,
  kind: "counter" | "gauge" | ReadonlyArray<number>,
  description: string,
  attributes: Readonly<Record<string, string>>
): Series => {
  const metric = kind === "gauge"
    ? Metric.gauge(name, { description, attributes })
    : kind === "counter"
    ? Metric.counter(name, { description, attributes, incremental: true })
    : Metric.histogram(name, { description, attributes, boundaries: kind })
  return { update: (value, fiber) => metric.updateUnsafe(value, fiber.context) }
}
