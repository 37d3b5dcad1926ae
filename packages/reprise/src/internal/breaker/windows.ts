import type { Batch, Counts, Overdue, Sample, Trip, Window } from "./machine.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

const none: Counts = { calls: 0, failures: 0, slow: 0 }

export class Consecutive implements Window {
  failures = 0
  constructor(readonly limit: number) {}

  record(outcome: Sample): void {
    if (outcome === "success") this.failures = 0
    else if (outcome === "failure") this.failures++
  }
  recordAll(batches: ReadonlyArray<Batch>): void {
    for (const { calls, outcome } of batches) {
      if (outcome === "success") this.failures = 0
      else if (outcome === "failure") this.failures += calls
    }
  }
  tripped(): Trip | undefined {
    return this.failures >= this.limit ? { rule: "consecutive", ...this.counts() } : undefined
  }
  counts(): Counts {
    return { calls: this.failures, failures: this.failures, slow: 0 }
  }
}

/**
 * Samples that are good or bad, of which only the latest count.
 */
export interface Samples {
  readonly calls: number
  readonly bad: number
  add(isBad: boolean, nowMillis: number): void
  /** Adds calls without a known order. If not all of them fit, it adds a share of each kind. */
  addAll(calls: number, bad: number, nowMillis: number): void
  /** Drops samples that are too old. */
  advance(nowMillis: number): void
  /** Adds its samples to another, oldest first. */
  replay(into: Samples, nowMillis: number): void
}

/**
 * The last `size` calls, in a ring.
 */
export class LastCalls implements Samples {
  calls = 0
  bad = 0
  private ring: Uint8Array | undefined
  private next = 0

  constructor(readonly size: number) {}

  add(isBad: boolean): void {
    const ring = this.ring ??= new Uint8Array(this.size)
    if (this.calls === this.size) this.bad -= ring[this.next]!
    else this.calls++
    ring[this.next] = isBad ? 1 : 0
    this.bad += ring[this.next]!
    this.next = this.next + 1 === this.size ? 0 : this.next + 1
  }
  addAll(calls: number, bad: number): void {
    const isMore = calls > this.size
    this.addMany(true, isMore ? Math.round(bad / calls * this.size) : bad)
    this.addMany(false, isMore ? this.size - Math.round(bad / calls * this.size) : calls - bad)
  }
  /** If there are more than fit, the last ones count. */
  addMany(isBad: boolean, calls: number): void {
    for (let i = Math.min(calls, this.size); i > 0; i--) this.add(isBad)
  }
  advance(): void {}

  replay(into: Samples, nowMillis: number): void {
    for (let i = this.calls; i > 0; i--) {
      into.add(this.ring![(this.next - i + this.size) % this.size] === 1, nowMillis)
    }
  }
}

export interface Span {
  readonly atMillis: number
  readonly calls: number
  readonly bad: number
}

/**
 * The calls of the last `millis`, in `buckets` spans, including the current one. No timer rotates them: the next call
 * clears a span that is over.
 *
 * If the clock moves backwards, calls count in the current span, and time continues from there.
 */
export class LastMillis implements Samples {
  calls = 0
  bad = 0
  private head = -Infinity
  /** The time of the last update: a call needs two updates at the same moment. */
  private nowMillis = NaN
  /** The number of spans by which the clock has moved backwards. */
  private ahead = 0
  /** Calls and bad calls of each span in turn. */
  private ring: Array<number> | undefined

  constructor(readonly buckets: number, readonly millis: number) {}

  add(isBad: boolean, nowMillis: number): void {
    this.put({ atMillis: nowMillis, calls: 1, bad: isBad ? 1 : 0 })
  }

  addAll(calls: number, bad: number, nowMillis: number): void {
    this.put({ atMillis: nowMillis, calls, bad })
  }

  put({ atMillis, bad, calls }: Span): void {
    this.advance(atMillis)
    const ring = this.ring ??= new Array<number>(this.buckets * 2).fill(0)
    const at = this.at(this.head)
    ring[at] = ring[at]! + calls
    ring[at + 1] = ring[at + 1]! + bad
    this.calls += calls
    this.bad += bad
  }

  advance(nowMillis: number): void {
    // Stryker disable next-line ConditionalExpression: it only spares working out the same once more.
    if (nowMillis === this.nowMillis) return
    this.nowMillis = nowMillis
    // In this order, no rounding moves a time into an earlier span.
    const clock = Math.floor(nowMillis * this.buckets / this.millis)
    this.ahead = Math.max(this.ahead, this.head - clock)
    const span = clock + this.ahead
    const passed = Math.min(span - this.head, this.buckets)
    this.head = span
    for (let i = 0; i < passed && this.calls > 0; i++) this.clear(this.at(span - i))
  }

  private clear(at: number): void {
    const ring = this.ring!
    this.calls -= ring[at]!
    this.bad -= ring[at + 1]!
    ring[at] = 0
    ring[at + 1] = 0
  }

  private at(span: number): number {
    return (((span % this.buckets) + this.buckets) % this.buckets) * 2
  }

  /** Oldest first. */
  spans(): ReadonlyArray<Span> {
    const found: Array<Span> = []
    for (let span = this.head - this.buckets + 1; span <= this.head && this.calls > 0; span++) {
      const at = this.at(span)
      const calls = this.ring![at]!
      if (calls > 0) {
        found.push({
          atMillis: Math.ceil((span - this.ahead) * this.millis / this.buckets),
          calls,
          bad: this.ring![at + 1]!
        })
      }
    }
    return found
  }

  replay(into: Samples, nowMillis: number): void {
    this.advance(nowMillis)
    for (const span of this.spans()) {
      if (into instanceof LastCalls) {
        into.addMany(true, span.bad)
        into.addMany(false, span.calls - span.bad)
      } else into.addAll(span.calls, span.bad, span.atMillis)
    }
  }
}

/**
 * Trips when the share of bad calls among enough calls reaches a threshold.
 */
export class Rate implements Window {
  constructor(
    readonly samples: Samples,
    readonly threshold: number,
    readonly minimumCalls: number,
    /** Counts slow calls as bad instead of failed ones. */
    readonly slowerThanMillis?: number
  ) {}

  record(outcome: Sample, nowMillis: number, durationMillis: number): void {
    if (this.isBad(outcome, durationMillis)) this.samples.add(true, nowMillis)
    else if (outcome !== "interrupted") this.samples.add(false, nowMillis)
  }

  recordAll(batches: ReadonlyArray<Batch>, nowMillis: number): void {
    let all = 0
    let bad = 0
    for (const { calls, durationMillis, outcome } of batches) {
      const isBad = this.isBad(outcome, durationMillis)
      if (isBad || outcome !== "interrupted") all += calls
      if (isBad) bad += calls
    }
    if (all > 0) this.samples.addAll(all, bad, nowMillis)
  }

  private isBad(outcome: Sample, durationMillis: number): boolean {
    return this.slowerThanMillis === undefined ? outcome === "failure" : durationMillis >= this.slowerThanMillis
  }

  tripped(nowMillis: number, overdue: Overdue): Trip | undefined {
    this.samples.advance(nowMillis)
    const late = this.slowerThanMillis === undefined ? 0 : overdue(this.slowerThanMillis)
    const calls = this.samples.calls + late
    if (calls < this.minimumCalls || (this.samples.bad + late) / calls < this.threshold) return undefined
    return { rule: this.slowerThanMillis === undefined ? "rate" : "slowRate", ...this.counts(nowMillis, overdue) }
  }

  counts(nowMillis: number, overdue: Overdue): Counts {
    this.samples.advance(nowMillis)
    const { bad, calls } = this.samples
    if (this.slowerThanMillis === undefined) return { calls, failures: bad, slow: 0 }
    const late = overdue(this.slowerThanMillis)
    return { calls: calls + late, failures: 0, slow: bad + late }
  }
}

/**
 * Several windows over the same calls: trips with the first that does, or once all do.
 */
export class Several implements Window {
  constructor(readonly windows: ReadonlyArray<Window>, readonly isAll: boolean) {}

  record(outcome: Sample, nowMillis: number, durationMillis: number): void {
    for (const window of this.windows) window.record(outcome, nowMillis, durationMillis)
  }
  recordAll(batches: ReadonlyArray<Batch>, nowMillis: number): void {
    for (const window of this.windows) window.recordAll(batches, nowMillis)
  }
  tripped(nowMillis: number, overdue: Overdue): Trip | undefined {
    const trips = this.windows.map((window) => window.tripped(nowMillis, overdue)).filter((trip) => trip !== undefined)
    return trips.length >= (this.isAll ? this.windows.length : 1) ? trips[0] : undefined
  }
  counts(nowMillis: number, overdue: Overdue): Counts {
    return this.windows.map((window) => window.counts(nowMillis, overdue)).reduce((a, b) => ({
      calls: Math.max(a.calls, b.calls),
      failures: Math.max(a.failures, b.failures),
      slow: Math.max(a.slow, b.slow)
    }), none)
  }
  hasChanged(): boolean {
    return this.windows.some((window) => window.hasChanged?.() ?? false)
  }
}

/** A rule of your own takes calls one by one. Of a larger number, it gets this many, in proportion. */
const maxOwn = 1_000

/** A rule of your own, from pure functions. */
export class Own<S> implements Window {
  constructor(
    public state: S,
    readonly functions: {
      readonly record: (state: S, call: { outcome: Sample; nowMillis: number; durationMillis: number }) => S
      readonly tripped: (state: S, nowMillis: number) => Trip | undefined
    },
    readonly initial: S = state
  ) {}

  record(outcome: Sample, nowMillis: number, durationMillis: number): void {
    this.state = this.functions.record(this.state, { outcome, nowMillis, durationMillis })
  }
  recordAll(batches: ReadonlyArray<Batch>, nowMillis: number): void {
    const share = Math.min(maxOwn / batches.reduce((sum, { calls }) => sum + calls, 0), 1)
    for (const { calls, durationMillis, outcome } of batches) {
      for (let i = Math.round(calls * share); i > 0; i--) {
        this.state = this.functions.record(this.state, { outcome, nowMillis, durationMillis })
      }
    }
  }
  tripped(nowMillis: number): Trip | undefined {
    return this.functions.tripped(this.state, nowMillis)
  }
  counts(nowMillis: number): Counts {
    return this.tripped(nowMillis) ?? none
  }
  hasChanged(): boolean {
    return this.state !== this.initial
  }
}
