/**
 * The bucket boundaries for HTTP in the OpenTelemetry semantic conventions, in seconds, and two more for calls that
 * wait.
 */
const seconds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60]

/**
 * The metrics by name. A histogram has its boundaries in place of a kind. A tag without a value is left out.
 *
 * @internal
 */
export const instruments = {
  "reprise.attempts": {
    kind: "counter",
    unit: "{attempt}",
    tags: ["key", "outcome", "error.type"],
    description: "Attempts that ended"
  },
  "reprise.attempt.duration": {
    kind: seconds,
    unit: "s",
    tags: ["key", "outcome"],
    description: "How long attempts took"
  },
  "reprise.call.duration": {
    kind: seconds,
    unit: "s",
    tags: ["key", "outcome"],
    description: "How long calls took, with retries and waits"
  },
  "reprise.call.attempts": {
    kind: [0, 1, 2, 3, 4, 5, 10],
    unit: "{attempt}",
    tags: ["key", "outcome"],
    description: "How many attempts calls made"
  },
  "reprise.retries": {
    kind: "counter",
    unit: "{retry}",
    tags: ["key", "reason", "error.type"],
    description: "Retries that were scheduled"
  },
  "reprise.retry.refusals": {
    kind: "counter",
    unit: "{retry}",
    tags: ["key", "reason", "error.type"],
    description: "Failed attempts without a retry"
  },
  "reprise.retry.delay": {
    kind: seconds,
    unit: "s",
    tags: ["key", "reason"],
    description: "How long calls waited before retries"
  },
  "reprise.rejections": {
    kind: "counter",
    unit: "{attempt}",
    tags: ["key", "policy", "error.type"],
    description: "Attempts that a policy rejected"
  },
  "reprise.wait.duration": {
    kind: seconds,
    unit: "s",
    tags: ["key", "policy", "outcome"],
    description: "How long attempts waited for a policy"
  },
  "reprise.circuit_breaker.transitions": {
    kind: "counter",
    unit: "{transition}",
    tags: ["key", "from", "to"],
    description: "Transitions of circuit breakers"
  },
  "reprise.circuit_breaker.state": {
    kind: "gauge",
    unit: "1",
    tags: ["key"],
    description: "The state: 0 closed, 1 half-open, 2 open, 3 isolated, -1 disabled"
  },
  "reprise.circuit_breaker.open_time": {
    kind: "gauge",
    unit: "s",
    tags: ["key"],
    description: "How long the circuit has not been closed"
  },
  "reprise.gate.closed_time": {
    kind: "gauge",
    unit: "s",
    tags: ["key"],
    description: "How long the gate stays closed"
  },
  "reprise.running": {
    kind: "gauge",
    unit: "{attempt}",
    tags: ["key", "policy"],
    description: "Attempts that run under a policy"
  },
  "reprise.waiting": {
    kind: "gauge",
    unit: "{attempt}",
    tags: ["key", "policy"],
    description: "Attempts that wait for a policy"
  },
  "reprise.limit": {
    kind: "gauge",
    unit: "{attempt}",
    tags: ["key", "policy"],
    description: "How many attempts a policy admits at once"
  },
  "reprise.left": {
    kind: "gauge",
    unit: "{token}",
    tags: ["key", "policy"],
    description: "What a budget or a rate limiter has left"
  },
  "reprise.hedges": {
    kind: "counter",
    unit: "{hedge}",
    tags: ["key", "outcome"],
    description: "Hedges that started or won"
  },
  "reprise.store.available": {
    kind: "gauge",
    unit: "1",
    tags: ["key"],
    description: "1 if the shared store answers, otherwise 0"
  }
} as const satisfies {
  readonly [name: string]: {
    readonly kind: "counter" | "gauge" | ReadonlyArray<number>
    readonly unit: string
    readonly tags: readonly [key: "key", ...others: ReadonlyArray<string>]
    readonly description: string
  }
}

/** @internal */
export type Name = keyof typeof instruments
