import type * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pipeable from "effect/Pipeable"
import type { Bulkhead, BulkheadFull } from "../../Bulkhead.js"
import * as InvalidOption from "../../InvalidOption.js"
import { behind, optional } from "../config.js"
import { type Standing, standing } from "../standing.js"
import { acquire } from "./acquire.js"
import { Gate } from "./gate.js"
import { type Group, group } from "./groups.js"
import type { Reject } from "./rejection.js"

// Not marked internal: the declarations of Bulkhead refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/Bulkhead")

interface Handlers<A, E> {
  readonly onSuccess: (value: A) => Effect.Effect<A>
  readonly onFailure: (cause: Cause.Cause<E>) => Effect.Effect<never, E>
}

/** @internal */
export class Handle extends Pipeable.Class() implements Bulkhead {
  readonly [TypeId]: typeof TypeId = TypeId
  isResized = false

  constructor(readonly key: string, readonly gate: Gate<BulkheadFull>, readonly calls: Group<BulkheadFull>) {
    super()
  }

  [standing](): Standing {
    if (this.gate.running + this.gate.queued > 0) return "busy"
    return this.isResized ? "changed" : "new"
  }

  /** Made once, and not for each call. */
  readonly handlers = {
    onSuccess: <A>(value: A): Effect.Effect<A> => {
      this.gate.release(this.calls)
      return Exit.succeed(value)
    },
    onFailure: <E>(cause: Cause.Cause<E>): Effect.Effect<never, E> => {
      this.gate.release(this.calls)
      return Exit.failCause(cause)
    }
  }
}

const maxConcurrentOf = (value: number) => InvalidOption.integer("maxConcurrent", value, { min: 1 })
const maxQueuedOf = (value: number) => InvalidOption.integer("maxQueued", value, { min: 0 })

/** @internal */
export const orderOf = (value: Bulkhead.Order): Bulkhead.Order => {
  if (value === "fifo" || value === "lifo") return value
  throw new InvalidOption.InvalidOption({ option: "order", value, expected: "\"fifo\" or \"lifo\"" })
}

/** @internal */
export const make = (options: Bulkhead.Options, reject: Reject): Effect.Effect<Handle> => {
  const maxConcurrent = maxConcurrentOf(options.maxConcurrent)
  const maxQueued = maxQueuedOf(options.maxQueued ?? 0)
  const queueTimeoutMillis = options.queueTimeout === undefined
    ? Infinity
    : InvalidOption.millis("queueTimeout", options.queueTimeout, { moreThan: 0 })
  const order = orderOf(options.order ?? "fifo")
  const key = options.key ?? ""
  return Effect.sync(() => {
    const calls = group<BulkheadFull>(undefined, 0, order)
    const gate = new Gate<BulkheadFull>(
      maxConcurrent,
      maxQueued,
      queueTimeoutMillis,
      [calls],
      (gate, _, reason) => reject(key, gate, reason)
    )
    return new Handle(key, gate, calls)
  })
}

/** @internal */
export const config = (prefix?: string): Config.Config<Bulkhead.Options> => {
  const options = Config.all({
    maxConcurrent: Config.integer("MAX_CONCURRENT"),
    maxQueued: optional(Config.integer("MAX_QUEUED")),
    queueTimeout: optional(Config.duration("QUEUE_TIMEOUT"))
  })
  return behind(prefix, options)
}

/** @internal */
export const protect = <A, E, R>(
  self: Handle,
  effect: Effect.Effect<A, E, R>,
  options: Bulkhead.CallOptions | undefined
): Effect.Effect<A, E | BulkheadFull, R> => {
  const priority = options?.priority === undefined
    ? 0
    : InvalidOption.number("priority", options.priority, { min: -Number.MAX_VALUE })
  const { calls, gate } = self
  const handlers: Handlers<A, E> = self.handlers
  // Made once, and not for each run; where nothing is interruptible anyway, `restore` is another function.
  const interruptible = Effect.matchCauseEffect(Effect.interruptible(effect), handlers)
  // A permit is taken in the step in which interruption is turned off.
  return Effect.uninterruptibleMask((restore): Effect.Effect<A, E | BulkheadFull, R> => {
    const call = restore === Effect.interruptible ? interruptible : Effect.matchCauseEffect(restore(effect), handlers)
    if (gate.tryEnter(calls)) return call
    if (!gate.hasRoom(calls, priority)) return gate.refuse(calls, "full")
    return Effect.flatMap(acquire(gate, calls, priority, restore), () => call)
  })
}

/** @internal */
export const resize = (self: Handle, options: Bulkhead.Size): Effect.Effect<void> => {
  const maxConcurrent = options.maxConcurrent === undefined ? undefined : maxConcurrentOf(options.maxConcurrent)
  const maxQueued = options.maxQueued === undefined ? undefined : maxQueuedOf(options.maxQueued)
  return Effect.sync(() => {
    const { gate } = self
    self.isResized = true
    gate.resize(maxConcurrent ?? gate.limit, maxQueued ?? gate.maxQueued)
  })
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
