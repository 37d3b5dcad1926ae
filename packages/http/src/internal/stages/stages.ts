import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import type * as Types from "effect/Types"
import type { LimitExceeded } from "reprise/AdaptiveLimiter"
import type { BulkheadFull } from "reprise/Bulkhead"
import type { CircuitOpen } from "reprise/CircuitBreaker"
import * as Pipeline from "reprise/Pipeline"
import type { RateLimitExceeded } from "reprise/RateLimiter"
import * as attempts from "../attempt/attempts.js"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import { Responses } from "../attempt/responses.js"
import * as stage from "../call/stage.js"
import * as timeLimits from "../call/timeLimits.js"
import * as model from "../model.js"
import * as order from "../order.js"
import { asked } from "./asked.js"
import * as circuit from "./circuit.js"
import * as gate from "./gate.js"
import type { Facts, Placed } from "./guard.js"
import * as hedging from "./hedging.js"
import * as limits from "./limits.js"
import * as own from "./ownPolicy.js"

type Client<E, R> = HttpClient.HttpClient.With<E, R>

/** Makes the state for one client, once per pipeline. */
type Build = () => (facts: Facts) => Placed

const variance: Types.Covariant<never> = identity

/** `makeFor` makes every stage. */
interface Made<E> extends model.Stage<E> {
  readonly build: Build
  readonly options: object
}

/** Builds the stage once for its errors, so that an option out of range fails here and not in the client. */
const makeFor = <E>(options: object, build: Build): model.Stage<E> => {
  build()
  const combinator = <E1, R>(client: Client<E1, R>) => over<E, E1, R>(client, build)
  const made: Made<E> = Object.assign(combinator, { [model.StageTypeId]: variance, build, options })
  return made
}

/** The same, for a stage that needs no facts of its pipeline. */
const make = <E>(options: object, build: () => Placed): model.Stage<E> =>
  makeFor(options, () => {
    const placed = build()
    return () => placed
  })

/** @internal */
export const build = (stage: model.Stage<unknown>): (facts: Facts) => Placed => (stage as Made<unknown>).build()

/**
 * The options of the stage.
 *
 * @internal
 */
export const optionsOf = (stage: model.Stage<unknown>): object => (stage as Made<unknown>).options

/** @internal */
export const circuitBreaker = (options: model.CircuitBreakerOptions): model.Stage<CircuitOpen> =>
  make(options, () => circuit.make(options))

/** @internal */
export const retryAfterGate = (options: model.RetryAfterGateOptions = {}): model.Stage<model.GateClosed> =>
  make(options, () => gate.make(options))

/** @internal */
export const bulkhead = (options: model.BulkheadOptions): model.Stage<BulkheadFull> =>
  make(options, () => limits.bulkhead(options))

/** @internal */
export const adaptiveLimiter = <S>(options: model.AdaptiveLimiterOptions<S>): model.Stage<LimitExceeded> =>
  make(options, () => limits.adaptiveLimiter(options))

/** @internal */
export const rateLimiter: {
  (options: model.RateLimiterOptions): model.Stage<RateLimitExceeded>
  <E>(consume: model.Consume<E>): model.Stage<E>
} = <E>(limit: model.RateLimiterOptions | model.Consume<E>) =>
  make<E | RateLimitExceeded>(limit, () => limits.rateLimiter(limit)) as model.Stage<never>

/** @internal */
export const hedge = (options: model.HedgeOptions): model.Stage<never> => makeFor(options, () => hedging.make(options))

/** @internal */
export const policy = <E>(options: own.OwnPolicy<E> | model.PolicyOptions<E>): model.Stage<E> =>
  make(options, () => own.make(options))

/** Puts one stage over a client. */
const over = <E, E1, R>(client: Client<E1, R>, build: Build): Client<E | E1, R> => {
  const placed = order.make([build()({})])
  const guarded = placed.hedge?.guard ?? asked(placed)
  return stage.make((request) => {
    const responses = new Responses()
    const terms = { facts: attempts.plain, limits: timeLimits.none, deadlineMillis: Infinity, responses }
    return Pipeline.call({
      millis: Infinity,
      onDeadline: neverEnds,
      run: (running) => running.restore(guarded(request, attempts.run(client, request, terms), running)),
      end: (exit) => responses.before(handOver<E | E1>(exit, responses))
    })
  })
}

/** A stage by itself has no deadline of its own. */
const neverEnds = (): never => {
  throw new Error("unreachable")
}

const handOver = <E>(
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, FailedAttempt>,
  responses: Responses
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> => {
  if (Exit.isSuccess(exit)) {
    responses.handOver(exit.value)
    return Exit.succeed(exit.value)
  }
  const failed = Cause.failureOption(exit.cause)
  // A defect or an interruption: there is no error in it.
  if (Option.isNone(failed)) return Exit.failCause(exit.cause as Cause.Cause<never>)
  const { origin, response } = failed.value
  if (response !== undefined) responses.handOver(response)
  return origin._tag === "Response"
    ? Exit.succeed(origin.response)
    // The error of the client below, or the rejection.
    : Exit.failCause(origin.cause as Cause.Cause<E>)
}
