/**
 * Applies the client's deadline and attempt number on the server, as middleware.
 *
 * Use it with `HttpApp`, `HttpRouter.use` and `HttpServer.serve`. Each part is opt-in, here and in the client
 * (`deadlineHeader` and `attemptHeader` of `HttpResilience.retry` and `ResilientHttpClient`). `health` is a readiness
 * endpoint.
 *
 * @since 3.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Health from "reprise/Health"
import * as Retry from "reprise/Retry"
import type * as Telemetry from "reprise/Telemetry"
import * as propagation from "./internal/attempt/propagation.js"
import * as settings from "./internal/call/settings.js"
import * as headerName from "./internal/request/headerName.js"
import * as serverDeadline from "./internal/serverDeadline.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface DeadlineOptions {
  /**
   * The header with the time that the client waits, in milliseconds. It is the `deadlineHeader` of a Reprise client, or
   * `x-envoy-expected-rq-timeout-ms` behind an Envoy.
   */
  readonly header: string
  /** The most that a client may ask for. Defaults to no limit. */
  readonly max?: Duration.DurationInput | undefined
  /** The limit for a request without a valid header. Defaults to no limit. */
  readonly default?: Duration.DurationInput | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface AttemptOptions {
  /** The header with the number of the attempt: the `attemptHeader` of a Reprise client. */
  readonly header: string
}

type Middleware = <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R>

/**
 * Limits the handler to the time that its client waits, and answers 504 when that has passed, or at once if none is
 * left.
 *
 * The answer would not reach a client that has gone away (the SRE book, "Addressing Cascading Failures").
 *
 * 1. All code in the handler sees the time as its `Deadline`: retries, queues, and clients, which send the rest to the
 *    next server.
 * 2. The middleware interrupts the handler and waits for its end. The fibers that the handler has forked end with it.
 * 3. The defaults of the platform do not protect the handler, not even an `uninterruptible` route. Use
 *    `Effect.uninterruptible` for code that must finish.
 * 4. A response that has begun continues.
 * 5. A server error at or after the deadline becomes 504 too. If the handler fails earlier with `DeadlineExceeded`, the
 *    answer is that of the error.
 * 6. Only digits count, up to 2^31-1. Any other value is ignored. The value is a duration, so the clocks need not agree
 *    (as in gRPC's `grpc-timeout`).
 *
 * Throws `InvalidOption` for an invalid header name, or a `max` or `default` that is not longer than zero and at most
 * 2^31-1 ms.
 *
 * @example
 * ```ts
 * import { HttpApp, HttpServerResponse } from "@effect/platform"
 * import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
 * import { Effect } from "effect"
 *
 * const slow = Effect.as(Effect.sleep("1 minute"), HttpServerResponse.text("done"))
 * const handler = HttpApp.toWebHandler(
 *   slow.pipe(HttpServerResilience.deadline({ header: "x-timeout-ms", max: "30 seconds" }))
 * )
 *
 * const request = new Request("http://localhost/", { headers: { "x-timeout-ms": "20" } })
 *
 * handler(request).then(({ status }) => console.log(status)) // => 504
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const deadline = (options: DeadlineOptions): Middleware => {
  const header = headerName.checked(options.header, "header").toLowerCase()
  const maxMillis = settings.limit("max", options.max)
  const otherwiseMillis = settings.limit("default", options.default)
  return (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
      const asked = propagation.wholeNumber(headers[header])
      const millis = asked === undefined ? otherwiseMillis : Math.min(asked, maxMillis)
      return millis === Infinity ? app : serverDeadline.limit(app, millis)
    })
}

/**
 * Runs the handler of a retried request within `Retry.withoutNested`: its own retry loops make one attempt each.
 *
 * A request is a retry if its header says 2 or more. Its caller retries already, so nested retries would multiply. With
 * three attempts by each of three clients in a row, the last server gets 7 requests instead of 27.
 *
 * The first attempt is not limited, because its caller may not retry. A retry close to the failure costs least (the SRE
 * book, "Handling Overload"). A Reprise client in the handler with an `attemptHeader` passes the number on.
 * `Effect.retry` ignores it.
 *
 * Only digits count, up to 2^31-1. Any other value is ignored. Throws `InvalidOption` for an invalid header name.
 *
 * @example
 * ```ts
 * import { HttpApp, HttpServerResponse } from "@effect/platform"
 * import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
 * import { Effect, Schedule } from "effect"
 * import * as Retry from "reprise/Retry"
 *
 * let calls = 0
 * const failing = Effect.suspend(() => Effect.fail(++calls)).pipe(Retry.retry(Schedule.recurs(2)))
 * const handler = HttpApp.toWebHandler(
 *   Effect.catchAll(failing, (calls) => Effect.succeed(HttpServerResponse.text(`${calls} calls`))).pipe(
 *     HttpServerResilience.withoutNestedRetries({ header: "x-attempt" })
 *   )
 * )
 *
 * const request = new Request("http://localhost/", { headers: { "x-attempt": "2" } })
 *
 * handler(request).then((response) => response.text()).then(console.log) // => 1 calls
 * ```
 *
 * @since 3.1.0
 * @category combinators
 */
export const withoutNestedRetries = (options: AttemptOptions): Middleware => {
  const header = headerName.checked(options.header, "header").toLowerCase()
  return (app) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
      const number = propagation.wholeNumber(headers[header]) ?? 1
      return number < 2 ? app : Retry.withoutNested(propagation.handling(app, number))
    })
}

/**
 * Answers with the health of the policies, as `application/health+json`, for readiness endpoints and status pages.
 *
 * An open circuit is `warn` and answers 200: a readiness probe that fails for a dependency would take every replica
 * out. With `failWhenOpen` the status is `fail` and the answer 503, for dependencies without which the service cannot
 * work. Keys can name internal hosts, so keep the endpoint internal. Throws `InvalidOption` as `Health.make` does.
 *
 * @example
 * ```ts
 * import { HttpApp } from "@effect/platform"
 * import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
 * import { Effect } from "effect"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const program = Effect.gen(function*() {
 *   const handler = HttpApp.toWebHandler(Effect.provide(HttpServerResilience.health(), yield* Effect.context<Telemetry.Monitor>()))
 *   const response = yield* Effect.promise(() => handler(new Request("http://localhost/health")))
 *   return `${response.status} ${yield* Effect.promise(() => response.text())}`
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Telemetry.layerMonitor))).then(console.log)
 * // => 200 {"status":"pass","checks":{}}
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const health = (options: Health.Options = {}): HttpApp.Default<never, Telemetry.Monitor> => {
  // An option out of range is an error of the program that makes the server, not of each request.
  Health.make([], options)
  return Effect.map(Health.current(options), (health) =>
    HttpServerResponse.unsafeJson(health, {
      status: health.status === "fail" ? 503 : 200,
      contentType: "application/health+json",
      headers: { "cache-control": "no-store" }
    }))
}
