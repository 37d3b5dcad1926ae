/** A client that is derived from an `HttpApi`: it retries whole bodies, and its errors stay those of the API. */
import { FetchHttpClient, HttpApi, HttpApiClient, HttpApiEndpoint, HttpApiGroup } from "@effect/platform"
import { HttpResilience, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Effect, Layer, Schema } from "effect"

const Order = Schema.Struct({ id: Schema.String, title: Schema.String })

class Shop extends HttpApi.make("shop").add(
  HttpApiGroup.make("orders")
    .add(HttpApiEndpoint.get("one", "/orders/1").addSuccess(Order))
    .add(
      HttpApiEndpoint.post("create", "/orders").setPayload(Schema.Struct({ title: Schema.String })).addSuccess(Order)
    )
) {}

const HttpLive = ResilientHttpClient.layer(
  ResilientHttpClient.standard({ readBodies: HttpResilience.readBodies(), idempotencyKeys: true })
).pipe(Layer.provide(FetchHttpClient.layer))

const order = Reply.json({ id: "1", title: "two books" })

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()
  yield* server.script(Reply.truncate(order), order, Reply.reset(), order)
  const shop = yield* HttpApiClient.make(Shop, { baseUrl: server.url })
  const found = yield* shop.orders.one()
  const created = yield* shop.orders.create({ payload: { title: "two books" } })
  const keys = (yield* server.requests).map(({ headers }) => headers["idempotency-key"])
  return { titles: [found.title, created.title], sameKey: keys[2] !== undefined && keys[2] === keys[3] }
}).pipe(Effect.scoped, Effect.provide(HttpLive))
