import { HttpServer } from "@effect/platform"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Stream } from "effect"
import * as Http from "node:http"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Pipeline from "reprise/Pipeline"
import * as Tripping from "reprise/Tripping"
import * as HttpServerResilience from "../../src/HttpServerResilience.js"
import * as LivePage from "../../src/LivePage.js"
import { portOf, site } from "./platform.js"

/** A server with the page at `/reprise`, and the health at `/health`. */
export const serve = <E = never, R = never>(options: LivePage.Options<E, R> = {}) =>
  Effect.gen(function*() {
    const node = Http.createServer()
    const server = yield* NodeHttpServer.make(() => node, { port: 0, host: "127.0.0.1" })
    const app = site("/health", HttpServerResilience.health(), "/reprise", LivePage.make(options))
    yield* HttpServer.serveEffect(app).pipe(Effect.provideService(HttpServer.HttpServer, server))
    const port = portOf(server)
    return { host: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}/reprise`, node }
  })

/** A breaker that one failure opens, and a call through it. */
export const circuit = (key: string) =>
  Effect.map(CircuitBreaker.make({ key, trip: Tripping.consecutive(1), openFor: "10 minutes" }), (breaker) => {
    const resilient = Pipeline.make({ key, policies: [breaker] })
    return {
      breaker,
      succeed: Effect.ignore(resilient(Effect.void)),
      fail: Effect.ignore(resilient(Effect.fail("down")))
    }
  })

export interface Row {
  readonly policy: string
  readonly key: string
  readonly state?: string
  readonly status: string
  readonly canAct?: boolean
  readonly admitted?: number
  readonly failed?: number
  readonly rejected?: number
  readonly running?: number
  readonly limit?: number
}

export interface Message {
  readonly rows: ReadonlyArray<Row>
  readonly omitted: number
  readonly decisions: ReadonlyArray<{ readonly key: string; readonly text: string; readonly count: number }>
  readonly dropped: number
}

/** The messages of a viewer. It disconnects when the stream ends. */
export const messages = (url: string, headers: Record<string, string> = {}) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (abort) => Effect.sync(() => abort.abort())
    )
    const { body } = yield* Effect.promise(() => fetch(`${url}/events`, { headers, signal: abort.signal }))
    return Stream.fromReadableStream(() => body!, (error) => error)
  })).pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filter((line) => line.startsWith("data: ")),
    Stream.map((line) => JSON.parse(line.slice(6)) as Message),
    Stream.orDie
  )
