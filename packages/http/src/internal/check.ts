import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as GlobalValue from "effect/GlobalValue"
import { InvalidOption } from "reprise/InvalidOption"
import type { Finding, Options } from "./model.js"
import * as stages from "./stages/stages.js"

const millisOf = (duration: Duration.DurationInput | undefined): number =>
  duration === undefined ? Infinity : Duration.toMillis(duration)

/** The parts of a guard's options that a rule reads. */
interface GuardOptions {
  readonly after?: unknown
  readonly lease?: unknown
  readonly maxQueued?: unknown
  readonly queueTimeout?: unknown
}

const optionsOf: (made: Parameters<typeof stages.optionsOf>[0]) => GuardOptions = stages.optionsOf

/** `NaN` for a value that is not a duration, such as a learned delay: every comparison with it is false. */
const fixedMillis = (value: unknown): number =>
  typeof value === "object" && !Duration.isDuration(value) && !Array.isArray(value)
    ? NaN
    // The types of the guards ensure it.
    : millisOf(value as Duration.DurationInput)

/** The error of one combination of options, or nothing. */
type Rule = (options: Options<unknown>) => Found | undefined | false

const errors: ReadonlyArray<Rule> = [
  ({ attemptTimeout, deadline }) =>
    millisOf(attemptTimeout) !== Infinity && millisOf(attemptTimeout) > millisOf(deadline) && {
      options: ["attemptTimeout", "deadline"],
      message: "an attempt may take longer than the whole call: the attempt timeout never comes, and nothing is retried"
    },
  ({ attemptTimeout, hedge }) =>
    hedge !== undefined && fixedMillis(optionsOf(hedge).after) >= millisOf(attemptTimeout) && {
      options: ["hedge", "attemptTimeout"],
      message: "a hedge would come when the attempt is over already: nothing is hedged"
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
  ({ adaptiveLimiter, bulkhead, deadline }) => {
    const limit = bulkhead ?? adaptiveLimiter
    if (limit === undefined || deadline !== undefined) return undefined
    const { maxQueued = 0, queueTimeout } = optionsOf(limit)
    return Number(maxQueued) > 0 && queueTimeout === undefined && {
      options: [bulkhead === undefined ? "adaptiveLimiter" : "bulkhead", "deadline"],
      message: "without a deadline or a `queueTimeout`, a call may wait in the queue for ever"
    }
  },
  ({ attemptTimeout, breaker }) =>
    breaker !== undefined && attemptTimeout !== undefined &&
    fixedMillis(optionsOf(breaker).lease ?? "30 seconds") < millisOf(attemptTimeout) && {
      options: ["breaker", "attemptTimeout"],
      message:
        "a probe may take longer than its `lease`: another one is sent beside it, and what it finds does not count"
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

type Found = Omit<Finding, "severity" | "route">

const found = (
  options: Options<unknown>,
  rules: ReadonlyArray<Rule>,
  severity: Finding["severity"]
): ReadonlyArray<Finding> =>
  rules.flatMap((rule) => {
    const finding = rule(options)
    return finding ? [{ severity, ...finding }] : []
  })

const ofOne = (options: Options<unknown>): ReadonlyArray<Finding> => [
  ...found(options, errors, "error"),
  ...found(options, warnings, "warning")
]

/**
 * A finding that a route has in common with the client appears once.
 *
 * @internal
 */
export const findings = ({ routes = [], ...options }: Options<unknown>): ReadonlyArray<Finding> => {
  const own = ofOne(options)
  const messages = new Set(own.map(({ message }) => message))
  const ofRoutes = routes.flatMap((one, route) =>
    ofOne({ ...options, ...one.options }).filter(({ message }) => !messages.has(message)).map((finding) => ({
      ...finding,
      route
    }))
  )
  return [...own, ...ofRoutes]
}

const line = ({ message, options, route }: Finding): string =>
  `${options.join(", ")}${route === undefined ? "" : ` of route ${route}`}: ${message}`

/** A program may make many layers from the same options: its log has the advice once. */
const given: Set<string> = GlobalValue.globalValue(Symbol.for("@reprise/http/check/given"), () => new Set<string>())

/**
 * Throws for the first error. The effect logs all warnings, each set of them once per process.
 *
 * @internal
 */
export const report = (options: Options<unknown>): Effect.Effect<void> => {
  const all = findings(options)
  const error = all.find(({ severity }) => severity === "error")
  if (error !== undefined) {
    const { message, options: names, route } = error
    const own = route === undefined ? options : { ...options, ...options.routes?.[route]?.options }
    throw new InvalidOption({
      option: `${route === undefined ? "" : `routes[${route}].`}${names.join(", ")}`,
      value: names.map((name) => own[name]),
      expected: `options that go together (${message})`
    })
  }
  if (all.length === 0) return Effect.void
  const advice = `ResilientHttpClient.check: ${all.map(line).join("; ")}`
  return Effect.suspend(() => {
    if (given.has(advice)) return Effect.void
    given.add(advice)
    return Effect.logWarning(advice)
  })
}
