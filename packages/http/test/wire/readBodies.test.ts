/** Bodies that are read within the attempt although the program only asks for a response: `readBodies`. */
import { HttpApiClient, HttpClient, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Exit, Fiber, Stream } from "effect"
import * as Tripping from "reprise/Tripping"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import { Api } from "../support/platform.js"
import { dropIn, onEachTransport, quick, toArrive } from "../support/wire.js"

const json = Reply.json(["a", "b"])
const cuts = [Reply.truncate(json), Reply.truncate(json, { by: "reset" })] as const
const long = "x".repeat(300_000)

const countOf = (server: FaultServer.FaultServer) => Effect.map(server.requests, ({ length }) => length)
const get = (server: FaultServer.FaultServer) => HttpClient.get(server.url)
const streamed = ({ stream }: HttpClientResponse.HttpClientResponse) => Stream.mkString(Stream.decodeText(stream))

const readBodies = HttpResilience.readBodies()

onEachTransport("readBodies", (transport) => {
  it.scopedLive("sends a request again whose body was cut, and hands the body over", () =>
    dropIn(transport, { readBodies }, (server) =>
      Effect.gen(function*() {
        yield* server.script(...cuts, json)
        const response = yield* get(server)
        assert.strictEqual(yield* countOf(server), 3)
        assert.deepStrictEqual(yield* response.json, ["a", "b"])
        assert.strictEqual(yield* response.text, `["a","b"]`)
        assert.strictEqual(yield* streamed(response), `["a","b"]`)
        assert.strictEqual((yield* response.arrayBuffer).byteLength, 9)
      })))

  it.scopedLive("does so under HttpApiClient", () =>
    dropIn(transport, { readBodies }, (server) =>
      Effect.gen(function*() {
        yield* server.script(...cuts, json)
        const client = yield* HttpApiClient.make(Api, { baseUrl: server.url })
        assert.deepStrictEqual(yield* client.orders.list(), ["a", "b"])
        assert.strictEqual(yield* countOf(server), 3)
      })))

  it.scopedLive("fails with the body's failure, which the circuit breaker counts", () =>
    dropIn(transport, {
      readBodies,
      retry: false,
      breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1) })
    }, (server) =>
      Effect.gen(function*() {
        yield* server.always(cuts[0])
        const error = yield* Effect.flip(get(server))
        assert.isTrue(HttpFailure.isHttpFailure(error.cause) && error.cause._tag === "BodyFailure")
        assert.propertyVal((yield* Effect.flip(get(server))).cause, "_tag", "CircuitOpen")
        assert.strictEqual(yield* countOf(server), 1)
      })))

  it.scopedLive("ends an attempt whose body stalls, and closes its connection", () =>
    dropIn(transport, { readBodies, attemptTimeout: toArrive }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hangBody(json), json)
        assert.deepStrictEqual(yield* (yield* get(server)).json, ["a", "b"])
        assert.deepStrictEqual((yield* server.awaitAborted(1)).map(({ index }) => index), [0])
      })))

  it.scopedLive("closes the connection of a body that it reads when the call is interrupted", () =>
    dropIn(transport, { readBodies }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.hangBody(json))
        const fiber = yield* Effect.fork(get(server))
        yield* server.awaitRequests(1)
        yield* Effect.sleep("50 millis")
        yield* Fiber.interrupt(fiber)
        yield* Effect.timeout(server.awaitAborted(1), "5 seconds")
      })))

  it.scopedLive("streams a body of more than `maxBytes`, whether or not its length is known", () =>
    dropIn(
      transport,
      { readBodies: HttpResilience.readBodies({ maxBytes: 1_000 }) },
      (server) =>
        Effect.gen(function*() {
          const reply = Reply.respond({ body: long })
          yield* server.script(reply, Reply.framing(reply, "chunked"), Reply.framing(reply, "chunked"))
          assert.strictEqual((yield* streamed(yield* get(server))).length, long.length)
          assert.strictEqual((yield* streamed(yield* get(server))).length, long.length)
          assert.strictEqual((yield* (yield* get(server)).text).length, long.length)
          assert.strictEqual(yield* countOf(server), 3)
        })
    ))

  it.scopedLive("closes the connection of a longer body that the caller gives up", () =>
    dropIn(
      transport,
      { readBodies: HttpResilience.readBodies({ maxBytes: 1_000 }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(Reply.framing(Reply.hangBody(Reply.respond({ body: long })), "chunked"))
          const response = yield* get(server)
          assert.strictEqual(yield* Stream.runCount(Stream.take(response.stream, 1)), 1)
          yield* Effect.timeout(server.awaitAborted(1), "5 seconds")
        })
    ))

  it.scopedLive("does not wait for the end of a stream of events", () =>
    dropIn(transport, { readBodies, attemptTimeout: "2 seconds" }, (server) =>
      Effect.gen(function*() {
        for (const type of ["text/event-stream", "application/x-ndjson; charset=utf-8", "application/jsonl"]) {
          const events = Reply.respond({ body: "data: 1\n\n".repeat(100), headers: { "content-type": type } })
          yield* server.script(Reply.hangBody(events))
          const response = yield* get(server)
          assert.isTrue((yield* Stream.runHead(response.stream))._tag === "Some")
        }
      })))

  it.scopedLive("leaves responses without a body, and all other statuses, as they are", () =>
    dropIn(transport, { readBodies, retry: quick(1) }, (server) =>
      Effect.gen(function*() {
        yield* server.script(
          Reply.respond({ status: 204 }),
          Reply.respond({ body: "" }),
          Reply.respond({ status: 404, body: "no" }),
          json
        )
        assert.strictEqual((yield* get(server)).status, 204)
        assert.strictEqual(yield* (yield* get(server)).text, "")
        assert.strictEqual(yield* (yield* get(server)).text, "no")
        const client = yield* HttpClient.HttpClient
        assert.strictEqual((yield* client.execute(HttpClientRequest.head(server.url))).status, 200)
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(get(server))))
      })))
})
