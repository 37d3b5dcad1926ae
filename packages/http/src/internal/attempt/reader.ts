import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Deadline from "reprise/Deadline"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as Timeout from "reprise/Timeout"
import type * as HttpFailure from "../classify/failure.js"
import * as makeFailure from "../classify/makeFailure.js"
import * as clock from "../clock.js"
import * as edges from "../effect.js"
import { cloneWith } from "../request/cloneWith.js"
import * as checkedResponse from "./checkedResponse.js"
import * as drain from "./drain.js"
import * as formBody from "./formBody.js"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/** @internal */
export type Attempt<E, R> = Effect.Effect<Response, E, R>

/** A time limit, and the request of the stage that set it. */
interface Bound {
  readonly request: Request
  readonly millis: number
  readonly untilMillis: number
}

type OutOfTime = HttpFailure.AttemptTimeout | Deadline.DeadlineExceeded<HttpFailure.HttpFailure>

/**
 * The facts of the stages for a response that is read after them, because no attempt has read it.
 *
 * Such a response is not 2xx, or a stage replaced the request's body.
 */
interface Said {
  /** The limit of the last attempt, which includes the reading of the body. */
  attempt: Bound | undefined
  /** The limit of the call. */
  call: Bound | undefined
  /** Converts a passed limit to the error type of the client. */
  present: (error: OutOfTime) => unknown
  /** The failure of a typed call whose redirect no stage above has followed: a reader does not accept that response. */
  unfollowed: { readonly response: Response; readonly failed: Effect.Effect<unknown, unknown> } | undefined
}

/**
 * The caller's reader of the response of one call, so that the innermost stage can read the body inside its attempt.
 *
 * The result is stored per response, so the stages above do not read it again.
 *
 * @internal
 */
export interface Reader<A, E, R> extends Said {
  readonly run: (response: Response) => Effect.Effect<A, E, R>
  readonly finish: (response: Response) => Effect.Effect<A, E, R>
}

/**
 * Makes a reader. It is separate, so that a client that never uses one does not include its code. A response whose
 * reader fails is aborted.
 *
 * @internal
 */
export const make = <A, E, R>(read: (response: Response) => Effect.Effect<A, E, R>): Reader<A, E, R> => {
  // More than one if attempts run side by side.
  const done = new Map<Response, A>()
  const self: Reader<A, E, R> = {
    attempt: undefined,
    call: undefined,
    present: identity,
    unfollowed: undefined,
    // A stage below may have read it.
    run: (response) =>
      done.has(response)
        ? Effect.succeed(done.get(response) as A)
        : Effect.map(Effect.onError(read(checkedResponse.make(response)), () => drain.abort(response)), (value) => {
          done.set(response, value)
          return value
        }),
    finish: (response) =>
      self.unfollowed?.response === response
        // The typed client has the failure in its type.
        ? self.unfollowed.failed as Effect.Effect<never>
        : within(self, within(self, self.run(response), self.attempt, attemptTimeout), self.call, exceeded)
  }
  return self
}

const within = <A, E, R>(
  { present }: Said,
  read: Effect.Effect<A, E, R>,
  bound: Bound | undefined,
  error: (bound: Bound) => OutOfTime
) =>
  bound === undefined || bound.untilMillis === Infinity ? read : Effect.withFiberRuntime<A, E, R>((fiber) => {
    // The read must begin even without time left, because its interruption closes the connection.
    const duration = Math.min(Math.max(bound.untilMillis - clock.monotonicMillis(fiber), 1), maxDelayMillis)
    // The stage that has set the limit has the error in its type, and so in that of the call.
    return Timeout.timeoutFail(read, { duration, onTimeout: () => present(error(bound)) }) as Effect.Effect<A, E, R>
  })

const attemptTimeout = ({ millis, request }: Bound) => makeFailure.attemptTimeout(request, Duration.millis(millis))

const exceeded = (bound: Bound) =>
  new Deadline.DeadlineExceeded<HttpFailure.HttpFailure>({ last: Option.some(attemptTimeout(bound)) })

const key: unique symbol = Symbol.for("@reprise/http/reader")

/**
 * Puts the reader on the body, like the marks of `Idempotency`. The body is the one part that every modification of a
 * request keeps. Other requests of a stage (for a token, for example) do not have it.
 *
 * @internal
 */
export const attach = (request: Request, reader: Attached): Request =>
  cloneWith(request, { body: cloneWith<Request["body"] & Carrier>(request.body, { [key]: reader }) })

type Attached = Reader<unknown, unknown, unknown>

interface Carrier {
  readonly [key]?: Attached
}

/** @internal */
export interface Watch {
  /** Receives the request as the stages below made it. */
  readonly onPrepared: (request: Request) => void
  /** Receives the response before any other code. */
  readonly onResponse: (response: Response) => void
  /** Classifies a response before a program reads it. */
  readonly judge?: ((request: Request, response: Response) => Attempt<unknown, never>) | undefined
}

/**
 * The reader on which the stages write their facts.
 *
 * @internal
 */
export const of = (request: Request): Attached | undefined => (request.body as Carrier)[key]

/**
 * Begins a call with a limit of its own.
 *
 * @internal
 */
export const boundCall = (request: Request, millis: number, untilMillis: number): void => {
  const own = of(request)
  if (own !== undefined && millis < Infinity) own.call = { request, millis, untilMillis }
}

/**
 * Sends the request, and reads the body within the attempt if the caller has a reader.
 *
 * It does not read a response other than 2xx: the next stage drains it, fails with it, or returns it.
 *
 * @internal
 */
export const execute = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: Request,
  watch?: Watch
): Attempt<E, R> => {
  const send = edges.sendWith(client, (sent, prepared) => {
    watch?.onPrepared(prepared)
    const reader = of(prepared)
    if (reader === undefined && watch === undefined) return sent
    const read = (response: Response): Attempt<E, R> =>
      reader !== undefined && response.status >= 200 && response.status < 300
        // The reader's own error and requirements are in the type of the call that attached it.
        ? Effect.as(reader.run(response), response) as Attempt<E, R>
        : Exit.succeed(response)
    return Effect.flatMap(sent, (response) => {
      watch?.onResponse(response)
      return watch?.judge === undefined
        ? read(response)
        // Its failure is for the owner of the attempt.
        : Effect.flatMap(watch.judge(prepared, response) as Attempt<E, R>, read)
    })
  })
  return formBody.send(client, request, send)
}
