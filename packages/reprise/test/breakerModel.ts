import type { Outcome, Permit, RampStep, Trip, Verdict } from "../src/internal/breaker/machine.js"

/**
 * What a circuit breaker is to do, as naively as it can be said: it keeps a list of all that has happened since the state
 * last changed, and works everything out from it anew each time.
 */

export type Rule =
  | { readonly _tag: "Consecutive"; readonly failures: number }
  /** A share of at least `bad` of `of` calls. */
  | {
    readonly _tag: "Rate"
    readonly bad: number
    readonly of: number
    readonly minimumCalls: number
    readonly last: Last
  }

export type Last =
  | { readonly calls: number }
  | { readonly millis: number; readonly buckets: number }

export interface Options {
  readonly rule: Rule
  readonly probes: number
  readonly successes: number
  readonly tolerated: number
  readonly leaseMillis: number
  readonly slowerThanMillis: number
  readonly ramp: ReadonlyArray<RampStep>
}

type Event =
  | { readonly _tag: "Asked"; readonly now: number; readonly lease: number | undefined }
  | { readonly _tag: "Answered"; readonly now: number; readonly lease: number; readonly outcome: Outcome }

interface Era {
  readonly name: "Closed" | "Open" | "HalfOpen"
  readonly beganMillis: number
  openMillis: number
  /** Closed by probes, so that a ramp begins. */
  readonly isRecovered: boolean
  readonly events: Array<Event>
}

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((a, b) => a + b, 0)

/** Whole numbers only, so that nothing is rounded. */
const spanOf = (now: number, { buckets, millis }: { millis: number; buckets: number }) => {
  const [n, d] = [BigInt(now) * BigInt(buckets), BigInt(millis)]
  const quotient = n / d
  return Number(n < 0n && quotient * d !== n ? quotient - 1n : quotient)
}

/**
 * Which samples still count at `now`: they are in the order in which they came, each with the time of the clock then. What
 * is no sample has only looked at the clock.
 */
export const remembered = <S extends { readonly now: number; readonly isSample?: boolean }>(
  samples: ReadonlyArray<S>,
  last: Last,
  now: number
): ReadonlyArray<S> => {
  const isSample = (sample: S) => sample.isSample !== false
  if ("calls" in last) return samples.filter(isSample).slice(-last.calls)
  // Only the steps forward count: a clock that steps back goes on in the current span.
  const spans = [...samples.map((sample) => sample.now), now].map((now) => spanOf(now, last))
  const passed = spans.map((_, i) => sum(spans.slice(1, i + 1).map((span, j) => Math.max(span - spans[j]!, 0))))
  const end = passed[passed.length - 1]!
  return samples.filter((sample, i) => isSample(sample) && end - passed[i]! < last.buckets)
}

export class Model {
  generation = 0
  era: Era
  trips = 0
  /** How long it was open the last time. */
  lastOpenMillis = 0

  constructor(readonly options: Options, now: number) {
    this.era = { name: "Closed", beganMillis: now, openMillis: 0, isRecovered: false, events: [] }
  }

  private begin(name: Era["name"], now: number, openMillis = 0, isRecovered = false) {
    this.generation++
    this.era = { name, beganMillis: now, openMillis, isRecovered, events: [] }
  }

  admit(now: number): Verdict {
    if (this.era.name === "Open") {
      this.era.events.push({ _tag: "Asked", now, lease: undefined })
      const left = this.openUntil() - now
      if (left > 0) return { _tag: "Reject", retryAfterMillis: left }
      this.begin("HalfOpen", now)
    }
    return this.era.name === "HalfOpen" ? this.admitProbe(now) : this.admitClosed(now)
  }

  /** As long as it was to be, counted from the earliest time that the clock has shown since. */
  openUntil(): number {
    return Math.min(this.era.beganMillis, ...this.asked()) + this.era.openMillis
  }

  private asked(): ReadonlyArray<number> {
    return this.era.events.flatMap((event) => event._tag === "Asked" ? [event.now] : [])
  }

  private admitProbe(now: number): Verdict {
    const { probes, successes, tolerated } = this.options
    const issued = this.era.events.filter((event) => event._tag === "Asked" && event.lease !== undefined).length
    this.era.events.push({ _tag: "Asked", now, lease: undefined })
    const held = this.held(now)
    const answered = this.answers("success") + this.answers("failure")
    const couldDecide = held.length + answered < Math.max(probes, successes + tolerated)
    if (held.length >= probes || !couldDecide) {
      const first = Math.min(...held.map(({ untilMillis }) => untilMillis))
      return { _tag: "Full", retryAfterMillis: held.length === 0 ? 0 : first - now }
    }
    this.era.events[this.era.events.length - 1] = { _tag: "Asked", now, lease: issued + 1 }
    return { _tag: "Run", permit: { generation: this.generation, lease: issued + 1 } }
  }

  answers(outcome: Outcome): number {
    return this.era.events.filter((event) => event._tag === "Answered" && event.outcome === outcome).length
  }

  /** The leases of the probes that may still answer. */
  held(now: number): ReadonlyArray<{ readonly lease: number; readonly untilMillis: number }> {
    if (this.era.name !== "HalfOpen") return []
    return this.era.events.flatMap((given, i) => {
      if (given._tag !== "Asked" || given.lease === undefined) return []
      const { lease } = given
      let untilMillis = given.now + this.options.leaseMillis
      for (const event of this.era.events.slice(i + 1)) {
        if (event._tag === "Answered" && event.lease === lease) return []
        if (event._tag === "Answered") continue
        if (event.now >= untilMillis) return []
        untilMillis = Math.min(untilMillis, event.now + this.options.leaseMillis)
      }
      return now < untilMillis ? [{ lease, untilMillis }] : []
    })
  }

  private admitClosed(now: number): Verdict {
    const before = this.ramp()
    this.era.events.push({ _tag: "Asked", now, lease: undefined })
    const after = this.ramp()
    if (after === undefined || before === undefined || Math.floor(after.shares) > Math.floor(before.shares)) {
      return { _tag: "Run", permit: { generation: this.generation, lease: 0 } }
    }
    return { _tag: "Reject", retryAfterMillis: after.stepEndMillis - now }
  }

  /** All shares so far, one for each call: as many calls as they are in whole numbers were let through. */
  ramp(): { readonly shares: number; readonly stepEndMillis: number } | undefined {
    if (!this.era.isRecovered) return undefined
    let start = this.era.beganMillis
    let shares = 0
    let stepEndMillis = start
    for (const now of this.asked()) {
      start = Math.min(start, now)
      const ends = this.options.ramp.map((_, i, steps) => start + sum(steps.slice(0, i + 1).map((step) => step.millis)))
      const at = ends.findIndex((end) => now < end)
      if (at === -1) return undefined
      shares += this.options.ramp[at]!.share
      stepEndMillis = ends[at]!
    }
    return this.options.ramp.length === 0 ? undefined : { shares, stepEndMillis }
  }

  settle(permit: Permit, outcome: Outcome, now: number, durationMillis: number, openMillis: number): Trip | undefined {
    const trip = this.answer(permit, outcome, now, durationMillis)
    if (trip !== undefined) this.open(permit.generation, now, openMillis)
    return trip
  }

  private answer(permit: Permit, outcome: Outcome, now: number, durationMillis: number): Trip | undefined {
    const { lease } = permit
    if (permit.generation !== this.generation || this.era.name === "Open") return undefined
    if (this.era.name === "Closed") {
      if (outcome === "ignored") return undefined
      this.era.events.push({ _tag: "Answered", now, lease, outcome })
      return this.tripped(now)
    }
    if (!this.held(now).some((probe) => probe.lease === lease)) return undefined
    const isSlow = durationMillis >= this.options.slowerThanMillis && outcome !== "ignored"
    const judged = isSlow ? "failure" : outcome
    this.era.events.push({ _tag: "Answered", now, lease, outcome: judged })
    const failures = this.answers("failure")
    if (failures > this.options.tolerated) {
      return { rule: "probe", calls: this.answers("success") + failures, failures, slow: 0 }
    }
    if (this.answers("success") >= this.options.successes) this.begin("Closed", now, 0, true)
    return undefined
  }

  private tripped(now: number): Trip | undefined {
    const { rule } = this.options
    // An interrupted call is no sample, yet it shows the time as another does.
    const answered = this.era.events.flatMap((event) =>
      event._tag === "Answered" ? [{ ...event, isSample: event.outcome !== "interrupted" }] : []
    )
    const samples = answered.filter(({ isSample }) => isSample)
    if (rule._tag === "Consecutive") {
      const failures = samples.length - 1 - samples.map(({ outcome }) => outcome).lastIndexOf("success")
      return failures < rule.failures ? undefined : { rule: "consecutive", calls: failures, failures, slow: 0 }
    }
    const calls = remembered(answered, rule.last, now)
    const failures = calls.filter(({ outcome }) => outcome === "failure").length
    const isEnough = calls.length >= rule.minimumCalls && failures * rule.of >= rule.bad * calls.length
    return isEnough ? { rule: "rate", calls: calls.length, failures, slow: 0 } : undefined
  }

  open(generation: number, now: number, openMillis: number): void {
    if (generation !== this.generation || this.era.name === "Open") return
    // Closed for long enough, it has forgotten how often it opened.
    if (this.era.name === "Closed" && now - this.era.beganMillis >= this.lastOpenMillis) this.trips = 0
    this.trips++
    this.lastOpenMillis = openMillis
    this.begin("Open", now, openMillis)
  }

  refine(generation: number, openMillis: number): void {
    if (generation !== this.generation || this.era.name !== "Open") return
    this.lastOpenMillis = this.era.openMillis = openMillis
  }

  close(now: number): void {
    if (this.era.name !== "Closed") this.begin("Closed", now)
  }
}
