/** Cells of `docs/comparison.md` that no other test shows: above all, what `retryTransient` of `@effect/platform` 0.97 sends. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpRetry, ResilientHttpClient } from "@reprise/http"
import { FaultServer, HttpFault, Reply } from "@reprise/testing"
import { Effect, Schedule } from "effect"

type Retried = (client: HttpClient.HttpClient) => HttpClient.HttpClient.With<unknown>

const busy = Reply.respond({ status: 503 })
const schedule = Schedule.spaced("1 millis")

/** Sends a request to a server that answers as told, and returns what the server has seen. */
const sentBy = (
  retried: Retried,
  request: (url: string) => HttpClientRequest.HttpClientRequest,
  replies: ReadonlyArray<Reply.Reply>
) =>
  Effect.gen(function*() {
    const server = yield* FaultServer.make()
    yield* server.script(...replies)
    yield* Effect.exit(retried(yield* HttpClient.HttpClient).execute(request(server.url)))
    return yield* server.requests
  }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))

const sent = (
  request: (url: string) => HttpClientRequest.HttpClientRequest,
  times: number,
  ...replies: ReadonlyArray<Reply.Reply>
) => sentBy(HttpClient.retryTransient({ times, schedule }), request, replies)

const mixed = [busy, busy, Reply.reset()]

describe("retryTransient of Effect 3", () => {
  it.live("sends a POST without a key again after a 503", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* sent(HttpClientRequest.post, 3, busy, busy, busy, busy), 4)
    }))

  it.live("sends a POST without a key again after the server received it and reset the connection", () =>
    Effect.gen(function*() {
      const reset = Reply.reset()
      assert.lengthOf(yield* sent(HttpClientRequest.post, 3, reset, reset, reset, reset), 4)
    }))

  it.live("ignores Retry-After", () =>
    Effect.gen(function*() {
      const limited = Reply.respond({ status: 429, headers: { "retry-after": "30" } })
      assert.lengthOf(yield* sent(HttpClientRequest.get, 1, limited), 2)
    }))

  it.live("counts responses and errors separately, so times: 2 allows 9 requests", () =>
    Effect.gen(function*() {
      assert.lengthOf(yield* sent(HttpClientRequest.get, 2, ...mixed, ...mixed, ...mixed), 9)
    }))

  it.live("repeats a request whose certificate is not valid", () =>
    Effect.gen(function*() {
      const fault = yield* HttpFault.make()
      yield* fault.always(HttpFault.fail("certificateExpired"))
      yield* Effect.exit(HttpClient.retryTransient(fault.client, { times: 3, schedule }).get("https://example.com"))
      assert.lengthOf(yield* fault.requests, 4)
    }))
})

it.live("Reprise counts responses and errors together: 3 attempts are 3 requests", () =>
  Effect.gen(function*() {
    const retried = ResilientHttpClient.make({ retry: HttpRetry.exponential({ attempts: 3, base: "1 millis" }) })
    assert.lengthOf(yield* sentBy(retried, HttpClientRequest.get, mixed), 3)
  }))
