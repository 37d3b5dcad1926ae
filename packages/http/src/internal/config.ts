import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import { InvalidOption } from "reprise/InvalidOption"
import * as OptionsConfig from "reprise/OptionsConfig"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as retryPolicy from "./call/retryPolicy.js"
import * as check from "./check.js"
import * as pipeline from "./client.js"
import type { Options, Stage } from "./model.js"
import * as budgets from "./stages/budgets.js"
import * as stages from "./stages/stages.js"

const boolean = OptionsConfig.optional(Config.boolean())
const duration = OptionsConfig.optional(Config.duration())
const integer = OptionsConfig.optional(Config.integer())
const number = OptionsConfig.optional(Config.number())

const variables = {
  attempts: ["ATTEMPTS", integer],
  base: ["BASE_DELAY", duration],
  cap: ["MAX_DELAY", duration],
  maxRetryAfter: ["MAX_RETRY_AFTER", duration],
  retryUnsent: ["RETRY_UNSENT", boolean],
  idempotencyKeys: ["IDEMPOTENCY_KEYS", boolean],
  "drain.maxBytes": ["DRAIN_MAX_BYTES", integer],
  "drain.maxDuration": ["DRAIN_MAX_DURATION", duration],
  attemptTimeout: ["ATTEMPT_TIMEOUT", duration],
  deadline: ["DEADLINE", duration],
  ratio: ["BUDGET_RATIO", number],
  minPerSecond: ["BUDGET_MIN_PER_SECOND", number],
  failures: ["BREAKER_FAILURES", integer],
  threshold: ["BREAKER_RATE", number],
  minimumCalls: ["BREAKER_MINIMUM_CALLS", integer],
  "window.duration": ["BREAKER_WINDOW", duration],
  openFor: ["BREAKER_OPEN_FOR", duration],
  gate: ["GATE", boolean],
  maxConcurrent: ["MAX_CONCURRENT", integer],
  maxQueued: ["MAX_QUEUED", integer],
  queueTimeout: ["QUEUE_TIMEOUT", duration],
  limit: ["RATE_LIMIT", integer],
  window: ["RATE_WINDOW", duration],
  after: ["HEDGE_AFTER", duration]
} as const

/** Removes options that are `undefined`, which would hide the options below them. */
const defined = <A extends object>(options: A): A =>
  // Every option may be missing.
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

const isSet = (options: object): boolean => Object.keys(defined(options)).length > 0

type Values = typeof variables extends OptionsConfig.Variables<infer Values> ? Values : never

/** The options of a stage, with the values of the environment on top. */
const over = <A extends object>(stage: Stage<unknown> | undefined, own: A): A => ({
  ...stage && stages.optionsOf(stage),
  ...defined(own)
})

/** A value that has no effect without another one is an error at its variable. */
const needs = (values: Values, names: ReadonlyArray<keyof Values>, other: string): undefined => {
  const name = names.find((name) => values[name] !== undefined)
  if (name === undefined) return undefined
  throw new InvalidOption({
    option: name,
    value: values[name],
    expected: `${other}, because it has no effect without it`
  })
}

const tripOf = (values: Values) => {
  const { failures, minimumCalls = 20, threshold, "window.duration": duration = Duration.seconds(10) } = values
  if (threshold === undefined) needs(values, ["minimumCalls", "window.duration"], "BREAKER_RATE too")
  const [trip, other] = [
    ...(failures === undefined ? [] : [Tripping.consecutive(failures)]),
    ...(threshold === undefined ? [] : [Tripping.rate({ threshold, minimumCalls, window: { duration } })])
  ]
  return trip === undefined || other === undefined ? trip : Tripping.any(trip, other)
}

const breakerOf = (values: Values, breaker: Options["breaker"]) => {
  const { openFor } = values
  const trip = tripOf(values)
  if (trip === undefined && openFor === undefined) return undefined
  const own = over(breaker, { trip, openFor })
  if ("breakers" in own) return needs(values, ["failures", "threshold", "openFor"], "no registry in the options")
  return own.trip === undefined
    ? needs(values, ["openFor"], "BREAKER_FAILURES or BREAKER_RATE too")
    : stages.circuitBreaker({ ...own, trip: own.trip })
}

const bulkheadOf = (values: Values, bulkhead: Options["bulkhead"]) => {
  const { maxConcurrent, maxQueued, queueTimeout } = values
  const own = over(bulkhead, { maxConcurrent, maxQueued, queueTimeout })
  return own.maxConcurrent === undefined
    ? needs(values, ["maxQueued", "queueTimeout"], "MAX_CONCURRENT too")
    : stages.bulkhead({ ...own, maxConcurrent: own.maxConcurrent })
}

const rateLimiterOf = (values: Values) => {
  const { limit, window = Duration.seconds(1) } = values
  return limit === undefined ? needs(values, ["window"], "RATE_LIMIT too") : stages.rateLimiter({ limit, window })
}

const optionsOf = (values: Values, defaults: Options): Options => {
  const { attemptTimeout, attempts, base, cap, deadline, idempotencyKeys, maxRetryAfter, retryUnsent } = values
  const retry = { attempts, base, cap, maxRetryAfter }
  const drain = { maxBytes: values["drain.maxBytes"], maxDuration: values["drain.maxDuration"] }
  const budget = { ratio: values.ratio, minPerSecond: values.minPerSecond }
  return defined<Options>({
    attemptTimeout,
    deadline,
    retryUnsent,
    idempotencyKeys,
    retry: isSet(retry) ? retryPolicy.exponential(retry) : undefined,
    drain: isSet(drain) ? drain : undefined,
    budget: isSet(budget) ? budgets.make((key) => RetryBudget.share({ ...budget, key }), {}) : undefined,
    breaker: breakerOf(values, defaults.breaker),
    gate: values.gate === true ? defaults.gate ?? stages.retryAfterGate() : undefined,
    bulkhead: bulkheadOf(values, defaults.bulkhead),
    rateLimiter: rateLimiterOf(values),
    hedge: values.after === undefined ? undefined : stages.hedge(over(defaults.hedge, { after: values.after }))
  })
}

/** @internal */
export const options = (prefix: string | undefined, defaults: Options): Config.Config<Options> =>
  OptionsConfig.make({
    prefix,
    variables,
    blame: { n: ["failures"], cap: ["cap", "base"], hedge: ["after"] },
    options: (values): Options => ({
      ...defaults,
      ...optionsOf(values, defaults),
      ...(values.gate === false ? { gate: undefined } : {})
    }),
    check: (options) => {
      pipeline.make(options)
      check.report(options)
    }
  })
