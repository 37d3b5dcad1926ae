import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as about from "../call/about.js"
import * as timeLimits from "../call/timeLimits.js"
import * as HttpClassifier from "../classify/classifier.js"
import type * as HttpFailure from "../classify/failure.js"
import * as clock from "../clock.js"
import type { Classify } from "../model.js"
import { forAttempt } from "../request/idempotency.js"
import { FailedAttempt, statusErrorResponse } from "./failedAttempt.js"
import * as judging from "./judging.js"
import * as reader from "./reader.js"
import type { Responses } from "./responses.js"

/**
 * Decides how attempts are classified.
 *
 * @internal
 */
export interface Facts {
  readonly redirect: "follow" | "manual"
  readonly classify: Classify | undefined
}

/** @internal */
export const plain: Facts = { redirect: "follow", classify: undefined }

/**
 * The settings that the attempts of one call share.
 *
 * @internal
 */
export interface Terms {
  readonly facts: Facts
  readonly limits: timeLimits.Limits
  readonly deadlineMillis: number
  /** The call owns every response from its arrival. */
  readonly responses: Responses
  /** Receives a function for the last failure of the call, for the case that its deadline comes now. */
  readonly tell?: ((last: () => Option.Option<HttpFailure.HttpFailure>) => void) | undefined
}

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/**
 * One attempt of a client.
 *
 * @internal
 */
export class Sending implements reader.Watch {
  /** The request as the stages below made it: it decides whether another attempt is safe. */
  private sent: Request
  readonly judge: reader.Watch["judge"]
  isOver = false

  constructor(readonly request: Request, private readonly terms: Terms) {
    const { facts: { classify }, responses } = terms
    this.sent = request
    this.judge = classify && judging.make(classify, responses)
  }

  onPrepared(prepared: Request): void {
    this.sent = prepared
  }

  onResponse(response: Response): void {
    this.terms.responses.hold(response)
  }

  execute<E, R>(client: HttpClient.HttpClient.With<E, R>, request: Request): reader.Attempt<E | FailedAttempt, R> {
    const sent = about.send(forAttempt(request, this), (request) => reader.execute(client, request, this))
    const { classify } = this.terms.facts
    return classify === undefined
      ? sent
      : Effect.catchAllCause(
        sent,
        (cause) =>
          Effect.withFiberRuntime((fiber) => judging.cause(classify, this.sent, cause, this.ofCause(cause, fiber)))
      )
  }

  limit(fiber: Fiber.RuntimeFiber<unknown, unknown>): timeLimits.Limited | undefined {
    const { terms } = this
    const limited = timeLimits.limited(fiber, this.request, terms.limits.attemptMillis, terms.deadlineMillis)
    // The call may end before this attempt, because the release of a connection takes time.
    if (limited !== undefined) terms.tell?.(() => Option.some(limited.onTimeout()))
    return limited
  }

  /**
   * Makes every bad response or error a `FailedAttempt`. Interruptions, and defects that no transport causes, stay as
   * they are.
   */
  outcome(
    exit: Exit.Exit<Response, unknown>,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Exit.Exit<Response, FailedAttempt> {
    this.isOver = true
    if (Exit.isFailure(exit)) return this.ofCause(exit.cause, fiber)
    const response = exit.value
    if (response.status < 400) return exit as Exit.Exit<Response, never>
    const failure = HttpClassifier.fromResponse(response, { nowMillis: clock.wallMillis(fiber) })
    return Exit.fail(new FailedAttempt(this.sent, failure, { _tag: "Response", response }))
  }

  private ofCause(
    cause: Cause.Cause<unknown>,
    fiber: Fiber.RuntimeFiber<unknown, unknown>
  ): Exit.Exit<never, FailedAttempt> {
    const error = Option.getOrUndefined(Cause.failureOption(cause))
    if (error instanceof FailedAttempt) return Exit.fail(error)
    const response = statusErrorResponse(cause)
    const { facts: { redirect }, limits: { attemptMillis }, responses } = this.terms
    if (response !== undefined) responses.hold(response)
    const failure = HttpClassifier.classifyCause(cause, {
      redirect,
      request: this.sent,
      nowMillis: clock.wallMillis(fiber)
    })
    // Only interruptions and foreign defects: there is no error in it.
    if (Option.isNone(failure) && !Cause.isFailure(cause)) return Exit.failCause(cause as Cause.Cause<never>)
    const isCutShort = Option.exists(
      failure,
      (failure) =>
        failure._tag === "AttemptTimeout" && attemptMillis < Infinity &&
        Duration.toMillis(failure.duration ?? Infinity) < attemptMillis
    )
    return Exit.fail(new FailedAttempt(this.sent, failure, { _tag: "Cause", cause }, undefined, isCutShort))
  }
}

/**
 * The attempt as an effect, with its time limit.
 *
 * @internal
 */
export const run = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: Request,
  terms: Terms
): reader.Attempt<FailedAttempt, R> =>
  Effect.suspend(() => {
    const sending = new Sending(request, terms)
    const limited = timeLimits.within(sending.execute(client, request), (fiber) => sending.limit(fiber))
    return Effect.flatMap(Effect.exit(limited), (exit) =>
      Effect.withFiberRuntime<Response, FailedAttempt>((fiber) => sending.outcome(exit, fiber)))
  })

/** @internal */
export const classify = <A, E, R>(
  cause: Cause.Cause<unknown>,
  request: Request,
  redirect: Facts["redirect"],
  f: (failure: Option.Option<HttpFailure.HttpFailure>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(
    clock.currentWallMillis,
    (nowMillis) => f(HttpClassifier.classifyCause(cause, { redirect, request, nowMillis }))
  )
