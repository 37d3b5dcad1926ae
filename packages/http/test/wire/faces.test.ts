import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Cause, Effect, Exit, Option } from "effect"
import { inspect } from "node:util"
import * as Services from "../../../reprise/test/services.js"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import { kindOf } from "../../src/internal/classify/clientError.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { dropIn, layerTyped, onEachTransport, quick, typed } from "../support/wire.js"

const status = (status: number, body = "the reason") => Reply.respond({ status, body })

onEachTransport("the drop-in client", (transport) => {
  it.scopedLive.each([404, 503, 302])(
    "hands over a %i as a value with its body",
    (code) =>
      dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.always(status(code))
          const response = yield* HttpClient.get(server.url)
          assert.strictEqual(response.status, code)
          assert.strictEqual(yield* response.text, "the reason")
        }))
  )

  it.scopedLive("fails with the RequestError it would fail with, and the failure and ledger as its cause", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.reset())
        const error = yield* Effect.flip(HttpClient.get(server.url))
        assert.instanceOf(error, HttpClientError.RequestError)
        assert.strictEqual(kindOf(error), "Transport")
        const failure = Option.getOrThrow(HttpFailure.fromError(error))
        assert.strictEqual(failure._tag, "ConnectionLost")
        assert.deepStrictEqual(failure.attempts.map(({ number, reason }) => [number, reason]), [
          [1, "backoff"],
          [2, "backoff"],
          [3, "attempts"]
        ])
        for (const attempt of failure.attempts) {
          assert.strictEqual(Option.getOrThrow(attempt.failure)._tag, "ConnectionLost")
          assert.strictEqual(Option.isSome(attempt.delay), attempt.number < 3)
        }
      })))

  it.scopedLive("has the ledger of a response", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(status(503), Reply.reset())
        const attempts = HttpResilience.attempts(yield* HttpClient.get(server.url))
        assert.deepStrictEqual(
          attempts.map(({ failure }) => Option.map(failure, ({ _tag }) => _tag)),
          [Option.some("ServerError"), Option.some("ConnectionLost"), Option.none()]
        )
      })))
})

onEachTransport("the typed client", (transport) => {
  it.scopedLive.each(
    [
      ["RateLimited", status(429)],
      ["ServerError", status(500)],
      ["ClientError", status(404)],
      ["ProtocolFailure", status(304)],
      ["ConnectionLost", Reply.reset()],
      ["ConnectionLost", Reply.fin()],
      ["AttemptTimeout", Reply.hang()],
      ["ProtocolFailure", Reply.malformed("garbage")],
      ["ProtocolFailure", Reply.malformed("headerOverflow")]
    ] as const
  )(
    "fails with %s",
    ([tag, reply]) =>
      // Only what hangs is given little time: the machine may be busy.
      typed(
        transport,
        { attemptTimeout: tag === "AttemptTimeout" ? "60 millis" : "10 seconds", retry: quick(2) },
        (server) =>
          Effect.gen(function*() {
            yield* server.always(reply)
            const client = yield* ResilientHttpClient.ResilientHttpClient
            const failure = yield* Effect.flip(client.get(server.url))
            assert.strictEqual(failure._tag, tag)
            if (tag !== "AttemptTimeout") {
              assert.lengthOf(yield* server.requests, HttpFailure.isHttpFailure(failure) && failure.retryable ? 2 : 1)
            }
          })
      )
  )

  it.scopedLive("keeps the body of a failed response readable", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.always(status(422))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const text = yield* client.get(server.url).pipe(
          Effect.flatMap((response) => response.text),
          Effect.catchTag("ClientError", (failure) => failure.response.text)
        )
        assert.strictEqual(text, "the reason")
      })))

  const whole = Reply.respond({ body: `{"whole":true}` })

  it.scopedLive.each(
    [
      ["text", (text: string) => text],
      ["json", (json: unknown) => JSON.stringify(json)],
      ["arrayBuffer", (buffer: ArrayBuffer) => new TextDecoder().decode(buffer)]
    ] as const
  )(
    "reads a body again that was cut short, as %s",
    ([method, show]) =>
      typed(transport, { attemptTimeout: "2 seconds" }, (server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.truncate(whole), Reply.truncate(whole, { by: "reset" }), whole)
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const value = yield* HttpResilience.executeAndRead(
            client,
            HttpClientRequest.get(server.url),
            (response) => Effect.map(response[method] as Effect.Effect<never>, show as (_: never) => string)
          )
          assert.strictEqual(value, `{"whole":true}`)
          assert.lengthOf(yield* server.requests, 3)
        }))
  )

  it.scopedLive("does not read again what is whole but cannot be decoded", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.respond({ body: "no JSON" }))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const request = HttpClientRequest.get(server.url)
        const error = yield* Effect.flip(HttpResilience.executeAndRead(client, request, (response) => response.json))
        assert.strictEqual(error._tag, "DecodeFailure")
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("has the ledger of the response that was read, once the call has ended", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.truncate(whole), whole)
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const request = HttpClientRequest.get(server.url)
        const response = yield* HttpResilience.executeAndRead(client, request, (response) =>
          Effect.as(response.text, response))
        assert.deepStrictEqual(
          HttpResilience.attempts(response).map(({ reason }) =>
            reason
          ),
          ["backoff", "success"]
        )
      })))

  it.scopedLive("gives the reader's own error back, and does not read again", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const request = HttpClientRequest.get(server.url)
        const error = yield* Effect.flip(
          HttpResilience.executeAndRead(client, request, () => Effect.fail("mine" as const))
        )
        assert.strictEqual(error, "mine")
        assert.lengthOf(yield* server.requests, 1)
      })))
})

describe("secrets", () => {
  onEachTransport("of a request", (transport) => {
    it.scopedLive.each(
      [
        ["a reset", Reply.reset()],
        ["a response", status(500)],
        ["a timeout", Reply.hang()],
        ["garbage", Reply.malformed("garbage")],
        ["a cut body", Reply.truncate(Reply.respond({ body: "whole" }))]
      ] as const
    )("are in nothing that we print of %s", ([, reply]) =>
      Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.always(reply)
        const request = HttpClientRequest.get(
          `${server.url.replace("//", "//user:pass-SECRET@")}/path?token=query-SECRET`
        ).pipe(
          HttpClientRequest.setHeader("authorization", "Bearer header-SECRET"),
          HttpClientRequest.setHeader("cookie", "session=cookie-SECRET"),
          HttpClientRequest.setHeader("x-custom", "custom-SECRET")
        )
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const logged: Array<string> = []
        const exit = yield* Effect.exit(HttpResilience.executeAndRead(client, request, (response) => response.text))
          .pipe(
            Effect.tap((exit) => Exit.isFailure(exit) ? Effect.logError("failed", exit.cause) : Effect.void),
            Effect.provide(Services.logging((line) => logged.push(inspect(line, { depth: 20 }))))
          )
        if (Exit.isSuccess(exit)) return assert.fail("the call must fail")
        const failure = Option.getOrThrow(Cause.failureOption(exit.cause))
        const { response: _, ...facts } = failure as typeof failure & { response?: unknown }
        const printed = [
          (failure as Error).message,
          String(failure),
          JSON.stringify(facts),
          inspect(facts, { depth: 20 }),
          Cause.pretty(exit.cause, { renderErrorCause: true }),
          ...logged
        ]
        for (const text of printed) assert.notInclude(text, "SECRET")
        assert.include((failure as Error).message, "/path")
      }).pipe(Effect.provide(layerTyped(transport, { retry: quick(2), attemptTimeout: "60 millis" }))))
  })
})
