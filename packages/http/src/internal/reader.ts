import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as checkedResponse from "./checkedResponse.js"
import { cloneWith } from "./cloneWith.js"
import * as drain from "./drain.js"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse

/** @internal */
export type Attempt<E, R> = Effect.Effect<Response, E, R>

/**
 * What a caller wants done with the response of one call, so that the innermost stage can read the body inside its
 * attempt. What was read is remembered per response: the stages above do not read it again.
 *
 * @internal
 */
export interface Reader<A, E, R> {
  readonly run: (response: Response) => Effect.Effect<A, E, R>
}

/**
 * A client whose bodies are never read this way does not hold the code of it. A response whose reader fails is aborted.
 *
 * @internal
 */
export const make = <A, E, R>(read: (response: Response) => Effect.Effect<A, E, R>): Reader<A, E, R> => {
  // More than one where attempts run side by side.
  const done = new Map<Response, A>()
  return {
    run: (response) =>
      done.has(response)
        // It was set.
        ? Effect.succeed(done.get(response) as A)
        : Effect.map(Effect.onError(read(checkedResponse.make(response)), () => drain.abort(response)), (value) => {
          done.set(response, value)
          return value
        })
  }
}

const key: unique symbol = Symbol.for("@reprise/http/reader")

/**
 * The reader travels on the body, like the marks of `Idempotency`: it is the one part of a request that every modification
 * hands on, and a request that a stage makes on the way (for a token, say) does not have it.
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
  /** Is told what the stages below made of the request. */
  readonly onPrepared: (request: Request) => void
  /** Is told of the response before anything else can happen to it. */
  readonly onResponse: (response: Response) => void
}

/**
 * Sends the request, and reads the body before the attempt counts as done, if the caller asked for it. Failed responses
 * are left alone: the next stage decides whether they are drained or handed on.
 *
 * @internal
 */
export const execute = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: Request,
  watch?: Watch
): Attempt<E, R> =>
  HttpClient.transform(client, (sent, prepared) => {
    watch?.onPrepared(prepared)
    const reader = (prepared.body as Carrier)[key]
    if (reader === undefined && watch === undefined) return sent
    return Effect.flatMap(sent, (response) => {
      watch?.onResponse(response)
      return reader === undefined || response.status >= 400
        ? Exit.succeed(response)
        // The reader's own error and requirements are in the type of the call that attached it.
        : Effect.as(reader.run(response), response) as Attempt<E, R>
    })
  }).execute(request)
