import type * as Types from "effect/Types"
import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"

/**
 * Makes rejections without running the constructor of an error: that captures a stack, which costs a hundred times the
 * rest of a rejection.
 *
 * @internal
 */
export const withoutStack = (type: typeof CircuitOpen): (fields: CircuitBreaker.Rejection) => CircuitOpen => {
  function Bare(this: Types.Mutable<CircuitOpen>, fields: CircuitBreaker.Rejection) {
    this._tag = "CircuitOpen"
    this.key = fields.key
    this.state = fields.state
    this.retryAfter = fields.retryAfter
    this.openedAtMillis = fields.openedAtMillis
    this.trip = fields.trip
  }
  Bare.prototype = type.prototype
  // A class cannot be given the prototype of another; what a `CircuitOpen` has of its own are these fields.
  const Constructor = Bare as unknown as new(fields: CircuitBreaker.Rejection) => CircuitOpen
  return (fields) => new Constructor(fields)
}
