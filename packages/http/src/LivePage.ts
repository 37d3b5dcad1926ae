/**
 * Shows the policies of a running process on a page: breakers, gates, limits, budgets and the last decisions, each
 * second.
 *
 * @since 3.1.0
 */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { integer } from "reprise/InvalidOption"
import * as Telemetry from "reprise/Telemetry"
import { Actions } from "./internal/livePage/actions.js"
import { contentSecurityPolicy, document } from "./internal/livePage/html.js"
import * as requests from "./internal/livePage/request.js"
import { Samples } from "./internal/livePage/sample.js"
import * as viewers from "./internal/livePage/viewers.js"

/**
 * The kind of a request to the page.
 *
 * @since 3.1.0
 * @category models
 */
export type Action = "view" | "isolate" | "close"

/**
 * The input of `authorize`.
 *
 * @since 3.1.0
 * @category models
 */
export interface Asked {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly action: Action
  /** The key of the circuit breaker. `undefined` for `view`. */
  readonly key: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options<out E = never, out R = never> {
  /**
   * Decides who may see the page and who may act. By default every client that reaches the page may see it, and none
   * may act.
   *
   * The page asks for `view` with each connection, and a connection lasts up to 10 seconds.
   */
  readonly authorize?: ((asked: Asked) => Effect.Effect<boolean, E, R>) | undefined
  /** The most browsers that may watch at once. The next one gets a 503. Defaults to 20. */
  readonly maxViewers?: number | undefined
}

/**
 * Makes the page, for a path of a router or for a server of its own.
 *
 * The page shows up to 200 policies, those with a problem first, and updates them each second while a browser watches.
 * It loads nothing from elsewhere. With `authorize` an operator can isolate a circuit, which rejects every call, and
 * close it again. An action applies to this process only, and to every circuit breaker with the same key. The log has
 * one warning about it.
 *
 * Routes: `GET /` is the page, `GET /events` its server-sent events. `POST /isolate` and `POST /close` take `{ "key":
 * "..." }` as `application/json`. They refuse requests from pages of other sites, and may be sent again. An error of
 * `authorize` is an error of the app.
 *
 * Throws `InvalidOption` if `maxViewers` is not a whole number of at least 1.
 *
 * @example
 * ```ts
 * import { HttpApp } from "@effect/platform"
 * import * as LivePage from "@reprise/http/LivePage"
 * import { Effect } from "effect"
 * import * as Telemetry from "reprise/Telemetry"
 *
 * const page = LivePage.make({
 *   authorize: ({ action, request }) =>
 *     Effect.succeed(action === "view" || request.headers["x-forwarded-groups"] === "operators")
 * })
 *
 * const program = Effect.gen(function*() {
 *   const handler = HttpApp.toWebHandler(Effect.provide(page, yield* Effect.context<Telemetry.Monitor>()))
 *   const statusOf = (path: string, init?: RequestInit) =>
 *     Effect.promise(() => handler(new Request(`http://localhost${path}`, init)).then(({ status }) => status))
 *   const body = JSON.stringify({ key: "payments" })
 *   const isolate = { method: "POST", headers: { "content-type": "application/json" }, body }
 *   return [yield* statusOf("/"), yield* statusOf("/isolate", isolate)]
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Telemetry.layerMonitor))).then(console.log) // => [ 200, 403 ]
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = <E = never, R = never>(
  options: Options<E, R> = {}
): HttpApp.Default<E, R | Telemetry.Monitor | Scope.Scope> => {
  const page: Page<E, R> = {
    authorize: options.authorize,
    samples: new Samples(options.authorize !== undefined),
    places: new viewers.Viewers(integer("maxViewers", options.maxViewers ?? 20, { min: 1 })),
    actions: new Actions()
  }
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    switch (requests.pathOf(request)) {
      case "":
        return view(page, request, html(page))
      case "events":
        // A page of another site cannot read them, but it could take all places.
        return requests.isCrossSite(request) ? Effect.succeed(forbidden) : view(page, request, events(page))
      case "isolate":
        return act(page, request, "isolate")
      case "close":
        return act(page, request, "close")
      default:
        return Effect.succeed(notFound)
    }
  }).pipe(Effect.map(HttpServerResponse.setHeaders(headers)))
}

interface Page<E, R> {
  readonly authorize: Options<E, R>["authorize"]
  readonly samples: Samples
  readonly places: viewers.Viewers
  readonly actions: Actions
}

type Response = HttpServerResponse.HttpServerResponse

const view = <E, R, R1>(
  { authorize }: Page<E, R>,
  request: HttpServerRequest.HttpServerRequest,
  answer: Effect.Effect<Response, never, R1>
): Effect.Effect<Response, E, R | R1> => {
  if (request.method !== "GET" && request.method !== "HEAD") return Effect.succeed(wrongMethod("GET, HEAD"))
  if (authorize === undefined) return answer
  return Effect.flatMap(
    authorize({ request, action: "view", key: undefined }),
    (isAllowed): Effect.Effect<Response, never, R1> => isAllowed ? answer : Effect.succeed(forbidden)
  )
}

const act = <E, R>(
  { actions, authorize, samples }: Page<E, R>,
  request: HttpServerRequest.HttpServerRequest,
  action: "isolate" | "close"
): Effect.Effect<Response, E, R | Telemetry.Monitor> =>
  Effect.gen(function*() {
    if (authorize === undefined) return notFound
    if (request.method !== "POST") return wrongMethod("POST")
    if (requests.isCrossSite(request)) return forbidden
    if (!requests.isJson(request)) return text(415, "The body must be application/json.")
    const key = yield* requests.keyIn(request)
    if (key === undefined) return text(400, "The body must be { \"key\": \"...\" }.")
    if (!(yield* authorize({ request, action, key }))) return forbidden
    const states = yield* actions.run(action, key)
    if (states.length === 0) return text(404, "No circuit breaker has this key.")
    samples.forget()
    yield* Effect.annotateLogs(Effect.logWarning(`LivePage: an operator has used "${action}"`), { key })
    return HttpServerResponse.unsafeJson({ key, states })
  })

const events = <E, R>(
  { places, samples }: Page<E, R>
): Effect.Effect<Response, never, Telemetry.Monitor | Scope.Scope> =>
  Effect.gen(function*() {
    if (!(yield* places.enter)) return text(503, "Too many viewers.")
    const monitor = yield* Telemetry.Monitor
    const stream = Stream.provideService(viewers.stream(samples), Telemetry.Monitor, monitor)
    return HttpServerResponse.stream(stream, {
      contentType: "text/event-stream",
      // Some proxies hold a response back until it is whole.
      headers: { "x-accel-buffering": "no" }
    })
  })

const html = <E, R>({ authorize }: Page<E, R>): Effect.Effect<Response> =>
  Effect.map(contentSecurityPolicy, (policy) =>
    HttpServerResponse.html(document(authorize !== undefined)).pipe(
      HttpServerResponse.setHeader("content-security-policy", policy)
    ))

const headers = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff"
}

const text = (status: number, message: string) => HttpServerResponse.text(message, { status })

const forbidden = text(403, "Not allowed.")
const notFound = text(404, "Not found.")
const wrongMethod = (allow: string) => HttpServerResponse.setHeader(text(405, "Wrong method."), "allow", allow)
