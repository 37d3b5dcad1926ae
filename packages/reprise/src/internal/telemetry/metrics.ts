import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { monotonicMillis } from "../effect/clock.js"
import type { AnyFiber } from "../effect/fiber.js"
import type { Series } from "../effect/model.js"
import { series } from "../effect/observe.js"
import type { Event, Snapshot } from "./event.js"
import { instruments, type Name } from "./instruments.js"
import { layer } from "./layers.js"
import { Sources } from "./states.js"

/** The series of one metric, by the values of its tags. A lookup allocates nothing. */
type AllSeries = Map<string | undefined, Map<string | undefined, Map<string | undefined, Series>>>

const make = (name: Name, values: ReadonlyArray<string | undefined>): Series => {
  const { description, kind, tags, unit } = instruments[name]
  const own = tags.flatMap((tag, i) => values[i] === undefined ? [] : [[tag, values[i]]])
  // Exporters read the unit from this tag.
  return series(name, kind, description, Object.fromEntries([...own, ["unit", unit]]))
}

/** Makes each series once. The keys beyond `maxKeys` share `other`, so that the number of series is bounded. */
class Recorder {
  private readonly made = new Map<Name, AllSeries>()
  private readonly keys = new Set<string>()
  private readonly errorTypes = new Set<string>()

  constructor(private readonly maxKeys: number) {}

  keyOf(key: string): string {
    return oneOf(this.keys, key, this.maxKeys)
  }

  /** Most programs have few tags. But a tag is a string of any content. */
  errorTypeOf(errorType: string | undefined): string | undefined {
    return errorType === undefined ? undefined : oneOf(this.errorTypes, errorType, maxErrorTypes)
  }

  record(fiber: AnyFiber, name: Name, value: number, key: string, second?: string, third?: string): void {
    const series = at(this.made, name)
    const ofKey = at(series, key)
    const ofSecond = at(ofKey, second)
    let one = ofSecond.get(third)
    if (one === undefined) ofSecond.set(third, one = make(name, [key, second, third]))
    one.update(value, fiber)
  }
}

const at = <K, K2, V>(map: Map<K, Map<K2, V>>, key: K): Map<K2, V> => {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = new Map())
  return value
}

const maxErrorTypes = 100

const oneOf = (known: Set<string>, value: string, max: number): string => {
  if (known.has(value)) return value
  if (known.size >= max) return "other"
  known.add(value)
  return value
}

const secondsOf = (duration: Duration.Duration): number => Duration.toMillis(duration) / 1_000

const recordEvent = (to: Recorder, event: Event, fiber: AnyFiber): void => {
  const key = to.keyOf(event.key)
  switch (event._tag) {
    case "AttemptEnded":
      to.record(fiber, "reprise.attempts", 1, key, event.outcome, to.errorTypeOf(event.errorType))
      return to.record(fiber, "reprise.attempt.duration", secondsOf(event.duration), key, event.outcome)
    case "CallEnded":
      to.record(fiber, "reprise.call.duration", secondsOf(event.duration), key, event.outcome)
      return to.record(fiber, "reprise.call.attempts", event.attempts, key, event.outcome)
    case "RetryScheduled":
      to.record(fiber, "reprise.retries", 1, key, event.reason, to.errorTypeOf(event.errorType))
      return to.record(fiber, "reprise.retry.delay", secondsOf(event.delay), key, event.reason)
    case "RetryRefused":
      return to.record(fiber, "reprise.retry.refusals", 1, key, event.reason, to.errorTypeOf(event.errorType))
    case "Rejected":
      return to.record(fiber, "reprise.rejections", 1, key, event.policy, to.errorTypeOf(event.errorType))
    case "Waited":
      return to.record(fiber, "reprise.wait.duration", secondsOf(event.duration), key, event.policy, event.outcome)
    case "CircuitTransition":
      to.record(fiber, "reprise.circuit_breaker.transitions", 1, key, event.from, event.to)
      return to.record(fiber, "reprise.circuit_breaker.state", stateNumbers[event.to], key)
    case "HedgeStarted":
      return to.record(fiber, "reprise.hedges", 1, key, "started")
    case "HedgeWon":
      return to.record(fiber, "reprise.hedges", 1, key, "won")
    case "StoreLost":
      return to.record(fiber, "reprise.store.available", 0, key)
    case "StoreRestored":
      return to.record(fiber, "reprise.store.available", 1, key)
    case "GateClosed":
      return to.record(fiber, "reprise.gate.closed_time", secondsOf(event.duration), key)
    case "GateOpened":
      return to.record(fiber, "reprise.gate.closed_time", 0, key)
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
  fiber: AnyFiber,
  { key, left, limit, millis, policy, running, state, waiting }: Snapshot
): void => {
  if (running !== undefined) to.record(fiber, "reprise.running", running, key, policy)
  if (waiting !== undefined) to.record(fiber, "reprise.waiting", waiting, key, policy)
  if (limit !== undefined) to.record(fiber, "reprise.limit", limit, key, policy)
  if (left !== undefined) to.record(fiber, "reprise.left", left, key, policy)
  if (policy === "circuitBreaker") {
    to.record(fiber, "reprise.circuit_breaker.state", stateOf(state), key)
    to.record(fiber, "reprise.circuit_breaker.open_time", (millis ?? 0) / 1_000, key)
  }
  if (policy === "retryAfterGate") to.record(fiber, "reprise.gate.closed_time", (millis ?? 0) / 1_000, key)
}

/** The last values of a dropped policy. A series cannot be removed, and an alert about it must end. */
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
  const sample = Effect.withFiberRuntime<void>((fiber) => {
    const all = merged(sources.snapshots(monotonicMillis(fiber)), (key) => recorder.keyOf(key))
    for (const [id, one] of last) if (!all.has(id)) recordSnapshot(recorder, fiber, dropped(one))
    for (const one of all.values()) recordSnapshot(recorder, fiber, one)
    last = all
    return Effect.void
  })
  // Gauges show an outage while it lasts, also if nobody calls.
  const sampling = Effect.forever(Effect.zipRight(Effect.sleep(Duration.millis(everyMillis)), sample))
  return Layer.merge(
    Layer.scopedDiscard(Effect.forkScoped(sampling)),
    layer({ kind: "metrics", onEvent: (event, fiber) => recordEvent(recorder, event, fiber), onSource: sources.see })
  )
}
