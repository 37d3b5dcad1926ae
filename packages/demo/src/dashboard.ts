/** The live page of the demo: on this machine only, for the run and until Ctrl-C. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResilience from "@reprise/http/HttpServerResilience"
import * as LivePage from "@reprise/http/LivePage"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { createServer } from "node:http"
import * as Telemetry from "reprise/Telemetry"
import { Dispatcher } from "undici"
import type { ApiDied } from "./api/child.js"
import * as child from "./api/child.js"
import * as Calls from "./calls.js"
import type { Contender } from "./contenders.js"
import { reprise } from "./contenders.js"
import { run } from "./run.js"

/** A page of another site can give its own name the address of this machine, but not this `Host`. */
const isLocal = (host: string | undefined) => /^(127\.0\.0\.1|localhost):\d+$/.test(host ?? "")

const page = LivePage.make({ authorize: ({ request }) => Effect.succeed(isLocal(request.headers["host"])) })

const app = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  ({ url }) => url === "/health" ? HttpServerResilience.health() : page
)

/** Gives the address of the page. */
const serve = Effect.gen(function*() {
  const node = createServer()
  const server = yield* NodeHttpServer.make(() => node, { host: "127.0.0.1", port: 0 })
  // Ctrl-C does not wait for viewers.
  yield* Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
  yield* Effect.provideService(HttpServer.serveEffect(app), HttpServer.HttpServer, server)
  return HttpServer.formatAddress(server.address)
})

/** One client for all rounds, so that the page shows one breaker: what it sends goes through the pool of the round. */
const lasting = (contender: Contender): Contender => {
  let pool: Dispatcher | undefined
  class Pools extends Dispatcher {
    override dispatch(...args: Parameters<Dispatcher["dispatch"]>): boolean {
      return pool?.dispatch(...args) ?? false
    }
  }
  const connection = contender.connect(new Pools())
  return {
    ...contender,
    connect: (dispatcher) => {
      pool = dispatcher
      return connection
    }
  }
}

/** The same calls through Reprise, over and over: an outage in each round. */
const goOn = (seed: string): Effect.Effect<never, ApiDied> =>
  Effect.scoped(Effect.gen(function*() {
    const total = Calls.make().length
    const api = yield* child.start(seed, total)
    const contender = lasting(reprise)
    return yield* Effect.forever(run(contender, { seed, total, api, onProgress: () => {} }))
  }))

/** Serves the page while the demo runs, and after it until somebody ends the program. */
export const during = <A, E, R>(demo: Effect.Effect<A, E, R>, seed: string) =>
  Effect.gen(function*() {
    yield* Console.log(`Live page: ${yield* serve}\n`)
    const result = yield* demo
    yield* Console.log("\nThe live page goes on: the same calls through Reprise, over and over. Ctrl-C ends it.")
    yield* goOn(seed)
    return result
  }).pipe(Effect.scoped, Effect.provide(Telemetry.layerMonitor))
