import * as Duration from "effect/Duration"
import { unsafeLog } from "../effect/observe.js"
import type { Event } from "./event.js"
import type { Observer } from "./observers.js"

type Line = readonly [
  level: "Debug" | "Info" | "Warning",
  message: string,
  annotations: Readonly<Record<string, unknown>>
]

const millis = (duration: Duration.Duration) => Duration.toMillis(duration)

/** One line for each change of a state, each retry and each rejection. Successful attempts and calls have none. */
const line = (event: Event): Line | undefined => {
  const { call, key } = event
  const about = { key, ...(call !== undefined && { call }) }
  switch (event._tag) {
    case "CircuitTransition": {
      const { from, to, trip } = event
      const why = trip && { rule: trip.rule, calls: trip.calls, failures: trip.failures, slow: trip.slow }
      return [
        to === "Open" || to === "Isolated" ? "Warning" : "Info",
        "circuit breaker changed its state",
        { ...about, from, to, ...why }
      ]
    }
    case "GateClosed":
      return ["Warning", "server asked every call to wait", { ...about, millis: millis(event.duration) }]
    case "GateOpened":
      return ["Info", "server takes calls again", about]
    case "StoreLost":
      return ["Warning", "shared store lost", { ...about, errorType: event.errorType }]
    case "StoreRestored":
      return ["Info", "shared store restored", about]
    case "LimitChanged":
      return ["Debug", "limit changed", { ...about, from: event.from, to: event.to }]
    case "RetryScheduled": {
      const { delay, errorType, number, reason } = event
      return ["Debug", "retry scheduled", { ...about, attempt: number, millis: millis(delay), reason, errorType }]
    }
    case "RetryRefused": {
      const { errorType, number, reason } = event
      return ["Debug", "retry refused", { ...about, attempt: number, reason, errorType }]
    }
    case "Rejected":
      return ["Debug", "attempt rejected", { ...about, policy: event.policy, errorType: event.errorType }]
    default:
      return undefined
  }
}

/** @internal */
export const observer: Observer = {
  kind: "logs",
  onEvent: (event, fiber) => {
    const found = line(event)
    if (found !== undefined) unsafeLog(fiber, ...found)
  }
}
