import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type { DeadlineExceeded } from "reprise/Deadline"
import type { RetryBudget } from "reprise/RetryBudget"
import * as retryClient from "./call/calls.js"
import * as retryPolicy from "./call/retryPolicy.js"
import * as settings from "./call/settings.js"
import * as stage from "./call/stage.js"
import type { HttpFailure } from "./classify/failure.js"
import type { Budget, Options, Route, Stage } from "./model.js"
import * as order from "./order.js"
import * as idempotencyKey from "./request/idempotencyKey.js"
import * as budgets from "./stages/budgets.js"
import type { Facts, Placed } from "./stages/guard.js"
import * as stages from "./stages/stages.js"

type Resilient<E> = HttpClient.HttpClient.With<
  HttpClientError.HttpClientError | HttpFailure | DeadlineExceeded<HttpFailure> | E
>

type Pipeline<E> = (client: HttpClient.HttpClient) => Resilient<E>

/** The state of a guard, which all routes with the same guard share. */
type States = (stage: Stage<unknown>) => (facts: Facts) => Placed

/** @internal */
export const make = <E>({ routes = [], ...options }: Options<E> = {}): Pipeline<E> => {
  const made = new Map<Stage<unknown>, ReturnType<States>>()
  const states: States = (one) => {
    const build = made.get(one) ?? stages.build(one)
    made.set(one, build)
    return build
  }
  const own = new Map<unknown, Budget | RetryBudget>()
  const withBudget = <E>({ budget, ...options }: Options<E>): Options<E> => {
    if (budget === undefined) return options
    const made = own.get(budget) ?? budgets.ownOf(budget)
    own.set(budget, made)
    return { ...options, budget: made }
  }
  const rest = single(withBudget(options), states)
  return routes.length === 0 ? rest : routed(
    routes.map(({ match, options: overrides }) =>
      [match, single(withBudget({ ...options, ...overrides }), states)] as const
    ),
    rest
  )
}

const routed = <E>(
  routes: ReadonlyArray<readonly [match: Route["match"], pipeline: Pipeline<E>]>,
  rest: Pipeline<E>
): Pipeline<E> =>
(client) => {
  const clients = routes.map(([match, pipeline]) => [match, pipeline(client)] as const)
  const other = rest(client)
  return stage.make((request) => (clients.find(([match]) => match(request))?.[1] ?? other).execute(request))
}

const single = <E>(options: Options<E>, states: States): Pipeline<E> => {
  const keys = options.idempotencyKeys === true ? {} : options.idempotencyKeys
  const addKeys = keys ? idempotencyKey.automatic(keys) : undefined
  const limits = {
    attemptMillis: settings.limit("attemptTimeout", options.attemptTimeout),
    callMillis: settings.limit("deadline", options.deadline)
  }
  const of = (one: Stage<unknown> | undefined) => one && states(one)(options)
  const placed = order.inOrder({
    hedge: of(options.hedge),
    policies: options.policies?.map(of),
    gate: of(options.gate),
    breaker: of(options.breaker),
    bulkhead: of(options.bulkhead),
    rateLimiter: of(options.rateLimiter),
    adaptiveLimiter: of(options.adaptiveLimiter)
  })
  const retry = settings.retry(options, limits, order.make(placed), addKeys)
  const schedule = retryPolicy.of(options.retry)
  const isTransparent = options.retry === false && placed.every((stage) => stage === undefined) &&
    addKeys === undefined && options.listener === undefined &&
    limits.attemptMillis === Infinity &&
    limits.callMillis === Infinity && options.classify === undefined && options.readBodies === undefined &&
    options.deadlineHeader === undefined && options.attemptHeader === undefined
  return (client) =>
    // The attempts watch the deadline themselves: one timer for both.
    isTransparent
      ? client as Resilient<E>
      : retryClient.make((options.readBodies?.(client) ?? client) as Resilient<E>, schedule, retry)
}
