/**
 * The circuit breaker as a pure machine: `(state, event, now) -> [decision, state]`. It imports nothing from Effect,
 * reads no clock and draws no random number. Only the window of a closed state is mutable.
 */

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * The result of an admitted call. A result that says nothing about the dependency is `ignored`. So is an interruption,
 * unless the call was already slow.
 */
export type Outcome = Sample | "ignored"

export type Sample = "success" | "failure" | "interrupted"

export interface Counts {
  readonly calls: number
  readonly failures: number
  readonly slow: number
}

export interface Trip extends Counts {
  readonly rule: string
}

/** The number of calls in flight that are older than this time. */
export type Overdue = (slowerThanMillis: number) => number

/** Calls with the same result. */
export interface Batch {
  readonly outcome: Sample
  readonly calls: number
  /** The duration of each call. */
  readonly durationMillis: number
}

export interface Window {
  record(outcome: Sample, nowMillis: number, durationMillis: number): void
  /** Records calls of other members, in one step for any number. */
  recordAll(batches: ReadonlyArray<Batch>, nowMillis: number): void
  tripped(nowMillis: number, overdue: Overdue): Trip | undefined
  counts(nowMillis: number, overdue: Overdue): Counts
  /** Whether it has any samples, if `counts` does not show that. */
  hasChanged?(): boolean
}

export interface Config {
  /** A new window, with the samples of an earlier one, if both are of the same kind. */
  readonly makeWindow: (previous: Window | undefined, nowMillis: number) => Window
  /** The most probes in flight at once. */
  readonly probes: number
  /** The number of successful probes that close it. */
  readonly successes: number
  /** The number of failed probes that do not open it again. */
  readonly tolerated: number
  readonly leaseMillis: number
  /** The duration from which a probe is too slow to close it. */
  readonly slowerThanMillis: number
  readonly ramp: ReadonlyArray<RampStep>
}

export interface RampStep {
  /** The share of calls, from 0 to 1. */
  readonly share: number
  readonly millis: number
}

export interface Closed {
  readonly _tag: "Closed"
  readonly generation: number
  /** A box, so that the calls of the generation use the window of a new configuration. */
  readonly box: { window: Window }
  /** Only during a ramp: its start, and the saved fraction of a call. */
  readonly ramp: { readonly startMillis: number; readonly credit: number } | undefined
  /** Its last opening. The next one continues after it, unless the breaker stays closed for long enough. */
  readonly last: LastOpening | undefined
}

export interface LastOpening {
  readonly closedAtMillis: number
  readonly openMillis: number
  readonly trips: number
}

export interface Open {
  readonly _tag: "Open"
  readonly generation: number
  readonly openedAtMillis: number
  readonly untilMillis: number
  /** The number of openings in a row, without a closed time as long as the open time. */
  readonly trips: number
  readonly trip: Trip
}

export interface Lease {
  readonly id: number
  readonly untilMillis: number
}

export interface HalfOpen {
  readonly _tag: "HalfOpen"
  readonly generation: number
  readonly openedAtMillis: number
  /** The earlier open time. */
  readonly openMillis: number
  readonly trips: number
  readonly trip: Trip
  readonly leases: ReadonlyArray<Lease>
  /** The number of permits so far, which is the id of the next one. */
  readonly issued: number
  readonly successes: number
  readonly failures: number
}

export type State = Closed | Open | HalfOpen

export interface Permit {
  readonly generation: number
  /** The lease of a probe; 0 for a call that was admitted while closed. */
  readonly lease: number
}

export type Verdict =
  | { readonly _tag: "Run"; readonly permit: Permit }
  /** The next call may be admitted after `retryAfterMillis`. */
  | { readonly _tag: "Reject"; readonly retryAfterMillis: number }
  /** Half-open, and all permits are taken: the first lease ends in `retryAfterMillis`. */
  | { readonly _tag: "Full"; readonly retryAfterMillis: number }

export const closed = (generation: number, config: Config, now: number): Closed => ({
  _tag: "Closed",
  generation,
  box: { window: config.makeWindow(undefined, now) },
  ramp: undefined,
  last: undefined
})

/** Closes it, and keeps its open time. */
export const closing = (state: Open | HalfOpen, config: Config, now: number): Closed => ({
  ...closed(state.generation + 1, config, now),
  last: { closedAtMillis: now, openMillis: openMillis(state), trips: state.trips }
})

/** The same, after successful probes: a ramp begins. */
export const recovered = (state: Open | HalfOpen, config: Config, now: number): Closed => ({
  ...closing(state, config, now),
  ramp: config.ramp.length > 0 ? { startMillis: now, credit: 0 } : undefined
})

const openMillis = (state: Open | HalfOpen): number =>
  state._tag === "Open" ? state.untilMillis - state.openedAtMillis : state.openMillis

/** The number of openings in a row. It is 0 again after a closed time as long as the open time. */
export const tripsInARow = (state: State, now: number): number => {
  if (state._tag !== "Closed") return state.trips
  return state.last !== undefined && now - state.last.closedAtMillis < state.last.openMillis ? state.last.trips : 0
}

/** Whether it admits every call without a change of its state: it is closed, without a ramp. */
export const admitsAll = (state: State): state is Closed => state._tag === "Closed" && state.ramp === undefined

export const admit = (state: State, now: number, config: Config): readonly [Verdict, State] => {
  switch (state._tag) {
    case "Closed":
      return state.ramp === undefined ? [run(state.generation, 0), state] : admitRamped(state, state.ramp, now, config)
    case "Open": {
      const open = rebased(state, now)
      return now < open.untilMillis
        ? [{ _tag: "Reject", retryAfterMillis: open.untilMillis - now }, open]
        : admitProbe(halfOpen(open), now, config)
    }
    case "HalfOpen":
      return admitProbe(state, now, config)
  }
}

/**
 * Records the result of an admitted call. A call from another generation, or one whose lease has ended, changes
 * nothing. A trip opens it in the same step, for `openMillis`.
 */
export const settle = (
  state: State,
  permit: Permit,
  outcome: Outcome,
  now: number,
  durationMillis: number,
  config: Config,
  overdue: Overdue,
  openMillis: number
): readonly [Trip | undefined, State] => {
  if (state.generation !== permit.generation || state._tag === "Open") return [undefined, state]
  const [trip, next] = state._tag === "HalfOpen"
    ? settleProbe(state, permit, judged(outcome, durationMillis, config), now, config)
    : [recorded(state, outcome, now, durationMillis, overdue), state]
  return [trip, trip === undefined ? next : open(state, state.generation, trip, now, openMillis)]
}

const recorded = (
  { box: { window } }: Closed,
  outcome: Outcome,
  now: number,
  durationMillis: number,
  overdue: Overdue
): Trip | undefined => {
  if (outcome === "ignored") return undefined
  window.record(outcome, now, durationMillis)
  return window.tripped(now, overdue)
}

/** Opens it, unless the state has changed since `generation`. */
export const open = (state: State, generation: number, trip: Trip, now: number, openMillis: number): State =>
  state.generation !== generation || state._tag === "Open" ? state : {
    _tag: "Open",
    generation: generation + 1,
    openedAtMillis: now,
    untilMillis: now + openMillis,
    trips: tripsInARow(state, now) + 1,
    trip
  }

/** Sets the open time, counted from the opening. It changes nothing after the opening is over. */
export const refine = (state: State, generation: number, openMillis: number): State =>
  state.generation !== generation || state._tag !== "Open"
    ? state
    : { ...state, untilMillis: state.openedAtMillis + openMillis }

const run = (generation: number, lease: number): Verdict => ({ _tag: "Run", permit: { generation, lease } })

/** A clock that moved backwards must not extend the open time. */
const rebased = (state: Open, now: number): Open =>
  now >= state.openedAtMillis
    ? state
    : { ...state, openedAtMillis: now, untilMillis: now + (state.untilMillis - state.openedAtMillis) }

export const halfOpen = (
  { generation, openedAtMillis, trip, trips, untilMillis }: Omit<Open, "_tag">
): HalfOpen => ({
  _tag: "HalfOpen",
  generation: generation + 1,
  openedAtMillis,
  openMillis: untilMillis - openedAtMillis,
  trips,
  trip,
  // Stryker disable next-line ArrayDeclaration: the first probe drops whatever is no lease that lasts.
  leases: [],
  issued: 0,
  successes: 0,
  failures: 0
})

const admitProbe = (state: HalfOpen, now: number, config: Config): readonly [Verdict, State] => {
  const leases = stillHeld(state.leases, now, config)
  // Never more than can still decide: after enough successes it is closed. A member that tolerates fewer failures gets
  // none.
  const undecided = Math.max(config.probes, config.successes + config.tolerated) - state.successes - state.failures
  if (leases.length < Math.min(config.probes, undecided) && state.failures <= config.tolerated) {
    const lease = { id: state.issued + 1, untilMillis: now + config.leaseMillis }
    return [run(state.generation, lease.id), { ...state, leases: [...leases, lease], issued: lease.id }]
  }
  const first = leases.reduce((least, { untilMillis }) => Math.min(least, untilMillis), Infinity)
  const full = { _tag: "Full", retryAfterMillis: first === Infinity ? 0 : first - now } as const
  return [full, leases === state.leases ? state : { ...state, leases }]
}

/** A clock that moved backwards extends no lease. Returns the same array if no lease has ended. */
const stillHeld = (leases: ReadonlyArray<Lease>, now: number, { leaseMillis }: Config): ReadonlyArray<Lease> =>
  leases.every(({ untilMillis }) => untilMillis > now && untilMillis <= now + leaseMillis) ? leases : leases
    .filter(({ untilMillis }) => untilMillis > now)
    .map(({ id, untilMillis }) => ({ id, untilMillis: Math.min(untilMillis, now + leaseMillis) }))

const admitRamped = (
  state: Closed,
  { credit, startMillis }: NonNullable<Closed["ramp"]>,
  now: number,
  config: Config
): readonly [Verdict, State] => {
  let endMillis = Math.min(startMillis, now)
  for (const { millis, share } of config.ramp) {
    endMillis += millis
    if (now >= endMillis) continue
    const saved = credit + share
    return saved >= 1
      ? [run(state.generation, 0), { ...state, ramp: { startMillis: Math.min(startMillis, now), credit: saved - 1 } }]
      : [
        { _tag: "Reject", retryAfterMillis: endMillis - now },
        { ...state, ramp: { startMillis: Math.min(startMillis, now), credit: saved } }
      ]
  }
  return [run(state.generation, 0), { ...state, ramp: undefined }]
}

/** A slow probe shows no recovery, even if it was interrupted. */
export const judged = (outcome: Outcome, durationMillis: number, config: Config): Outcome =>
  durationMillis < config.slowerThanMillis || outcome === "ignored"
    ? outcome
    : "failure"

const settleProbe = (
  state: HalfOpen,
  { lease }: Permit,
  outcome: Outcome,
  now: number,
  config: Config
): readonly [Trip | undefined, State] => {
  if (!state.leases.some(({ id, untilMillis }) => id === lease && untilMillis > now)) return [undefined, state]
  const returned = { ...state, leases: state.leases.filter(({ id }) => id !== lease) }
  switch (outcome) {
    case "success": {
      // Another member may tolerate fewer failures than there were. Then none of its probes can close it.
      if (state.failures > config.tolerated) return [undefined, returned]
      const next = { ...returned, successes: state.successes + 1 }
      return [undefined, next.successes >= config.successes ? recovered(state, config, now) : next]
    }
    case "failure": {
      const next = { ...returned, failures: state.failures + 1 }
      const { failures, successes } = next
      return failures > config.tolerated
        ? [{ rule: "probe", calls: successes + failures, failures, slow: 0 }, next]
        : [undefined, next]
    }
    default:
      return [undefined, returned]
  }
}
