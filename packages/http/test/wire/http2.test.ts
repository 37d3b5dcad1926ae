import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import type { Scope } from "effect"
import { Effect, Layer, Stream } from "effect"
import * as Http2 from "node:http2"
import * as Undici from "undici"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import type { Transport } from "../support/wire.js"
import { quick } from "../support/wire.js"

/** How the server breaks off a response, whose first bytes it has sent. */
const breaks: ReadonlyArray<readonly [name: string, headers: object, act: (stream: Http2.ServerHttp2Stream) => void]> =
  [
    ["RST_STREAM", {}, (stream) => stream.destroy(new Error("broken"))],
    ["RST_STREAM before its length is reached", { "content-length": "100" }, (stream) => stream.close(8)],
    ["a connection that ends", {}, (stream) => stream.session?.destroy()],
    ["GOAWAY", {}, (stream) => stream.session?.goaway(2)]
  ]

const whole = `{"whole":true}`

/** A server that breaks off its first two responses, and how many requests it has seen. */
const serve = (headers: object, act: (stream: Http2.ServerHttp2Stream) => void) => {
  let seen = 0
  const server = Http2.createServer()
  server.on("sessionError", () => undefined)
  server.on("stream", (stream) => {
    stream.on("error", () => undefined)
    if (++seen > 2) {
      stream.respond({ ":status": 200 })
      stream.end(whole)
      return
    }
    stream.respond({ ":status": 200, ...headers })
    // Once the bytes are on their way.
    stream.write(whole.slice(0, 5), () => void act(stream))
  })
  const listen = Effect.async<string>((resume) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      resume(Effect.succeed(`http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`))
    })
  })
  return Effect.map(Effect.acquireRelease(listen, () => Effect.sync(() => server.close())), (url) => ({
    url,
    seen: () => seen
  }))
}

const dispatcher = (url: string): Effect.Effect<Undici.Dispatcher, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Undici.H2CClient(url)),
    (client) => Effect.promise(() => client.destroy())
  )

/** Node's own client has no HTTP/2. */
const transports: ReadonlyArray<readonly [name: string, over: (dispatcher: Undici.Dispatcher) => Transport]> = [
  ["undici", (dispatcher) =>
    Layer.provide(
      NodeHttpClient.layerUndiciWithoutDispatcher,
      Layer.succeed(NodeHttpClient.Dispatcher, dispatcher)
    )],
  ["fetch", (dispatcher) =>
    Layer.provide(
      FetchHttpClient.layer,
      Layer.succeed(
        FetchHttpClient.Fetch,
        // undici's fetch is the one of Node; only its types differ.
        ((url: string, init: object) => Undici.fetch(url, { ...init, dispatcher })) as unknown as typeof fetch
      )
    )]
]

const broken = transports.flatMap(([transport, over]) =>
  breaks.map(([name, headers, act]) => [name, transport, headers, act, over] as const)
)

describe("a body over HTTP/2", () => {
  it.scopedLive.each(broken)(
    "that %s cuts short is read again, over %s",
    ([, , headers, act, over]) =>
      Effect.gen(function*() {
        const { seen, url } = yield* serve(headers, act)
        const layer = Layer.provide(
          ResilientHttpClient.layerTyped({ retry: quick(3), attemptTimeout: "5 seconds" }),
          over(yield* dispatcher(url))
        )
        const read = (request: HttpClientRequest.HttpClientRequest) =>
          Effect.flatMap(
            ResilientHttpClient.ResilientHttpClient,
            (client) => HttpResilience.executeAndRead(client, request, (response) => response.text)
          )
        assert.strictEqual(yield* Effect.provide(read(HttpClientRequest.get(url)), layer), whole)
        assert.strictEqual(seen(), 3)
      })
  )

  it.scopedLive.each(transports)(
    "that is streamed is a BodyFailure each time, over %s",
    ([, over]) =>
      Effect.gen(function*() {
        const { seen, url } = yield* serve({}, (stream) => stream.destroy(new Error("broken")))
        const layer = Layer.provide(
          ResilientHttpClient.layerTyped({ retry: quick(2), attemptTimeout: "5 seconds" }),
          over(yield* dispatcher(url))
        )
        const failure = yield* Effect.flatMap(ResilientHttpClient.ResilientHttpClient, (client) =>
          Effect.flip(
            HttpResilience.executeAndRead(client, HttpClientRequest.get(url), ({ stream }) => Stream.runDrain(stream))
          )).pipe(Effect.provide(layer))
        assert.strictEqual(failure._tag, "BodyFailure")
        assert.strictEqual(seen(), 2)
      })
  )
})
