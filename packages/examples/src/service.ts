/** A service in Effect's wiring: its policy comes from the environment, its transport from the outside. */
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Config, ConfigProvider, Effect, Schema } from "effect"

class Order extends Schema.Class<Order>("Order")({ id: Schema.Int, title: Schema.String }) {}

/** Reads `ORDERS_URL`. The client has a prefix of its own: `ORDERS_HTTP_ATTEMPTS`, `ORDERS_HTTP_BASE_DELAY`, ... */
export class Orders extends Effect.Service<Orders>()("examples/Orders", {
  dependencies: [ResilientHttpClient.layerConfig(ResilientHttpClient.config("ORDERS_HTTP"))],
  effect: Effect.gen(function*() {
    const url = yield* Config.nested(Config.string("URL"), "ORDERS")
    const client = (yield* HttpClient.HttpClient).pipe(
      HttpClient.mapRequest(HttpClientRequest.prependUrl(url)),
      HttpClient.filterStatusOk
    )
    return {
      find: (id: number) => client.get(`/orders/${id}`).pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(Order)))
    }
  })
}) {}

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()
  yield* server.script(
    Reply.respond({ status: 429, headers: { "retry-after": "0" } }),
    Reply.respond({ status: 502 }),
    Reply.json({ id: 42, title: "two books" })
  )
  const environment = ConfigProvider.fromMap(
    new Map([["ORDERS_URL", server.url], ["ORDERS_HTTP_ATTEMPTS", "4"], ["ORDERS_HTTP_BASE_DELAY", "20 millis"]]),
    { pathDelim: "_" }
  )
  return yield* Effect.flatMap(Orders, (orders) => orders.find(42)).pipe(
    Effect.provide(Orders.Default),
    Effect.provide(FetchHttpClient.layer),
    Effect.withConfigProvider(environment),
    Effect.map(({ title }) => title)
  )
}).pipe(Effect.scoped)
