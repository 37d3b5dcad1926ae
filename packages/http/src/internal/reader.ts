import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as checkedResponse from "./checkedResponse.js"
import { cloneWith } from "./cloneWith.js"

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
export interface Reader {
  readonly read: (response: Response) => Effect.Effect<unknown, unknown, unknown>
  done: { readonly response: Response; readonly value: unknown } | undefined
}

const key: unique symbol = Symbol.for("@reprise/http/reader")

/**
 * The reader travels on the body, like the marks of `Idempotency`: it is the one part of a request that every modification
 * hands on, and a request that a stage makes on the way (for a token, say) does not have it.
 *
 * @internal
 */
export const attach = (request: Request, reader: Reader): Request =>
  cloneWith(request, {
    body: cloneWith<Request["body"] & { readonly [key]?: Reader }>(request.body, { [key]: reader })
  })

/** @internal */
export const run = (reader: Reader, response: Response): Effect.Effect<unknown, unknown, unknown> =>
  reader.done?.response === response
    ? Effect.succeed(reader.done.value)
    : Effect.map(reader.read(checkedResponse.make(response)), (value) => {
      reader.done = { response, value }
      return value
    })

/**
 * Sends the request, and reads the body before the attempt counts as done, if the caller asked for it. Failed responses
 * are left alone: the next stage decides whether they are drained or handed on. `onPrepared` is told what the stages below
 * made of the request.
 *
 * @internal
 */
export const execute = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  request: Request,
  onPrepared?: (request: Request) => void
): Attempt<E, R> =>
  HttpClient.transform(client, (sent, prepared) => {
    onPrepared?.(prepared)
    const reader = (prepared.body as { readonly [key]?: Reader })[key]
    if (reader === undefined) return sent
    return Effect.flatMap(sent, (response) =>
      response.status >= 400
        ? Effect.succeed(response)
        // The reader's own error and requirements are in the type of the call that attached it.
        : Effect.as(run(reader, response), response) as Attempt<E, R>)
  }).execute(request)
