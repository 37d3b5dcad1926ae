import type { BulkheadFull } from "../../Bulkhead.js"
import * as rejection from "../rejection.js"
import type { Gate, Reason } from "./gate.js"

/** @internal */
export type Reject = (key: string, gate: Gate<BulkheadFull>, reason: Reason) => BulkheadFull

/** @internal */
export const withoutStack = (type: typeof BulkheadFull): Reject =>
  rejection.withoutStack(type, function(...[key, gate, reason]: Parameters<Reject>) {
    this._tag = "BulkheadFull"
    this.key = key
    this.reason = reason
    this.running = gate.running
    this.queued = gate.queued
    this.maxConcurrent = gate.limit
    this.maxQueued = gate.maxQueued
  })
