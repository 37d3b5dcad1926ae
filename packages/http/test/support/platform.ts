/** What tests take from Effect and its platform, and what differs between the versions of Effect. */
import * as Experimental from "@effect/experimental/RateLimiter"
import {
  Cookies,
  HttpApi,
  HttpApiEndpoint,
  HttpApiGroup,
  type HttpApp,
  HttpRouter,
  type HttpServer,
  HttpServerError
} from "@effect/platform"
import { Cause, type Duration, Effect, type Fiber, HashSet, Layer, RateLimiter, Schema, type Scope } from "effect"

type App<E, R> = HttpApp.Default<E, R>

/** An API of two endpoints. */
export class Api extends HttpApi.make("api").add(
  HttpApiGroup.make("orders")
    .add(HttpApiEndpoint.get("list", "/orders").addSuccess(Schema.Array(Schema.String)))
    .add(
      HttpApiEndpoint.post("create", "/orders")
        .setPayload(Schema.Struct({ id: Schema.String }))
        .addSuccess(Schema.String)
    )
) {}

export const noCookies = Cookies.empty

/** The name that the platform gives to the span of a request. */
export const spanName = (method: string): string => `http.client ${method}`

/** A span of an interrupted effect, as OpenTelemetry exports it. */
export const interrupted = {
  status: "OK",
  attributes: { "span.label": "⚠︎ Interrupted", "status.interrupted": true }
}

/** A fetch that takes a dispatcher of the installed undici: that of Node does. */
export const dispatchedFetch = globalThis.fetch

/** A router with one route. */
export const route = <E, R>(app: App<E, R>, options?: { readonly uninterruptible?: boolean }) =>
  HttpRouter.empty.pipe(HttpRouter.get("/", app, options))

/** A router with one app for a path, and one for all paths below another. */
export const site = <E1, R1, E2, R2>(path: "/health", one: App<E1, R1>, below: "/reprise", all: App<E2, R2>) =>
  HttpRouter.empty.pipe(HttpRouter.get(path, one), HttpRouter.mountApp(below, all))

/**
 * The readers of fetch that share the bytes of a body. There the body is not counted, because fetch reports a cut body
 * itself.
 */
export const sharedByFetch: ReadonlySet<string> = new Set(["text", "urlParamsBody"])

/** The answer to a request whose body is too long: the platform ends the connection. */
export const tooLong = 0

export const portOf = ({ address }: HttpServer.HttpServer): number => address._tag === "TcpAddress" ? address.port : 0

/** Interrupts a server as it does itself for a client that has gone away. */
export const goAway = (server: Fiber.RuntimeFiber<unknown, unknown>): void =>
  server.unsafeInterruptAsFork(HttpServerError.clientAbortFiberId)

export const hasGoneAway = (cause: Cause.Cause<unknown>): boolean =>
  HashSet.has(Cause.interruptors(cause), HttpServerError.clientAbortFiberId)

interface Limits {
  readonly limit: number
  readonly interval: Duration.DurationInput
  readonly algorithm?: "fixed-window" | "token-bucket"
}

/** A limiter of Effect, which lets a caller wait. */
export const limiter = (limits: Limits): Effect.Effect<(cost?: number) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.map(RateLimiter.make(limits), (limited) => (cost = 1) => limited(Effect.void).pipe(RateLimiter.withCost(cost)))

/** A limiter of Effect that has a store, in memory: two calls for each key, by a fixed window. */
export const storedLimiter = (onExceeded: "delay" | "fail", window: Duration.DurationInput) =>
  Effect.map(
    Experimental.RateLimiter,
    ({ consume }) => (key: string) =>
      consume({ key, limit: 2, window, onExceeded, algorithm: "fixed-window" }).pipe(
        Effect.flatMap(({ delay }) => Effect.sleep(delay))
      )
  ).pipe(Effect.provide(Layer.provide(Experimental.layer, Experimental.layerStoreMemory)))

/** Whether an error is that of `storedLimiter`. */
export const isExceeded = (error: unknown): boolean => error instanceof Experimental.RateLimitExceeded
