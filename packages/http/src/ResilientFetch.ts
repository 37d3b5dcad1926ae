/**
 * The pipeline of `ResilientHttpClient` as a `fetch` function, for SDKs that take one.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as Idempotency from "./Idempotency.js"
import * as anyClient from "./internal/fetch/anyClient.js"
import * as calls from "./internal/fetch/call.js"
import * as fetchClient from "./internal/fetch/client.js"
import * as run from "./internal/fetch/run.js"
import * as ResilientHttpClient from "./ResilientHttpClient.js"

export interface Options extends ResilientHttpClient.Options {
  readonly fetch?: typeof globalThis.fetch | undefined
}

export const make = ({ fetch, ...options }: Options = {}): typeof globalThis.fetch => {
  const bare = fetchClient.make({ fetch, isManual: options.redirect === "manual" })
  const client = ResilientHttpClient.make(options)(bare)
  return async (input, init) => {
    const call = calls.parse(input, init)
    const request = fetchClient.toRequest(call, (request) => maySendAgain(request, options))
    const answer = Effect.catchAll(
      Effect.map(client.execute(request), fetchClient.answerOf),
      (error) => run.fail(error, request)
    )
    return run.run(Runtime.defaultRuntime, answer, call.signal)
  }
}

const maySendAgain = (request: HttpClientRequest.HttpClientRequest, options: ResilientHttpClient.Options): boolean => {
  const route = options.routes?.find(({ match }) => match(request))
  const { idempotencyHeader, idempotencyKeys, retryUnsent } = { ...options, ...route?.options }
  return retryUnsent === true || Boolean(idempotencyKeys) ||
    Idempotency.isIdempotent(request, { header: idempotencyHeader })
}

export const fromClient = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): Effect.Effect<typeof globalThis.fetch, never, R> =>
  Effect.map(
    // A layer is built without interruption. Its calls can be aborted.
    Effect.interruptible(Effect.runtime<R>()),
    (runtime) => async (input, init) => {
      const call = calls.parse(input, init)
      return run.run(runtime, anyClient.execute(client, call), call.signal)
    }
  )
