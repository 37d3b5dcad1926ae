import type { CircuitBreaker, CircuitOpen } from "../../CircuitBreaker.js"

/**
 * Makes rejections without running the constructor of an error: that captures a stack, which costs a hundred times the
 * rest of a rejection.
 *
 * @internal
 */
export const withoutStack = (type: typeof CircuitOpen) => (fields: CircuitBreaker.Rejection): CircuitOpen =>
  // `Object.create` returns `any`; what a `CircuitOpen` has of its own are these fields and its tag.
  Object.assign(Object.create(type.prototype), fields, { _tag: "CircuitOpen" })
