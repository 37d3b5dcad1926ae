/**
 * Runs a real HTTP/1.1 server on loopback that answers, and fails, by a script. Node only.
 *
 * Each request takes the next step of the script. A step is a `Reply`. The server records all requests. Tests can wait
 * without polling: for a number of requests, for all connections to close, or for a client to give up.
 *
 * @since 3.1.0
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
 * A step of a script: a reply, or a function that makes one.
 *
 * The function receives the request, with its whole body, and the number of earlier steps of this script, route or
 * default.
 *
 * @since 3.1.0
 * @category models
 */
export type Step =
  | Reply.Reply
  | ((request: RecordedRequest, index: number) => Reply.Reply | Effect.Effect<Reply.Reply>)

/**
 * A request as the server received it. The last five fields change while the exchange continues.
 *
 * @since 3.1.0
 * @category models
 */
export interface RecordedRequest {
  /** Counted from 0, since the start or the last `reset`. */
  readonly index: number
  /** The number of the connection, counted from 0. */
  readonly connection: number
  /** The time at which the head had arrived, on the server's `Clock`. */
  readonly timeMillis: number
  readonly method: string
  /** Includes the query. */
  readonly path: string
  /** Lower-case names, values as received. Repeated lines are joined by `", "`. */
  readonly headers: Readonly<Record<string, string>>
  /** The part of the body that has arrived. */
  readonly body: Uint8Array
  /** The same part, decoded as UTF-8. */
  readonly text: string
  /** Whether the whole body arrived. */
  readonly complete: boolean
  /** Whether the operating system has taken the whole response. */
  readonly answered: boolean
  /** Whether the client closed or reset the connection before that. */
  readonly aborted: boolean
}

/**
 * The options of {@link make} and {@link layer}.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /** 0 by default: any free port. */
  readonly port?: number | undefined
  /**
   * Serves HTTPS with a certificate that is good (for `localhost` and `127.0.0.1`, signed by `ca`), self-signed,
   * expired, or for another host. Plain HTTP by default.
   */
  readonly tls?: "good" | "self-signed" | "expired" | "wrong-host" | undefined
  /** The most open connections. No limit by default. */
  readonly maxConnections?: number | undefined
  /**
   * The treatment of a connection beyond the limit. `"reset"` (the default) resets it. `"wait"` does not read from it
   * until another one closes.
   */
  readonly onExceeded?: "reset" | "wait" | undefined
  /** The answer after the last step of the script. `Reply.ok` by default. */
  readonly always?: Step | undefined
  /** The number of latest requests in the record. All by default. */
  readonly keep?: number | undefined
}

/**
 * A running server.
 *
 * @since 3.1.0
 * @category models
 */
export interface FaultServer {
  /** The origin, without a slash at its end: `http://127.0.0.1:40123`. */
  readonly url: string
  readonly port: number
  /** Over TLS, the certificate (in PEM) of the authority that a client must trust. */
  readonly ca: string | undefined
  /** The requests so far, oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** The open connections, all accepted ones so far, and those that `maxConnections` rejected. */
  readonly connections: Effect.Effect<{ readonly open: number; readonly accepted: number; readonly refused: number }>
  /** Answers the next requests by these steps, in order. The rest of an earlier script is discarded. */
  readonly script: (...steps: ReadonlyArray<Step>) => Effect.Effect<void>
  /** Answers every request by this step after the last step of the script. */
  readonly always: (step: Step) => Effect.Effect<void>
  /**
   * Answers requests for a path (without its query) by these steps. The last step repeats.
   *
   * `"/pay"` matches any method, `"POST /pay"` one method. A route comes before the script and uses none of its steps.
   */
  readonly route: (path: string, ...steps: readonly [Step, ...Array<Step>]) => Effect.Effect<void>
  /** Clears script, routes, `always` and records. Connections stay open. */
  readonly reset: Effect.Effect<void>
  /** Resets (RST) every open connection. */
  readonly dropConnections: Effect.Effect<void>
  /** Begins an outage: resets every connection, and refuses new ones until `start`. */
  readonly stop: Effect.Effect<void>
  /** Ends an outage: listens again on the same port. */
  readonly start: Effect.Effect<void, ServeError>
  /**
   * Waits for requests, and returns all requests so far.
   *
   * Give a number of requests that have arrived in full (or broke before that), or a condition on the records. The
   * server checks the condition at every change.
   */
  readonly awaitRequests: (
    when: number | ((requests: ReadonlyArray<RecordedRequest>) => boolean)
  ) => Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Waits until clients have given up `n` requests (1 by default), and returns those. */
  readonly awaitAborted: (n?: number) => Effect.Effect<ReadonlyArray<RecordedRequest>>
  /** Waits until at most `most` connections are open: 0 by default. */
  readonly awaitClosed: (most?: number) => Effect.Effect<void>
}

/**
 * The service tag of a running server.
 *
 * @since 3.1.0
 * @category tags
 */
export const FaultServer: Context.Tag<FaultServer, FaultServer> = Context.GenericTag<FaultServer>(
  "@reprise/testing/FaultServer"
)

/**
 * Starts a server. When the scope closes, the server closes its port and resets every connection.
 *
 * Delays of replies wait on the `Clock` of the fiber that calls `make`. Under `TestClock` they wait for
 * `TestClock.adjust`. Fails with `ServeError` if it cannot bind the port. Throws `InvalidOption` for a `port`,
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
 * @since 3.1.0
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
 * @since 3.1.0
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<FaultServer, ServeError> =>
  Layer.scoped(FaultServer, make(options))

/**
 * An origin on loopback that refuses connections. Its port was free a moment ago.
 *
 * @since 3.1.0
 * @category constructors
 */
export const refusedUrl: Effect.Effect<string, ServeError> = Effect.acquireUseRelease(
  Effect.sync(() => Net.createServer()),
  (server) => Effect.map(listen(server, 0), (port) => `http://127.0.0.1:${port}`),
  close
)
