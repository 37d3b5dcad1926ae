import type { LimitExceeded } from "../../AdaptiveLimiter.js"
import type { Gate, Reason } from "../bulkhead/gate.js"
import * as rejection from "../rejection.js"

/** @internal */
export type Reject = (
  key: string,
  gate: Gate<LimitExceeded>,
  reason: Reason,
  partition: string | undefined
) => LimitExceeded

/** @internal */
export const withoutStack = (type: typeof LimitExceeded): Reject =>
  rejection.withoutStack(type, function(...[key, gate, reason, partition]: Parameters<Reject>) {
    this._tag = "LimitExceeded"
    this.key = key
    this.reason = reason
    this.limit = gate.limit
    this.running = gate.running
    this.queued = gate.queued
    this.partition = partition
  })
