import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import type { AdaptiveLimiter, LimitExceeded } from "../../AdaptiveLimiter.js"
import * as InvalidOption from "../../InvalidOption.js"
import { acquire } from "../bulkhead/acquire.js"
import { Gate } from "../bulkhead/gate.js"
import { type Group, group } from "../bulkhead/groups.js"
import { type Standing, standing } from "../standing.js"
import { isTimeout } from "../timeouts.js"
import { type Learning, learning, limitOf } from "./learning.js"
import type { Reject } from "./rejection.js"

// Not marked internal: the declarations of AdaptiveLimiter refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/AdaptiveLimiter")

/** @internal */
export class Limiter extends Pipeable.Class() implements AdaptiveLimiter {
  readonly [TypeId]: typeof TypeId = TypeId
  isReconfigured = false
  /** How often a call has lowered the limit that had begun after it was last lowered. */
  events = 0

  constructor(
    readonly key: string,
    readonly gate: Gate<LimitExceeded>,
    /** Calls without a share. */
    readonly rest: Group<LimitExceeded>,
    readonly partitions: ReadonlyMap<string, Group<LimitExceeded>>,
    readonly outcomeOf: (exit: Exit.Exit<unknown, unknown>) => AdaptiveLimiter.Outcome,
    public learning: Learning
  ) {
    super()
  }

  [standing](): Standing {
    if (this.gate.running + this.gate.queued > 0) return "busy"
    return this.isReconfigured || this.learning.hasLearned() ? "changed" : "new"
  }
}

/** @internal */
export const make = <S>(options: AdaptiveLimiter.Options<S>, reject: Reject): Effect.Effect<Limiter> => {
  const { algorithm } = options
  const maxQueued = maxQueuedOf(options.maxQueued ?? 0)
  const queueTimeoutMillis = options.queueTimeout === undefined
    ? Infinity
    : InvalidOption.millis("queueTimeout", options.queueTimeout, { moreThan: 0 })
  const shares = sharesOf(options.partitions ?? {})
  const key = options.key ?? ""
  return Effect.sync(() => {
    const rest = group<LimitExceeded>(undefined, 0, "fifo")
    const partitions = new Map(shares.map(([name, share]) => [name, group<LimitExceeded>(name, share, "fifo")]))
    const gate = new Gate<LimitExceeded>(
      limitOf(algorithm.limit(algorithm.initial)),
      maxQueued,
      queueTimeoutMillis,
      [rest, ...partitions.values()],
      (gate, { name }, reason) => reject(key, gate, reason, name)
    )
    return new Limiter(key, gate, rest, partitions, judgeOf(options), learning(algorithm, algorithm.initial))
  })
}

/** @internal */
export const reconfigure = <S>(
  self: Limiter,
  { algorithm, maxQueued }: AdaptiveLimiter.Changes<S>
): Effect.Effect<void> => {
  const queue = maxQueued === undefined ? undefined : maxQueuedOf(maxQueued)
  return Effect.sync(() => {
    const { gate } = self
    let { limit } = gate
    self.isReconfigured = true
    if (algorithm !== undefined) {
      const state = algorithm.at === undefined ? algorithm.initial : algorithm.at(limit)
      self.learning = learning(algorithm, state)
      limit = limitOf(algorithm.limit(state))
    }
    gate.resize(limit, queue ?? gate.maxQueued)
  })
}

const maxQueuedOf = (value: number) => InvalidOption.integer("maxQueued", value, { min: 0 })

const sharesOf = (partitions: { readonly [name: string]: number }): ReadonlyArray<[name: string, share: number]> => {
  const shares = Object.entries(partitions)
  for (const [name, share] of shares) InvalidOption.number(`partitions.${name}`, share, { min: 0, max: 1 })
  const sum = shares.reduce((sum, [, share]) => sum + share, 0)
  // 0.7 + 0.2 + 0.1 is less than 1, and other sums are more.
  if (sum <= 1 + 1e-9) return shares
  throw new InvalidOption.InvalidOption({ option: "partitions", value: sum, expected: "shares of together at most 1" })
}

const judgeOf = <S>({ dropped = isTimeout, outcome }: AdaptiveLimiter.Options<S>): Limiter["outcomeOf"] => (exit) => {
  if (Exit.isFailure(exit)) {
    if (Cause.isInterruptedOnly(exit.cause) || Cause.isDie(exit.cause)) return "ignored"
    if (outcome === undefined) return Option.exists(Cause.failureOption(exit.cause), dropped) ? "dropped" : "ignored"
  }
  return outcome === undefined ? "success" : outcome(exit)
}

/** @internal */
export const protect = <A, E, R>(
  self: Limiter,
  effect: Effect.Effect<A, E, R>,
  options: AdaptiveLimiter.CallOptions | undefined
): Effect.Effect<A, E | LimitExceeded, R> => {
  const { gate, partitions, rest } = self
  const group = (options?.partition === undefined ? undefined : partitions.get(options.partition)) ?? rest
  return Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<A, E | LimitExceeded, R>((fiber) =>
      gate.tryEnter(group)
        ? run(self, group, restore(effect), fiber)
        : Effect.flatMap(acquire(gate, group, 0, restore), () => run(self, group, restore(effect), fiber))
    )
  )
}

/** By the clock that never steps back: it is also the finer one. */
const run = <A, E, R>(
  self: Limiter,
  group: Group<LimitExceeded>,
  effect: Effect.Effect<A, E, R>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): Effect.Effect<A, E, R> => {
  const clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
  const { events, gate: { running: inFlight } } = self
  const startNanos = clock.unsafeCurrentTimeNanos()
  const settle = (exit: Exit.Exit<A, E>): Exit.Exit<A, E> => {
    const took = () => Number(clock.unsafeCurrentTimeNanos() - startNanos) / 1e6
    const judged = learn(self, exit, inFlight, events < self.events, took)
    self.gate.release(group)
    return judged
  }
  return Effect.matchCauseEffect(effect, {
    onSuccess: (value) => settle(Exit.succeed(value)),
    onFailure: (cause) => settle(Exit.failCause(cause))
  })
}

/** A judge or an algorithm that throws is a defect of the call, which gives its permit back all the same. */
const learn = <A, E>(
  self: Limiter,
  exit: Exit.Exit<A, E>,
  inFlight: number,
  isSameEvent: boolean,
  took: () => number
): Exit.Exit<A, E> => {
  try {
    const { gate } = self
    const outcome = self.outcomeOf(exit)
    if (outcome !== "ignored") {
      const didDrop = outcome === "dropped"
      const limit = self.learning.learn({ rttMillis: Math.max(took(), 0), inFlight, didDrop, isSameEvent })
      if (limit < gate.limit && !isSameEvent) self.events++
      if (limit !== gate.limit) gate.resize(limit, gate.maxQueued)
    }
    return exit
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** @internal */
export const snapshot = ({ gate, key, partitions }: Limiter): Effect.Effect<AdaptiveLimiter.Snapshot> =>
  Effect.sync(() => ({
    key,
    limit: gate.limit,
    running: gate.running,
    queued: gate.queued,
    maxQueued: gate.maxQueued,
    rejected: { ...gate.rejected },
    partitions: Object.fromEntries(
      Array.from(partitions, ([name, { guaranteed, running, waiting }]) => [
        name,
        { guaranteed, running, queued: waiting.size }
      ])
    )
  }))
