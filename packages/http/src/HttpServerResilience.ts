/**
 * The server's side: what a client says of its deadline and of its retries holds for whoever serves it.
 *
 * Middleware for `HttpApp`, `HttpRouter.use` and `HttpServer.serve`, each opt-in here and in the client
 * (`deadlineHeader` and `attemptHeader` of `HttpResilience.retry` and `ResilientHttpClient`). `health` is a readiness endpoint.
 *
 * @since 0.1.0
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
 * @since 0.1.0
 * @category options
 */
export interface DeadlineOptions {
  /**
   * The header that holds how many milliseconds the client waits: the `deadlineHeader` of a client of Reprise, or
   * `x-envoy-expected-rq-timeout-ms` behind an Envoy.
   */
  readonly header: string
  /** The most that a client may ask for. Defaults to no limit. */
  readonly max?: Duration.DurationInput | undefined
  /** For a request without the header, or with one that means nothing. Defaults to no limit. */
  readonly default?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface AttemptOptions {
  /** The header that holds the number of the attempt: the `attemptHeader` of a client of Reprise. */
  readonly header: string
}

type Middleware = <E, R>(app: HttpApp.Default<E, R>) => HttpApp.Default<E, R>

/**
 * Gives the handler the time that its client waits, and answers 504 when that has passed, or at once where nothing is left:
 * work for a client that has gone is work for nobody (the SRE book, "Addressing Cascading Failures").
 *
 * Everything within sees it as its `Deadline`: retries, queues, and the clients that call the next server and tell it in turn.
 * The handler is interrupted and awaited; what must not be interrupted has to say so (`Effect.uninterruptible`), for the
 * defaults of the platform, an `uninterruptible` route among them, do not hold. What it has forked ends with it. A response
 * that has begun is not cut. A server error at or after the deadline becomes 504 too; a handler that gives up earlier, with
 * `DeadlineExceeded`, answers what that error says.
 *
 * Only digits count, up to 2^31-1; any other value is ignored. It is a duration, so that clocks that differ do no harm (as
 * in gRPC's `grpc-timeout`). Throws `InvalidOption` for a name that is none, or a `max` or `default` that is not longer than
 * zero and at most 2^31-1 ms.
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
 * @since 0.1.0
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
 * Runs the handler of a request that is sent again, one whose header says 2 or more, within `Retry.withoutNested`: its own
 * retries make one attempt each, for its caller is trying again already.
 *
 * Three attempts by each of three clients in a row are 27 requests to the last server; so they are 7. The first attempt says
 * nothing: nobody knows yet whether its caller will send it again, and whoever is next to the failure does so at the least cost
 * (the SRE book, "Handling Overload"). A client of Reprise in the handler that has an `attemptHeader` passes the number on.
 * `Effect.retry` does not know of it.
 *
 * Only digits count, up to 2^31-1; any other value is ignored. Throws `InvalidOption` for a name that is none.
 *
 * @example
 * ```ts
 * import { HttpApp, HttpServerResponse } from "@effect/platform"
 * import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
 * import { Effect, Schedule } from "effect"
 * import * as Retry from "reprise/Retry"
import type * as Telemetry from "reprise/Telemetry"
 *
 * let calls = 0
 * const failing = Effect.suspend(() => Effect.fail(++calls)).pipe(Retry.retry(Schedule.recurs(2)))
 * const handler = HttpApp.toWebHandler(
 *   Effect.catchAll(failing, (calls) => HttpServerResponse.text(`${calls} calls`)).pipe(
 *     HttpServerResilience.withoutNestedRetries({ header: "x-attempt" })
 *   )
 * )
 *
 * const request = new Request("http://localhost/", { headers: { "x-attempt": "2" } })
 *
 * handler(request).then((response) => response.text()).then(console.log) // => 1 calls
 * ```
 *
 * @since 0.1.0
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
 * Answers with the health of the policies, as `application/health+json`: for readiness endpoints and status pages.
 *
 * An open circuit is `warn` and answers 200: if a dependency is down, a readiness probe that fails takes every replica out. With
 * `failWhenOpen` the status is `fail` and the answer 503, for dependencies without which the service cannot work. Keys can name
 * internal hosts, so keep the endpoint internal. Throws `InvalidOption` as `Health.make` does.
 *
 * @example
 * ```ts
 * import { HttpApp } from "@effect/platform"
 * import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
 * import { Effect } from "effect"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const program = Effect.gen(function*() {
 *   const handler = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<Telemetry.Monitor>())(HttpServerResilience.health())
 *   const response = yield* Effect.promise(() => handler(new Request("http://localhost/health")))
 *   return `${response.status} ${yield* Effect.promise(() => response.text())}`
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Telemetry.layerMonitor))).then(console.log)
 * // => 200 {"status":"pass","checks":{}}
 * ```
 *
 * @since 0.1.0
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
