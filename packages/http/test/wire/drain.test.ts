import { FetchHttpClient, HttpClient } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Layer } from "effect"
import { Agent } from "undici"
import * as HttpResilience from "../../src/HttpResilience.js"
import type * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { layer, onEach, onEachFace, onEachPlain, quick, type Transport } from "../support/wire.js"

/** Transports that may open so many connections and no more: a failed response that is never released wedges them. */
const poolsOf = (connections: number) =>
  [
    [
      "undici",
      Layer.provide(
        NodeHttpClient.layerUndiciWithoutDispatcher,
        Layer.scoped(
          NodeHttpClient.Dispatcher,
          Effect.acquireRelease(
            Effect.sync(() => new Agent({ connections })),
            (agent) => Effect.promise(() => agent.destroy())
          )
        )
      )
    ],
    [
      "node",
      Layer.provide(
        NodeHttpClient.layerWithoutAgent,
        NodeHttpClient.makeAgentLayer({ keepAlive: true, maxSockets: connections })
      )
    ]
  ] as const
const pools = poolsOf(2)

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

const resilient = (transport: Transport, options?: ResilientHttpClient.Options) =>
  layer(transport, { retry: quick(3), drain: { maxDuration: "50 millis" }, ...options })

onEach("failed responses in a pool of two connections", pools, (transport, name) => {
  const run = (reply: Reply.Reply) =>
    FaultServer.make().pipe(
      Effect.flatMap((server) => tenFailures(server, reply)),
      Effect.provide(resilient(transport))
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
    }).pipe(Effect.provide(resilient(transport))))
})

onEach("failed responses", [["fetch", FetchHttpClient.layer]], (transport) => {
  it.scopedLive.each([0, 100, 20_000])(
    "of %i bytes leave their connection to the next attempt",
    (bytes) =>
      FaultServer.make().pipe(
        Effect.flatMap((server) => tenFailures(server, failing(bytes))),
        Effect.map(({ accepted }) => assert.isAtMost(accepted, 2)),
        Effect.provide(resilient(transport))
      )
  )

  it.scopedLive("too large or endless are aborted, so that no socket is left to a garbage collection", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(tooLarge, Reply.hangBody(failing(100)))
      const response = yield* HttpClient.get(server.url)
      yield* response.text
      yield* server.awaitAborted(2)
    }).pipe(Effect.provide(resilient(transport))))
})

const hedged = { retry: false, hedge: HttpResilience.hedge({ after: "20 millis" }) } as const

onEachPlain("the failed response of a hedged call in a pool of one connection", poolsOf(1), (transport) => {
  it.scopedLive("is released at once, because the hedge waits for its connection", () =>
    FaultServer.make().pipe(
      Effect.flatMap((server) =>
        Effect.zipRight(
          server.script(Reply.delay(tooLarge, "50 millis")),
          Effect.flatMap(HttpClient.get(server.url), ({ text }) => text)
        )
      ),
      Effect.map((text) => assert.strictEqual(text, "ok")),
      Effect.timeout("5 seconds"),
      Effect.provide(resilient(transport, hedged))
    ))
})

onEachPlain("the failed response of a hedged call in a pool of two connections", pools, (transport) => {
  const fiveCalls = (first: Reply.Reply, second: Reply.Reply) =>
    FaultServer.make().pipe(
      Effect.flatMap((server) =>
        Effect.replicateEffect(
          Effect.zipRight(server.script(first, second), Effect.flatMap(HttpClient.get(server.url), ({ text }) => text)),
          5
        )
      ),
      Effect.map((texts) => assert.deepStrictEqual(texts, Array(5).fill("ok"))),
      Effect.provide(resilient(transport, hedged))
    )

  it.scopedLive.each([8, 1_000_000])(
    "of %i bytes is released if the hedge wins",
    (bytes) => fiveCalls(Reply.delay(failing(bytes), "50 millis"), Reply.delay(Reply.ok, "80 millis"))
  )

  it.scopedLive.each([8, 1_000_000])(
    "of %i bytes is released if it is the hedge's",
    (bytes) => fiveCalls(Reply.delay(Reply.ok, "80 millis"), Reply.delay(failing(bytes), "10 millis"))
  )
})

onEachFace("the last response", (transport) => {
  it.scopedLive("reaches the caller whole, however large", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.always(failing(300_000))
      const response = yield* HttpClient.get(server.url)
      assert.strictEqual(response.status, 503)
      assert.strictEqual((yield* response.text).length, 300_000)
    }).pipe(Effect.provide(resilient(transport))))
})
