import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Machine from "../breaker/machine.js"
import { monotonicMillis } from "../effect/clock.js"
import * as CircuitBreakerStore from "./circuitStore.js"
import { Listeners } from "./memoryListeners.js"
import { isCurrent, isHeld, nothing, type Record, Records, standing } from "./memoryRecords.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type Standing = CircuitBreakerStore.Standing

/** The store within one process. Each operation is one step, and the machine of the breakers decides its result. */
export class MemoryStore implements CircuitBreakerStore.Service {
  readonly records = new Records()
  readonly listeners = new Listeners<CircuitBreakerStore.Change>({ _tag: "Missed" })
  readonly changes = this.listeners.changes

  constructor(readonly syncInterval: Duration.Duration, readonly timeout: Duration.Duration) {}

  readonly sync = (key: string, { counts, version }: CircuitBreakerStore.Report): Effect.Effect<Standing> =>
    step((now) => {
      const counted = Object.entries(counts).filter(([, count]) => count > 0)
      const record = this.records.use(key, now) ?? (counted.length > 0 ? this.begin(key, version, now) : undefined)
      if (
        record?.state._tag === "Closed" &&
        (isCurrent(record, version) || CircuitBreakerStore.isSameVersion(version, CircuitBreakerStore.noVersion))
      ) {
        for (const [name, count] of counted) record.counts.set(name, (record.counts.get(name) ?? 0) + count)
      }
      return standingOf(record, now)
    })

  readonly trip = (
    key: string,
    { openMillis, trip, trips = 1, version }: CircuitBreakerStore.Trip
  ): Effect.Effect<Standing> =>
    step((now) => {
      const record = this.records.use(key, now) ?? this.begin(key, version, now)
      if (record === undefined) return nothing
      const { state } = record
      if (
        isCurrent(record, version) ||
        (CircuitBreakerStore.isSameVersion(version, CircuitBreakerStore.noVersion) && state._tag === "Closed")
      ) {
        const opened = Machine.open(state, state.generation, trip, now, openMillis)
        if (opened._tag === "Open" && opened !== state) {
          this.become(key, record, { ...opened, trips: Math.max(opened.trips, trips) })
        }
      }
      return standing(record, now)
    })

  readonly admit = (
    key: string,
    { token, version, ...probing }: CircuitBreakerStore.ProbeRequest
  ): Effect.Effect<CircuitBreakerStore.Admission> =>
    step((now) => {
      const record = this.records.use(key, now)
      const retryAfterMillis = record === undefined || isHeld(record, token, now)
        ? 0
        : this.ask(key, record, token, configOf(probing), version, now)
      const isGranted = record !== undefined && isHeld(record, token, now)
      return { isGranted, retryAfterMillis, standing: standingOf(record, now) }
    })

  /** The time until another request can succeed; 0 if it got a permit, or needs none. */
  private ask(
    key: string,
    record: Record,
    token: string,
    config: Machine.Config,
    version: CircuitBreakerStore.Version | undefined,
    now: number
  ): number {
    if (record.state._tag === "Closed") return 0
    const { state: kept } = record
    // The member has waited for this opening, so its time is over.
    const isWaited = version !== undefined && isCurrent(record, version)
    const before = kept._tag === "Open" && isWaited ? { ...kept, untilMillis: now } : kept
    const [verdict, state] = admit(before, now, config)
    this.become(key, record, state)
    for (const other of record.tokens.keys()) if (!isHeld(record, other, now)) record.tokens.delete(other)
    if (verdict._tag !== "Run") return verdict.retryAfterMillis
    record.tokens.set(token, verdict.permit.lease)
    return 0
  }

  readonly settle = (key: string, settlement: CircuitBreakerStore.Settlement): Effect.Effect<Standing> => {
    const { openMillis, outcome, token, version, ...probing } = settlement
    return step((now) => {
      const record = this.records.use(key, now)
      if (record === undefined) return nothing
      const lease = record.tokens.get(token)
      if (isCurrent(record, version) && lease !== undefined) {
        const { generation } = version
        const config = configOf(probing)
        const permit = { generation, lease }
        const [, state] = Machine.settle(record.state, permit, outcome, now, 0, config, () => 0, openMillis)
        // The members have the number of openings.
        this.become(key, record, state._tag === "Closed" ? closed(state.generation, now) : state)
      }
      return standing(record, now)
    })
  }

  readonly close = (key: string, version: CircuitBreakerStore.Version): Effect.Effect<Standing> =>
    step((now) => {
      const record = this.records.use(key, now)
      if (record !== undefined && isCurrent(record, version) && record.state._tag !== "Closed") {
        this.become(key, record, closed(version.generation + 1, now))
      }
      return standingOf(record, now)
    })

  /** An unknown version comes from a lost record: its member must learn that first. */
  private begin(key: string, version: CircuitBreakerStore.Version, now: number): Record | undefined {
    return CircuitBreakerStore.isSameVersion(version, CircuitBreakerStore.noVersion)
      ? this.records.add(key, closed(1, now), now)
      : undefined
  }

  private become(key: string, record: Record, state: Machine.State): void {
    const { generation } = record.state
    record.state = state
    if (state.generation === generation) return
    record.tokens.clear()
    record.counts.clear()
    this.listeners.tell({ _tag: "Changed", key, version: { epoch: record.epoch, generation: state.generation } })
  }
}

const step = <A>(f: (now: number) => A): Effect.Effect<A> =>
  Effect.withFiberRuntime((fiber) => Effect.succeed(f(monotonicMillis(fiber))))

const standingOf = (record: Record | undefined, now: number): Standing =>
  record === undefined ? nothing : standing(record, now)

/** The members have windows, and decide with them. The store only counts. */
const window: Machine.Window = {
  record: () => {},
  recordAll: () => {},
  tripped: () => undefined,
  counts: () => ({ calls: 0, failures: 0, slow: 0 })
}

const configOf = (probing: CircuitBreakerStore.Probing): Machine.Config => ({
  ...probing,
  makeWindow: () => window,
  slowerThanMillis: Infinity,
  ramp: []
})

const closed = (generation: number, now: number): Machine.Closed =>
  Machine.closed(generation, configOf({ probes: 1, successes: 1, tolerated: 0, leaseMillis: 0 }), now)

/**
 * Members with other options may have reached a state in which these options never give a permit. Then the probes begin
 * again.
 */
const admit = (state: Machine.State, now: number, config: Machine.Config): ReturnType<typeof Machine.admit> => {
  const [verdict, next] = Machine.admit(state, now, config)
  return verdict._tag === "Full" && next._tag === "HalfOpen" && next.leases.length === 0
    ? Machine.admit({ ...next, successes: 0, failures: 0 }, now, config)
    : [verdict, next]
}
