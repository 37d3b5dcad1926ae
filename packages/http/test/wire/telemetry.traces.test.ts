import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import type { Scope } from "effect"
import { Effect, Fiber } from "effect"
import * as Tripping from "reprise/Tripping"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { exported, type SpanView } from "../support/otel.js"
import { interrupted, spanName } from "../support/platform.js"
import { onEachPlain, quick, toArrive, type Transport, transports } from "../support/wire.js"

const busy = Reply.respond({ status: 503, body: "busy" })

type Server = FaultServer.FaultServer

/** Runs a test with a fresh server and a client over the transport, outside of any trace. */
const live = <A, E>(
  transport: Transport,
  options: ResilientHttpClient.Options,
  test: (client: HttpClient.HttpClient, server: Server) => Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>
) =>
  Effect.gen(function*() {
    const server = yield* FaultServer.make()
    const bare = yield* HttpClient.HttpClient
    return yield* test(ResilientHttpClient.make({ retry: quick(3), ...options })(bare), server)
  }).pipe(Effect.provide(transport))

const target = (url: string, path = "/") => {
  const { hostname, port } = new URL(url)
  return {
    "http.request.method": "GET",
    "server.address": hostname,
    "server.port": Number(port),
    "url.full": `${new URL(url).origin}${path}`
  }
}

const call = (url: string, rest: Partial<SpanView> = {}): SpanView => ({
  name: "http.call GET",
  parent: undefined,
  kind: "INTERNAL",
  status: "OK",
  attributes: target(url),
  events: [],
  ...rest
})

const attempt = (
  url: string,
  attributes: SpanView["attributes"],
  rest: Partial<SpanView> = {}
): SpanView => ({
  name: spanName("GET"),
  parent: "http.call GET",
  kind: "CLIENT",
  status: "error.type" in attributes ? "ERROR" : "OK",
  attributes: { ...target(url), ...attributes },
  events: [],
  ...rest
})

const ok = { "http.response.status_code": 200 }
const failed = { "http.response.status_code": 503, "error.type": "503" }
const resent = (count: number) => ({ "http.request.resend_count": count })

const retry = (number: number, errorType: string, reason = "backoff") =>
  [
    "reprise.retry",
    { "reprise.attempt": number, "reprise.reason": reason, "reprise.delay_ms": "ms", "error.type": errorType }
  ] as const

const refused = (number: number, errorType: string, reason = "attempts") =>
  ["reprise.retry_refused", { "reprise.attempt": number, "reprise.reason": reason, "error.type": errorType }] as const

onEachPlain("a trace", transports, (transport) => {
  it.scopedLive("has one span for the call and one for its attempt", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        const { spans } = yield* exported(client.get(`${server.url}/orders?token=1#part`))
        const attributes = target(server.url, "/orders")
        assert.deepStrictEqual(spans, [
          call(server.url, { attributes }),
          attempt(server.url, { ...attributes, ...ok })
        ])
      })))

  it.scopedLive("has one span for each attempt, and an event for the retry", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        yield* server.script(busy)
        const { spans } = yield* exported(client.get(server.url))
        assert.deepStrictEqual(spans, [
          call(server.url, { events: [retry(1, "503")] }),
          attempt(server.url, failed),
          attempt(server.url, { ...ok, ...resent(1) })
        ])
      })))

  it.scopedLive("says why no other attempt followed, and the span of the call is an error without a type", () =>
    live(transport, { retry: quick(2) }, (client, server) =>
      Effect.gen(function*() {
        yield* server.always(busy)
        const { raw, spans } = yield* exported(client.get(server.url))
        assert.deepStrictEqual(spans, [
          call(server.url, { status: "ERROR", events: [retry(1, "503"), refused(2, "503")] }),
          attempt(server.url, failed),
          attempt(server.url, { ...failed, ...resent(1) })
        ])
        assert.deepStrictEqual(raw.map(({ status }) => status.message), ["503", "503", "503"])
      })))

  it.scopedLive("has a timed-out attempt as an error", () =>
    live(transport, { retry: quick(2), attemptTimeout: toArrive }, (client, server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hang())
        const { spans } = yield* exported(client.get(server.url))
        assert.deepStrictEqual(spans, [
          call(server.url, { events: [retry(1, "AttemptTimeout")] }),
          attempt(server.url, { "error.type": "AttemptTimeout" }),
          attempt(server.url, { ...ok, ...resent(1) })
        ])
      })))

  it.scopedLive("has a refused connection as an error", () =>
    live(transport, { retry: quick(1) }, (client) =>
      Effect.gen(function*() {
        const url = yield* FaultServer.refusedUrl
        const { spans } = yield* exported(client.get(url))
        assert.deepStrictEqual(spans, [
          call(url, { status: "ERROR", events: [refused(1, "ConnectFailure")] }),
          attempt(url, { "error.type": "ConnectFailure" })
        ])
      })))

  it.scopedLive("has the transition of a circuit, and then a call without attempts and with a rejection", () =>
    live(
      transport,
      { retry: false, breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(1), openFor: "1 hour" }) },
      (client, server) =>
        Effect.gen(function*() {
          yield* server.always(busy)
          const key = { "reprise.key": server.url }
          const first = yield* exported(client.get(server.url))
          assert.deepStrictEqual(first.spans, [
            call(server.url, {
              status: "ERROR",
              events: [
                ["reprise.circuit_transition", { ...key, "reprise.from": "Closed", "reprise.to": "Open" }],
                refused(1, "503", "circuitOpen")
              ]
            }),
            attempt(server.url, failed)
          ])
          const rejection = { "reprise.policy": "circuitBreaker", ...key, "error.type": "CircuitOpen" }
          const second = yield* exported(client.get(server.url))
          assert.deepStrictEqual(second.spans, [
            call(server.url, {
              status: "ERROR",
              events: [["reprise.rejection", rejection], refused(1, "CircuitOpen", "circuitOpen")]
            })
          ])
        })
    ))

  it.scopedLive("has the wait at a gate as an event of the call", () =>
    live(
      transport,
      { retry: false, gate: HttpResilience.retryAfterGate() },
      (client, server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.respond({ status: 503, headers: { "retry-after": "1" } }))
          yield* client.get(server.url)
          const { spans } = yield* exported(client.get(server.url))
          assert.deepStrictEqual(spans, [
            call(server.url, {
              events: [["reprise.wait", {
                "reprise.policy": "retryAfterGate",
                "reprise.key": server.url,
                "reprise.duration_ms": "ms",
                "reprise.outcome": "admitted"
              }]]
            }),
            attempt(server.url, ok)
          ])
        })
    ))

  it.scopedLive("has a span for each hedge, and the one that lost is interrupted", () =>
    live(
      transport,
      { retry: false, hedge: HttpResilience.hedge({ after: "50 millis" }) },
      (client, server) =>
        Effect.gen(function*() {
          yield* server.script(Reply.hang())
          const { spans } = yield* exported(client.get(server.url))
          const [root, one, other] = spans
          assert.lengthOf(spans, 3)
          assert.deepStrictEqual(
            root,
            call(server.url, { events: [["reprise.hedge", { "reprise.key": server.url }]] })
          )
          assert.deepStrictEqual(one, attempt(server.url, interrupted.attributes, { status: interrupted.status }))
          assert.deepStrictEqual(other, attempt(server.url, { ...ok, ...resent(1) }))
        })
    ))

  it.scopedLive("has a request that an attempt makes below the attempt, as the platform traces it", () =>
    Effect.gen(function*() {
      const server = yield* FaultServer.make()
      const bare = yield* HttpClient.HttpClient
      const refreshing = HttpClient.mapRequestEffect(
        bare,
        (request) => Effect.as(Effect.orDie(bare.post(`${server.url}/token`)), request)
      )
      const client = ResilientHttpClient.make({ retry: quick(3) })(refreshing)
      yield* server.route("/token", Reply.ok)
      yield* server.script(busy)
      const { spans } = yield* exported(client.get(server.url))
      assert.deepStrictEqual(
        spans.map(({ name, parent }) => [name, parent]),
        [
          ["http.call GET", undefined],
          [spanName("GET"), "http.call GET"],
          [spanName("POST"), spanName("GET")],
          [spanName("GET"), "http.call GET"],
          [spanName("POST"), spanName("GET")]
        ]
      )
      const refreshes = spans.filter(({ name }) => name === spanName("POST"))
      for (const { attributes } of refreshes) {
        assert.strictEqual(attributes["url.path"], "/token")
        assert.notProperty(attributes, "http.request.resend_count")
      }
    }).pipe(Effect.provide(transport)))

  it.scopedLive("has the name of an error of a stage of the caller", () =>
    Effect.gen(function*() {
      const { url } = yield* FaultServer.make()
      const failing = HttpClient.mapRequestEffect(yield* HttpClient.HttpClient, () => Effect.fail(new RangeError("no")))
      // What the stage fails with is in the type of no drop-in client.
      const client = ResilientHttpClient.make({ retry: quick(2) })(failing as HttpClient.HttpClient)
      const { spans } = yield* exported(client.get(url))
      assert.deepStrictEqual(spans, [
        call(url, { status: "ERROR", events: [refused(1, "RangeError", "notRetryable")] }),
        attempt(url, { "error.type": "RangeError" })
      ])
    }).pipe(Effect.provide(transport)))

  it.scopedLive("is absent if withTracerDisabledWhen or withTracerEnabled turns it off", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        yield* server.script(busy)
        const health = HttpClient.withTracerDisabledWhen(client, ({ url }) => url.endsWith("/health"))
        const { spans } = yield* exported(health.get(`${server.url}/health`))
        assert.deepStrictEqual(spans, [])
        for (const { headers } of yield* server.requests) assert.notProperty(headers, "traceparent")
        assert.lengthOf((yield* exported(health.get(server.url))).spans, 2)
        assert.lengthOf((yield* exported(Effect.withTracerEnabled(health.get(server.url), false))).spans, 0)
      })))

  it.scopedLive("reaches the server: each request has the span of its attempt as its parent", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        yield* server.script(busy)
        const { raw } = yield* exported(client.get(server.url))
        const sent = (yield* server.requests).map(({ headers }) => headers["traceparent"])
        const attempts = raw.filter(({ name }) => name === spanName("GET")).map((span) => span.spanContext())
        assert.deepStrictEqual(sent, attempts.map(({ spanId, traceId }) => `00-${traceId}-${spanId}-01`))
        assert.lengthOf(new Set(raw.map((span) => span.spanContext().traceId)), 1)
      })))

  it.scopedLive("does not reach the server with withTracerPropagation(false)", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        const { spans } = yield* exported(HttpClient.withTracerPropagation(client, false).get(server.url))
        assert.deepStrictEqual(spans, [call(server.url), attempt(server.url, ok)])
        const [request] = yield* server.requests
        assert.containsAllKeys(request!.headers, ["host"])
        for (const name of ["traceparent", "b3", "tracestate"]) assert.notProperty(request!.headers, name)
      })))

  it.scopedLive("names the attempts by the SpanNameGenerator, below the span of the caller", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        const named = HttpClient.withSpanNameGenerator(client, ({ method }) => `orders ${method}`)
        const { spans } = yield* exported(Effect.withSpan(named.get(server.url), "checkout"))
        assert.deepStrictEqual(spans.map(({ name, parent }) => [name, parent]), [
          ["checkout", undefined],
          ["http.call GET", "checkout"],
          ["orders GET", "http.call GET"]
        ])
      })))

  it.scopedLive("of an interrupted call ends, and no span of it is an error", () =>
    live(transport, {}, (client, server) =>
      Effect.gen(function*() {
        yield* server.script(Reply.hang())
        const interrupting = Effect.gen(function*() {
          const fiber = yield* Effect.fork(client.execute(HttpClientRequest.get(server.url)))
          yield* server.awaitRequests(1)
          yield* Fiber.interrupt(fiber)
        })
        const { spans } = yield* exported(interrupting)
        const { attributes, status } = interrupted
        assert.deepStrictEqual(spans, [
          call(server.url, { status, attributes: { ...target(server.url), ...attributes } }),
          attempt(server.url, attributes, { status })
        ])
      })))
})
