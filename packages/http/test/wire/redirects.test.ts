import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Either } from "effect"
import * as HttpResilience from "../../src/HttpResilience.js"
import { onEachTransport, quick } from "../support/wire.js"

const redirect = (location: string, status: number) =>
  Reply.closeAfter(Reply.respond({ status, headers: { location } }))

/** A client that follows redirects: fetch by itself, the others below the retries. */
const following = (afterFirst: Effect.Effect<unknown>, options: { readonly retryUnsent: boolean }) =>
  Effect.map(HttpClient.HttpClient, (client) =>
    client.pipe(
      HttpClient.tap(() => afterFirst),
      HttpClient.followRedirects(),
      HttpResilience.retry(quick(3), options),
      HttpResilience.typed
    ))

onEachTransport("a payment that was booked before the redirect failed is not booked again", (transport, name) => {
  it.scopedLive.each(
    [
      ["the same path, on the server that then stops", 303, "/pay?done=1"],
      ["the same URL, on the server that then stops", 303, "/pay"],
      ["another path, on the server that then stops", 303, "/done"],
      ["the same path with its body, on the server that then stops", 307, "/pay?done=1"],
      ["the same path with its body, by a 308, on the server that then stops", 308, "/pay?done=1"]
    ] as const
  )("%s", ([, status, location]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(redirect(location, status))
      const client = yield* following(Effect.ignore(server.stop), { retryUnsent: true })
      const payment = HttpClientRequest.post(`${server.url}/pay`).pipe(HttpClientRequest.bodyText("5 EUR"))
      const result = yield* Effect.either(client.execute(payment))
      // fetch is at the end of the redirect before the server stops.
      if (name !== "fetch") assert.propertyVal(Either.getOrThrow(Either.flip(result)), "sent", "maybe")
      assert.lengthOf((yield* server.requests).filter(({ method, path }) => method === "POST" && path === "/pay"), 1)
    }).pipe(Effect.provide(transport)))

  it.scopedLive.each([303, 307])("a port that is closed, after a %i", (status) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(redirect(yield* FaultServer.refusedUrl, status))
      const client = yield* following(Effect.void, { retryUnsent: true })
      const payment = HttpClientRequest.post(`${server.url}/pay`).pipe(HttpClientRequest.bodyText("5 EUR"))
      const failure = yield* Effect.flip(client.execute(payment))
      assert.propertyVal(failure, "sent", "maybe")
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(Effect.provide(transport)))
})
