/** What a run comes to, in numbers and in words. */
import type { Kind } from "./calls.js"
import * as outage from "./outage.js"
import type { Run } from "./run.js"
import type { Outcome } from "./wire.js"

export interface Score {
  readonly name: string
  readonly calls: number
  readonly succeeded: number
  readonly failed: Readonly<Record<Kind, number>>
  /** Requests that were tried, those that found no connection included. */
  readonly requests: number
  /** Orders with more than one charge. */
  readonly chargedTwice: number
  /** Charges beyond the first of each order. */
  readonly extraCharges: number
  /** POSTs without a key that failed in a way that leaves open whether they were booked. */
  readonly unknownOutcome: number
  /** POSTs without a key that failed, but had been charged once. */
  readonly failedButCharged: number
  /** Requests before the `Retry-After` of their order had passed, and those after a refused certificate. */
  readonly wasted: number
  readonly openSockets: number
  readonly outage: outage.OutageScore
  readonly p50Millis: number
  readonly p99Millis: number
}

/** The smallest value that a share `p` of all values does not exceed (nearest rank); 0 for none. */
export const percentile = (values: ReadonlyArray<number>, p: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0
}

/** How often each key occurs. */
export const tally = (keys: ReadonlyArray<string>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const isUnknown = (outcome: Outcome | undefined): boolean =>
  outcome === "lost" || outcome === "failed" || outcome === "abandoned"

export const score = (run: Run): Score => {
  const { attempts, contender, report, results } = run
  const charges = tally(report.bookings.map((booking) => booking.order))
  const failures = results.filter((result) => !result.succeeded)
  const failed = (kind: Kind) => failures.filter(({ call }) => call.kind === kind)
  const certificates = tally(
    attempts.filter((attempt) => attempt.detail.startsWith("CERT_")).map((attempt) => attempt.order)
  )
  const last = new Map(attempts.map((attempt) => [attempt.order, attempt.outcome]))
  const times = results.map((result) => result.millis)
  return {
    name: contender.name,
    calls: results.length,
    succeeded: results.length - failures.length,
    failed: { read: failed("read").length, keyed: failed("keyed").length, unkeyed: failed("unkeyed").length },
    requests: attempts.length,
    chargedTwice: [...charges.values()].filter((count) => count > 1).length,
    extraCharges: sum([...charges.values()].map((count) => count - 1)),
    unknownOutcome: failed("unkeyed").filter(({ call }) => isUnknown(last.get(call.order))).length,
    failedButCharged: failed("unkeyed").filter(({ call }) => charges.get(call.order) === 1).length,
    wasted: report.tooEarly + sum([...certificates.values()].map((count) => count - 1)),
    openSockets: report.openConnections,
    outage: outage.score(run),
    p50Millis: percentile(times, 0.5),
    p99Millis: percentile(times, 0.99)
  }
}

const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`

/** One sentence or two on what happened. */
export const inWords = (score: Score): string => {
  const money = score.chargedTwice === 0
    ? "Charged nobody twice."
    : `Charged ${count(score.chargedTwice, "customer")} more than once (${
      count(score.extraCharges, "charge")
    } too many).`
  const manners = score.wasted === 0
    ? "Sent nothing after a refusal."
    : `Sent ${count(score.wasted, "request")} after it had been told to wait or to go away.`
  const caution = score.chargedTwice === 0 && score.unknownOutcome > 0
    ? ` Reported ${count(score.unknownOutcome, "payment")} without a key as failed rather than risk a second charge` +
      ` (${score.failedButCharged} of them had been booked once: give them a key and they succeed).`
    : ""
  return `${money} ${manners}${caution} ${outageInWords(score.outage)}`
}

const outageInWords = ({ breaker, requests }: outage.OutageScore): string => {
  if (breaker === undefined) return `Sent ${count(requests, "request")} into the outage.`
  const { heldBack, probes, probesAtOnce, turnedAway } = breaker
  return `Sent ${count(requests, "request")} into the outage. Its breaker opened and let ` +
    `${count(probes.length, "probe")} through, ${probesAtOnce === 1 ? "one" : probesAtOnce} at a time; meanwhile ` +
    `${count(heldBack, "call")} waited, ${turnedAway === 0 ? "none" : turnedAway} turned away.`
}

/** What must not happen, and has. */
export const brokenPromises = ({ chargedTwice, name, outage: { breaker } }: Score): ReadonlyArray<string> => [
  ...(chargedTwice > 0 ? [`${name} charged somebody twice.`] : []),
  ...(breaker !== undefined && breaker.probesAtOnce > 1
    ? [`${name} had ${breaker.probesAtOnce} requests in flight at once while its circuit was not closed.`]
    : [])
]
