import { HttpApiClient, HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import type { Tracer } from "effect"
import { Effect, Exit, Option, Ref } from "effect"
import * as HttpFailure from "../../src/HttpFailure.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as clientError from "../../src/internal/classify/clientError.js"
import { Api, noCookies } from "../support/platform.js"
import { dropIn, onEachFace, quick } from "../support/wire.js"

const busy = Reply.respond({ status: 503, body: "busy" })
const redirect = (location: string, status = 303) => Reply.respond({ status, headers: { location } })

/** The current tracer, and the spans that it makes. */
const recorded = Effect.map(Effect.tracer, (tracer) => {
  const spans: Array<Tracer.Span> = []
  const span = (...args: Parameters<Tracer.Tracer["span"]>) => {
    const span = tracer.span(...args)
    spans.push(span)
    return span
  }
  return [spans, Object.create(tracer, { span: { value: span } }) as Tracer.Tracer] as const
})

onEachFace("Reprise works", (transport, name) => {
  it.scopedLive("under HttpApiClient", () =>
    dropIn(transport, { idempotencyKeys: true }, (server) =>
      Effect.gen(function*() {
        const client = yield* HttpApiClient.make(Api, { baseUrl: server.url })
        yield* server.script(busy, Reply.json(["a", "b"]), Reply.reset(), Reply.json("created"))
        assert.deepStrictEqual(yield* client.orders.list(), ["a", "b"])
        assert.strictEqual(yield* client.orders.create({ payload: { id: "a" } }), "created")
        const [, , first, second] = yield* server.requests
        assert.strictEqual(first!.text, `{"id":"a"}`)
        assert.strictEqual(second!.text, first!.text)
        assert.strictEqual(second!.headers["idempotency-key"], first!.headers["idempotency-key"])
      })))

  it.scopedLive("below followRedirects: each hop is a call of its own", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        const client = HttpClient.followRedirects(yield* HttpClient.HttpClient)
        yield* server.script(busy, redirect("/next"), busy, Reply.respond({ body: "there" }))
        assert.strictEqual(yield* (yield* client.get(server.url)).text, "there")
        assert.lengthOf(yield* server.requests, 4)
      })))

  it.scopedLive("above followRedirects: what an earlier hop may have done is never called unsent", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      yield* server.script(redirect(yield* FaultServer.refusedUrl))
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.followRedirects(),
        HttpResilience.retry(quick(3), { retryUnsent: true }),
        HttpResilience.typed
      )
      const failure = yield* Effect.flip(client.post(server.url))
      assert.strictEqual(failure._tag, "ConnectFailure")
      if (failure._tag === "ConnectFailure") assert.strictEqual(failure.sent, "maybe")
      assert.lengthOf(yield* server.requests, 1)
    }).pipe(Effect.provide(transport)))

  it.scopedLive("above followRedirects: a hop to the same path is no first hop either", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      // The server books the payment, sends its client to the result, and goes down.
      yield* server.script(Reply.closeAfter(redirect("/?done=1")))
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.tap(() => Effect.ignore(server.stop)),
        HttpClient.followRedirects(),
        HttpResilience.retry(quick(3), { retryUnsent: true })
      )
      yield* Effect.exit(client.post(`${server.url}/`))
      assert.lengthOf((yield* server.requests).filter(({ path }) => path === "/"), 1)
    }).pipe(Effect.provide(transport)))

  it.scopedLive("below filterStatusOk", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(busy, Reply.ok, Reply.respond({ status: 404 }))
        const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
        assert.strictEqual((yield* client.get(server.url)).status, 200)
        assert.instanceOf(yield* Effect.flip(client.get(server.url)), HttpClientError.ResponseError)
      })))

  it.scopedLive("above filterStatusOk: its errors are retried, drained, and stay what they are", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const client = (yield* HttpClient.HttpClient).pipe(HttpClient.filterStatusOk, HttpResilience.retry(quick(3)))
      yield* server.script(busy, busy)
      assert.strictEqual((yield* client.get(server.url)).status, 200)
      yield* server.always(busy)
      const error = yield* Effect.flip(client.get(server.url))
      assert.instanceOf(error, HttpClientError.ResponseError)
      assert.strictEqual(clientError.kindOf(error), "StatusCode")
      assert.strictEqual(yield* clientError.responseOf(error)!.text, "busy")
      assert.lengthOf(Option.getOrThrow(HttpFailure.fromError(error)).attempts, 3)
      assert.lengthOf(yield* server.requests, 6)
    }).pipe(Effect.provide(transport)))

  it.scopedLive("with tracing: a span for each attempt, which says how often it was sent again", () =>
    Effect.gen(function*() {
      const [spans, tracer] = yield* recorded
      yield* dropIn(transport, {}, (server) =>
        Effect.gen(function*() {
          yield* server.script(busy, busy)
          yield* HttpClient.get(server.url)
          const traces = (yield* server.requests).map(({ headers }) => headers["traceparent"])
          assert.strictEqual(new Set(traces).size, 3)
        })).pipe(Effect.withTracer(tracer))
      const clients = spans.filter(({ kind }) => kind === "client")
      assert.deepStrictEqual(clients.map(({ attributes }) => attributes.get("http.request.resend_count")), [
        undefined,
        1,
        2
      ])
    }))

  it.scopedLive("with tracing: no other span within an attempt says how often the request was sent again", () =>
    Effect.gen(function*() {
      const [spans, tracer] = yield* recorded
      yield* dropIn(transport, { retry: false }, (server) =>
        Effect.gen(function*() {
          yield* server.route("/orders", busy, busy, Reply.ok)
          const bare = yield* HttpClient.HttpClient
          const write = Effect.withSpan(Effect.void, "write", { kind: "client" })
          const client = bare.pipe(
            HttpClient.mapRequestEffect((request) => Effect.as(bare.get(`${server.url}/token`), request)),
            HttpClient.transform((sent) => Effect.zipRight(write, Effect.zipLeft(sent, bare.get(`${server.url}/log`)))),
            HttpResilience.retry(quick(3))
          )
          yield* Effect.withSpan(client.get(`${server.url}/orders`), "call")
        })).pipe(Effect.withTracer(tracer))
      const counts = spans.map(({ attributes, name }) => [
        attributes.get("url.path") ?? name,
        attributes.get("http.request.resend_count")
      ])
      const own = counts.filter(([what]) => what === "/orders")
      assert.deepStrictEqual(own, [["/orders", undefined], ["/orders", 1], ["/orders", 2]])
      const others = counts.filter(([what]) => what !== "/orders")
      assert.sameDeepMembers(others, [
        ...Array(3).fill(["/token", undefined]),
        ...Array(3).fill(["write", undefined]),
        ...Array(3).fill(["/log", undefined]),
        ["call", undefined]
      ])
    }))

  it.scopedLive("with trace headers turned off", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        yield* server.script(busy)
        yield* HttpClient.withTracerPropagation(yield* HttpClient.HttpClient, false).get(server.url)
        for (const { headers } of yield* server.requests) assert.isUndefined(headers["traceparent"])
      })))

  it.scopedLive("with cookies, those of a failed response too", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const cookies = yield* Ref.make(noCookies)
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.withCookiesRef(cookies),
        HttpResilience.retry(quick(3))
      )
      yield* server.script(Reply.respond({ status: 503, headers: { "set-cookie": "a=1" } }))
      yield* client.get(server.url)
      assert.deepStrictEqual((yield* server.requests).map(({ headers }) => headers["cookie"]), [undefined, "a=1"])
    }).pipe(Effect.provide(transport)))

  it.scopedLive("runs what is below it for each attempt, and what is above it once", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const signed = yield* Ref.make(0)
      const named = yield* Ref.make(0)
      const counted = (ref: Ref.Ref<number>, header: string) =>
        HttpClient.mapRequestEffect((request: HttpClientRequest.HttpClientRequest) =>
          Effect.map(
            Ref.updateAndGet(ref, (n) => n + 1),
            (n) => HttpClientRequest.setHeader(request, header, String(n))
          )
        )
      const client = (yield* HttpClient.HttpClient).pipe(
        counted(signed, "x-signed"),
        HttpResilience.retry(quick(3), { attemptHeader: "x-attempt" }),
        counted(named, "x-named")
      )
      yield* server.script(busy, busy)
      yield* client.get(server.url)
      assert.deepStrictEqual(
        (yield* server.requests).map(({ headers }) => [headers["x-signed"], headers["x-named"], headers["x-attempt"]]),
        [["1", "1", undefined], ["2", "1", "2"], ["3", "1", "3"]]
      )
    }).pipe(Effect.provide(transport)))

  it.scopedLive("with a scope that owns the request", () =>
    dropIn(transport, {}, (server) =>
      Effect.gen(function*() {
        const client = HttpClient.withScope(yield* HttpClient.HttpClient)
        yield* server.script(busy)
        assert.strictEqual(yield* Effect.scoped(Effect.flatMap(client.get(server.url), (_) => _.text)), "ok")
      })))

  it.scopedLive(`with many calls at once over ${name}: all that can succeed do, and no POST is sent twice`, () =>
    dropIn(transport, { retry: quick(8) }, (server) =>
      Effect.gen(function*() {
        yield* server.always((request) =>
          request.index % 10 === 3 ? busy : request.index % 10 === 7 ? Reply.reset() : Reply.ok
        )
        const call = (n: number) =>
          n % 5 === 0 ? HttpClient.post(`${server.url}/${n}`) : HttpClient.get(`${server.url}/${n}`)
        yield* Effect.forEach(Array.from({ length: 200 }, (_, n) => n), (n) =>
          call(n).pipe(
            Effect.flatMap((response) => response.text),
            Effect.exit,
            Effect.map((exit) => n % 5 === 0 || assert.deepStrictEqual(exit, Exit.succeed("ok")))
          ), { concurrency: 50 })
        const posts = (yield* server.requests).filter(({ method }) => method === "POST").map(({ path }) => path)
        assert.strictEqual(new Set(posts).size, posts.length)
        assert.lengthOf(posts, 40)
      })))
})
