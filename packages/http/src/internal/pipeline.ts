import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Schedule from "effect/Schedule"
import type { DeadlineExceeded } from "reprise/Deadline"
import type { HttpFailure } from "../HttpFailure.js"
import type { HttpGuard } from "../HttpGuard.js"
import * as HttpRetry from "../HttpRetry.js"
import type { Options, Rejection, Route } from "../ResilientHttpClient.js"
import * as guard from "./guard.js"
import * as idempotencyKey from "./idempotencyKey.js"
import * as order from "./order.js"
import * as retryClient from "./retryClient.js"
import * as settings from "./settings.js"
import * as stage from "./stage.js"

type Resilient = HttpClient.HttpClient.With<
  HttpClientError.HttpClientError | HttpFailure | DeadlineExceeded<HttpFailure> | Rejection
>

type Pipeline = (client: HttpClient.HttpClient) => Resilient

/** The states of a guard, which all routes share that are given the same guard. */
type States = (guard: HttpGuard<unknown>) => (facts: guard.Facts) => guard.Stage

/** @internal */
export const make = ({ routes = [], ...options }: Options = {}): Pipeline => {
  const made = new Map<HttpGuard<unknown>, ReturnType<States>>()
  const states: States = (one) => {
    const build = made.get(one) ?? guard.build(one)
    made.set(one, build)
    return build
  }
  const rest = single(options, states)
  return routes.length === 0 ? rest : routed(
    routes.map(({ match, options: overrides }) => [match, single({ ...options, ...overrides }, states)] as const),
    rest
  )
}

const routed = (
  routes: ReadonlyArray<readonly [match: Route["match"], pipeline: Pipeline]>,
  rest: Pipeline
): Pipeline =>
(client) => {
  const clients = routes.map(([match, pipeline]) => [match, pipeline(client)] as const)
  const other = rest(client)
  return stage.make((request) => (clients.find(([match]) => match(request))?.[1] ?? other).execute(request))
}

const single = (options: Options, states: States): Pipeline => {
  const keys = options.idempotencyKeys === true ? {} : options.idempotencyKeys
  const addKeys = keys ? idempotencyKey.automatic(keys) : undefined
  const limits = {
    attemptMillis: settings.limit("attemptTimeout", options.attemptTimeout),
    callMillis: settings.limit("deadline", options.deadline)
  }
  const of = (one: HttpGuard<unknown> | undefined) => one && states(one)(options)
  const guards = order.make(order.inOrder({
    hedge: of(options.hedge),
    gate: of(options.gate),
    breaker: of(options.breaker),
    bulkhead: of(options.bulkhead),
    rateLimiter: of(options.rateLimiter),
    adaptiveLimiter: of(options.adaptiveLimiter)
  }))
  const retry = settings.retry(options, limits, guards, addKeys)
  const schedule = options.retry === false ? Schedule.stop : options.retry ?? HttpRetry.standard
  const isTransparent = options.retry === false && guards === undefined && addKeys === undefined &&
    limits.attemptMillis === Infinity &&
    limits.callMillis === Infinity && options.deadlineHeader === undefined && options.attemptHeader === undefined
  return (client) =>
    // The attempts watch the deadline themselves: one timer for both.
    isTransparent ? client : retryClient.make(client as Resilient, schedule, retry)
}
