import type * as Types from "effect/Types"
import type { BulkheadFull } from "../../Bulkhead.js"
import type { Gate, Reason } from "./gate.js"

/** @internal */
export type Reject = (key: string, gate: Gate<BulkheadFull>, reason: Reason) => BulkheadFull

/**
 * Makes rejections without running the constructor of an error: that captures a stack, which costs a hundred times the
 * rest of a rejection.
 *
 * @internal
 */
export const withoutStack = (type: typeof BulkheadFull): Reject => {
  function Bare(this: Types.Mutable<BulkheadFull>, ...[key, gate, reason]: Parameters<Reject>) {
    this._tag = "BulkheadFull"
    this.key = key
    this.reason = reason
    this.running = gate.running
    this.queued = gate.queued
    this.maxConcurrent = gate.limit
    this.maxQueued = gate.maxQueued
  }
  Bare.prototype = type.prototype
  // What a `BulkheadFull` has of its own are these fields; a class cannot be given the prototype of another.
  const Constructor = Bare as unknown as new(...fields: Parameters<Reject>) => BulkheadFull
  return (key, gate, reason) => new Constructor(key, gate, reason)
}
