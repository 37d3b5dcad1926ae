import { FetchHttpClient, HttpClient } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Layer } from "effect"
import { Agent } from "undici"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { quick } from "../support/wire.js"

/** Transports that may open two connections and no more: a failed response that is never let go of wedges them. */
const pools = [
  [
    "undici",
    Layer.provide(
      NodeHttpClient.layerUndiciWithoutDispatcher,
      Layer.scoped(
        NodeHttpClient.Dispatcher,
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ connections: 2 })),
          (agent) => Effect.promise(() => agent.destroy())
        )
      )
    )
  ],
  [
    "node",
    Layer.provide(
      NodeHttpClient.layerWithoutAgent,
      NodeHttpClient.makeAgentLayer({ keepAlive: true, maxSockets: 2 })
    )
  ]
] as const

const failing = (bytes: number) => Reply.respond({ status: 503, body: "x".repeat(bytes) })

/** The kernel takes dozens of megabytes that nobody reads: only a server that has not sent all sees who gives up. */
const tooLarge = Reply.hangBody(failing(300_000))

const tenFailures = (server: FaultServer.FaultServer, reply: Reply.Reply) =>
  Effect.gen(function*() {
    for (let call = 0; call < 5; call++) {
      yield* server.script(reply, reply)
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(yield* response.text, "ok")
    }
    return yield* server.connections
  })

const resilient = ResilientHttpClient.layer({ retry: quick(3), drain: { maxDuration: "50 millis" } })

describe.each(pools)("failed responses in a pool of two connections of %s", (name, layer) => {
  const run = (reply: Reply.Reply) =>
    FaultServer.make().pipe(
      Effect.flatMap((server) => tenFailures(server, reply)),
      Effect.provide(Layer.provide(resilient, layer))
    )

  it.scopedLive.each([0, 100, 20_000, 50_000])(
    "of %i bytes are read, and the connection is used again",
    (bytes) => Effect.map(run(failing(bytes)), ({ accepted }) => assert.isAtMost(accepted, 2))
  )

  it.scopedLive.each([100_000, 8_000_000])("of %i bytes are aborted, and no call hangs", (bytes) => run(failing(bytes)))

  it.scopedLive("that never end are aborted, and no call hangs", () => run(Reply.hangBody(failing(100))))

  it.scopedLive("without a length that never end are aborted, and no call hangs", () =>
    run(Reply.hangBody(Reply.framing(failing(100), "chunked"))))

  it.scopedLive("that break off while they are read do no harm", () =>
    run(Reply.truncate(failing(1000), { by: "reset" })))

  it.scopedLive(`are let go of before the next attempt, all of them, over ${name}`, () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(tooLarge, Reply.hangBody(failing(10)))
      yield* HttpClient.get(server.url)
      yield* server.awaitAborted(2)
    }).pipe(Effect.provide(Layer.provide(resilient, layer))))
})

describe("failed responses of fetch", () => {
  it.scopedLive.each([0, 100, 20_000])(
    "of %i bytes leave their connection to the next attempt",
    (bytes) =>
      FaultServer.make().pipe(
        Effect.flatMap((server) => tenFailures(server, failing(bytes))),
        Effect.map(({ accepted }) => assert.isAtMost(accepted, 2)),
        Effect.provide(Layer.provide(resilient, FetchHttpClient.layer))
      )
  )

  it.scopedLive("too large or endless are aborted, so that no socket is left to a garbage collection", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(tooLarge, Reply.hangBody(failing(100)))
      const response = yield* HttpClient.get(server.url)
      yield* response.text
      yield* server.awaitAborted(2)
    }).pipe(Effect.provide(Layer.provide(resilient, FetchHttpClient.layer))))
})

describe("the last response", () => {
  it.scopedLive.each(
    [
      ["fetch", FetchHttpClient.layer],
      ["undici", NodeHttpClient.layerUndici],
      ["node", NodeHttpClient.layer]
    ] as const
  )("reaches the caller whole over %s, however large", ([, transport]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.always(failing(300_000))
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(response.status, 503)
      assert.strictEqual((yield* response.text).length, 300_000)
    }).pipe(Effect.provide(Layer.provide(resilient, transport))))
})
