/**
 * The circuit breaker as a pure machine: `(state, event, now) -> [decision, state]`. It imports nothing from Effect, reads
 * no clock and draws no number. The window of a closed state is the one thing in it that is mutable.
 */

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * How an admitted call ended. Whatever says nothing about the dependency is `ignored`, and so is an interruption, unless
 * it came to a call that was already slow.
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

/**
 * How many calls in flight have taken at least that long.
 */
export type Overdue = (slowerThanMillis: number) => number

/**
 * Calls that ended alike.
 */
export interface Batch {
  readonly outcome: Sample
  readonly calls: number
  /** Of each of them. */
  readonly durationMillis: number
}

export interface Window {
  record(outcome: Sample, nowMillis: number, durationMillis: number): void
  /** Records calls of others, in one step however many they are. */
  recordAll(batches: ReadonlyArray<Batch>, nowMillis: number): void
  tripped(nowMillis: number, overdue: Overdue): Trip | undefined
  counts(nowMillis: number, overdue: Overdue): Counts
}

export interface Config {
  /** A new window; with the samples of an earlier one, where both can hold the same. */
  readonly makeWindow: (previous: Window | undefined, nowMillis: number) => Window
  /** Probes in flight at once. */
  readonly probes: number
  /** Successful probes that close it. */
  readonly successes: number
  /** Failed probes that do not yet open it again. */
  readonly tolerated: number
  readonly leaseMillis: number
  /** From how long on a probe is too slow to close it. */
  readonly slowerThanMillis: number
  readonly ramp: ReadonlyArray<RampStep>
}

export interface RampStep {
  /** Of the calls, from 0 to 1. */
  readonly share: number
  readonly millis: number
}

export interface Closed {
  readonly _tag: "Closed"
  readonly generation: number
  /** In a box, so that the calls of the generation find the window that a new configuration has put there. */
  readonly box: { window: Window; readsClock?: boolean }
  /** Only while a ramp lasts: when it began, and the fraction of a call that is saved up. */
  readonly ramp: { readonly startMillis: number; readonly credit: number } | undefined
}

export interface Open {
  readonly _tag: "Open"
  readonly generation: number
  readonly openedAtMillis: number
  readonly untilMillis: number
  /** How often it opened in a row. */
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
  readonly trips: number
  readonly trip: Trip
  readonly leases: ReadonlyArray<Lease>
  /** Permits given so far: the next one's id. */
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
  /** Not before `retryAfterMillis` have passed. */
  | { readonly _tag: "Reject"; readonly retryAfterMillis: number }
  /** Half-open, and all permits are out: the first lease ends in `retryAfterMillis`. */
  | { readonly _tag: "Full"; readonly retryAfterMillis: number }

export const closed = (generation: number, config: Config, now: number, isRecovered = false): Closed => ({
  _tag: "Closed",
  generation,
  box: { window: config.makeWindow(undefined, now) },
  ramp: isRecovered && config.ramp.length > 0 ? { startMillis: now, credit: 0 } : undefined
})

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
 * Records how an admitted call ended. A call from another generation, or one whose lease has ended, changes nothing. Asks
 * for `open` with the trip that it returns.
 */
export const settle = (
  state: State,
  permit: Permit,
  outcome: Outcome,
  now: number,
  durationMillis: number,
  config: Config,
  overdue: Overdue
): readonly [Trip | undefined, State] => {
  if (state.generation !== permit.generation || state._tag === "Open") return [undefined, state]
  if (state._tag === "HalfOpen") return settleProbe(state, permit, judged(outcome, durationMillis, config), now, config)
  if (outcome === "ignored") return [undefined, state]
  const { window } = state.box
  window.record(outcome, now, durationMillis)
  return [window.tripped(now, overdue), state]
}

/**
 * Opens it, unless something else has happened since `generation`.
 */
export const open = (state: State, generation: number, trip: Trip, now: number, openMillis: number): State =>
  state.generation !== generation || state._tag === "Open" ? state : {
    _tag: "Open",
    generation: generation + 1,
    openedAtMillis: now,
    untilMillis: now + openMillis,
    trips: state._tag === "HalfOpen" ? state.trips + 1 : 1,
    trip
  }

const run = (generation: number, lease: number): Verdict => ({ _tag: "Run", permit: { generation, lease } })

/** A clock that stepped back must not keep it open for longer than it was to be. */
const rebased = (state: Open, now: number): Open =>
  now >= state.openedAtMillis
    ? state
    : { ...state, openedAtMillis: now, untilMillis: now + (state.untilMillis - state.openedAtMillis) }

export const halfOpen = (
  { generation, openedAtMillis, trip, trips }: Pick<Open, "generation" | "openedAtMillis" | "trip" | "trips">
): HalfOpen => ({
  _tag: "HalfOpen",
  generation: generation + 1,
  openedAtMillis,
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
  // No more than can still decide: after enough successes it is closed, after too many failures about to open.
  const undecided = Math.max(config.probes, config.successes + config.tolerated) - state.successes - state.failures
  if (leases.length < Math.min(config.probes, undecided) && state.failures <= config.tolerated) {
    const lease = { id: state.issued + 1, untilMillis: now + config.leaseMillis }
    return [run(state.generation, lease.id), { ...state, leases: [...leases, lease], issued: lease.id }]
  }
  const first = leases.reduce((least, { untilMillis }) => Math.min(least, untilMillis), Infinity)
  const full = { _tag: "Full", retryAfterMillis: first === Infinity ? 0 : first - now } as const
  return [full, leases === state.leases ? state : { ...state, leases }]
}

/** A clock that stepped back lengthens no lease. The same array where nothing has ended. */
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

/** A probe that took too long has shown that nothing is better, even where it was given up. */
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
      // It is about to open: a success that comes after the failure that was one too many is too late.
      if (state.failures > config.tolerated) return [undefined, returned]
      const next = { ...returned, successes: state.successes + 1 }
      return [undefined, next.successes >= config.successes ? closed(state.generation + 1, config, now, true) : next]
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
