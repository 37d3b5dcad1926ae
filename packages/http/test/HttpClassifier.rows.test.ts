import { HttpBody, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, FiberId, Option } from "effect"
import { readFileSync } from "node:fs"
import * as HttpClassifier from "../src/HttpClassifier.js"
import type * as HttpFailure from "../src/HttpFailure.js"

/**
 * 719 cases measured on real sockets: 186 on each Node transport, 60 in Chromium, others with kept connections; 44 each in
 * Deno 2.9 and Bun 1.4, and 13 with proxies that open no tunnel (those of `node` on Node 24). `ideal` is
 * what really happened, `idempotent` whether an idempotent request is worth another attempt, `unsent` whether it is proof
 * that the server never saw the request.
 */
interface Row {
  readonly failure: string
  readonly transport: "fetch" | "undici" | "node" | "nodeKA" | "chromium" | "deno" | "bun"
  readonly outcome: "OK" | "Fail" | "Die" | "HANG" | "Interrupt"
  readonly ideal: string
  readonly error?: { readonly _tag: string; readonly reason?: string }
  readonly cause?: Measured
  readonly idempotent?: boolean
  readonly unsent?: boolean
  readonly unsentIfManual?: boolean
}

interface Measured {
  readonly class: string
  /** Where it differs from the class. */
  readonly name?: string
  readonly message: string
  readonly code?: string
  readonly syscall?: string
  readonly cause?: Measured
  readonly aggregate?: ReadonlyArray<object>
}

const rows: ReadonlyArray<Row> = JSON.parse(
  readFileSync(new URL("fixtures/error-causes.json", import.meta.url), "utf8")
)

type Expected = readonly [tag: HttpFailure.HttpFailure["_tag"] | "none", retryable?: boolean]

const byKind: Record<string, Expected> = {
  // The retries of another client around an error that says nothing.
  "-": ["UnknownNetwork", true],
  Aborted: ["InvalidRequest", false],
  BodyInterrupted: ["BodyFailure", true],
  ConnectTimeout: ["ConnectFailure", true],
  ConnectionRefused: ["ConnectFailure", true],
  "ConnectionRefused|3xx": ["ConnectFailure", true],
  "ConnectionRefused|ConnectTimeout": ["ConnectFailure", true],
  "ConnectionRefused|InvalidRequest": ["ConnectFailure", true],
  ConnectionReset: ["ConnectionLost", true],
  DecodeError: ["DecodeFailure", false],
  DnsNotFound: ["HostNotFound", false],
  DnsTemporary: ["ConnectFailure", true],
  InvalidRequest: ["InvalidRequest", false],
  "InvalidRequest|3xx": ["InvalidRequest", false],
  LocalResource: ["ConnectFailure", true],
  NetworkUnreachable: ["ConnectFailure", true],
  "OK-or-Reset": ["ConnectionLost", true],
  ProxyFailed: ["ConnectFailure", true],
  ProxyRefused: ["ConnectFailure", false],
  ProtocolError: ["ProtocolFailure", false],
  "ProtocolError|3xx": ["ProtocolFailure", false],
  "ProtocolError|ConnectionReset": ["ConnectionLost", true],
  ReadTimeout: ["AttemptTimeout", true],
  RequestBodyFailed: ["InvalidRequest", false],
  Timeout: ["AttemptTimeout", true],
  TlsFailure: ["TlsFailure", false],
  "TlsFailure|ConnectionReset": ["TlsFailure", false],
  TooManyRedirects: ["ProtocolFailure", false],
  "TooManyRedirects|3xx": ["ProtocolFailure", false],
  "UnexpectedRedirect|3xx": ["ProtocolFailure", false],
  Unusable: ["DecodeFailure", false]
}

/** Where what happened cannot be seen from what surfaced, or we differ on purpose. */
const exceptions: ReadonlyArray<readonly [why: string, matches: (row: Row) => boolean, Expected]> = [
  ["what a browser calls a network error says nothing", isOpaque, ["UnknownNetwork", true]],
  ["a browser reports corrupt gzip like a cut body", (row) => row.failure === "gzip corrupt", ["BodyFailure", true]],
  [
    "reset while connecting: nothing was sent",
    (row) =>
      /^(rst-on-accept|tls-handshake-(fin|rst))/.test(row.failure) &&
      /^connect|before secure/.test(innermost(row).message),
    ["ConnectFailure", true]
  ],
  ["fetch refuses some ports by itself", (row) => row.transport === "fetch" && row.failure.startsWith("bad-port"), [
    "InvalidRequest",
    false
  ]],
  [
    "TLS 1.3 tells of a missing client certificate after the handshake, as a reset",
    (row) => row.failure === "tls1.3-client-cert-required" && row.transport !== "node",
    ["ConnectionLost", true]
  ],
  [
    "node tells of a bad chunk size as of a cut body",
    (row) => row.failure.startsWith("bad-chunk-size") && row.transport === "node",
    ["BodyFailure", true]
  ],
  [
    "node tells of an abort in the body as of a cut body",
    (row) => row.failure.includes("scope closed mid-body") && row.transport === "node",
    ["BodyFailure", true]
  ],
  ["the transport's timeout fired in the body", (row) => row.failure.startsWith("body-hang+transport"), [
    "BodyFailure",
    true
  ]],
  [
    "the caller's mistake is a foreign defect: it comes from building the request",
    (row) => row.failure.startsWith("bodyUnsafeJson"),
    ["none"]
  ],
  [
    "a defect of the program's own stream is its own",
    (row) => row.outcome === "Die" && row.failure.startsWith("Stream body dies"),
    ["none"]
  ],
  ["fetch says 407 by an error without a word", (row) => row.failure === "407-proxy-auth", ["ProtocolFailure", false]],
  ["undici refuses 100 Continue that it did not ask for", (row) => row.failure === "100-continue-then-200", [
    "ProtocolFailure",
    false
  ]],
  ["a route that is prohibited stays so", (row) => row.failure.startsWith("prohibited-route"), [
    "ConnectFailure",
    false
  ]],
  [
    "Deno fails to connect where the connection is reset at once, or ends within the handshake",
    (row) => row.transport === "deno" && /^(rst-on-accept|tls-handshake-(fin|rst))/.test(row.failure),
    ["ConnectFailure", true]
  ],
  [
    "Deno says with one text that a proxy refuses, and that it fails",
    (row) => row.transport === "deno" && row.failure === "proxy 403",
    ["ConnectFailure", true]
  ],
  [
    "Bun says of an answer that is no HTTP that the connection was lost",
    (row) => row.transport === "bun" && row.failure === "garbage-instead-of-http",
    ["ConnectionLost", true]
  ],
  ["there is no body to read", (row) => row.error?.reason === "EmptyBody", ["DecodeFailure", false]],
  [
    "fetch answers a redirect to ftp: as it does a bad argument",
    (row) => row.transport === "fetch" && /^redirect-to-ftp/.test(row.failure),
    ["InvalidRequest", false]
  ]
]

function innermost(row: Row): Measured {
  let link = row.cause ?? { class: "", message: "" }
  while (link.cause !== undefined) link = link.cause
  return link
}

function isOpaque(row: Row): boolean {
  return row.error?._tag === "RequestError" && row.cause?.message === "Failed to fetch"
}

const expected = (row: Row): Expected =>
  exceptions.find(([, matches]) => matches(row))?.[2] ?? byKind[row.ideal] ?? ["none"]

const rebuild = (measured: Measured): Error => {
  const { aggregate, cause, class: type, message, name = type, ...fields } = measured
  const make = name === "TypeError" ? TypeError : name === "SyntaxError" ? SyntaxError : Error
  const error = Object.assign(new make(message), fields)
  if (error.name !== name) Object.defineProperty(error, "name", { value: name })
  if (cause !== undefined) error.cause = rebuild(cause)
  return aggregate === undefined
    ? error
    : Object.assign(error, { errors: aggregate.map((entry) => Object.assign(new Error(), entry)) })
}

const requestOf = (row: Row): HttpClientRequest.HttpClientRequest => {
  const request = HttpClientRequest.post("http://h.test/x?token=secret")
  return /Stream/.test(row.failure) && row.failure !== "POST Stream body over HTTP/1.1"
    ? Object.assign(Object.create(Object.getPrototypeOf(request)), request, { body: { _tag: "Stream" } })
    : request
}

const causeOf = (row: Row, request: HttpClientRequest.HttpClientRequest): Cause.Cause<unknown> => {
  const cause = row.cause === undefined ? undefined : rebuild(row.cause)
  if (row.outcome === "Die") return Cause.die(cause)
  switch (row.error?._tag) {
    case "RequestError": {
      const fail = Cause.fail(
        new HttpClientError.RequestError({ request, reason: row.error.reason as "Transport", cause })
      )
      // node reports what happens while connecting twice.
      return row.transport === "node" ? Cause.parallel(fail, fail) : fail
    }
    case "ResponseError": {
      const response = HttpClientResponse.fromWeb(request, new Response(""))
      return Cause.fail(
        new HttpClientError.ResponseError({ request, response, reason: row.error.reason as "Decode", cause })
      )
    }
    case "HttpBodyError":
      return Cause.fail(HttpBody.HttpBodyError({ _tag: "JsonError", error: cause }))
    default:
      // The only other error is the timeout of Effect.
      return row.error === undefined ? Cause.interrupt(FiberId.none) : Cause.fail(new Cause.TimeoutException())
  }
}

/** The research asks what is worth a retry: it does not call a request unsent that could not even be built. */
const neverBuilt = (row: Row): boolean => row.error?.reason === "InvalidUrl" || row.error?._tag === "HttpBodyError"

const classify = (row: Row, redirect?: "manual") => {
  const request = requestOf(row)
  return HttpClassifier.classifyCause(causeOf(row, request), { request, nowMillis: 0, redirect })
}

// A row of the research that failed by its own count, without an error.
const failed = rows.filter((row) =>
  (row.outcome === "Fail" && (row.ideal !== "-" || row.error?._tag !== undefined)) || row.outcome === "Die"
)

describe("HttpClassifier, row by row", () => {
  describe.each(["fetch", "undici", "node", "nodeKA", "chromium", "deno", "bun"] as const)("%s", (transport) => {
    const own = failed.filter((row) => row.transport === transport)

    it.each(own.map((row) => [row.failure, row] as const))("classifies %s", (_, row) => {
      const [tag, retryable] = expected(row)
      const failure = classify(row)
      assert.strictEqual(Option.match(failure, { onNone: () => "none", onSome: ({ _tag }) => _tag }), tag)
      if (Option.isSome(failure)) assert.strictEqual(failure.value.retryable, retryable)
    })

    it("gives up exactly where the research does", () => {
      for (const row of own.filter((row) => row.idempotent !== undefined)) {
        const failure = classify(row)
        if (Option.isNone(failure)) continue
        // A server that speaks no HTTP does not learn it between two attempts: there we give up earlier.
        const worthwhile = row.idempotent === true && failure.value._tag !== "ProtocolFailure"
        assert.strictEqual(failure.value.retryable, worthwhile, row.failure)
      }
    })

    it("claims that nothing was sent exactly where that was proved", () => {
      for (const row of own.filter((row) => row.unsent !== undefined)) {
        const failure = classify(row)
        if (Option.isSome(failure)) {
          assert.strictEqual(failure.value.sent === "no", row.unsent || neverBuilt(row), row.failure)
        }
      }
    })

    it("claims it for fetch too where that follows no redirects", () => {
      for (const row of own.filter((row) => row.unsentIfManual !== undefined && !row.failure.includes("redirect"))) {
        const failure = classify(row, "manual")
        if (Option.isSome(failure)) {
          assert.strictEqual(failure.value.sent === "no", row.unsentIfManual || neverBuilt(row), row.failure)
        }
      }
    })
  })

  it("has nothing to say about an interruption", () => {
    for (const row of rows.filter((row) => row.outcome === "Interrupt")) assert.isTrue(Option.isNone(classify(row)))
  })

  it("needs every exception", () => {
    for (const [why, matches] of exceptions) assert.isTrue(failed.some(matches), why)
  })
})
