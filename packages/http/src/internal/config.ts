import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as OptionsConfig from "reprise/OptionsConfig"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as retryPolicy from "./call/retryPolicy.js"
import * as check from "./check.js"
import * as pipeline from "./client.js"
import type { Options } from "./model.js"
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
  minimumCalls: ["BREAKER_MINIMUM_CALLS", Config.withDefault(Config.integer(), 20)],
  "window.duration": ["BREAKER_WINDOW", Config.withDefault(Config.duration(), Duration.seconds(10))],
  gate: ["GATE", boolean],
  maxConcurrent: ["MAX_CONCURRENT", integer],
  maxQueued: ["MAX_QUEUED", integer],
  queueTimeout: ["QUEUE_TIMEOUT", duration],
  limit: ["RATE_LIMIT", integer],
  window: ["RATE_WINDOW", Config.withDefault(Config.duration(), Duration.seconds(1))],
  after: ["HEDGE_AFTER", duration]
} as const

/** Only what is there: an option that is `undefined` would take away the one that it is put over. */
const defined = <A extends object>(options: A): A =>
  // What is left out may be left out in every option.
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

const isSet = (options: object): boolean => Object.keys(defined(options)).length > 0

type Values = typeof variables extends OptionsConfig.Variables<infer Values> ? Values : never

const breakerOf = ({ failures, minimumCalls, threshold, "window.duration": duration }: Values) => {
  const [trip, other] = [
    ...(failures === undefined ? [] : [Tripping.consecutive(failures)]),
    ...(threshold === undefined ? [] : [Tripping.rate({ threshold, minimumCalls, window: { duration } })])
  ]
  if (trip === undefined) return undefined
  return stages.circuitBreaker({ trip: other === undefined ? trip : Tripping.any(trip, other) })
}

const guardsOf = ({ after, gate, limit, maxConcurrent, maxQueued, queueTimeout, window }: Values): Options => ({
  gate: gate === true ? stages.retryAfterGate() : undefined,
  bulkhead: maxConcurrent === undefined ? undefined : stages.bulkhead({ maxConcurrent, maxQueued, queueTimeout }),
  rateLimiter: limit === undefined ? undefined : stages.rateLimiter({ limit, window }),
  hedge: after === undefined ? undefined : stages.hedge({ after })
})

const optionsOf = (values: Values): Options => {
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
    breaker: breakerOf(values),
    ...guardsOf(values)
  })
}

/** @internal */
export const options = (prefix: string | undefined, over: Options): Config.Config<Options> =>
  OptionsConfig.make({
    prefix,
    variables,
    blame: { n: ["failures"], cap: ["cap", "base"], hedge: ["after"] },
    options: (values): Options => ({
      ...over,
      ...optionsOf(values),
      ...(values.gate === false ? { gate: undefined } : {})
    }),
    check: (options) => {
      pipeline.make(options)
      check.report(options)
    }
  })
