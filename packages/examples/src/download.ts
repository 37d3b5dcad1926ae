/** A download whose body is cut short: read inside the attempt, it is a failed attempt like any other. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { HttpResilience, HttpRetry, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Effect, Layer } from "effect"

const file = Reply.respond({
  headers: { "content-type": "application/octet-stream" },
  body: new Uint8Array(100_000).fill(7)
})

const HttpLive = ResilientHttpClient.layer(ResilientHttpClient.standard({
  retry: HttpRetry.exponential({ attempts: 4, base: "20 millis" }),
  attemptTimeout: "1 second"
})).pipe(Layer.provide(FetchHttpClient.layer))

const download = (url: string) =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    return yield* HttpResilience.executeAndRead(
      client,
      HttpClientRequest.get(url),
      (response) => response.arrayBuffer
    )
  })

export const program = Effect.gen(function*() {
  const server = yield* FaultServer.make({ always: file })
  yield* server.script(
    Reply.truncate(file), // half of the file, and the connection is closed
    Reply.truncate(file, { by: "reset" }), // half of the file, and the connection is lost
    file
  )
  const body = yield* download(`${server.url}/file`)
  return { bytes: body.byteLength, attempts: (yield* server.requests).length }
}).pipe(Effect.scoped, Effect.provide(HttpLive))
