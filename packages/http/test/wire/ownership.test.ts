/** Every response is drained, aborted or handed to the caller, however its attempt and its call end. */
import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Exit, Fiber, Schedule } from "effect"
import type * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as HttpResilience from "../../src/HttpResilience.js"
import { dropIn, onEachFace, onEachPlain, quick, toArrive, transports } from "../support/wire.js"

/** The kernel takes megabytes that nobody reads: only a server that has not sent all of a body sees who gives up. */
const endless = (status: number) => Reply.hangBody(Reply.respond({ status, body: "x".repeat(300_000) }))
const unavailable = endless(503)
const after = Reply.delay

const get = (server: FaultServer.FaultServer) => HttpClient.get(server.url)

/** Waits until the client has given up those requests and no others. */
const aborted = (server: FaultServer.FaultServer, ...indexes: ReadonlyArray<number>) =>
  Effect.map(
    Effect.timeout(server.awaitAborted(indexes.length), "5 seconds"),
    (requests) => assert.sameMembers(requests.map(({ index }) => index), [...indexes])
  )

onEachPlain("the body of a failed response, beside a hedge", transports, (transport) => {
  const hedged = { retry: false, hedge: HttpResilience.hedge({ after: "50 millis" }) } as const

  it.scopedLive("is released if the hedge wins", () =>
    dropIn(transport, hedged, (server) =>
      Effect.gen(function*() {
        yield* server.script(after(unavailable, "100 millis"), after(Reply.ok, "200 millis"))
        const response = yield* get(server)
        assert.strictEqual(yield* response.text, "ok")
        yield* aborted(server, 0)
      })))

  it.scopedLive("is released if the hedge failed and the first attempt wins", () =>
    dropIn(transport, hedged, (server) =>
      Effect.gen(function*() {
        yield* server.script(after(Reply.ok, "250 millis"), after(unavailable, "50 millis"))
        const response = yield* get(server)
        assert.strictEqual(yield* response.text, "ok")
        yield* aborted(server, 1)
      })))

  it.scopedLive("is released if both fail, and the other one is the caller's", () =>
    dropIn(transport, hedged, (server) =>
      Effect.gen(function*() {
        const last = Reply.respond({ status: 503, body: "the last" })
        yield* server.script(after(unavailable, "100 millis"), after(last, "200 millis"))
        const response = yield* get(server)
        assert.strictEqual(response.status, 503)
        assert.strictEqual(yield* response.text, "the last")
        yield* aborted(server, 0)
      })))

  it.scopedLive("is released if both fail, before the retry", () =>
    dropIn(transport, { ...hedged, retry: quick(3) }, (server) =>
      Effect.gen(function*() {
        yield* server.script(after(unavailable, "100 millis"), after(unavailable, "100 millis"))
        assert.strictEqual((yield* get(server)).status, 200)
        yield* aborted(server, 0, 1)
      })))

  it.scopedLive("is released if the other one fails for good", () =>
    dropIn(transport, { ...hedged, retry: quick(3) }, (server) =>
      Effect.gen(function*() {
        const missing = Reply.respond({ status: 404, body: "missing" })
        yield* server.script(after(unavailable, "100 millis"), after(missing, "200 millis"))
        const response = yield* get(server)
        assert.strictEqual(yield* response.text, "missing")
        yield* aborted(server, 0)
      })))

  it.scopedLive("is released if the caller is interrupted", () =>
    dropIn(transport, hedged, (server) =>
      Effect.gen(function*() {
        yield* server.script(after(unavailable, "100 millis"), Reply.hang())
        const fiber = yield* Effect.fork(get(server))
        yield* server.awaitRequests(2)
        yield* Effect.sleep("150 millis")
        yield* Fiber.interrupt(fiber)
        yield* aborted(server, 0, 1)
      })))

  it.scopedLive("is released if the budget dies while it decides about the hedge", () =>
    Effect.gen(function*() {
      const own = yield* RetryBudget.share({ ratio: 1 })
      let asked = 0
      const budget = () =>
        Effect.suspend(() => asked++ === 0 ? Effect.succeed(own) : Effect.delay(Effect.die("budget"), "200 millis"))
      yield* dropIn(transport, { ...hedged, budget }, (server) =>
        Effect.gen(function*() {
          yield* server.script(after(unavailable, "100 millis"))
          assert.deepStrictEqual(yield* Effect.exit(get(server)), Exit.die("budget"))
          yield* aborted(server, 0)
        }))
    }))
})

onEachFace("the body of a failed response", (transport) => {
  it.scopedLive("is released if the schedule dies while it decides", () => {
    const retry = Schedule.tapInput(quick(3), () => Effect.die("schedule"))
    return dropIn(transport, { retry }, (server) =>
      Effect.gen(function*() {
        yield* server.always(unavailable)
        assert.deepStrictEqual(yield* Effect.exit(get(server)), Exit.die("schedule"))
        yield* aborted(server, 0)
      }))
  })

  it.scopedLive("is released if the caller is interrupted while the schedule decides", () => {
    const retry = Schedule.tapInput(quick(3), () => Effect.never)
    return dropIn(transport, { retry }, (server) =>
      Effect.gen(function*() {
        yield* server.always(unavailable)
        const fiber = yield* Effect.fork(get(server))
        yield* server.awaitRequests(1)
        yield* Effect.sleep("100 millis")
        yield* Fiber.interrupt(fiber)
        yield* aborted(server, 0)
      }))
  })

  it.scopedLive("is released if a guard dies of it", () => {
    const algorithm: AdaptiveLimiter.Algorithm<number> = {
      initial: 9,
      limit: (limit) => limit,
      next: () => {
        throw "algorithm"
      }
    }
    return dropIn(
      transport,
      { adaptiveLimiter: HttpResilience.adaptiveLimiter({ algorithm }) },
      (server) =>
        Effect.gen(function*() {
          yield* server.always(unavailable)
          assert.isTrue(Exit.isFailure(yield* Effect.exit(get(server))))
          yield* aborted(server, 0)
        })
    )
  })

  it.scopedLive("is released if the guard is a stage of its own and dies of it", () =>
    dropIn(transport, { retry: false }, (server) =>
      Effect.gen(function*() {
        yield* server.always(unavailable)
        const key = () => "all"
        const partition = () => "all"
        const algorithm: AdaptiveLimiter.Algorithm<number> = {
          initial: 9,
          limit: (limit) => limit,
          next: () => {
            throw "algorithm"
          }
        }
        const client = (yield* HttpClient.HttpClient).pipe(
          HttpResilience.adaptiveLimiter({ algorithm, key, partition })
        )
        assert.isTrue(Exit.isFailure(yield* Effect.exit(client.get(server.url))))
        yield* aborted(server, 0)
      })))

  it.scopedLive("that a stage below turns into an error is released before the retry", () =>
    dropIn(transport, { retry: false }, (server) =>
      Effect.gen(function*() {
        yield* server.script(unavailable)
        const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient).pipe(HttpResilience.retry(quick(3)))
        assert.strictEqual((yield* client.get(server.url)).status, 200)
        yield* aborted(server, 0)
      })))
})

onEachFace("the body of a response", (transport) => {
  it.scopedLive.each([200, 302, 404, 503])(
    "is released if its reader fails without reading it: a %i",
    (status) =>
      dropIn(transport, { retry: false, attemptTimeout: "1 minute" }, (server) =>
        Effect.gen(function*() {
          yield* server.always(endless(status))
          const client = yield* HttpClient.HttpClient
          const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), () => Effect.fail("no"))
          assert.strictEqual(yield* Effect.flip(read), "no")
          yield* aborted(server, 0)
        }))
  )

  it.scopedLive("is released if the attempt times out before its reader has begun to read it", () =>
    dropIn(transport, { attemptTimeout: toArrive }, (server) =>
      Effect.gen(function*() {
        yield* server.script(endless(200))
        const client = yield* HttpClient.HttpClient
        let reads = 0
        const text = yield* HttpResilience.executeAndRead(
          client,
          HttpClientRequest.get(server.url),
          (response) => ++reads === 1 ? Effect.never : response.text
        )
        assert.strictEqual(text, "ok")
        yield* aborted(server, 0)
      })))
})
