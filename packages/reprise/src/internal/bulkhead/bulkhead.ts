import * as Effect from "effect/Effect"
import * as Pipeable from "effect/Pipeable"
import * as InvalidOption from "../../InvalidOption.js"
import { withoutStack } from "../errors.js"
import * as Policy from "../shell/model.js"
import { type Standing, standing } from "../standing.js"
import type { Snapshot, Source } from "../telemetry/event.js"
import { Gate, Group, type Reason } from "./machine.js"
import * as Bulkhead from "./model.js"
import type { Order } from "./waiters.js"

const bulkheadFull = withoutStack(
  Bulkhead.BulkheadFull,
  function(key: string, gate: Gate<Bulkhead.BulkheadFull>, reason: Reason) {
    this._tag = "BulkheadFull"
    this.key = key
    this.reason = reason
    this.running = gate.running
    this.queued = gate.queued
    this.maxConcurrent = gate.limit
    this.maxQueued = gate.maxQueued
  }
)

/** @internal */
export class Handle extends Pipeable.Class() implements Bulkhead.Bulkhead {
  readonly [Bulkhead.TypeId]: typeof Bulkhead.TypeId = Bulkhead.TypeId
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly kind = "resource"
  readonly holds = true
  readonly calls: Group<Bulkhead.BulkheadFull>
  private isResized = false

  constructor(readonly key: string, readonly gate: Gate<Bulkhead.BulkheadFull>, order: Order) {
    super()
    const release = () => gate.release(this.calls)
    // One for all calls, because all permits are equal.
    const ticket = { settle: release, withdraw: release }
    this.calls = gate.add(new Group(gate, undefined, 0, order, () => ticket))
  }

  [standing](): Standing {
    if (this.gate.running + this.gate.queued > 0) return "busy"
    return this.isResized ? "changed" : "new"
  }

  decide(call: Policy.Call): Policy.Decision<Bulkhead.BulkheadFull> {
    return this.calls.decide(call)
  }

  get source(): Source {
    return this
  }

  get policy(): string {
    return "bulkhead"
  }

  inspect(): Snapshot {
    const { gate: { limit, queued, running }, key, policy } = this
    return { policy, key, running, waiting: queued, limit }
  }

  resize(maxConcurrent: number | undefined, maxQueued: number | undefined): void {
    this.isResized = true
    this.gate.resize(maxConcurrent ?? this.gate.limit, maxQueued ?? this.gate.maxQueued)
  }
}

const maxConcurrentOf = (value: number) => InvalidOption.integer("maxConcurrent", value, { min: 1 })
const maxQueuedOf = (value: number) => InvalidOption.integer("maxQueued", value, { min: 0 })

/** @internal */
export const make = (options: Bulkhead.Options): Effect.Effect<Handle> => {
  const maxConcurrent = maxConcurrentOf(options.maxConcurrent)
  const maxQueued = maxQueuedOf(options.maxQueued ?? 0)
  const queueTimeoutMillis = options.queueTimeout === undefined
    ? Infinity
    : InvalidOption.millis("queueTimeout", options.queueTimeout, { moreThan: 0 })
  const order = InvalidOption.oneOf("order", options.order ?? "fifo", ["fifo", "lifo"])
  const key = options.key ?? ""
  return Effect.sync(() =>
    new Handle(
      key,
      new Gate(maxConcurrent, maxQueued, queueTimeoutMillis, (gate, _, reason) => bulkheadFull(key, gate, reason)),
      order
    )
  )
}

/** @internal */
export const resize = (self: Handle, options: Bulkhead.Size): Effect.Effect<void> => {
  const maxConcurrent = options.maxConcurrent === undefined ? undefined : maxConcurrentOf(options.maxConcurrent)
  const maxQueued = options.maxQueued === undefined ? undefined : maxQueuedOf(options.maxQueued)
  return Effect.sync(() => self.resize(maxConcurrent, maxQueued))
}

/** @internal */
export const snapshot = ({ gate, key }: Handle): Effect.Effect<Bulkhead.Snapshot> =>
  Effect.sync(() => ({
    key,
    running: gate.running,
    queued: gate.queued,
    maxConcurrent: gate.limit,
    maxQueued: gate.maxQueued,
    rejected: { ...gate.rejected }
  }))
