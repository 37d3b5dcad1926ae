import type { ServeError } from "@effect/platform/HttpServerError"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import type { FaultServer, Step } from "../FaultServer.js"
import * as Certificates from "./certificates.js"
import { Connection } from "./connection.js"
import { Exchange } from "./exchange.js"
import { makeListener } from "./listener.js"
import { makeRecords } from "./records.js"
import type { Head } from "./requestParser.js"
import { makeScript } from "./script.js"

/** @internal */
export interface Options {
  readonly port: number
  readonly tls: Certificates.Kind | undefined
  readonly maxConnections: number
  readonly onExceeded: "reset" | "wait"
  readonly always: Step
  readonly keep: number
}

/** @internal */
export const make = (options: Options): Effect.Effect<FaultServer, ServeError, Scope.Scope> =>
  Effect.gen(function*() {
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const clock = yield* Effect.clock
    const certificates = options.tls && (yield* Certificates.get(options.tls))
    const script = makeScript(options.always)
    const records = makeRecords(options.keep)

    const onHead = (head: Head, connection: number) => {
      const exchange = new Exchange(records.nextIndex(), connection, clock.unsafeCurrentTimeMillis(), head)
      records.add(exchange)
      return [exchange, script.take(exchange)] as const
    }
    const listener = makeListener({
      ...options,
      certificate: certificates?.server,
      breakOnConnect: script.takeConnectBreak,
      connect: (raw, id, onClose) => new Connection(id, raw, { fork, onHead, onClose, onChange: records.changed })
    })
    yield* Effect.addFinalizer(() => listener.stop)
    const port = yield* listener.start(options.port)

    return {
      url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`,
      port,
      ca: certificates?.ca,
      requests: Effect.sync(records.all),
      connections: Effect.sync(listener.count),
      script: (...steps) => Effect.sync(() => script.set(steps)),
      always: (step) => Effect.sync(() => script.always(step)),
      route: (path, ...steps) => Effect.sync(() => script.route(path, steps)),
      reset: Effect.sync(() => {
        script.reset()
        records.reset()
      }),
      dropConnections: Effect.sync(listener.drop),
      stop: listener.stop,
      start: Effect.asVoid(listener.start(port)),
      awaitRequests: (when) => records.awaitUntil(typeof when === "number" ? () => records.settled() >= when : when),
      awaitAborted: (n = 1) =>
        Effect.map(
          records.awaitUntil((requests) => requests.filter((request) => request.aborted).length >= n),
          (requests) => requests.filter((request) => request.aborted)
        ),
      awaitClosed: (most = 0) => Effect.asVoid(records.awaitUntil(() => listener.count().open <= most))
    }
  })
