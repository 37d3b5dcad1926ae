/** Picks the calls worth looking at: one for each thing that can go wrong. */
import type { Fault } from "../api/weather.js"
import * as weather from "../api/weather.js"
import type { Call, Kind, Phase } from "../calls.js"
import type { Run } from "../run.js"
import type { Attempt } from "../wire.js"

/** What one contender made of the call. */
export interface Lane {
  readonly name: string
  readonly attempts: ReadonlyArray<Attempt>
  /** When a charge was booked, in epoch milliseconds. */
  readonly charges: ReadonlyArray<number>
  readonly succeeded: boolean
  readonly millis: number
}

export interface Story {
  readonly title: string
  readonly call: Call
  readonly lanes: ReadonlyArray<Lane>
}

interface Plot {
  readonly title: string
  readonly kind: Kind
  readonly phase: Phase
  readonly fault?: Fault
}

const plots: ReadonlyArray<Plot> = [
  {
    title: "POST without a key: the charge is booked, then the connection is reset",
    kind: "unkeyed",
    phase: "bad network",
    fault: "reset"
  },
  { title: "POST with a key, told to come back in one second", kind: "keyed", phase: "rate limit", fault: "limited" },
  {
    title: "POST with a key: booked, then silence (the server hangs up after 2 seconds)",
    kind: "keyed",
    phase: "bad network",
    fault: "hang"
  },
  { title: "GET whose answer is cut short", kind: "read", phase: "bad network", fault: "cut" },
  { title: "GET in a 503 storm", kind: "read", phase: "503 storm", fault: "unavailable" },
  { title: "POST with a key in an outage: nobody listens", kind: "keyed", phase: "outage" },
  { title: "GET from a host whose certificate has expired", kind: "read", phase: "expired certificate" }
]

const lane = ({ attempts, contender, report, results }: Run, { order }: Call): Lane | undefined => {
  const result = results.find((result) => result.call.order === order)
  return result && {
    name: contender.name,
    attempts: attempts.filter((attempt) => attempt.order === order),
    charges: report.bookings.filter((booking) => booking.order === order).map((booking) => booking.atMillis),
    succeeded: result.succeeded,
    millis: result.millis
  }
}

/** A call that the last contender brings home, the others do not, with many charges, with many attempts. */
const interest = ({ lanes }: Story): number =>
  lanes.reduce((sum, { attempts, charges, succeeded }, index) => {
    const wins = succeeded === (index === lanes.length - 1)
    return sum + (wins ? 100 : 0) + 20 * charges.length + attempts.length
  }, 0)

export const pick = (runs: ReadonlyArray<Run>, calls: ReadonlyArray<Call>, seed: string): ReadonlyArray<Story> =>
  plots.flatMap(({ fault, kind, phase, title }) =>
    calls
      .filter((call) => call.kind === kind && call.phase === phase)
      .filter((call) => fault === undefined || weather.fault(seed, phase, call.order, 1) === fault)
      .map((call): Story => ({ title, call, lanes: runs.flatMap((run) => lane(run, call) ?? []) }))
      .sort((a, b) => interest(b) - interest(a))
      .slice(0, 1)
  )
