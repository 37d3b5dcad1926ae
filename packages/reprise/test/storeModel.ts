/**
 * How a store of circuit breakers is to behave, told in the most naive way: of one key, what has happened to it is kept as it
 * came, and all answers are read off from that.
 */
import type * as CircuitBreakerStore from "reprise/CircuitBreakerStore"

type Version = CircuitBreakerStore.Version
type Trip = CircuitBreakerStore.Trip["trip"]

interface Opening {
  readonly atMillis: number
  readonly openMillis: number
  readonly trips: number
  readonly trip: Trip
}

/** What happened in one generation, and how it began. */
interface Era {
  readonly name: "Closed" | "Open" | "HalfOpen"
  readonly opening: Opening | undefined
  readonly reports: Array<CircuitBreakerStore.Counts>
  readonly permits: Array<{ readonly token: string; readonly untilMillis: number; outcome?: string }>
}

export interface Answer {
  readonly version: Version
  readonly name: Era["name"]
  readonly trips: number | undefined
  readonly trip: Trip | undefined
  readonly openMillis: number | undefined
  readonly counts: ReadonlyArray<readonly [string, number]>
}

export class StoreModel {
  epoch = 0
  readonly eras: Array<Era> = []

  get era(): Era | undefined {
    return this.eras.at(-1)
  }

  get version(): Version {
    return { epoch: this.epoch, generation: this.eras.length }
  }

  private begin(name: Era["name"], opening?: Opening) {
    this.eras.push({ name, opening, reports: [], permits: [] })
  }

  private create(now: number) {
    this.epoch = Math.max(now, 1)
    this.begin("Closed")
  }

  private isNow({ epoch, generation }: Version) {
    return epoch === this.epoch && generation === this.eras.length
  }

  answer(now: number): Answer {
    const names = new Set(this.era?.reports.flatMap((report) => Object.keys(report)))
    const opening = this.era?.opening
    return {
      version: this.version,
      name: this.era?.name ?? "Closed",
      trips: opening?.trips,
      trip: opening?.trip,
      openMillis: this.era?.name === "Open" ? Math.max(opening!.atMillis + opening!.openMillis - now, 0) : undefined,
      counts: [...names].sort().map((name) => {
        const sum = this.era!.reports.reduce((sum, report) => sum + (report[name] ?? 0), 0)
        return [name, sum] as const
      })
    }
  }

  sync({ counts, version }: CircuitBreakerStore.Report, now: number): Answer {
    const isUnknown = version.epoch === 0 && version.generation === 0
    if (this.era === undefined && isUnknown && Object.keys(counts).length > 0) this.create(now)
    if (this.era?.name === "Closed" && (isUnknown || this.isNow(version))) this.era.reports.push(counts)
    return this.answer(now)
  }

  trip({ openMillis, trip, trips = 1, version }: CircuitBreakerStore.Trip, now: number): Answer {
    const isUnknown = version.epoch === 0 && version.generation === 0
    if (this.era === undefined && isUnknown) this.create(now)
    const { era } = this
    if (era !== undefined && era.name !== "Open") {
      const opening = { atMillis: now, openMillis, trip, trips: Math.max(trips, (era.opening?.trips ?? 0) + 1) }
      if (this.isNow(version) || (isUnknown && era.name === "Closed")) this.begin("Open", opening)
    }
    return this.answer(now)
  }

  out(now: number) {
    const permits = this.era?.permits ?? []
    return permits.filter(({ outcome, untilMillis }) => outcome === undefined && untilMillis > now)
  }

  private heard(kind: string) {
    return this.era!.permits.filter(({ outcome }) => outcome === kind).length
  }

  admit({ leaseMillis, probes, successes, token, tolerated }: CircuitBreakerStore.ProbeRequest, now: number) {
    const refused = (retryAfterMillis: number) => ({ isGranted: false, retryAfterMillis, ...this.answer(now) })
    if (this.era === undefined || this.era.name === "Closed") return refused(0)
    const { openMillis } = this.answer(now)
    if (openMillis !== undefined && openMillis > 0) return refused(openMillis)
    if (this.era.name === "Open") this.begin("HalfOpen", this.era.opening)
    const out = this.out(now)
    if (!out.some((permit) => permit.token === token)) {
      const undecided = Math.max(probes, successes + tolerated) - this.heard("success") - this.heard("failure")
      if (out.length >= Math.min(probes, undecided)) {
        return refused(Math.min(...out.map(({ untilMillis }) => untilMillis)) - now)
      }
      this.era.permits.push({ token, untilMillis: now + leaseMillis })
    }
    return { isGranted: true, retryAfterMillis: 0, ...this.answer(now) }
  }

  settle(
    { openMillis, outcome, successes, token, tolerated, version }: CircuitBreakerStore.Settlement,
    now: number
  ): Answer {
    const permit = this.isNow(version) && this.era?.name === "HalfOpen"
      ? this.out(now).find((permit) => permit.token === token)
      : undefined
    if (permit !== undefined) {
      permit.outcome = outcome
      const failures = this.heard("failure")
      const calls = failures + this.heard("success")
      if (failures > tolerated) {
        const trip = { rule: "probe", calls, failures, slow: 0 }
        this.begin("Open", { atMillis: now, openMillis, trip, trips: this.era!.opening!.trips + 1 })
      } else if (calls - failures >= successes) this.begin("Closed")
    }
    return this.answer(now)
  }

  close(version: Version, now: number): Answer {
    if (this.era !== undefined && this.era.name !== "Closed" && this.isNow(version)) this.begin("Closed")
    return this.answer(now)
  }
}
