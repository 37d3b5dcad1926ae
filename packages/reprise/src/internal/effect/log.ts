import * as Cause from "effect/Cause"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as HashMap from "effect/HashMap"
import * as LogLevel from "effect/LogLevel"
import { dateMillis } from "./clock.js"

/**
 * Writes to the loggers of a fiber within a step, as `Effect.log` does.
 *
 * @internal
 */
export const unsafeLog = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  level: LogLevel.Literal,
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
