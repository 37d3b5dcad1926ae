/** What the outage came to: who went on sending, and what the circuit breaker did about it. */
import type { Span } from "./api/PaymentApi.js"
import type { Run } from "./run.js"
import type { Attempt } from "./wire.js"

export interface OutageScore {
  /** Requests sent while the API was down, those that found no connection included. */
  readonly requests: number
  /** Those of them that the server saw: it listens again before it can serve. */
  readonly reached: number
  /** The most of these that were at the server at the same time. */
  readonly reachedAtOnce: number
  /** Where there is a breaker, and it opened. */
  readonly breaker: BreakerScore | undefined
}

export interface BreakerScore {
  /** In epoch milliseconds. */
  readonly openedMillis: number
  /** When the first probe was answered; `Infinity` if none was. */
  readonly closedMillis: number
  /** The requests between the two, and how often the breaker opened. */
  readonly probes: ReadonlyArray<Attempt>
  readonly openings: number
  /** The most of them in flight at the same time, as the client and as the server saw it. */
  readonly probesAtOnce: number
  /** Calls that waited all that time, or what they had of it, without a request. */
  readonly heldBack: number
  /** Calls that an open circuit ended. */
  readonly turnedAway: number
}

/** The most spans that overlap; the end of one may be the start of another. */
export const mostAtOnce = (spans: ReadonlyArray<Span>): number =>
  spans.reduce((most, span) => {
    const others = spans.filter((other) =>
      other !== span && other.startMillis <= span.startMillis && span.startMillis < other.endMillis
    )
    return Math.max(most, others.length + 1)
  }, 0)

export const score = (run: Run): OutageScore => {
  const { attempts, report: { outage, turnedBack } } = run
  return {
    requests:
      attempts.filter((attempt) =>
        outage.crashMillis <= attempt.startMillis && attempt.startMillis < outage.recoverMillis
      ).length,
    reached: turnedBack.length,
    reachedAtOnce: mostAtOnce(turnedBack),
    breaker: scoreBreaker(run)
  }
}

const scoreBreaker = ({ attempts, openings, report, results }: Run): BreakerScore | undefined => {
  const { crashMillis, recoverMillis } = report.outage
  const openedMillis = openings.find((opening) => crashMillis <= opening && opening < recoverMillis)
  if (openedMillis === undefined) return undefined
  const later = attempts.filter((attempt) => attempt.startMillis > openedMillis)
  const closedMillis = Math.min(
    ...later.filter((attempt) => attempt.outcome === "answered").map((attempt) => attempt.endMillis)
  )
  const isBetween = (millis: number) => openedMillis <= millis && millis < closedMillis
  const probes = later.filter((attempt) => isBetween(attempt.startMillis))
  const probing = new Set(probes.map((probe) => probe.order))
  const first = Math.floor(Math.min(...probes.map((probe) => probe.startMillis)))
  return {
    openedMillis,
    closedMillis,
    probes,
    openings: openings.filter(isBetween).length,
    probesAtOnce: Math.max(
      mostAtOnce(probes),
      // Not what was on its way when the breaker opened.
      mostAtOnce(report.turnedBack.filter((span) => span.startMillis >= first && isBetween(span.startMillis)))
    ),
    heldBack:
      results.filter(({ call, millis, startMillis, turnedAway }) =>
        startMillis < closedMillis && startMillis + millis > openedMillis && !probing.has(call.order) && !turnedAway
      ).length,
    turnedAway: results.filter((result) => result.turnedAway).length
  }
}
