import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricLabel from "effect/MetricLabel"
import { currentMonotonicMillis } from "../effect/clock.js"
import type { Event, Snapshot } from "./event.js"
import { instruments, type Name } from "./instruments.js"
import { layer } from "./layers.js"
import { Sources } from "./states.js"

type Tags = Readonly<Record<string, string>>

interface Instrument {
  readonly unsafeUpdate: (input: number, tags: ReadonlyArray<MetricLabel.MetricLabel>) => void
}

const make = (name: Name): Instrument => {
  const { description, kind, unit } = instruments[name]
  const metric = kind === "counter"
    // Only these are sums that never fall: an exporter takes any other counter for a gauge.
    ? Metric.counter(name, { description, incremental: true })
    : kind === "gauge"
    ? Metric.gauge(name, { description })
    : Metric.histogram(name, MetricBoundaries.fromIterable(kind), description)
  // Exporters read the unit from this label.
  return Metric.tagged(metric as Metric.Metric.Counter<number>, "unit", unit)
}

/** Makes each series once. The keys beyond `maxKeys` share `other`, so that the number of series is bounded. */
class Recorder {
  private readonly made = new Map<Name, Instrument>()
  private readonly labels = new Map<string, ReadonlyArray<MetricLabel.MetricLabel>>()
  private readonly keys = new Set<string>()

  constructor(private readonly maxKeys: number) {}

  keyOf(key: string): string {
    if (this.keys.has(key)) return key
    if (this.keys.size >= this.maxKeys) return "other"
    this.keys.add(key)
    return key
  }

  record(name: Name, value: number, tags: Tags): void {
    let instrument = this.made.get(name)
    if (instrument === undefined) this.made.set(name, instrument = make(name))
    instrument.unsafeUpdate(value, this.labelsOf(tags))
  }

  private labelsOf(tags: Tags): ReadonlyArray<MetricLabel.MetricLabel> {
    let id = ""
    for (const name in tags) id += `${name}\u0000${tags[name]}\u0000`
    let labels = this.labels.get(id)
    if (labels === undefined) {
      this.labels.set(id, labels = Object.entries(tags).map(([name, value]) => MetricLabel.make(name, value)))
    }
    return labels
  }
}

const secondsOf = (duration: Duration.Duration): number => Duration.toMillis(duration) / 1_000

const recordEvent = (to: Recorder, event: Event): void => {
  const key = to.keyOf(event.key)
  switch (event._tag) {
    case "AttemptEnded": {
      const tags = { key, outcome: event.outcome }
      to.record(
        "reprise.attempts",
        1,
        event.errorType === undefined ? tags : { ...tags, "error.type": event.errorType }
      )
      return to.record("reprise.attempt.duration", secondsOf(event.duration), tags)
    }
    case "CallEnded": {
      const tags = { key, outcome: event.outcome }
      to.record("reprise.call.duration", secondsOf(event.duration), tags)
      return to.record("reprise.call.attempts", event.attempts, tags)
    }
    case "RetryScheduled":
      to.record("reprise.retries", 1, { key, reason: event.reason, "error.type": event.errorType })
      return to.record("reprise.retry.delay", secondsOf(event.delay), { key, reason: event.reason })
    case "RetryRefused":
      return to.record("reprise.retry.refusals", 1, { key, reason: event.reason, "error.type": event.errorType })
    case "Rejected":
      return to.record("reprise.rejections", 1, { key, policy: event.policy, "error.type": event.errorType })
    case "Waited": {
      const { duration, outcome, policy } = event
      return to.record("reprise.wait.duration", secondsOf(duration), { key, policy, outcome })
    }
    case "CircuitTransition":
      to.record("reprise.circuit_breaker.transitions", 1, { key, from: event.from, to: event.to })
      return to.record("reprise.circuit_breaker.state", stateNumbers[event.to], { key })
    case "HedgeStarted":
      return to.record("reprise.hedges", 1, { key, outcome: "started" })
    case "HedgeWon":
      return to.record("reprise.hedges", 1, { key, outcome: "won" })
    case "StoreLost":
      return to.record("reprise.store.available", 0, { key })
    case "StoreRestored":
      return to.record("reprise.store.available", 1, { key })
    case "GateClosed":
      return to.record("reprise.gate.closed_time", secondsOf(event.duration), { key })
    case "GateOpened":
      return to.record("reprise.gate.closed_time", 0, { key })
    default:
  }
}

const stateNumbers = { Closed: 0, HalfOpen: 1, Open: 2, Isolated: 3, Disabled: -1 } as const

const stateOf = (state: string | undefined): number => stateNumbers[state as keyof typeof stateNumbers] ?? 0

/** Two policies with the same name and key are one series: the sum of both, and the worse state. */
const merged = (snapshots: ReadonlyArray<Snapshot>, keyOf: (key: string) => string): ReadonlyMap<string, Snapshot> => {
  const all = new Map<string, Snapshot>()
  for (const one of snapshots) {
    const own = { ...one, key: keyOf(one.key) }
    const id = `${own.policy}\u0000${own.key}`
    const other = all.get(id)
    all.set(id, other === undefined ? own : merge(own, other))
  }
  return all
}

const merge = (one: Snapshot, other: Snapshot): Snapshot => ({
  policy: one.policy,
  key: one.key,
  state: stateOf(one.state) > stateOf(other.state) ? one.state : other.state,
  millis: Math.max(one.millis ?? 0, other.millis ?? 0),
  running: sum(one.running, other.running),
  waiting: sum(one.waiting, other.waiting),
  limit: sum(one.limit, other.limit),
  left: sum(one.left, other.left)
})

const sum = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0)

const recordSnapshot = (
  to: Recorder,
  { key, left, limit, millis, policy, running, state, waiting }: Snapshot
): void => {
  const tags = { key, policy }
  if (running !== undefined) to.record("reprise.running", running, tags)
  if (waiting !== undefined) to.record("reprise.waiting", waiting, tags)
  if (limit !== undefined) to.record("reprise.limit", limit, tags)
  if (left !== undefined) to.record("reprise.left", left, tags)
  if (policy === "circuitBreaker") {
    to.record("reprise.circuit_breaker.state", stateOf(state), { key })
    to.record("reprise.circuit_breaker.open_time", (millis ?? 0) / 1_000, { key })
  }
  if (policy === "retryAfterGate") to.record("reprise.gate.closed_time", (millis ?? 0) / 1_000, { key })
}

/** The last of a policy that was dropped: nobody can remove a series, and an alert about it must end. */
const dropped = ({ key, policy, running, waiting }: Snapshot): Snapshot => ({
  policy,
  key,
  running: running && 0,
  waiting: waiting && 0
})

/** @internal */
export const observed = (maxKeys: number, everyMillis: number): Layer.Layer<never> => {
  const recorder = new Recorder(maxKeys)
  const sources = new Sources()
  let last: ReadonlyMap<string, Snapshot> = new Map()
  const sample = Effect.map(currentMonotonicMillis, (nowMillis) => {
    const all = merged(sources.snapshots(nowMillis), (key) => recorder.keyOf(key))
    for (const [id, one] of last) if (!all.has(id)) recordSnapshot(recorder, dropped(one))
    for (const one of all.values()) recordSnapshot(recorder, one)
    last = all
  })
  // Gauges show an outage while it lasts, also if nobody calls.
  const sampling = Effect.forever(Effect.zipRight(Effect.sleep(Duration.millis(everyMillis)), sample))
  return Layer.merge(
    Layer.scopedDiscard(Effect.forkScoped(sampling)),
    layer({ onEvent: (event) => recordEvent(recorder, event), onSource: sources.see })
  )
}
