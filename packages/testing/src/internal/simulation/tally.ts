import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Simulation from "../../Simulation.js"

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

interface Counts {
  calls: number
  succeeded: number
  attempts: number
}

const noCounts = (): Counts => ({ calls: 0, succeeded: 0, attempts: 0 })

const add = (many: ReadonlyArray<Simulation.Second>, key: Exclude<keyof Simulation.Second, "startMillis">): number =>
  many.reduce((sum, second) => sum + second[key], 0)

const isGood = ({ calls, succeeded }: Counts): boolean => succeeded >= 0.99 * calls

const ratio = ({ attempts, calls }: Counts): number => calls === 0 ? 0 : attempts / calls

/**
 * One call, counted in the seconds in which it began.
 *
 * @internal
 */
export class Call {
  isSent = false
  constructor(readonly second: Mutable<Simulation.Second>, readonly after: Counts | undefined) {}
}

/** @internal */
export interface Window {
  readonly durationMillis: number
  readonly startMillis: number
  readonly endMillis: number
}

/**
 * Counts calls and requests, per second of the run and since the end of the outage.
 *
 * @internal
 */
export class Tally {
  readonly seconds: ReadonlyArray<Mutable<Simulation.Second>>
  private readonly during = noCounts()
  private readonly since: ReadonlyArray<Counts>

  constructor(readonly window: Window) {
    const { durationMillis, endMillis } = window
    const length = (millis: number) => ({ length: Math.ceil(millis / 1_000) })
    this.seconds = Array.from(length(durationMillis), (_, index) => ({
      startMillis: index * 1_000,
      calls: 0,
      succeeded: 0,
      failed: 0,
      rejected: 0,
      attempts: 0,
      queue: 0
    }))
    this.since = Array.from(length(durationMillis - endMillis), noCounts)
  }

  begin(nowMillis: number): Call {
    const second = this.seconds[Math.floor(nowMillis / 1_000)]!
    second.calls++
    const counts = this.countsAt(nowMillis)
    if (counts !== undefined) counts.calls++
    return new Call(second, counts)
  }

  /** A request after the end of the run does not count. */
  attempt(nowMillis: number, call: Call | undefined): void {
    if (call !== undefined) call.isSent = true
    const second = this.seconds[Math.floor(nowMillis / 1_000)]
    if (second === undefined || nowMillis >= this.window.durationMillis) return
    second.attempts++
    const counts = this.countsAt(nowMillis)
    if (counts !== undefined) counts.attempts++
  }

  end({ after, isSent, second }: Call, isSuccess: boolean): void {
    if (isSuccess) {
      second.succeeded++
      if (after !== undefined) after.succeeded++
      return
    }
    second.failed++
    if (!isSent) second.rejected++
  }

  summary(capacity: number): Omit<Simulation.Summary, "services" | "wasted" | "peakQueue"> {
    const after = this.since.reduce((sum, { attempts, calls }) => ({
      ...sum,
      attempts: sum.attempts + attempts,
      calls: sum.calls + calls
    }), noCounts())
    return {
      calls: add(this.seconds, "calls"),
      succeeded: add(this.seconds, "succeeded"),
      failed: add(this.seconds, "failed"),
      rejected: add(this.seconds, "rejected"),
      attempts: add(this.seconds, "attempts"),
      amplification: { during: ratio(this.during), after: ratio(after) },
      recovery: this.recovery(),
      peakLoad: this.seconds.reduce((peak, { attempts }) => Math.max(peak, attempts / capacity), 0)
    }
  }

  private countsAt(nowMillis: number): Counts | undefined {
    const { endMillis, startMillis } = this.window
    if (nowMillis >= endMillis) return this.since[Math.floor((nowMillis - endMillis) / 1_000)]
    return nowMillis >= startMillis ? this.during : undefined
  }

  /** Searches from the back, so that a relapse does not count as a recovery. */
  private recovery(): Option.Option<Duration.Duration> {
    let good = this.since.length
    while (good > 0 && isGood(this.since[good - 1]!)) good--
    return good < this.since.length ? Option.some(Duration.seconds(good)) : Option.none()
  }
}
