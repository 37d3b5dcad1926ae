import type * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import * as Retry from "reprise/Retry"
import type { RetryBudget } from "reprise/RetryBudget"
import * as attempts from "../attempt/attempts.js"
import type * as drain from "../attempt/drain.js"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import * as propagation from "../attempt/propagation.js"
import * as reader from "../attempt/reader.js"
import * as resendCount from "../attempt/resendCount.js"
import { owned, type Responses } from "../attempt/responses.js"
import * as HttpFailure from "../classify/failure.js"
import type { Budget } from "../model.js"
import * as idempotency from "../request/idempotency.js"
import { trackBody } from "../request/idempotency.js"
import type { Guard } from "../stages/guard.js"
import * as ledgers from "./ledgers.js"
import * as rejections from "./rejections.js"
import type * as retryPolicy from "./retryPolicy.js"
import * as stage from "./stage.js"
import * as timeLimits from "./timeLimits.js"

/** @internal */
export interface Settings {
  readonly facts: attempts.Facts
  readonly retryUnsent: boolean
  readonly idempotencyHeader: string | undefined
  readonly drain: drain.Limits
  readonly attemptHeader: string | undefined
  readonly deadlineHeader: string | undefined
  readonly limits: timeLimits.Limits
  readonly guard: Guard | undefined
  readonly budget: Budget | undefined
  readonly nested: "suppress" | "allow" | undefined
  /** What is done to the request once for all of its attempts. */
  readonly prepare:
    | ((request: HttpClientRequest.HttpClientRequest) => Effect.Effect<HttpClientRequest.HttpClientRequest>)
    | undefined
}

/** @internal */
export const make = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  policy: retryPolicy.Policy<R1>,
  settings: Settings
): HttpClient.HttpClient.With<E, R | R1> => {
  const schedule = counted(policy.schedule)
  const { goesOn } = policy
  return stage.make((request) =>
    timeLimits.call(
      settings.limits,
      (deadlineMillis, tell) => {
        reader.boundCall(request, settings.limits.callMillis, deadlineMillis)
        const go = (request: HttpClientRequest.HttpClientRequest) =>
          owned(
            (responses) =>
              run(client, { schedule, goesOn }, settings, trackBody(request), deadlineMillis, responses, tell),
            (exit, responses): Effect.Effect<HttpClientResponse.HttpClientResponse, E> =>
              // The loop fails with nothing: a defect of a schedule, say, or an interruption.
              Exit.isFailure(exit)
                ? Exit.failCause(exit.cause)
                : finish<E>(exit.value, responses, settings, deadlineMillis)
          )
        return settings.prepare === undefined ? go(request) : Effect.flatMap(settings.prepare(request), go)
      }
    )
  )
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

type Ended = readonly [
  exit: Exit.Exit<HttpClientResponse.HttpClientResponse, FailedAttempt>,
  ledger: Retry.Retry.Ledger<HttpFailure.HttpFailure>
]

interface Retries<R> {
  readonly schedule: Schedule.Schedule<unknown, FailedAttempt, R>
  readonly goesOn: retryPolicy.Policy<R>["goesOn"]
}

const run = <E, R, R1>(
  client: HttpClient.HttpClient.With<E, R>,
  { goesOn, schedule }: Retries<R1>,
  settings: Settings,
  request: HttpClientRequest.HttpClientRequest,
  deadlineMillis: number,
  responses: Responses,
  tell: timeLimits.Tell
): Effect.Effect<Ended, never, R | R1> => {
  const { deadlineHeader, facts, guard, limits } = settings
  const send = (request: HttpClientRequest.HttpClientRequest) =>
    attempts.run(client, request, facts, limits, deadlineMillis, responses, tell)
  const attempt = (request: HttpClientRequest.HttpClientRequest) => {
    const one = deadlineHeader === undefined
      ? send(request)
      : propagation.withTimeLeft(request, deadlineHeader, limits.attemptMillis, deadlineMillis, send)
    return guard === undefined ? one : guard(request, one, deadlineMillis)
  }
  const loop = (budget?: RetryBudget) =>
    Retry.loop({
      attempt: (number) => numbered(attempt, request, number, settings),
      schedule,
      refuse: (failed: FailedAttempt) => {
        tell(() => failed.failure)
        return refusal(failed, goesOn, settings)
      },
      canHelp: ({ failure }: FailedAttempt) =>
        goesOn !== undefined || Option.exists(failure, ({ retryable }) => retryable),
      // A line holds neither the request nor what the transport threw: that may hold a connection.
      note: ({ failure }: FailedAttempt) => failure,
      beforeWait: () => responses.drain(settings.drain, deadlineMillis),
      deadlineMillis,
      budget,
      isTimeout,
      nested: settings.nested
    })
  return settings.budget === undefined ? loop() : Effect.flatMap(settings.budget(request), loop)
}

const isTimeout = ({ failure }: FailedAttempt): boolean =>
  Option.exists(failure, ({ _tag }) => _tag === "AttemptTimeout")

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

/** Whether it helps is asked anew, by the schedule too. Here it is about the request, and about what the program has ruled out. */
const refusal = (
  failed: FailedAttempt,
  goesOn: retryPolicy.Policy<unknown>["goesOn"],
  settings: Settings
): Option.Option<Retry.Reason> => {
  if (failed.refusal !== undefined) return Option.some(failed.refusal)
  if (Option.isNone(failed.failure)) return Option.some("notRetryable")
  const { failure: { value: failure }, request } = failed
  if (goesOn?.(failure) === false) return Option.some("notRetryable")
  const verdict = HttpFailure.disposition(failure, {
    retryable: true,
    idempotent: idempotency.isIdempotent(request, settings.idempotencyHeader),
    replayable: idempotency.isReplayable(request),
    retryUnsent: settings.retryUnsent
  })
  if (verdict._tag === "Resend") return Option.none()
  return Option.some(goesOn !== undefined || failure.retryable ? reasons[verdict.reason] : "notRetryable")
}

const reasons = {
  NotRetryable: "notRetryable",
  NotIdempotent: "notIdempotent",
  BodyNotReplayable: "bodyNotReplayable"
} as const

const finish = <E>(
  [exit, ledger]: Ended,
  responses: Responses,
  settings: Settings,
  deadlineMillis: number
): Effect.Effect<HttpClientResponse.HttpClientResponse, E> => {
  if (Exit.isSuccess(exit)) {
    responses.handOver(exit.value)
    ledgers.set(exit.value, ledger)
    return Exit.succeed(exit.value)
  }
  const failed = Cause.failureOption(exit.cause)
  // A defect or an interruption: there is no error in it.
  if (Option.isNone(failed)) return Effect.failCause(exit.cause as Cause.Cause<never>)
  const { failure, origin, response } = failed.value
  if (response !== undefined) responses.handOver(response)
  if (origin._tag === "Response") {
    ledgers.set(origin.response, ledger)
    return Exit.succeed(origin.response)
  }
  // What the client below failed with is given back as it was, so its type is the client's own.
  const cause = origin.cause as Cause.Cause<E>
  if (Option.isNone(failure)) {
    // A guard may reject a retry: whoever sees that has to know what the attempts before it may have done.
    const error = Option.getOrUndefined(Cause.failureOption(cause))
    if (rejections.has(error)) ledgers.setOfError(error, ledger)
    return Effect.failCause(cause)
  }
  const told = HttpFailure.withAttempts(failure.value, ledger)
  const failCause = Effect.failCause(Cause.map(cause, (error) => withFailure(error, told)))
  return settings.limits.callMillis === Infinity
    ? failCause
    // A client with a deadline of its own has this error in its type.
    : timeLimits.orExceeded(failCause, told, deadlineMillis) as Effect.Effect<never, E>
}

/** The same error, with the typed failure and its ledger as the cause. */
const withFailure = <E>(error: E, failure: HttpFailure.HttpFailure): E => {
  if (HttpFailure.isHttpFailure(error)) return failure as E & HttpFailure.HttpFailure
  if (!HttpClientError.isHttpClientError(error)) return error
  const described = { ...error, cause: failure, description: error.description ?? failure.message }
  return (error._tag === "RequestError"
    ? new HttpClientError.RequestError(described as typeof described & HttpClientError.RequestError)
    : new HttpClientError.ResponseError(described as typeof described & HttpClientError.ResponseError)) as E
}
