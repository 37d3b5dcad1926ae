/** A program that knows only `HttpClient`, over fetch as it is, and over fetch with Reprise in between. */
import { FetchHttpClient, HttpClient } from "@effect/platform"
import { HttpRetry, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Effect, Layer } from "effect"

/** The program. It does not change. */
const showOrder = (api: string) =>
  Effect.gen(function*() {
    const response = yield* HttpClient.get(`${api}/orders/42`)
    return `${response.status} ${yield* response.text}`
  })

const ResilientLive = ResilientHttpClient.layer(ResilientHttpClient.standard({
  retry: HttpRetry.exponential({ attempts: 4, base: "20 millis" })
})).pipe(Layer.provide(FetchHttpClient.layer))

/** A server that is busy, loses a connection, and only then answers. */
const unsteady = (server: FaultServer.FaultServer) =>
  server.script(
    Reply.respond({ status: 503, body: "busy" }),
    Reply.reset(),
    Reply.respond({ body: "two books" })
  )

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make()

  yield* unsteady(server)
  const before = yield* Effect.provide(showOrder(server.url), FetchHttpClient.layer)

  yield* unsteady(server)
  const after = yield* Effect.provide(showOrder(server.url), ResilientLive)

  return { before, after }
}).pipe(Effect.scoped)
