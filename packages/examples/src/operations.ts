/** A service with a readiness endpoint and a live page: an operator isolates a dependency, and the service says so. */
import { FetchHttpClient, HttpBody, HttpClient, HttpLayerRouter, HttpServer } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { HttpResilience, HttpServerResilience, LivePage, ResilientHttpClient } from "@reprise/http"
import { FaultServer } from "@reprise/testing"
import { Effect, Layer } from "effect"
import { createServer } from "node:http"
import { Telemetry, Tripping } from "reprise"

/** `isVital` tells the dependencies without which the service cannot work. */
const app = (isVital: (key: string) => boolean) =>
  Layer.mergeAll(
    HttpLayerRouter.add("GET", "/health", HttpServerResilience.health({ failWhenOpen: isVital })),
    HttpLayerRouter.addAll([
      HttpLayerRouter.route(
        "*",
        "/*",
        // A real service looks up who sent the request.
        LivePage.make({ authorize: ({ request }) => Effect.succeed(request.headers["x-role"] === "operator") })
      )
    ], { prefix: "/reprise" })
  )

const ServerLive = (isVital: (key: string) => boolean) =>
  HttpLayerRouter.serve(app(isVital)).pipe(
    Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
  )

const ClientLive = ResilientHttpClient.layerTyped({
  attemptTimeout: "1 second",
  deadline: "3 seconds",
  breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(5) })
}).pipe(Layer.provide(FetchHttpClient.layer))

export const program = Effect.gen(function*() {
  const payments = yield* FaultServer.make()
  const vital = new URL(payments.url).origin
  return yield* Effect.gen(function*() {
    const client = yield* ResilientHttpClient.ResilientHttpClient
    yield* Effect.scoped(client.get(payments.url))

    // From here on, others talk to the service.
    const service = yield* Effect.map(HttpServer.HttpServer, ({ address }) => HttpServer.formatAddress(address))
    const outside = yield* HttpClient.HttpClient
    const health = Effect.map(outside.get(`${service}/health`), ({ status }) => status)
    const act = (action: string, role: string) =>
      Effect.map(
        outside.post(`${service}/reprise/${action}`, {
          headers: { "x-role": role },
          body: HttpBody.unsafeJson({ key: vital })
        }),
        ({ status }) => status
      )
    return {
      before: yield* health,
      isolatedByGuest: yield* act("isolate", "guest"),
      isolatedByOperator: yield* act("isolate", "operator"),
      during: yield* health,
      closed: yield* act("close", "operator"),
      after: yield* health
    }
  }).pipe(
    Effect.provide([ServerLive((key) => key === vital), ClientLive, FetchHttpClient.layer]),
    // Around everything: what is made within is watched.
    Effect.provide(Telemetry.layerMonitor)
  )
}).pipe(Effect.scoped)
