import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"
import * as rejection from "../rejection.js"

/** @internal */
export const withoutStack = (type: typeof CircuitOpen): (fields: CircuitBreaker.Rejection) => CircuitOpen =>
  rejection.withoutStack(type, function(fields: CircuitBreaker.Rejection) {
    this._tag = "CircuitOpen"
    this.key = fields.key
    this.state = fields.state
    this.retryAfter = fields.retryAfter
    this.openedAtMillis = fields.openedAtMillis
    this.trip = fields.trip
  })
