import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Duration, Effect, Fiber, Option } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Deadline from "reprise/Deadline"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { allAborted, dropIn, onEachSlow, onEachTransport, quick, toArrive, typed } from "../support/wire.js"

const busy = Reply.respond({ status: 503, body: "busy" })
const slowly = Backoff.exponential("1 hour").pipe(Backoff.attempts(5), HttpRetry.whileRetryable)

onEachTransport("time limits", (transport) => {
  it.scopedLive("an attempt that takes too long is given up, its socket closed, and made again", () =>
    typed(transport, { attemptTimeout: toArrive }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hang())
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const response = yield* client.get(server.url)
        const [first] = HttpResilience.attempts(response)
        assert.strictEqual(Option.getOrThrow(first!.failure)._tag, "AttemptTimeout")
        yield* server.awaitAborted(1)
      })))

  it.scopedLive("a stalled body is part of the attempt that reads it", () =>
    typed(transport, { attemptTimeout: toArrive }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hangBody(Reply.respond({ body: "half of it" })))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const text = yield* HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), (response) =>
          response.text)
        assert.strictEqual(text, "ok")
        yield* server.awaitAborted(1)
      })))

  it.scopedLive("the deadline ends an attempt that hangs, and carries it", () =>
    typed(transport, { deadline: toArrive }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.hang())
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const failure = yield* Effect.flip(client.get(server.url))
        assert.instanceOf(failure, Deadline.DeadlineExceeded)
        assert.strictEqual((Option.getOrThrow(failure.last) as { _tag: string })._tag, "AttemptTimeout")
        yield* server.awaitAborted(1)
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("a wait that the deadline has no time for is not begun", () =>
    typed(transport, { retry: slowly, deadline: "10 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.reset())
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const failure = yield* Effect.flip(client.get(server.url))
        assert.instanceOf(failure, Deadline.DeadlineExceeded)
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("a program's own deadline counts where it is the earlier one", () =>
    dropIn(transport, { retry: slowly, deadline: "2 days" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(busy)
        const response = yield* Deadline.within(HttpClient.get(server.url), "10 seconds")
        assert.deepStrictEqual(HttpResilience.attempts(response).map(({ reason }) => reason), ["deadline"])
      })))

  it.scopedLive("the drop-in client says so in the cause of a RequestError, and hands a response over", () =>
    dropIn(transport, { retry: slowly, deadline: "10 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.reset(), busy)
        const error = yield* Effect.flip(HttpClient.get(server.url))
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.instanceOf(error.cause, Deadline.DeadlineExceeded)
        const response = yield* HttpClient.get(server.url)
        assert.strictEqual(response.status, 503)
        assert.strictEqual(yield* response.text, "busy")
      })))
})

onEachSlow("time limits", (transport) => {
  it.scopedLive("combinators put together by hand keep the same limits", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.always(Reply.hang())
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpResilience.attemptTimeout("40 millis"),
        HttpResilience.retry(quick(100)),
        HttpResilience.deadline("500 millis"),
        HttpResilience.typed
      )
      const failure = yield* Effect.flip(client.get(server.url))
      assert.strictEqual(failure._tag, "DeadlineExceeded")
      assert.isAbove((yield* server.requests).length, 1)
      yield* allAborted(server)
    }).pipe(Effect.provide(transport)))
})

onEachTransport("interruption", (transport) => {
  it.scopedLive("of a wait sends nothing more", () =>
    dropIn(transport, { retry: slowly }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.closeAfter(busy))
        const fiber = yield* Effect.fork(HttpClient.get(server.url))
        // The failed response is drained and its connection gone: what is left is the wait.
        yield* server.awaitRequests(1)
        yield* server.awaitClosed()
        yield* Fiber.interrupt(fiber)
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("of an attempt closes its socket and sends nothing more", () =>
    dropIn(transport, { attemptTimeout: "1 hour", deadline: "2 hours" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.hang())
        const fiber = yield* Effect.fork(HttpClient.get(server.url))
        yield* server.awaitRequests(1)
        yield* Fiber.interrupt(fiber)
        yield* server.awaitAborted(1)
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("of a drain closes the socket and sends nothing more", () =>
    dropIn(transport, { drain: { maxDuration: "1 hour" } }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.hangBody(Reply.respond({ status: 503, body: "never all of it" })))
        const fiber = yield* Effect.fork(HttpClient.get(server.url))
        yield* server.awaitRequests(1)
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        yield* allAborted(server)
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("of a body being read in its attempt closes the socket", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.hangBody(Reply.respond({ body: "never all of it" })))
        const client = yield* HttpClient.HttpClient
        const fiber = yield* Effect.fork(
          HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), (_) => _.text)
        )
        yield* server.awaitRequests(1)
        yield* Effect.sleep(Duration.zero)
        yield* Fiber.interrupt(fiber)
        yield* allAborted(server)
        assert.lengthOf(yield* server.requests, 1)
      })))
})
