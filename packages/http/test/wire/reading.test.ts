import type { HttpClientResponse } from "@effect/platform"
import { HttpClient, HttpClientError, HttpClientRequest, UrlParams } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Effect, Either, Option, Schema, Stream } from "effect"
import type { DeadlineExceeded } from "reprise/Deadline"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { sharedByFetch } from "../support/platform.js"
import { dropIn, onEachTransport, quick, typed } from "../support/wire.js"

type Response = HttpClientResponse.HttpClientResponse

const form = Reply.respond({ body: "a=1&b=2", headers: { "content-type": "application/x-www-form-urlencoded" } })

const asText = (response: Response) => response.text

const streamText = ({ stream }: Response) => Stream.mkString(Stream.decodeText(stream))

const readers: ReadonlyArray<readonly [name: string, read: (response: Response) => Effect.Effect<string, unknown>]> = [
  ["text", asText],
  ["arrayBuffer", ({ arrayBuffer }) => Effect.map(arrayBuffer, (buffer) => new TextDecoder().decode(buffer))],
  ["urlParamsBody", ({ urlParamsBody }) => Effect.map(urlParamsBody, UrlParams.toString)],
  [
    "formData",
    ({ formData }) =>
      Effect.map(formData, (data) => [...data].map(([name, value]) => `${name}=${String(value)}`).join("&"))
  ]
]

/** Every order of two of them. */
const pairs = readers.flatMap(([first, readFirst]) =>
  readers.map(([second, readSecond]) => [first, second, readFirst, readSecond] as const)
)

onEachTransport("a reader", (transport, name) => {
  it.scopedLive.each(pairs)(
    "reads the body as %s and again as %s",
    ([first, second, readFirst, readSecond]) =>
      typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
        Effect.gen(function*() {
          yield* server.always(form)
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const request = HttpClientRequest.get(server.url)
          const both = (response: Response) => Effect.all([readFirst(response), readSecond(response)])
          const result = Effect.either(HttpResilience.executeAndRead(client, request, both))
          const value = Either.getRight(yield* result)
          assert.lengthOf(yield* server.requests, 1)
          if (name !== "fetch" || first === second || (sharedByFetch.has(first) && sharedByFetch.has(second))) {
            assert.deepStrictEqual(value as unknown, Option.some(["a=1&b=2", "a=1&b=2"]))
          } else assert.isTrue(Option.isNone(value))
        }))
  )

  it.scopedLive("reads the text of a body that does not fit its schema", () =>
    typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.json({ id: "not a number" }))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const decode = Schema.decodeUnknown(Schema.Struct({ id: Schema.Number }))
        const read = (response: Response) =>
          response.json.pipe(
            Effect.flatMap(decode),
            Effect.catchTag("ParseError", () => Effect.map(response.text, (text) => `log: ${text}`))
          )
        const value = yield* HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), read)
        assert.strictEqual(value, `log: {"id":"not a number"}`)
        assert.lengthOf(yield* server.requests, 1)
      })))

  if (name !== "fetch") {
    it.scopedLive("streams a body that was read before, and fails to read one that was streamed before", () =>
      typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
        Effect.gen(function*() {
          yield* server.always(form)
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const request = HttpClientRequest.get(server.url)
          const read = (response: Response) => Effect.zipRight(response.text, streamText(response))
          assert.strictEqual(yield* HttpResilience.executeAndRead(client, request, read), "a=1&b=2")
          const streamed = (response: Response) => Effect.zipRight(streamText(response), response.text)
          const failure = yield* Effect.flip(HttpResilience.executeAndRead(client, request, streamed))
          assert.strictEqual(failure._tag, "DecodeFailure")
          assert.lengthOf(yield* server.requests, 2)
        })))
  }

  it.scopedLive("streams a body twice as the transport does, without calling it cut", () =>
    typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(form)
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const twice = (response: Response) => Effect.zipLeft(streamText(response), Effect.exit(streamText(response)))
        const value = yield* HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), twice)
        assert.strictEqual(value, "a=1&b=2")
        assert.lengthOf(yield* server.requests, 1)
      })))

  it.scopedLive("reads a stream again that was cut short", () =>
    typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.truncate(form), Reply.truncate(form, { by: "reset" }), form)
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const request = HttpClientRequest.get(server.url)
        assert.strictEqual(yield* HttpResilience.executeAndRead(client, request, streamText), "a=1&b=2")
        assert.lengthOf(yield* server.requests, 3)
      })))
})

const stalls = (status: number) => Reply.hangBody(Reply.respond({ status, body: "the reason" }))

type Limit = Pick<ResilientHttpClient.Options, "attemptTimeout" | "deadline">

const limits: ReadonlyArray<readonly [name: string, limit: Limit]> = [
  ["the attempt timeout", { attemptTimeout: "60 millis" }],
  ["the deadline", { deadline: "60 millis" }],
  ["the attempt timeout before the deadline", { attemptTimeout: "60 millis", deadline: "20 seconds" }]
]

const cases = [200, 404, 503, 302].flatMap((status) => limits.map(([name, limit]) => [status, name, limit] as const))

onEachTransport("a body that stalls", (transport) => {
  it.scopedLive.each(cases)(
    "of a %i ends the drop-in call by %s",
    ([status, , limit]) =>
      dropIn(transport, { retry: false, ...limit }, (server) =>
        Effect.gen(function*() {
          yield* server.always(stalls(status))
          const client = yield* HttpClient.HttpClient
          const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), asText)
          const error = yield* Effect.flip(read)
          assert.instanceOf(error, HttpClientError.RequestError)
          const cause = error.cause as HttpFailure.HttpFailure | DeadlineExceeded<HttpFailure.HttpFailure>
          const last = cause._tag === "DeadlineExceeded" ? Option.getOrThrow(cause.last) : cause
          assert.strictEqual(last._tag, "AttemptTimeout")
          assert.strictEqual(cause._tag, limit.attemptTimeout === undefined ? "DeadlineExceeded" : "AttemptTimeout")
          // Nothing is left that reads.
          yield* server.awaitClosed()
        }))
  )

  it.scopedLive.each(limits)(
    "of a 200 ends the typed call by %s",
    ([, limit]) =>
      typed(transport, { retry: false, ...limit }, (server) =>
        Effect.gen(function*() {
          yield* server.always(stalls(200))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), asText)
          const error = yield* Effect.flip(read)
          assert.strictEqual(error._tag, limit.attemptTimeout === undefined ? "DeadlineExceeded" : "AttemptTimeout")
          yield* server.awaitClosed()
        }))
  )

  it.scopedLive("is not waited for by the typed call that fails with its status", () =>
    typed(transport, { retry: false, attemptTimeout: "20 seconds" }, (server) =>
      Effect.gen(function*() {
        yield* server.always(stalls(404))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), asText)
        assert.strictEqual((yield* Effect.flip(read))._tag, "ClientError")
      })))

  const stacks: ReadonlyArray<
    readonly [name: string, tag: string, stack: (client: HttpClient.HttpClient) => HttpClient.HttpClient.With<unknown>]
  > = [
    ["attemptTimeout", "AttemptTimeout", HttpResilience.attemptTimeout("60 millis")],
    ["deadline", "DeadlineExceeded", HttpResilience.deadline("60 millis")],
    [
      "retry and attemptTimeout",
      "AttemptTimeout",
      (client) => client.pipe(HttpResilience.attemptTimeout("60 millis"), HttpResilience.retry(quick(2)))
    ],
    ["attemptTimeout, retry and deadline", "AttemptTimeout", (client) =>
      client.pipe(
        HttpResilience.attemptTimeout("60 millis"),
        HttpResilience.retry(quick(2)),
        HttpResilience.deadline("20 seconds")
      )],
    ["a stage that replaces the request's body", "AttemptTimeout", (client) =>
      client.pipe(
        HttpClient.mapRequestInput(HttpClientRequest.bodyText("mine")),
        HttpResilience.attemptTimeout("60 millis"),
        HttpResilience.typed
      )]
  ]

  it.scopedLive.each(stacks)("ends the call of a client made of %s", ([name, tag, stack]) =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make({ always: stalls(name.startsWith("a stage") ? 200 : 404) })
      const client = stack(yield* HttpClient.HttpClient)
      const read = HttpResilience.executeAndRead(client, HttpClientRequest.put(server.url), asText)
      assert.propertyVal(yield* Effect.flip(read), "_tag", tag)
      yield* server.awaitClosed()
    }).pipe(Effect.provide(transport)))
})

onEachTransport("a response other than 2xx", (transport) => {
  it.scopedLive.each([300, 302, 404, 422, 429, 500, 503])(
    "can be read after executeAndRead has failed with a %i",
    (status) =>
      typed(transport, { attemptTimeout: "5 seconds" }, (server) =>
        Effect.gen(function*() {
          yield* server.always(Reply.respond({ status, body: "the reason" }))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const read = HttpResilience.executeAndRead(client, HttpClientRequest.get(server.url), ({ json }) => json)
          const failure = yield* Effect.flip(read)
          assert.propertyVal(failure, "status", status)
          if (!("response" in failure) || failure.response === undefined) return assert.fail("there is no response")
          assert.strictEqual(yield* failure.response.text, "the reason")
        }))
  )
})

const redirectTo = (location: string) => Reply.respond({ status: 302, headers: { location }, body: "over there" })

onEachTransport("a redirect", (transport, name) => {
  it.scopedLive("is followed above the typed client", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.route("/old", redirectTo("/new"))
        yield* server.route("/new", Reply.respond({ status: 503, body: "busy" }), Reply.respond({ body: "here" }))
        const client = HttpClient.followRedirects(yield* ResilientHttpClient.ResilientHttpClient)
        const response = yield* client.get(`${server.url}/old`)
        assert.strictEqual(yield* response.text, "here")
        const paths = ["/old", "/new", "/new"]
        // fetch follows redirects itself, so that each of its attempts begins at the first URL.
        assert.deepStrictEqual(
          (yield* server.requests).map(({ path }) => path),
          name === "fetch" ? ["/old", "/new", "/old", "/new"] : paths
        )
      })))

  it.scopedLive("is followed above the typed client by executeAndRead, which reads the answer", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.route("/old", redirectTo("/new"))
        yield* server.route("/new", Reply.json({ id: 1 }))
        const client = HttpClient.followRedirects(yield* ResilientHttpClient.ResilientHttpClient)
        const request = HttpClientRequest.get(`${server.url}/old`)
        assert.deepStrictEqual(yield* HttpResilience.executeAndRead(client, request, ({ json }) => json), { id: 1 })
      })))

  it.scopedLive("is followed above the drop-in client by executeAndRead, which reads the answer only", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.route("/old", redirectTo("/new"))
        yield* server.route("/new", Reply.json({ id: 1 }))
        const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
        const request = HttpClientRequest.get(`${server.url}/old`)
        assert.deepStrictEqual(yield* HttpResilience.executeAndRead(client, request, ({ json }) => json), { id: 1 })
      })))

  if (name !== "fetch") {
    it.scopedLive("that nobody follows is a value of the typed client", () =>
      typed(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.always(redirectTo("/new"))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const response = yield* client.get(server.url)
          assert.strictEqual(response.status, 302)
          assert.strictEqual(yield* response.text, "over there")
        })))

    it.scopedLive("that nobody follows is a failure of executeAndRead, which can be read", () =>
      typed(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.always(redirectTo("/new"))
          const client = yield* ResilientHttpClient.ResilientHttpClient
          const request = HttpClientRequest.get(server.url)
          const failure = yield* Effect.flip(HttpResilience.executeAndRead(client, request, ({ json }) => json))
          if (failure._tag !== "ProtocolFailure") return assert.fail(failure._tag)
          assert.include(failure.message, "redirect")
          assert.strictEqual(yield* failure.response!.text, "over there")
          assert.lengthOf(yield* server.requests, 1)
        })))
  }
})

onEachTransport("a 304", (transport) => {
  it.scopedLive("is a failure of the typed client that says so in plain words", () =>
    typed(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.always(Reply.respond({ status: 304, headers: { etag: "\"1\"" } }))
        const client = yield* ResilientHttpClient.ResilientHttpClient
        const failure = yield* Effect.flip(client.get(server.url, { headers: { "if-none-match": "\"1\"" } }))
        assert.isTrue(HttpFailure.isHttpFailure(failure))
        assert.propertyVal(failure, "status", 304)
        assert.include(failure.message, "has not changed")
        assert.notInclude(failure.message, "redirect")
      })))
})
