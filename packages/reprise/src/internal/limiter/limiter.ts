import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as InvalidOption from "../../InvalidOption.js"
import { Gate, Group, type Reason } from "../bulkhead/machine.js"
import { isTimeout, withoutStack } from "../errors.js"
import * as Policy from "../shell/model.js"
import { type Standing, standing } from "../standing.js"
import * as telemetry from "../telemetry/current.js"
import type { Snapshot, Source } from "../telemetry/event.js"
import { type Learning, learning, limitOf } from "./learning.js"
import * as AdaptiveLimiter from "./model.js"

const limitExceeded = withoutStack(
  AdaptiveLimiter.LimitExceeded,
  function(key: string, gate: Gate<AdaptiveLimiter.LimitExceeded>, reason: Reason, partition: string | undefined) {
    this._tag = "LimitExceeded"
    this.key = key
    this.reason = reason
    this.limit = gate.limit
    this.running = gate.running
    this.queued = gate.queued
    this.partition = partition
  }
)

/** @internal */
export class Limiter extends Pipeable.Class() implements AdaptiveLimiter.AdaptiveLimiter {
  readonly [AdaptiveLimiter.TypeId]: typeof AdaptiveLimiter.TypeId = AdaptiveLimiter.TypeId
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly kind = "resource"
  readonly holds = true
  isReconfigured = false
  /** The number of times that a call lowered the limit, if it began after the last decrease. */
  events = 0
  /** Calls without a share. */
  readonly rest: Group<AdaptiveLimiter.LimitExceeded>
  readonly partitions: ReadonlyMap<string, Group<AdaptiveLimiter.LimitExceeded>>

  constructor(
    readonly key: string,
    readonly gate: Gate<AdaptiveLimiter.LimitExceeded>,
    shares: ReadonlyArray<readonly [name: string, share: number]>,
    readonly outcomeOf: (exit: Exit.Exit<unknown, unknown>) => AdaptiveLimiter.Outcome,
    public learning: Learning
  ) {
    super()
    const add = (name: string | undefined, share: number) =>
      gate.add(new Timed(gate, name, share, "fifo", (group) => new Permit(this, group)))
    this.rest = add(undefined, 0)
    this.partitions = new Map(shares.map(([name, share]) => [name, add(name, share)]))
  }

  [standing](): Standing {
    if (this.gate.running + this.gate.queued > 0) return "busy"
    return this.isReconfigured ? "changed" : this.learning.standing()
  }

  get source(): Source {
    return this
  }

  get policy(): string {
    return "adaptiveLimiter"
  }

  inspect(): Snapshot {
    const { gate: { limit, queued, running }, key, policy } = this
    return { policy, key, running, waiting: queued, limit }
  }

  decide(call: Policy.Call): Policy.Decision<AdaptiveLimiter.LimitExceeded> {
    const partitions: ReadonlyMap<string | undefined, Group<AdaptiveLimiter.LimitExceeded>> = this.partitions
    return (partitions.get(call.partition) ?? this.rest).decide(call)
  }
}

/** Calls with a measured duration. */
class Timed extends Group<AdaptiveLimiter.LimitExceeded> {
  override take(call: Policy.Call): Policy.Ticket {
    // The end of a call uses the clock that its admission has read.
    void call.nowMillis
    return super.take(call)
  }
}

/**
 * The ticket of a call: the calls that ran when it began, itself included, and the decreases of the limit before it.
 */
class Permit implements Policy.Ticket {
  private readonly inFlight: number
  private readonly events: number

  constructor(private readonly limiter: Limiter, private readonly group: Group<AdaptiveLimiter.LimitExceeded>) {
    this.inFlight = limiter.gate.running
    this.events = limiter.events
  }

  settle(end: Policy.End): void {
    const { inFlight, limiter } = this
    const { gate } = limiter
    try {
      const outcome = limiter.outcomeOf(end.exit)
      if (outcome === "ignored") return
      const didDrop = outcome === "dropped"
      const isSameEvent = this.events < limiter.events
      const limit = limiter.learning.learn({ rttMillis: end.tookMillis, inFlight, didDrop, isSameEvent })
      if (limit < gate.limit && !isSameEvent) limiter.events++
      if (limit === gate.limit) return
      telemetry.emit({ _tag: "LimitChanged", key: limiter.key, from: gate.limit, to: limit })
      gate.resize(limit, gate.maxQueued)
    } finally {
      this.withdraw()
    }
  }

  withdraw(): void {
    this.limiter.gate.release(this.group)
  }
}

/** @internal */
export const make = <S>(options: AdaptiveLimiter.Options<S>): Effect.Effect<Limiter> => {
  const { algorithm } = options
  const maxQueued = maxQueuedOf(options.maxQueued ?? 0)
  const queueTimeoutMillis = options.queueTimeout === undefined
    ? Infinity
    : InvalidOption.millis("queueTimeout", options.queueTimeout, { moreThan: 0 })
  const shares = sharesOf(options.partitions ?? {})
  const key = options.key ?? ""
  return Effect.sync(() => {
    const gate = new Gate<AdaptiveLimiter.LimitExceeded>(
      limitOf(algorithm.limit(algorithm.initial)),
      maxQueued,
      queueTimeoutMillis,
      (gate, { name }, reason) => limitExceeded(key, gate, reason, name)
    )
    return new Limiter(key, gate, shares, judgeOf(options), learning(algorithm, algorithm.initial))
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
  // Stryker disable next-line StringLiteral: the limiter looks only for the two other outcomes.
  return outcome === undefined ? "success" : outcome(exit)
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
