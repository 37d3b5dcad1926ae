import * as HttpClient from "@effect/platform/HttpClient"
import { RequestError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Call, Calls } from "./calls.js"
import { noAnswer, type Step } from "./script.js"

/**
 * A request that was sent.
 *
 * @internal
 */
export interface Exchange {
  /** The number of the attempt that it is a part of. */
  readonly attempt: number
  readonly startMillis: number
  /** Infinite until it ends by itself. */
  endMillis: number
  readonly step: Step
  /** `noAnswer` until its step has come to its end: a timeout or the winner of a race may cut it short. */
  outcome: string
}

type Sent = Effect.Effect<HttpClientResponse.HttpClientResponse, RequestError>

/**
 * A client in memory that answers by the script.
 *
 * @internal
 */
export const make = (calls: Calls): HttpClient.HttpClient =>
  HttpClient.make((request, _url, _signal, fiber) => {
    const call = calls.timeline.callOf(fiber)!
    if (!calls.maySend(call)) return aborted(request)
    const exchange = begin(calls, call, fiber)
    const { afterMillis } = exchange.step
    const answered = Effect.suspend(() => {
      exchange.outcome = exchange.step.label
      return answer(exchange.step, request, calls)
    })
    return readBody(request).pipe(
      Effect.zipRight(afterMillis === 0 ? Effect.void : Effect.sleep(Duration.millis(afterMillis))),
      Effect.zipRight(answered),
      Effect.onExit(() => Effect.sync(() => calls.end(exchange)))
    )
  })

const begin = (calls: Calls, call: Call, fiber: Fiber.RuntimeFiber<unknown, unknown>): Exchange => {
  const exchange: Exchange = {
    // The retry loop gives each attempt after the first its number.
    attempt: Context.get(fiber.currentContext, Schedule.CurrentIterationMetadata).recurrence + 1,
    startMillis: calls.nowMillis,
    endMillis: Infinity,
    step: calls.take(),
    outcome: noAnswer
  }
  call.exchanges.push(exchange)
  return exchange
}

const failWith = (request: HttpClientRequest.HttpClientRequest, cause: unknown): Sent =>
  Effect.fail(new RequestError({ request, reason: "Transport", cause }))

/** What ends a call from the outside is nobody's failure: no guard counts it, and the retry loop ends with its ledger. */
const aborted = (request: HttpClientRequest.HttpClientRequest): Sent =>
  failWith(request, new DOMException("The explanation ends here", "AbortError"))

const answer = (
  { cause, headers = new Headers(), status }: Step,
  request: HttpClientRequest.HttpClientRequest,
  calls: Calls
): Sent => {
  if (status !== undefined) {
    // Null and not empty: such a body ends at once, and not in a later turn of the event loop.
    const body = cause === undefined ? null : new ReadableStream({ pull: (body) => body.error(cause()) })
    return Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
  }
  return cause === undefined ? Effect.zipRight(calls.closed, aborted(request)) : failWith(request, cause())
}

/** A transport reads a stream before it has a connection; then it can be sent again only where it can be made again. */
const readBody = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<void, RequestError> =>
  request.body._tag === "Stream"
    ? Effect.catchAll(Stream.runDrain(request.body.stream), (cause) => failWith(request, cause))
    : Effect.void
