import * as Duration from "effect/Duration"
import type { Finding, Options } from "../ResilientHttpClient.js"

const millisOf = (duration: Duration.DurationInput | undefined): number =>
  duration === undefined ? Infinity : Duration.toMillis(duration)

/** What is wrong with one combination of options, if it is there. */
type Rule = (options: Options) => Omit<Finding, "severity"> | undefined | false

const errors: ReadonlyArray<Rule> = [
  ({ attemptTimeout, deadline }) =>
    millisOf(attemptTimeout) !== Infinity && millisOf(attemptTimeout) > millisOf(deadline) && {
      options: ["attemptTimeout", "deadline"],
      message: "an attempt may take longer than the whole call: the attempt timeout never comes, and nothing is retried"
    }
]

const warnings: ReadonlyArray<Rule> = [
  ({ attemptTimeout, deadline, retry }) =>
    retry !== false && millisOf(attemptTimeout) !== Infinity && millisOf(attemptTimeout) === millisOf(deadline) && {
      options: ["attemptTimeout", "deadline"],
      message: "an attempt may take all the time of the call: one that times out leaves none for a retry"
    },
  ({ attemptTimeout, retry }) =>
    retry !== false && attemptTimeout === undefined && {
      options: ["attemptTimeout"],
      message: "without an attempt timeout, an attempt that is never answered is never retried"
    },
  ({ attemptTimeout, deadline }) =>
    attemptTimeout === undefined && deadline === undefined && {
      options: ["deadline"],
      message: "without any limit of time, a server that never answers holds the caller for ever"
    },
  ({ breaker, budget, retry }) =>
    retry !== false && budget === undefined && breaker === undefined && {
      options: ["budget", "breaker"],
      message: "retries without a budget or a circuit breaker multiply the load of a server that is overloaded"
    },
  ({ budget, hedge, retry }) =>
    budget !== undefined && retry === false && hedge === undefined && {
      options: ["budget"],
      message: "nothing draws on the budget: there are neither retries nor hedges"
    },
  ({ budget, hedge }) =>
    hedge !== undefined && budget === undefined && {
      options: ["hedge", "budget"],
      message: "hedges without a budget double the load of a server that has become slow"
    },
  ({ bulkhead, adaptiveLimiter }) =>
    bulkhead !== undefined && adaptiveLimiter !== undefined && {
      options: ["bulkhead", "adaptiveLimiter"],
      message: "two limits of how many attempts run at once: the smaller one decides"
    },
  ({ idempotencyKeys, retry, retryUnsent }) =>
    retry === false && (idempotencyKeys !== undefined && idempotencyKeys !== false || retryUnsent === true) && {
      options: ["retry"],
      message: "nothing is retried, so neither keys nor `retryUnsent` make a request safe to retry"
    }
]

/** @internal */
export const findings = (options: Options): ReadonlyArray<Finding> => [
  ...errors.flatMap((rule) => asFinding("error", rule(options))),
  ...warnings.flatMap((rule) => asFinding("warning", rule(options)))
]

const asFinding = (
  severity: Finding["severity"],
  found: ReturnType<Rule>
): ReadonlyArray<Finding> => found ? [{ severity, ...found }] : []
