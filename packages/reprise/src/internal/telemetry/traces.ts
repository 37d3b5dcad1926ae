import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import type * as Tracer from "effect/Tracer"
import type { AnyFiber } from "../effect/fiber.js"
import { dateNanos, startSpan } from "../effect/observe.js"
import type { Event } from "./event.js"
import type { Observer, Traceable, Traced } from "./observers.js"

/** The part of an event for the span of its call. */
const spanEvent = (event: Event): readonly [name: string, attributes: Record<string, unknown>] | undefined => {
  switch (event._tag) {
    case "Waited":
      return ["reprise.wait", {
        "reprise.policy": event.policy,
        "reprise.key": event.key,
        "reprise.duration_ms": Duration.toMillis(event.duration),
        "reprise.outcome": event.outcome
      }]
    case "Rejected":
      return ["reprise.rejection", {
        "reprise.policy": event.policy,
        "reprise.key": event.key,
        "error.type": event.errorType
      }]
    case "RetryScheduled":
      return ["reprise.retry", {
        "reprise.attempt": event.number,
        "reprise.reason": event.reason,
        "reprise.delay_ms": Duration.toMillis(event.delay),
        "error.type": event.errorType
      }]
    case "RetryRefused":
      return ["reprise.retry_refused", {
        "reprise.attempt": event.number,
        "reprise.reason": event.reason,
        "error.type": event.errorType
      }]
    case "CircuitTransition":
      return ["reprise.circuit_transition", {
        "reprise.key": event.key,
        "reprise.from": event.from,
        "reprise.to": event.to
      }]
    case "HedgeStarted":
      return ["reprise.hedge", { "reprise.key": event.key }]
    default:
      return undefined
  }
}

/** @internal */
export const make = (): Observer => {
  /** The spans of the running calls. */
  const spans = new Map<number, Tracer.Span>()
  return {
    kind: "traces",
    trace: ({ attributes, call, isCall, kind, name, parent }: Traceable, fiber: AnyFiber): Traced | undefined => {
      const span = startSpan(fiber, { name, kind, parent })
      if (span === undefined) return undefined
      for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
      if (isCall) spans.set(call, span)
      return {
        span,
        end: (exit, errorType, attributes) => {
          for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
          if (isCall) spans.delete(call)
          span.end(dateNanos(fiber), safe(exit, errorType))
        }
      }
    },
    onEvent: (event, fiber) => {
      const span = event.call === undefined ? undefined : spans.get(event.call)
      const told = span && spanEvent(event)
      if (told !== undefined) span!.event(told[0], dateNanos(fiber), told[1])
    }
  }
}

/** The tracer receives the end of the span without secrets: the error becomes its type, and the result is left out. */
const safe = (exit: Exit.Exit<unknown, unknown>, errorType: string | undefined): Exit.Exit<unknown, unknown> => {
  if (errorType !== undefined) return Exit.fail(errorType)
  return Exit.isSuccess(exit) ? Exit.void : exit
}
