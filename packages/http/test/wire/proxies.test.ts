import { FetchHttpClient, HttpClient } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { ProxyAgent } from "undici"
import type * as HttpFailure from "../../src/HttpFailure.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { dispatchedFetch } from "../support/platform.js"
import { quick } from "../support/wire.js"

/** A proxy that answers each CONNECT with the status, and counts them. */
const proxy = (status: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly asked: () => number; readonly close: () => void }>((resume) => {
      let asked = 0
      const server = http.createServer()
      server.on("connect", (_, socket) => {
        asked++
        socket.on("error", () => {})
        socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`)
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(Effect.succeed({
          url: `http://127.0.0.1:${port}`,
          asked: () => asked,
          close: () => {
            server.closeAllConnections()
            server.close()
          }
        }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

const agent = (url: string) =>
  Effect.acquireRelease(Effect.sync(() => new ProxyAgent(url)), (agent) => Effect.promise(() => agent.destroy()))

type Redirect = "manual" | "follow"

/** Undici follows no redirects by itself. */
const transports: Record<string, (dispatcher: ProxyAgent, redirect: Redirect) => Layer.Layer<HttpClient.HttpClient>> = {
  undici: (dispatcher) =>
    Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, Layer.succeed(NodeHttpClient.Dispatcher, dispatcher)),
  // Node's fetch has this option, which the type of the standard has not.
  fetch: (dispatcher, redirect) =>
    Layer.provide(
      FetchHttpClient.layer,
      Layer.merge(
        Layer.succeed(FetchHttpClient.RequestInit, { dispatcher, redirect } as RequestInit),
        Layer.succeed(FetchHttpClient.Fetch, dispatchedFetch)
      )
    )
}

const call = (
  transport: string,
  method: "get" | "post",
  status: number,
  options: ResilientHttpClient.Options = {},
  redirect: Redirect = "manual"
) =>
  Effect.gen(function*() {
    const { asked, url } = yield* proxy(status)
    const layer = transports[transport]!(yield* agent(url), redirect)
    const base = Context.get(yield* Layer.build(layer), HttpClient.HttpClient)
    const client = ResilientHttpClient.makeTyped({ retry: quick(3), ...options })(base)
    const failure = (yield* Effect.flip(client[method]("https://h.test/"))) as HttpFailure.HttpFailure
    return [failure._tag, failure.retryable, failure.sent, asked()]
  })

describe.each(Object.keys(transports))("a proxy in front of %s", (transport) => {
  it.scopedLive.each([500, 502, 503, 504])(
    "that answers CONNECT with %i is tried again: nothing was sent",
    (status) =>
      Effect.gen(function*() {
        const ended = yield* call(transport, "get", status, { redirect: "manual" })
        assert.deepStrictEqual(ended, ["ConnectFailure", true, "no", 3])
      })
  )

  it.scopedLive.each([401, 403, 404, 407, 418, 501])(
    "that answers CONNECT with %i is not tried again",
    (status) =>
      Effect.gen(function*() {
        const ended = yield* call(transport, "get", status, { redirect: "manual" })
        assert.deepStrictEqual(ended, ["ConnectFailure", false, "no", 1])
      })
  )

  it.scopedLive("is tried again for a POST where what was not sent may be", () =>
    Effect.gen(function*() {
      const ended = yield* call(transport, "post", 502, { redirect: "manual", retryUnsent: true })
      assert.deepStrictEqual(ended, ["ConnectFailure", true, "no", 3])
    }))
})

it.scopedLive("where fetch may have followed a redirect, a proxy that fails does not prove that nothing was sent", () =>
  Effect.gen(function*() {
    const ended = yield* call("fetch", "post", 502, { retryUnsent: true }, "follow")
    assert.deepStrictEqual(ended, ["ConnectFailure", true, "maybe", 1])
  }))
