/**
 * A real HTTP/1.1 server on loopback that answers, and fails, by a script. Node only.
 *
 * Each request takes the next step of the script; a step is a `Reply`. All requests are recorded. Conditions can be
 * awaited without polling: so many requests seen, all connections closed, a client gone.
 *
 * @since 0.1.0
 */
import type { ServeError } from "@effect/platform/HttpServerError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import * as InvalidOption from "reprise/InvalidOption"
import * as internal from "./internal/faultServer.js"
import { close, listen } from "./internal/listener.js"
import * as Reply from "./Reply.js"

/**
 * What a step of a script may be: a reply, or a function from the request (whole: its body was read) and the number
 * of steps that this script, route or default has taken before.
 *
 * @since 0.1.0
 * @category models
 */
export type Step =
  | Reply.Reply
  | ((request: RecordedRequest, index: number) => Reply.Reply | Effect.Effect<Reply.Reply>)

/**
 * A request as the server saw it. The last five fields change while the exchange goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface RecordedRequest {
  /** Counted from 0, since the start or the last `reset`. */
  readonly index: number
  /** The number of the connection, counted from 0. */
  readonly connection: number
  /** When the head had been read, by the server's `Clock`. */
  readonly timeMillis: number
  readonly method: string
  /** With the query. */
  readonly path: string
  /** Lower-case names, values as received; repeated lines are joined by `", "`. */
  readonly headers: Readonly<Record<string, string>>
  /** What has arrived of the body. */
  readonly body: Uint8Array
  /** The same, decoded as UTF-8. */
  readonly text: string
  /** Whether the whole body arrived. */
  readonly complete: boolean
  /** Whether the whole response was handed to the operating system. */
  readonly answered: boolean
  /** Whether the client closed or reset the connection before that, with no doing of the server. */
  readonly aborted: boolean
}

/**
 * The options of {@link make} and {@link layer}.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** 0 by default: any free port. */
  readonly port?: number | undefined
  /**
   * Serve HTTPS with a certificate that is good (for `localhost` and `127.0.0.1`, signed by `ca`), self-signed,
   * expired, or for another host. Plain HTTP by default.
   */
  readonly tls?: "good" | "self-signed" | "expired" | "wrong-host" | undefined
  /** The most connections open at once; no limit by default. */
  readonly maxConnections?: number | undefined
  /** Beyond that limit: reset at once (the default), or leave unread until a place is free. */
  readonly onExceeded?: "reset" | "wait" | undefined
  /** The answer when the script is used up; `Reply.ok` by default. */
  readonly always?: Step | undefined
  /** The number of latest requests that are kept in the record; all by default. */
  readonly keep?: number | undefined
}

/**
 * A running server.
 *
 * @since 0.1.0
 * @category models
 */
export interface FaultServer {
  /** The origin, without a slash at its end: `http://127.0.0.1:40123`. */
  readonly url: string
  readonly port: number
  /** Over TLS the PEM certificate of the authority that a client should trust. */
  readonly ca: string | undefined
  /** The requests so far, oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Connections now open, accepted ever, and turned away by `maxConnections`. */
  readonly connections: Effect.Effect<{ readonly open: number; readonly accepted: number; readonly refused: number }>
  /** Answers the coming requests by these steps, in order, in place of what was left of an earlier script. */
  readonly script: (...steps: ReadonlyArray<Step>) => Effect.Effect<void>
  /** Answers every request by this step once the script is used up. */
  readonly always: (step: Step) => Effect.Effect<void>
  /**
   * Answers requests for a path (without its query) by these steps, the last one for ever; `"/pay"` for any method,
   * `"POST /pay"` for one. A route goes before the script and takes nothing from it.
   */
  readonly route: (path: string, ...steps: readonly [Step, ...Array<Step>]) => Effect.Effect<void>
  /** Forgets script, routes, `always` and records; connections stay as they are. */
  readonly reset: Effect.Effect<void>
  /** Resets (RST) every open connection. */
  readonly dropConnections: Effect.Effect<void>
  /** Begins an outage: resets every connection and refuses new ones, until `start`. */
  readonly stop: Effect.Effect<void>
  /** Ends an outage: listens again on the same port. */
  readonly start: Effect.Effect<void, ServeError>
  /**
   * Waits until so many requests have been read whole (or broke before that), or until the records satisfy a
   * condition, asked at every change; returns the requests so far.
   */
  readonly awaitRequests: (
    when: number | ((requests: ReadonlyArray<RecordedRequest>) => boolean)
  ) => Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Waits until clients gave up `n` requests (1 by default), and returns those. */
  readonly awaitAborted: (n?: number) => Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Waits until at most so many connections are open: 0 by default. */
  readonly awaitClosed: (most?: number) => Effect.Effect<void>
}

/**
 * The service tag of a running server.
 *
 * @since 0.1.0
 * @category tags
 */
export const FaultServer: Context.Tag<FaultServer, FaultServer> = Context.GenericTag<FaultServer>(
  "@reprise/testing/FaultServer"
)

/**
 * Starts a server; closing the scope closes its port and resets every connection.
 *
 * Delays of replies wait on the `Clock` of the fiber that calls `make`: under `TestClock` they wait for
 * `TestClock.adjust`. Fails with `ServeError` when the port cannot be bound; throws `InvalidOption` for a port,
 * `maxConnections` or `keep` out of range.
 *
 * @example
 * ```ts
 * import * as FaultServer from "@reprise/testing/FaultServer"
 * import * as Reply from "@reprise/testing/Reply"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* FaultServer.make()
 *   yield* server.script(Reply.respond({ status: 503 }), Reply.json({ paid: true }))
 *   const first = yield* Effect.promise(() => fetch(`${server.url}/pay`))
 *   const second = yield* Effect.promise(() => fetch(`${server.url}/pay`, { method: "POST", body: "5 EUR" }))
 *   const requests = yield* server.requests
 *   return [first.status, second.status, requests.map((request) => `${request.method} ${request.text}`)]
 * })
 *
 * Effect.runPromise(Effect.scoped(program)).then(console.log) // => [ 503, 200, [ 'GET ', 'POST 5 EUR' ] ]
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<FaultServer, ServeError, Scope.Scope> => {
  const limits = {
    port: InvalidOption.integer("port", options.port ?? 0, { min: 0, max: 65_535 }),
    maxConnections: atLeastOne("maxConnections", options.maxConnections),
    keep: atLeastOne("keep", options.keep)
  }
  return internal.make({
    ...limits,
    tls: options.tls,
    onExceeded: options.onExceeded ?? "reset",
    always: options.always ?? Reply.ok
  })
}

const atLeastOne = (option: string, value: number = Infinity): number =>
  value === Infinity ? value : InvalidOption.integer(option, value, { min: 1 })

/**
 * A server as a layer.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<FaultServer, ServeError> =>
  Layer.scoped(FaultServer, make(options))

/**
 * An origin on loopback that refuses connections: that of a port which was free a moment ago.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refusedUrl: Effect.Effect<string, ServeError> = Effect.acquireUseRelease(
  Effect.sync(() => Net.createServer()),
  (server) => Effect.map(listen(server, 0), (port) => `http://127.0.0.1:${port}`),
  close
)
