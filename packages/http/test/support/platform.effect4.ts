/** What tests take from Effect and its platform, and what differs between the versions of Effect. */
import { type Cause, type Duration, Effect, type Fiber, Layer, Schema } from "effect"
import {
  type Cookies,
  HttpRouter,
  type HttpServer,
  HttpServerError,
  type HttpServerRequest,
  type HttpServerResponse
} from "effect/http"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { RateLimiter } from "effect/persistence"
import * as Undici from "undici"

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>

/** An API of two endpoints. */
export class Api extends HttpApi.make("api").add(
  HttpApiGroup.make("orders").add(
    HttpApiEndpoint.get("list", "/orders", { success: Schema.Array(Schema.String) }),
    HttpApiEndpoint.post("create", "/orders", {
      payload: Schema.Struct({ id: Schema.String }),
      success: Schema.String
    })
  )
) {}

export const noCookies: ReadonlyArray<Cookies.Cookie> = []

/** The name that the platform gives to the span of a request. */
export const spanName = (method: string): string => method

/** A span of an interrupted effect, as OpenTelemetry exports it. */
export const interrupted = { status: "UNSET", attributes: { "effect.fiber.interrupted": true } }

/** A fetch that takes a dispatcher of the installed undici. That of Node 22 takes none of undici 8. */
// Only their types differ.
export const dispatchedFetch = Undici.fetch as unknown as typeof fetch

/** The app of a router. */
const routed = <E, R>(add: (router: HttpRouter.HttpRouter) => Effect.Effect<void, never, unknown>) =>
  // The requirements and errors of the routes are in the types of their apps.
  Effect.flatMap(
    HttpRouter.make,
    (router) => Effect.andThen(add(router), Effect.suspend(() => router.asHttpEffect()))
  ) as App<E, R>

/** A router with one route. */
export const route = <E, R>(app: App<E, R>, options?: { readonly uninterruptible?: boolean }): App<E, R> =>
  routed((router) => router.add("GET", "/", app, options))

/** A router with one app for a path, and one for all paths below another. */
export const site = <E1, R1, E2, R2>(
  path: "/health",
  one: App<E1, R1>,
  below: "/reprise",
  all: App<E2, R2>
): App<E1 | E2, R1 | R2> =>
  routed((router) => Effect.andThen(router.add("GET", path, one), router.prefixed(below).add("*", "/*", all)))

/**
 * The readers of fetch that share the bytes of a body. There the body is not counted, because fetch reports a cut body
 * itself.
 */
export const sharedByFetch: ReadonlySet<string> = new Set(["text", "arrayBuffer", "urlParamsBody"])

/** The answer to a request whose body is too long: the app gets an error from the platform. */
export const tooLong = 400

export const portOf = ({ address }: HttpServer.HttpServer["Service"]): number => "port" in address ? address.port : 0

/** Interrupts a server as it does itself for a client that has gone away. */
export const goAway = (server: Fiber.Fiber<unknown, unknown>): void =>
  server.interruptUnsafe(undefined, HttpServerError.ClientAbort.annotation)

export const hasGoneAway = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason.annotations.has(HttpServerError.ClientAbort.key))

interface Limits {
  readonly limit: number
  readonly interval: Duration.Input
  readonly algorithm?: "fixed-window" | "token-bucket"
}

const inMemory = Effect.provide(RateLimiter.RateLimiter, Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))

/** A limiter of Effect, which lets a caller wait. */
export const limiter = ({ interval: window, ...limits }: Limits): Effect.Effect<(cost?: number) => Effect.Effect<void>> =>
  Effect.map(inMemory, ({ consume }) => {
    const take = (tokens = 1): Effect.Effect<void> =>
      Effect.catch(
        Effect.asVoid(consume({ key: "all", window, tokens, onExceeded: "fail", ...limits })),
        ({ reason }) =>
          reason._tag === "RateLimitExceeded"
            ? Effect.andThen(Effect.sleep(reason.retryAfter), take(tokens))
            : Effect.die(reason)
      )
    return take
  })

/** A limiter of Effect that has a store, in memory: two calls for each key, by a fixed window. */
export const storedLimiter = (onExceeded: "delay" | "fail", window: Duration.Input) =>
  Effect.map(inMemory, ({ consume }) => (key: string) =>
    consume({ key, limit: 2, window, onExceeded, algorithm: "fixed-window" }).pipe(
      Effect.flatMap(({ delay }) => Effect.sleep(delay))
    ))

/** Whether an error is that of `storedLimiter`. */
export const isExceeded = (error: unknown): boolean =>
  error instanceof RateLimiter.RateLimiterError && error.reason._tag === "RateLimitExceeded"
