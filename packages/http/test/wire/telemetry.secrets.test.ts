import type { HttpClientResponse } from "@effect/platform"
import { HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base"
import * as FaultServer from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import { Data, Effect, Fiber, Inspectable, Layer, Logger, LogLevel, Stream } from "effect"
import { inspect } from "node:util"
import * as Telemetry from "reprise/Telemetry"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../../reprise/test/services.js"
import * as HttpResilience from "../../src/HttpResilience.js"
import * as HttpRetry from "../../src/HttpRetry.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { exported } from "../support/otel.js"
import { onEachPlain, quick, type Transport, transports } from "../support/wire.js"

/** In everything that may be a secret. */
const secret = "SECRET"
/** In the path, which only `url.full` may show. */
const path = "PATH"

class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}

const options: ResilientHttpClient.Options<unknown> = {
  retry: quick(3),
  attemptTimeout: "100 millis",
  deadline: "5 seconds",
  budget: HttpRetry.budget({ ratio: 1 }),
  breaker: HttpResilience.circuitBreaker({ trip: Tripping.consecutive(3), openFor: "1 hour" }),
  bulkhead: HttpResilience.bulkhead({ maxConcurrent: 10 }),
  gate: HttpResilience.retryAfterGate({ max: "20 millis" }),
  idempotencyKeys: true
}

type Request = HttpClientRequest.HttpClientRequest

const keyed = (url: string): Request =>
  HttpClientRequest.post(url).pipe(
    HttpClientRequest.setHeaders({ authorization: `Bearer ${secret}`, cookie: `session=${secret}`, "x-key": secret }),
    HttpClientRequest.setUrlParam("token", secret),
    HttpClientRequest.setHash(secret),
    HttpClientRequest.bodyText(`{"password":"${secret}"}`)
  )

const reply = (status: number, headers: Record<string, string> = {}) =>
  Reply.respond({
    status,
    headers: { "set-cookie": `session=${secret}`, "x-next": secret, ...headers },
    body: `{"token":"${secret}"}`
  })

/** Only `url.full` may show the path. */
const ofSpan = ({ attributes: { "url.full": url, ...attributes }, events, links, name, status }: ReadableSpan) => {
  if (url !== undefined) assert.notInclude(String(url), secret)
  return { name, status, attributes, events, links }
}

/** Everything that telemetry tells of an effect, as text. */
const told = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const all: Array<unknown> = []
    const monitor = yield* Telemetry.Monitor
    const heard = yield* Effect.fork(Stream.runForEach(monitor.events, (event) => Effect.sync(() => all.push(event))))
    yield* Effect.yieldNow().pipe(Effect.repeatN(10))
    const { raw } = yield* exported(Telemetry.withListener(self, (event) => all.push(event))).pipe(
      Effect.provide(Services.logging((line) => all.push(line))),
      Logger.withMinimumLogLevel(LogLevel.All)
    )
    yield* Effect.sleep("20 millis")
    yield* Fiber.interrupt(heard)
    all.push(...raw.map(ofSpan), ...yield* monitor.snapshots)
    const metrics = (yield* Services.metrics).filter(({ name }) => name.startsWith("reprise."))
    assert.isNotEmpty(raw)
    assert.isNotEmpty(metrics)
    all.push(...metrics.map(({ name, tags }) => [name, tags]))
    return all.flatMap((one) => [inspect(one, { depth: 20, showHidden: true }), Inspectable.toStringUnknown(one)])
  }).pipe(
    Effect.provide(Layer.mergeAll(
      Telemetry.layerMetrics({ every: "5 millis" }),
      Telemetry.layerLogs,
      Telemetry.layerMonitor
    ))
  )

const assertSafe = (texts: ReadonlyArray<string>) => {
  assert.isAbove(texts.length, 20)
  for (const text of texts) {
    assert.notInclude(text, secret)
    assert.notInclude(text, path)
  }
}

type Bare = HttpClient.HttpClient

const live = (
  transport: Transport,
  step: FaultServer.Step | undefined,
  below: (client: Bare) => Failing = (client) => client as Failing,
  calls = 3
) =>
  Effect.gen(function*() {
    const server = yield* FaultServer.make()
    if (step !== undefined) yield* server.always(step)
    // What the client below fails with is in the type of no drop-in client.
    const bare = below(yield* HttpClient.HttpClient) as Bare
    const client = ResilientHttpClient.make(options)(bare)
    const url = step === undefined ? yield* FaultServer.refusedUrl : server.url
    const read = (response: HttpClientResponse.HttpClientResponse) => response.text
    const urls = [
      `${url}/${path}`,
      `${url}/${path}?sig=${secret}#${secret}`,
      `${url.replace("//", `//user:${secret}@`)}/${path}`,
      `/${path}`,
      `data:${secret}`
    ]
    const once = Effect.forEach(urls, (url) => Effect.exit(Effect.flatMap(client.execute(keyed(url)), read)))
    assertSafe(yield* told(Effect.scoped(Effect.replicateEffect(once, calls))))
  }).pipe(Effect.provide(transport))

type Failing = HttpClient.HttpClient.With<HttpClientError.HttpClientError | Refused>

const failing = (error: unknown) => (client: Bare): Failing =>
  HttpClient.transform(
    client,
    (_, request): Effect.Effect<never, HttpClientError.HttpClientError | Refused> =>
      error instanceof Refused
        ? Effect.fail(error)
        : Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: error }))
  )

onEachPlain("telemetry shows no secret of a request or a response", transports, (transport) => {
  it.scopedLive("that succeeds", () => live(transport, reply(200)))
  it.scopedLive("that is answered with 503, until the circuit opens", () => live(transport, reply(503)))
  it.scopedLive("that is answered with 429 and closes the gate", () =>
    live(transport, reply(429, { "retry-after-ms": "10" })))
  it.scopedLive("that is answered with 401", () => live(transport, reply(401)))
  it.scopedLive("that is redirected", () => live(transport, reply(302, { location: `/?token=${secret}` })))
  it.scopedLive("that is refused", () => live(transport, undefined))
  it.scopedLive("that is reset", () => live(transport, Reply.reset()))
  it.scopedLive("whose body is cut", () => live(transport, Reply.truncate(reply(200))))
  it.scopedLive("that is no valid HTTP", () => live(transport, Reply.raw(`HTTP/1.1 ${secret}\r\n\r\n`)))
  it.scopedLive("that times out", () => live(transport, Reply.hang(), undefined, 1))
})

onEachPlain("telemetry shows no secret of an error", [transports[0]!], (transport) => {
  const named = Object.assign(new Error(secret), { name: `http://h.test/?token=${secret}`, code: secret })
  it.scopedLive.each<[string, unknown]>([
    ["of the transport", new Error(secret, { cause: new TypeError(secret) })],
    ["whose name is a secret", named],
    ["that is a text", secret],
    ["of a stage of the caller", new Refused({ message: secret })]
  ])("%s", ([, error]) => live(transport, reply(200), failing(error)))

  it.scopedLive("that is a defect", () =>
    live(
      transport,
      reply(200),
      (client) => HttpClient.transform(client, (): Effect.Effect<never> => Effect.die(named)) as Failing
    ))
})
