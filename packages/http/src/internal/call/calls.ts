import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import * as Deadline from "reprise/Deadline"
import * as Pipeline from "reprise/Pipeline"
import type { RetryBudget } from "reprise/RetryBudget"
import * as attempts from "../attempt/attempts.js"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import * as propagation from "../attempt/propagation.js"
import * as reader from "../attempt/reader.js"
import * as resendCount from "../attempt/resendCount.js"
import { Responses } from "../attempt/responses.js"
import type * as HttpFailure from "../classify/failure.js"
import { counted } from "../effect.js"
import { trackBody } from "../request/idempotency.js"
import * as about from "./about.js"
import * as ending from "./ending.js"
import * as refusals from "./refusal.js"
import type * as retryPolicy from "./retryPolicy.js"
import type { Settings } from "./settings.js"
import * as stage from "./stage.js"
import type * as timeLimits from "./timeLimits.js"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

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
  return stage.make((request) => Pipeline.call(new Call(client, retries, settings, request)))
}

interface Retries<R> {
  readonly schedule: Schedule.Schedule<unknown, FailedAttempt, R>
  readonly goesOn: retryPolicy.Policy<R>["goesOn"]
}

type Ending<E, R> = Pipeline.Call<ending.Ended, never, R, never, Response, E>

type Options<R, R1> = Pipeline.RunningLoop<
  Response,
  FailedAttempt,
  R,
  R1,
  never,
  HttpFailure.HttpFailure,
  Response,
  unknown
>

/** One call, and its attempts. It is one object for the engine and the loop, because every call makes one. */
class Call<E, R, R1> implements Options<R, R1>, Ending<E, R | R1>, attempts.Terms {
  readonly responses = new Responses()
  budget: RetryBudget | undefined
  private running!: Pipeline.Running
  policies: Options<R, R1>["policies"] = []
  priority: number | undefined
  partition: string | undefined
  /** One attempt runs at a time. */
  private sending!: attempts.Sending
  private last: () => Option.Option<HttpFailure.HttpFailure> = Option.none

  constructor(
    private readonly client: HttpClient.HttpClient.With<E, R>,
    private readonly retries: Retries<R1>,
    private readonly settings: Settings,
    private request: Request
  ) {}

  get millis() {
    return this.limits.callMillis
  }

  get deadlineMillis() {
    return this.running.deadlineMillis
  }

  get limits() {
    return this.settings.limits
  }

  get facts() {
    return this.settings.facts
  }

  get listener() {
    return this.settings.listener
  }

  about(fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    return about.make(this.request, fiber)
  }

  tell(last: () => Option.Option<HttpFailure.HttpFailure>): void {
    this.last = last
  }

  /** A client with a deadline of its own has this error in its type. */
  onDeadline(): never {
    return new Deadline.DeadlineExceeded({ last: this.last() }) as never
  }

  run(running: Pipeline.Running): Effect.Effect<ending.Ended, never, R | R1> {
    const { request, settings: { prepare } } = this
    this.running = running
    reader.boundCall(request, this.millis, running.deadlineMillis)
    return prepare === undefined
      ? this.loop(running, request)
      : Effect.flatMap(running.restore(prepare(request)), (request) => this.loop(running, request))
  }

  private loop(running: Pipeline.Running, prepared: Request): Effect.Effect<ending.Ended, never, R | R1> {
    const { settings: { budget, order } } = this
    const request = trackBody(prepared)
    this.request = request
    this.sending = new attempts.Sending(request, this)
    if (order.hedge === undefined) this.policies = order.policies(request)
    const call = order.call?.(request)
    this.priority = call?.priority
    this.partition = call?.partition
    if (budget === undefined) return running.loop(this)
    return Effect.flatMap(running.restore(budget(request)), (budget) => {
      this.budget = budget
      return running.loop(this)
    })
  }

  end(exit: Exit.Exit<ending.Ended>): Effect.Effect<Response, E> {
    const { deadlineMillis, millis, responses } = this
    const result: Effect.Effect<Response, E> = Exit.isFailure(exit)
      // The loop itself fails only with a defect (of a schedule, for example), an interruption, or the end of the
      // call's time.
      ? Exit.failCause(exit.cause)
      : ending.finish<E>(exit.value, responses, millis < Infinity, deadlineMillis)
    return responses.before(result)
  }

  get schedule() {
    return this.retries.schedule
  }

  get nested() {
    return this.settings.nested
  }

  get isRace() {
    return this.settings.order.hedge !== undefined
  }

  attempt(number: number): Effect.Effect<Response, unknown, R> {
    const { request, settings } = this
    if (number > 1) this.sending = new attempts.Sending(request, this)
    const one = (request: Request) =>
      settings.attemptHeader === undefined
        ? this.send(request)
        : propagation.withNumber(request, settings.attemptHeader, number, (request) => this.send(request))
    // A retried request carries its number, in a header if the options say so, and on the span of the attempt.
    return number === 1 ? one(request) : resendCount.annotate(request, number - 1, one)
  }

  private send(request: Request): Effect.Effect<Response, unknown, R> {
    const { client, settings: { order: { hedge } } } = this
    if (hedge === undefined) return this.timed(request, (request) => this.sending.execute(client, request))
    // Parallel attempts have their own fibers: each passes the policies and limits its time on its own.
    return hedge.guard(
      request,
      this.timed(request, (request) => hedge.run(client, request, this)),
      this.running
    )
  }

  /** Sends the time of the attempt to the server, if the options say so. */
  private timed<A2, E2, R2>(request: Request, attempt: (request: Request) => Effect.Effect<A2, E2, R2>) {
    const { deadlineMillis, settings: { deadlineHeader, limits } } = this
    return deadlineHeader === undefined
      ? attempt(request)
      : propagation.withTimeLeft(request, deadlineHeader, limits.attemptMillis, deadlineMillis, attempt)
  }

  limit(fiber: Fiber.RuntimeFiber<unknown, unknown>): timeLimits.Limited | undefined {
    if (this.settings.order.hedge !== undefined) return undefined
    return this.sending.limit(fiber)
  }

  outcome(exit: Exit.Exit<Response, unknown>, fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    return this.settings.order.hedge === undefined
      ? this.sending.outcome(exit, fiber)
      // The failure of a hedge is a failed attempt.
      : exit as Exit.Exit<Response, FailedAttempt>
  }

  review(error: FailedAttempt): Effect.Effect<FailedAttempt> {
    return this.settings.order.hedge === undefined
      ? this.settings.order.review(this.request, error)
      : Exit.succeed(error)
  }

  refuse(failed: FailedAttempt) {
    this.last = () => failed.failure
    return refusals.refusal(failed, this.retries.goesOn, this.settings)
  }

  canHelp({ failure }: FailedAttempt): boolean {
    return this.retries.goesOn !== undefined || Option.exists(failure, ({ retryable }) => retryable)
  }

  /**
   * A line of the ledger holds neither the request nor the error of the transport, because that may hold a connection.
   */
  note({ failure }: FailedAttempt) {
    return failure
  }

  beforeWait(): Effect.Effect<void> {
    const { deadlineMillis, responses, settings } = this
    return responses.drain(settings.drain, deadlineMillis)
  }

  isTimeout({ failure }: FailedAttempt): boolean {
    return Option.exists(failure, ({ _tag }) => _tag === "AttemptTimeout")
  }
}
