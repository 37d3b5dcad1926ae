import * as Duration from "effect/Duration"
import type * as Telemetry from "reprise/Telemetry"

/**
 * A decision as the page shows it.
 *
 * @internal
 */
export interface Decision {
  readonly timeMillis: number
  readonly key: string
  readonly text: string
  /** The number of times since the sample before. */
  readonly count: number
}

/** The most different decisions of each kind in a sample. */
const maxDecisions = 25
const maxKeyLength = 200

/**
 * The decisions between two samples. Changes of a state are separate, so that a thousand rejections do not displace
 * them.
 *
 * @internal
 */
export class Recent {
  private readonly changes = new Map<string, Decision>()
  private readonly others = new Map<string, Decision>()

  add(event: Telemetry.Event): void {
    const change = ofChange(event)
    const text = change ?? ofCall(event)
    if (text === undefined) return
    const decisions = change === undefined ? this.others : this.changes
    const { key, timeMillis } = event
    const id = `${key}\n${text}`
    const count = (decisions.get(id)?.count ?? 0) + 1
    decisions.delete(id)
    decisions.set(id, { timeMillis, key: key.slice(0, maxKeyLength), text, count })
    if (decisions.size <= maxDecisions) return
    for (const [oldest] of decisions) {
      decisions.delete(oldest)
      return
    }
  }

  /** Takes the decisions, oldest first. They do not come again. */
  take(): ReadonlyArray<Decision> {
    const all = [...this.changes.values(), ...this.others.values()]
    this.changes.clear()
    this.others.clear()
    return all.sort((one, other) => one.timeMillis - other.timeMillis)
  }
}

const ofChange = (event: Telemetry.Event): string | undefined => {
  switch (event._tag) {
    case "CircuitTransition": {
      const { from, to, trip } = event
      return `circuit: ${from} to ${to}${trip === undefined || to !== "Open" ? "" : ` (${ofTrip(trip)})`}`
    }
    case "GateClosed":
      return `server asked every call to wait ${Duration.format(event.duration)}`
    case "GateOpened":
      return "server takes calls again"
    case "LimitChanged":
      return `limit: ${event.from} to ${event.to}`
    case "StoreLost":
      return `shared store lost (${event.errorType})`
    case "StoreRestored":
      return "shared store restored"
    default:
      return undefined
  }
}

const ofCall = (event: Telemetry.Event): string | undefined => {
  switch (event._tag) {
    case "Rejected":
      return `${event.policy} rejected an attempt (${event.errorType})`
    case "RetryScheduled":
      return `attempt ${event.number} failed (${event.errorType}), a retry follows (${event.reason})`
    case "RetryRefused":
      return `attempt ${event.number} failed (${event.errorType}), no retry (${event.reason})`
    case "HedgeStarted":
      return "hedge started"
    case "HedgeWon":
      return "hedge won"
    default:
      return undefined
  }
}

/**
 * Why a circuit opened.
 *
 * @internal
 */
export const ofTrip = ({ calls, failures, rule, slow }: NonNullable<Telemetry.CircuitTransition["trip"]>): string => {
  const slowOnes = slow === 0 ? "" : `, ${slow} slow`
  return calls === 0 ? rule : `${rule}: ${failures} of ${calls} failed${slowOnes}`
}
