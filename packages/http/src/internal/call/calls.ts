import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as Deadline from "reprise/Deadline"
import * as Pipeline from "reprise/Pipeline"
import type * as Policy from "reprise/Policy"
import type { RetryBudget } from "reprise/RetryBudget"
import * as attempts from "../attempt/attempts.js"
import type * as drain from "../attempt/drain.js"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import * as propagation from "../attempt/propagation.js"
import * as reader from "../attempt/reader.js"
import * as resendCount from "../attempt/resendCount.js"
import { Responses } from "../attempt/responses.js"
import type * as HttpFailure from "../classify/failure.js"
import type { Budget } from "../model.js"
import type { Order } from "../order.js"
import { trackBody } from "../request/idempotency.js"
import * as ending from "./ending.js"
import * as refusals from "./refusal.js"
import type * as retryPolicy from "./retryPolicy.js"
import * as stage from "./stage.js"
import type * as timeLimits from "./timeLimits.js"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/** @internal */
export interface Settings {
  readonly facts: attempts.Facts
  readonly retryUnsent: boolean
  readonly idempotencyHeader: string | undefined
  readonly drain: drain.Limits
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
  readonly limits: timeLimits.Limits
  readonly order: Order
  readonly budget: Budget | undefined
  readonly nested: "suppress" | "allow" | undefined
  /** What is done to the request once for all of its attempts. */
  readonly prepare:
    | ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<HttpClientRequest.HttpClientRequest>)
    | undefined
}

/**
 * A client whose calls are made of attempts.
 *
 * @internal
 */
export const make = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  policy: retryPolicy.Policy<R1>,
  settings: Settings
): HttpClient.HttpClient.With<E, R | R1> => {
  const retries = { schedule: counted(policy.schedule), goesOn: policy.goesOn }
  return stage.make((request) => call(client, retries, settings, request))
}

interface Retries<R> {
  readonly schedule: Schedule.Schedule<unknown, FailedAttempt, R>
  readonly goesOn: retryPolicy.Policy<R>["goesOn"]
}

const call = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  retries: Retries<R1>,
  settings: Settings,
  request: Request
): Effect.Effect<Response, E, R | R1> => {
  const { limits: { callMillis }, prepare } = settings
  const responses = new Responses()
  let deadlineMillis = Infinity
  let last: () => Option.Option<HttpFailure.HttpFailure> = Option.none
  const tell = (told: typeof last) => {
    last = told
  }
  return Pipeline.call({
    millis: callMillis,
    // A client with a deadline of its own has this error in its type.
    onDeadline: () => new Deadline.DeadlineExceeded({ last: last() }) as never,
    run: (running) => {
      deadlineMillis = running.deadlineMillis
      reader.boundCall(request, callMillis, deadlineMillis)
      const go = (request: Request) => {
        const terms = { facts: settings.facts, limits: settings.limits, deadlineMillis, responses, tell }
        return loop(client, retries, settings, trackBody(request), terms, running)
      }
      return prepare === undefined ? go(request) : Effect.flatMap(running.restore(prepare(request)), go)
    },
    end: (exit) => {
      const result: Effect.Effect<Response, E> = Exit.isFailure(exit)
        // The loop fails with nothing: a defect of a schedule, say, an interruption, or the end of the call's time.
        ? Exit.failCause(exit.cause)
        : ending.finish<E>(exit.value, responses, callMillis < Infinity, deadlineMillis)
      return responses.before(result)
    }
  })
}

const loop = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  { goesOn, schedule }: Retries<R1>,
  settings: Settings,
  request: Request,
  terms: attempts.Terms & { readonly tell: timeLimits.Tell },
  running: Pipeline.Running
): Effect.Effect<ending.Ended, never, R | R1> => {
  const { budget, order } = settings
  const { deadlineMillis, responses, tell } = terms
  const around = order.hedge === undefined
    ? direct(client, settings, request, terms)
    : hedged(client, order.hedge, settings, terms)
  const run = (budget?: RetryBudget) =>
    running.loop({
      policies: around.policies,
      priority: around.call?.priority,
      partition: around.call?.partition,
      attempt: (number) => numbered(around.attempt, request, number, settings),
      limit: around.limit,
      outcome: around.outcome,
      review: around.review,
      schedule,
      refuse: (failed: FailedAttempt) => {
        tell(() => failed.failure)
        return refusals.refusal(failed, goesOn, settings)
      },
      canHelp: ({ failure }: FailedAttempt) =>
        goesOn !== undefined || Option.exists(failure, ({ retryable }) => retryable),
      // A line holds neither the request nor what the transport threw: that may hold a connection.
      note: ({ failure }: FailedAttempt) => failure,
      beforeWait: () => responses.drain(settings.drain, deadlineMillis),
      budget,
      isTimeout,
      nested: settings.nested
    })
  return budget === undefined ? run() : Effect.flatMap(running.restore(budget(request)), run)
}

type Around<R> =
  & Pick<
    Pipeline.RunningLoop<Response, FailedAttempt, R, never, never, HttpFailure.HttpFailure, Response, unknown>,
    "limit" | "outcome" | "policies" | "review"
  >
  & {
    readonly call?: Policy.CallOptions
    readonly attempt: (request: Request) => Effect.Effect<Response, unknown, R>
  }

/** The loop asks the policies and limits the time of each attempt: all of it is in one region. */
const direct = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  settings: Settings,
  request: Request,
  terms: attempts.Terms
): Around<R> => {
  const { order } = settings
  // One attempt runs at a time.
  let sending = new attempts.Sending(request, terms)
  return {
    call: order.call(request),
    policies: order.policies(request),
    review: (error) => order.review(request, error),
    attempt: (request) => timed(request, settings, terms, (request) => sending.execute(client, request)),
    limit: (fiber) => {
      sending = new attempts.Sending(request, terms)
      return sending.limit(fiber)
    },
    outcome: (exit, fiber) => sending.outcome(exit, fiber)
  }
}

/** Attempts beside each other have fibers of their own: each asks the policies and limits its time by itself. */
const hedged = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  hedge: NonNullable<Order["hedge"]>,
  settings: Settings,
  terms: attempts.Terms
): Around<R> => ({
  policies: [],
  attempt: (request) => {
    const one = timed(request, settings, terms, (request) => attempts.run(client, request, terms))
    return hedge(request, one, terms.deadlineMillis)
  },
  // What a hedge fails with is a failed attempt.
  outcome: (exit) => exit as Exit.Exit<Response, FailedAttempt>
})

const isTimeout = ({ failure }: FailedAttempt): boolean =>
  Option.exists(failure, ({ _tag }) => _tag === "AttemptTimeout")

/** Tells the server how long the attempt has, if asked to. */
const timed = <A, E, R>(
  request: Request,
  { deadlineHeader, limits }: Settings,
  { deadlineMillis }: attempts.Terms,
  attempt: (request: Request) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  deadlineHeader === undefined
    ? attempt(request)
    : propagation.withTimeLeft(request, deadlineHeader, limits.attemptMillis, deadlineMillis, attempt)

/** A request that is sent again says so: to the server if asked, and to the span of the attempt. */
const numbered = <A, E, R>(
  attempt: (request: HttpClientRequest.HttpClientRequest) => Effect.Effect<A, E, R>,
  request: HttpClientRequest.HttpClientRequest,
  number: number,
  { attemptHeader }: Settings
): Effect.Effect<A, E, R> => {
  const one = (request: HttpClientRequest.HttpClientRequest) =>
    attemptHeader === undefined
      ? attempt(request)
      : propagation.withNumber(request, attemptHeader, number, attempt)
  return number === 1 ? one(request) : resendCount.annotate(request, number - 1, one)
}

/** A hedge counts as an attempt: it takes a step of the schedule too. */
const counted = <B, R>(
  schedule: Schedule.Schedule<B, HttpFailure.HttpFailure, R>
): Schedule.Schedule<B, FailedAttempt, R> =>
  Schedule.makeWithState(schedule.initial, (now, failed: FailedAttempt, state) => {
    // `refuse` has turned away every attempt that is no HttpFailure before the schedule is asked.
    const failure = Option.getOrThrow(failed.failure)
    const step = (hedges: number, state: unknown): ReturnType<typeof schedule.step> =>
      hedges === 0
        ? schedule.step(now, failure, state)
        : Effect.flatMap(schedule.step(now, failure, state), (stepped) =>
          ScheduleDecision.isDone(stepped[2]) ? Effect.succeed(stepped) : step(hedges - 1, stepped[0]))
    return step(failed.hedges, state)
  })
