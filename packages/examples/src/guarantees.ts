/** Sends one request whose first attempt meets a fault, and counts the attempts at the transport. */
import { FetchHttpClient, HttpClient, HttpClientRequest } from "@effect/platform"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { HttpResilience, HttpRetry, Idempotency, ResilientHttpClient } from "@reprise/http"
import { FaultServer, HttpFault, Reply } from "@reprise/testing"
import { Effect, Either, Layer, type Scope, Stream } from "effect"

/** What the first attempt meets. Each later attempt gets a 200. */
export type Fault =
  & { readonly oneShotBody?: boolean; readonly responseBody?: boolean }
  & (
    | { readonly reply: Reply.Reply }
    /** The attempt goes to another place. */
    | { readonly url: Effect.Effect<string, unknown, Scope.Scope> }
    /** The attempt never reaches the network. */
    | { readonly step: HttpFault.Step }
  )

const status = (status: number, headers: Record<string, string> = {}): Fault => ({
  reply: Reply.respond({ status, headers, body: "no" })
})

const lost: Fault = { reply: Reply.reset() }
const silent = { reply: Reply.hang() }

// fetch repeats a request by itself that is answered 421, and it refuses a 407 of a server that is no proxy.
const otherStatuses = [
  ...[
    400,
    401,
    402,
    403,
    404,
    405,
    406,
    408,
    409,
    410,
    411,
    412,
    413,
    414,
    415,
    416,
    417,
    418,
    422,
    423,
    424,
    425,
    426
  ],
  ...[428, 431, 451, 501]
]

/** The rows of the table in the README, by the text of their first cell. */
export const faults: Readonly<Record<string, ReadonlyArray<Fault>>> = {
  "429": [status(429), status(429, { "retry-after": "0" })],
  "503 with `Retry-After`": [status(503, { "retry-after": "0" })],
  "500, 502, 503 or 504": [500, 502, 503, 504].map((code) => status(code)),
  "another 4xx, or 501": otherStatuses.map((code) => status(code)),
  "`Retry-After` longer than the policy's limit, by default 2 minutes": [
    status(429, { "retry-after": "121" }),
    status(503, { "retry-after": "86400" })
  ],
  "connection refused": [{ url: FaultServer.refusedUrl }],
  "connection reset or closed after the request": [lost, { reply: Reply.fin() }],
  "no response within `attemptTimeout`": [silent],
  "response body cut short, with `readBodies`": [
    { reply: Reply.truncate(Reply.respond({ body: "a whole answer" })), responseBody: true }
  ],
  "unknown host": [{ step: HttpFault.fail("dnsNotFound") }],
  "certificate not valid": [{ url: Effect.map(FaultServer.make({ tls: "self-signed" }), ({ url }) => url) }],
  "any failure after the attempt read a one-time request body": [
    status(429, { "retry-after": "0" }),
    status(503, { "retry-after": "0" }),
    ...[429, 500, 502, 503, 504].map((code) => status(code)),
    lost,
    silent
  ].map((fault) => ({ ...fault, oneShotBody: true }))
}

interface Column {
  readonly methods: ReadonlyArray<"GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "POST" | "PATCH">
  readonly key?: string
  readonly retryUnsent?: boolean
}

/** The columns of the table in the README, by their heading. */
export const columns: Readonly<Record<string, Column>> = {
  "GET, HEAD, OPTIONS, PUT, DELETE": { methods: ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] },
  "POST, PATCH with a key": { methods: ["POST", "PATCH"], key: "order-42" },
  "POST, PATCH without a key": { methods: ["POST", "PATCH"] },
  "without a key, `retryUnsent: true`": { methods: ["POST", "PATCH"], retryUnsent: true }
}

/** fetch can prove that a request was not sent if it follows no redirects by itself. */
const fetchLive = Layer.provide(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
)

export const transports = { fetch: fetchLive, undici: NodeHttpClient.layerUndici, node: NodeHttpClient.layer }

const requestOf = (method: Column["methods"][number], url: string, key: string | undefined, oneShot: boolean) => {
  const request = HttpClientRequest.make(method)(url)
  const withKey = key === undefined ? request : Idempotency.withKey(request, key)
  return oneShot
    ? HttpClientRequest.bodyStream(withKey, Stream.make(new TextEncoder().encode("once")))
    : withKey
}

/** Every method that can meet the fault in this column. */
export const methodsOf = ({ oneShotBody, responseBody }: Fault, { methods }: Column) =>
  methods.filter((method) =>
    (responseBody !== true || method !== "HEAD") &&
    (oneShotBody !== true || ["PUT", "POST", "PATCH"].includes(method))
  )

/** A slow machine must not end another attempt. */
const isSilent = (fault: Fault): boolean => "reply" in fault && fault.reply === silent.reply

/** The number of attempts, and whether the call succeeded. */
export const send = (fault: Fault, method: Column["methods"][number], { key, retryUnsent }: Column) =>
  Effect.gen(function*() {
    const server = yield* FaultServer.make()
    if ("reply" in fault) yield* server.script(fault.reply)
    const transport = yield* HttpClient.HttpClient
    const url = "url" in fault ? yield* fault.url : server.url
    const first = "step" in fault ? (yield* HttpFault.make(fault.step)).client : transport

    let attempts = 0
    const counted = HttpClient.make((request) =>
      ++attempts === 1
        ? first.execute(request)
        : transport.execute(HttpClientRequest.setUrl(request, server.url))
    )
    const client = ResilientHttpClient.makeTyped({
      retry: HttpRetry.exponential({ base: "1 millis" }),
      attemptTimeout: isSilent(fault) ? "250 millis" : "5 seconds",
      redirect: "manual",
      readBodies: HttpResilience.readBodies(),
      retryUnsent
    })(counted)
    const result = yield* Effect.either(client.execute(requestOf(method, url, key, fault.oneShotBody === true)))
    return { attempts, succeeded: Either.isRight(result) }
  }).pipe(Effect.scoped)
