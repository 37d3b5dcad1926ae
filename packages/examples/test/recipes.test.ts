/**
 * What the output of a recipe does not show. `docs:check` runs the recipes themselves.
 */
import { FetchHttpClient, HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import type { HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { HttpResilience, Idempotency, ResilientHttpClient } from "@reprise/http"
import { FaultServer, Reply } from "@reprise/testing"
import { Deferred, Effect, Fiber, type Layer, Stream } from "effect"
import { createHmac } from "node:crypto"
import * as Recipes from "./support/recipes.js"

type ClientLive = Layer.Layer<ResilientHttpClient.ResilientHttpClient>

const Client = ResilientHttpClient.ResilientHttpClient

const respond = (status: number, headers: Record<string, string> = {}) => Reply.respond({ status, headers })

/** The tag of the failure of a call, or the status of its response. */
const ended = <E extends { readonly _tag: string }, R>(
  call: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>
) => Effect.match(call, { onSuccess: ({ status }) => `${status}`, onFailure: ({ _tag }) => _tag as string })

const recipe = <A>(title: string, ...names: ReadonlyArray<string>) =>
  Effect.promise(() => Recipes.load<A>(title, ...names))

describe.each(Recipes.all)("the recipe $title", (recipe) => {
  it("has one sentence, at most 40 lines with an output, and at most three sentences", () => {
    assert.strictEqual(Recipes.sentences(recipe.before), 1)
    assert.isAtMost(recipe.code.trimEnd().split("\n").length, 40)
    assert.include(recipe.code, "// => ")
    assert.isAtMost(Recipes.sentences(recipe.after), 3)
  })

  it("is in the index", () => {
    assert.include(Recipes.index, `(${Recipes.anchor(recipe)})`)
  })
})

describe("LLM APIs", () => {
  it.scopedLive("sends a prompt once if the provider may have answered it", () =>
    Effect.gen(function*() {
      const { ModelLive } = yield* recipe<{ ModelLive: ClientLive }>("LLM APIs", "ModelLive")
      for (const failing of [respond(500), respond(503), Reply.reset()]) {
        const server = yield* FaultServer.make({ always: failing })
        yield* Effect.provide(Effect.flatMap(Client, (client) => ended(client.post(server.url))), ModelLive)
        assert.lengthOf(yield* server.requests, 1)
      }
    }))
})

describe("Streaming", () => {
  interface Recipe {
    readonly ModelLive: ClientLive
    readonly open: (
      response: HttpClientResponse.HttpClientResponse
    ) => Effect.Effect<Stream.Stream<string, unknown>, unknown>
  }
  const body = "data: one\n\ndata: two\n\ndata: three\n\n"
  const events = Reply.respond({ headers: { "content-type": "text/event-stream" }, body })

  it.scopedLive.each(
    [
      ["a silent stream, and closes its connection", Reply.truncate(events, { bytes: 22, by: "hang" })],
      ["a stream that breaks", Reply.truncate(events, { bytes: 22, by: "reset" })]
    ] as const
  )("does not retry %s", ([, reply]) =>
    Effect.gen(function*() {
      const { ModelLive, open } = yield* recipe<Recipe>("Streaming", "ModelLive", "open")
      const server = yield* FaultServer.make({ always: reply })
      const request = HttpClientRequest.post(server.url).pipe(Idempotency.markIdempotent)
      yield* Effect.gen(function*() {
        const stream = yield* HttpResilience.executeAndRead(yield* Client, request, open)
        yield* Effect.flip(Stream.runDrain(stream))
      }).pipe(Effect.scoped, Effect.provide(ModelLive))
      assert.lengthOf(yield* server.requests, 1)
      yield* server.awaitClosed()
    }))
})

describe("401", () => {
  type Error = HttpClientError.HttpClientError
  interface Recipe {
    readonly withToken: (
      client: HttpClient.HttpClient,
      refresh: Effect.Effect<string, Error>
    ) => Effect.Effect<HttpClient.HttpClient>
  }
  const loaded = recipe<Recipe>("401", "withToken")

  it.scopedLive("hands on a second 401 after one refresh", () =>
    Effect.gen(function*() {
      const { withToken } = yield* loaded
      const server = yield* FaultServer.make({ always: respond(401) })
      let refreshes = 0
      const client = yield* withToken(yield* HttpClient.HttpClient, Effect.sync(() => `token ${++refreshes}`))
      assert.strictEqual((yield* client.get(server.url)).status, 401)
      assert.strictEqual(refreshes, 1)
      const tokens = (yield* server.requests).map(({ headers }) => headers["authorization"])
      assert.deepStrictEqual(tokens, ["Bearer expired", "Bearer token 1"])
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.scopedLive("sends a body that can be read once only once", () =>
    Effect.gen(function*() {
      const { withToken } = yield* loaded
      const server = yield* FaultServer.make({ always: respond(401) })
      const client = yield* withToken(yield* HttpClient.HttpClient, Effect.succeed("fresh"))
      const body = HttpBody.stream(Stream.succeed(new Uint8Array([1])))
      assert.strictEqual((yield* client.put(server.url, { body })).status, 401)
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(Effect.provide(FetchHttpClient.layer)))

  it.scopedLive("refreshes for those who wait if the caller that has begun gives up", () =>
    Effect.gen(function*() {
      const { withToken } = yield* loaded
      const isFresh = ({ headers }: FaultServer.RecordedRequest) => headers["authorization"] === "Bearer fresh"
      const server = yield* FaultServer.make({ always: (request) => respond(isFresh(request) ? 200 : 401) })
      const begun = yield* Deferred.make<void>()
      let refreshes = 0
      const refresh = Effect.suspend(() =>
        ++refreshes === 1 ? Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never) : Effect.succeed("fresh")
      )
      const client = yield* withToken(yield* HttpClient.HttpClient, refresh)
      const first = yield* Effect.fork(client.get(server.url))
      yield* Deferred.await(begun)
      const second = yield* Effect.fork(client.get(server.url))
      yield* server.awaitRequests(2)
      yield* Fiber.interrupt(first)
      assert.strictEqual((yield* Fiber.join(second)).status, 200)
      assert.strictEqual(refreshes, 2)
    }).pipe(Effect.provide(FetchHttpClient.layer)))
})

describe("Poll a job", () => {
  it.scopedLive("may poll more often than a breaker or a budget of retries allows failures", () =>
    Effect.gen(function*() {
      const { JobsLive } = yield* recipe<{ JobsLive: ClientLive }>("Poll a job", "JobsLive")
      const server = yield* FaultServer.make({ always: respond(200) })
      yield* server.script(...Array.from({ length: 11 }, () => respond(202)))
      const poll = Effect.flatMap(Client, (client) => ended(client.get(`${server.url}/jobs/7`)))
      assert.strictEqual(yield* Effect.provide(poll, JobsLive), "200")
      assert.lengthOf(yield* server.requests, 12)
    }))
})

describe("GraphQL", () => {
  it.scopedLive("does not retry an error that stays, and hands it on with its body", () =>
    Effect.gen(function*() {
      interface Recipe {
        readonly GraphLive: ClientLive
        readonly query: (url: string, query: string) => HttpClientRequest.HttpClientRequest
      }
      const { GraphLive, query } = yield* recipe<Recipe>("GraphQL", "GraphLive", "query")
      const errors = { errors: [{ extensions: { code: "BAD_USER_INPUT" } }] }
      const server = yield* FaultServer.make({ always: Reply.json(errors) })
      const failure = yield* Client.pipe(
        Effect.flatMap((client) => client.execute(query(server.url, "{ order }"))),
        Effect.catchTag("ClientError", ({ response }) => response.json),
        Effect.provide(GraphLive)
      )
      assert.deepStrictEqual(failure, errors)
      assert.lengthOf(yield* server.requests, 1)
    }))
})

describe("SQL", () => {
  interface Recipe {
    readonly SqlError: new(facts: { readonly code: string }) => { readonly _tag: string }
    readonly makeResilient: Effect.Effect<
      <E>(query: Effect.Effect<never, E>) => Effect.Effect<never, { readonly _tag: string }>
    >
  }

  it.effect.each([["23505", "SqlError"], ["08006", "CircuitOpen"]] as const)(
    "ends ten queries that fail with %s by %s",
    ([code, tag]) =>
      Effect.gen(function*() {
        const { SqlError, makeResilient } = yield* recipe<Recipe>("SQL", "SqlError", "makeResilient")
        const resilient = yield* makeResilient
        const query = Effect.flip(resilient(Effect.suspend(() => Effect.fail(new SqlError({ code })))))
        const errors = yield* Effect.replicateEffect(query, 10)
        assert.strictEqual(errors.at(-1)?._tag, tag)
      })
  )
})

describe("Send webhooks", () => {
  it.scopedLive("signs the body and the time of each attempt", () =>
    Effect.gen(function*() {
      interface Recipe {
        readonly WebhooksLive: ClientLive
        readonly send: (
          url: string,
          id: string
        ) => Effect.Effect<string, never, ResilientHttpClient.ResilientHttpClient>
      }
      const { WebhooksLive, send } = yield* recipe<Recipe>("Send webhooks", "WebhooksLive", "send")
      const server = yield* FaultServer.make()
      yield* server.script(respond(503), Reply.reset())
      assert.strictEqual(yield* Effect.provide(send(server.url, "evt_1"), WebhooksLive), "delivered")
      const requests = yield* server.requests
      assert.lengthOf(requests, 3)
      for (const { headers, text } of requests) {
        const signed = ["evt_1", headers["webhook-timestamp"], text].join(".")
        const signature = createHmac("sha256", "secret").update(signed).digest("base64")
        assert.strictEqual(headers["webhook-signature"], signature)
        assert.strictEqual(headers["webhook-id"], "evt_1")
        assert.strictEqual(text, `{"type":"order.paid"}`)
      }
    }))
})

describe("Consume a queue", () => {
  it.scopedLive("gives a message back if the dependency stays down", () =>
    Effect.gen(function*() {
      interface Recipe {
        readonly ShopLive: ClientLive
        readonly handle: (
          url: string,
          order: string
        ) => Effect.Effect<string, never, ResilientHttpClient.ResilientHttpClient>
      }
      const { ShopLive, handle } = yield* recipe<Recipe>("Consume a queue", "ShopLive", "handle")
      const server = yield* FaultServer.make({ always: respond(503) })
      assert.strictEqual(yield* Effect.provide(handle(server.url, "a"), ShopLive), "requeue")
      assert.lengthOf(yield* server.requests, 3)
    }))
})
