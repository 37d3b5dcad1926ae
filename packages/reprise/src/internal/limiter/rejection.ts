import type * as Types from "effect/Types"
import type { LimitExceeded } from "../../AdaptiveLimiter.js"
import type { Gate, Reason } from "../bulkhead/gate.js"

/** @internal */
export type Reject = (
  key: string,
  gate: Gate<LimitExceeded>,
  reason: Reason,
  partition: string | undefined
) => LimitExceeded

/**
 * Makes rejections without running the constructor of an error: that captures a stack, which costs a hundred times the
 * rest of a rejection.
 *
 * @internal
 */
export const withoutStack = (type: typeof LimitExceeded): Reject => {
  function Bare(this: Types.Mutable<LimitExceeded>, ...[key, gate, reason, partition]: Parameters<Reject>) {
    this._tag = "LimitExceeded"
    this.key = key
    this.reason = reason
    this.limit = gate.limit
    this.running = gate.running
    this.queued = gate.queued
    this.partition = partition
  }
  Bare.prototype = type.prototype
  // What a `LimitExceeded` has of its own are these fields; a class cannot be given the prototype of another.
  const Constructor = Bare as unknown as new(...fields: Parameters<Reject>) => LimitExceeded
  return (key, gate, reason, partition) => new Constructor(key, gate, reason, partition)
}
