import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import { asConfigError } from "reprise/InvalidOption"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as retryPolicy from "./call/retryPolicy.js"
import type { Options } from "./model.js"
import * as budgets from "./stages/budgets.js"
import * as stages from "./stages/stages.js"

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> => Config.withDefault(config, undefined)

const times = Config.all({
  attemptTimeout: optional(Config.duration("ATTEMPT_TIMEOUT")),
  deadline: optional(Config.duration("DEADLINE")),
  retryUnsent: optional(Config.boolean("RETRY_UNSENT")),
  idempotencyKeys: optional(Config.boolean("IDEMPOTENCY_KEYS"))
})

const retry = Config.all({
  attempts: optional(Config.integer("ATTEMPTS")),
  base: optional(Config.duration("BASE_DELAY")),
  cap: optional(Config.duration("MAX_DELAY")),
  maxRetryAfter: optional(Config.duration("MAX_RETRY_AFTER"))
})

const drain = Config.all({
  maxBytes: optional(Config.integer("DRAIN_MAX_BYTES")),
  maxDuration: optional(Config.duration("DRAIN_MAX_DURATION"))
})

const budget = Config.all({
  ratio: optional(Config.number("BUDGET_RATIO")),
  minPerSecond: optional(Config.number("BUDGET_MIN_PER_SECOND"))
})

const breaker = Config.all({
  failures: optional(Config.integer("BREAKER_FAILURES")),
  threshold: optional(Config.number("BREAKER_RATE")),
  minimumCalls: Config.withDefault(Config.integer("BREAKER_MINIMUM_CALLS"), 20),
  duration: Config.withDefault(Config.duration("BREAKER_WINDOW"), Duration.seconds(10))
})

const guards = Config.all({
  gate: optional(Config.boolean("GATE")),
  maxConcurrent: optional(Config.integer("MAX_CONCURRENT")),
  maxQueued: optional(Config.integer("MAX_QUEUED")),
  queueTimeout: optional(Config.duration("QUEUE_TIMEOUT")),
  limit: optional(Config.integer("RATE_LIMIT")),
  window: Config.withDefault(Config.duration("RATE_WINDOW"), Duration.seconds(1)),
  hedgeAfter: optional(Config.duration("HEDGE_AFTER"))
})

/** Only what is there: an option that is `undefined` would take away the one that it is put over. */
const defined = <A extends object>(options: A): A =>
  // What is left out may be left out in every option.
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as A

const isSet = (options: object): boolean => Object.keys(defined(options)).length > 0

const breakerOf = (
  { duration, failures, minimumCalls, threshold }: Config.Config.Success<typeof breaker>
) => {
  const [trip, other] = [
    ...(failures === undefined ? [] : [Tripping.consecutive(failures)]),
    ...(threshold === undefined ? [] : [Tripping.rate({ threshold, minimumCalls, window: { duration } })])
  ]
  if (trip === undefined) return undefined
  return stages.circuitBreaker({ trip: other === undefined ? trip : Tripping.any(trip, other) })
}

const guardsOf = (
  { gate, hedgeAfter, limit, maxConcurrent, window, ...queue }: Config.Config.Success<typeof guards>
): Options => ({
  gate: gate === true ? stages.retryAfterGate() : undefined,
  bulkhead: maxConcurrent === undefined ? undefined : stages.bulkhead({ maxConcurrent, ...queue }),
  rateLimiter: limit === undefined ? undefined : stages.rateLimiter({ limit, window }),
  hedge: hedgeAfter === undefined ? undefined : stages.hedge({ after: hedgeAfter })
})

/** @internal */
export const options = (prefix: string | undefined, over: Options): Config.Config<Options> => {
  const all = Config.all({ times, retry, drain, budget, breaker, guards })
  const options = Config.mapOrFail(all, (named) =>
    asConfigError((): Options => ({
      ...over,
      ...defined<Options>({
        ...named.times,
        retry: isSet(named.retry) ? retryPolicy.exponential(named.retry) : undefined,
        drain: isSet(named.drain) ? named.drain : undefined,
        budget: isSet(named.budget) ? budgets.make(RetryBudget.share(named.budget), {}) : undefined,
        breaker: breakerOf(named.breaker),
        ...guardsOf(named.guards)
      }),
      ...(named.guards.gate === false ? { gate: undefined } : {})
    })))
  return prefix === undefined ? options : Config.nested(options, prefix)
}
