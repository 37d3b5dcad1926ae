/**
 * Makes the pipeline of `ResilientHttpClient` a `fetch` function, for SDKs that take one.
 *
 * Use `make` in any program, and `fromClient` in an Effect program that has an `HttpClient` already.
 *
 * @since 3.1.0
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

/**
 * The options of `ResilientHttpClient`, and the `fetch` that sends the attempts.
 *
 * With `redirect: "manual"` no call follows redirects, even if its own `redirect` says so.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options extends ResilientHttpClient.Options {
  /** Sends each attempt. Defaults to the global `fetch` at the time of the attempt. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/**
 * Makes a `fetch` function that sends a request again if another attempt can succeed and is safe.
 *
 * The function takes and returns the same values as `fetch`. All calls share the breakers, budgets and limits of the
 * options. Turn the retries of your SDK off (`maxRetries: 0`), because its attempts and these would multiply.
 *
 * - The promise resolves with the response of the last attempt, with any status. Time limits and retries end with its
 *   headers.
 * - A call without a response rejects with a `TypeError`. Its `cause` is an `HttpFailure`, `DeadlineExceeded`, or the
 *   error of a policy, such as `CircuitOpen`.
 * - The `signal` of a call ends its attempt, its waits and its body. The promise rejects with the reason of the signal.
 * - A `ReadableStream` is sent once. Any other body, and the body of a `Request`, may be sent again. A `Request` whose
 *   body may be sent again is read into memory.
 * - No header is added unless the options say so.
 *
 * Throws `InvalidOption` for options out of range.
 *
 * @example
 * ```ts
 * import * as ResilientFetch from "@reprise/http/ResilientFetch"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 *
 * // The server is busy once.
 * const answers = [new Response("busy", { status: 503 }), new Response("order 42")]
 *
 * const fetch = ResilientFetch.make({
 *   ...ResilientHttpClient.standard(),
 *   fetch: () => Promise.resolve(answers.shift()!)
 * })
 *
 * const response = await fetch("https://api.example.com/orders/42")
 *
 * console.log(response.status, await response.text()) // => 200 order 42
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = ({ fetch, ...options }: Options = {}): typeof globalThis.fetch => {
  const bare = fetchClient.make({ fetch, isManual: options.redirect === "manual" })
  const client = ResilientHttpClient.make(options)(bare)
  return async (input, init) => {
    const call = calls.parse(input, init)
    const request = fetchClient.toRequest(call, (request) => maySendAgain(request, options))
    const answer = Effect.catchAll(
      Effect.flatMap(client.execute(request), fetchClient.answerOf),
      (error) => run.fail(error, request)
    )
    return run.run(Runtime.defaultRuntime, call, answer)
  }
}

const maySendAgain = (request: HttpClientRequest.HttpClientRequest, options: ResilientHttpClient.Options): boolean => {
  const route = options.routes?.find(({ match }) => match(request))
  const { idempotencyHeader, idempotencyKeys, retryUnsent } = { ...options, ...route?.options }
  return retryUnsent === true || Boolean(idempotencyKeys) ||
    Idempotency.isIdempotent(request, { header: idempotencyHeader })
}

/**
 * Makes a `fetch` function of an `HttpClient`, for an SDK inside an Effect program.
 *
 * The calls run as the effect that made the function does: with its services, tracer, logger and clock, and within its
 * `Deadline`. They share the breakers, budgets and limits of the client. A client over fetch receives the other options
 * of each call too, such as `redirect`.
 *
 * The function returns responses, rejects and aborts as that of `make` does. The client sends trace headers if it does
 * so for the program: see `HttpClient.withTracerPropagation`. The typed client works too: its failed responses are
 * values again.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import * as ResilientFetch from "@reprise/http/ResilientFetch"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import * as FaultServer from "@reprise/testing/FaultServer"
 * import * as Reply from "@reprise/testing/Reply"
 * import { Effect, Layer } from "effect"
 *
 * const HttpLive = Layer.provide(ResilientHttpClient.layer(ResilientHttpClient.standard()), FetchHttpClient.layer)
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* FaultServer.make()
 *   yield* server.script(Reply.reset(), Reply.json({ id: 42 }))
 *   const fetch = yield* ResilientFetch.fromClient(yield* HttpClient.HttpClient)
 *   const response = yield* Effect.tryPromise((signal) => fetch(server.url, { signal }))
 *   return yield* Effect.promise(() => response.json())
 * })
 *
 * Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(HttpLive))).then(console.log) // => { id: 42 }
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const fromClient = <E, R>(
  client: HttpClient.HttpClient.With<E, R>
): Effect.Effect<typeof globalThis.fetch, never, R> =>
  Effect.map(
    // A layer is built without interruption. Its calls can be aborted.
    Effect.interruptible(Effect.runtime<R>()),
    (runtime) => async (input, init) => {
      const call = calls.parse(input, init)
      return run.run(runtime, call, anyClient.execute(client, call))
    }
  )
