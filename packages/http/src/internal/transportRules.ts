import type { Sent } from "../HttpFailure.js"
import type { Link } from "./causeChain.js"

/** @internal */
export type TransportTag =
  | "ConnectFailure"
  | "HostNotFound"
  | "TlsFailure"
  | "ConnectionLost"
  | "AttemptTimeout"
  | "BodyFailure"
  | "DecodeFailure"
  | "ProtocolFailure"
  | "InvalidRequest"
  | "UnknownNetwork"

/**
 * Where the error surfaced: while the response was awaited, or while its body was read.
 *
 * @internal
 */
export type Phase = "request" | "body"

interface Rule {
  readonly matches: (link: Link, phase: Phase) => boolean
  readonly tag: TransportTag | ((phase: Phase) => TransportTag)
  readonly sent: Sent
}

const code = (pattern: RegExp) => (link: Link) => link.code !== undefined && pattern.test(link.code)
const message = (pattern: RegExp) => (link: Link) => pattern.test(link.message)
const either = (...tests: ReadonlyArray<Rule["matches"]>): Rule["matches"] => (link, phase) =>
  tests.some((test) => test(link, phase))
const during = (only: Phase, test: Rule["matches"]): Rule["matches"] => (link, phase) =>
  phase === only && test(link, phase)

/** Codes of OpenSSL's certificate verification (X509_V_ERR_*) as Node names them. */
const certificate =
  /^(CERT_|CRL_|DEPTH_ZERO_|UNABLE_TO_|SELF_SIGNED_CERT|ERR_TLS_CERT_|INVALID_(CA|PURPOSE)|HOSTNAME_MISMATCH|PATH_LENGTH)/

/** Arguments that a transport cannot send: `ERR_INVALID_STATE` is a body that was read before. */
const invalidCode =
  /^(ERR_INVALID_|ERR_HTTP_INVALID|ERR_UNESCAPED|UND_ERR_(INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$)/

const lost: Rule["matches"] = either(
  code(/^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ENOTCONN|UND_ERR_SOCKET|UND_ERR_CLOSED|UND_ERR_DESTROYED)$/),
  code(/^ERR_STREAM_PREMATURE_CLOSE$/),
  message(/^(socket hang up|other side closed|terminated|aborted)$/)
)

const parser: Rule["matches"] = (link) => link.name === "HTTPParserError"

/**
 * The first rule that any link of the chain matches decides. Codes, system calls and classes come before texts, and what
 * never reached the server before what may have.
 */
const rules: ReadonlyArray<Rule> = [
  { matches: code(/^REPRISE_BODY_TRUNCATED$/), tag: "BodyFailure", sent: "maybe" },
  {
    matches: (link) => link.name === "AbortError" || link.code === "ABORT_ERR",
    tag: "InvalidRequest",
    sent: "maybe"
  },
  { matches: (link) => link.syscall === "getaddrinfo" && link.code === "EAI_AGAIN", tag: "ConnectFailure", sent: "no" },
  { matches: (link) => link.syscall === "getaddrinfo", tag: "HostNotFound", sent: "no" },
  { matches: code(certificate), tag: "TlsFailure", sent: "no" },
  { matches: code(/^(ERR_SSL_|EPROTO$)/), tag: "TlsFailure", sent: "maybe" },
  {
    matches: either(
      (link) => link.syscall === "connect",
      code(/^UND_ERR_CONNECT_TIMEOUT$/),
      message(/before secure TLS connection was established/)
    ),
    tag: "ConnectFailure",
    sent: "no"
  },
  {
    matches: either(code(/^UND_ERR_HEADERS_OVERFLOW$|^UND_ERR_RES_|^HPE_|^ERR_ASSERTION$/), parser),
    tag: "ProtocolFailure",
    sent: "maybe"
  },
  {
    matches: message(/^(bad response|bad upgrade|redirect count exceeded|unexpected redirect)$/),
    tag: "ProtocolFailure",
    sent: "maybe"
  },
  {
    matches: during("body", either((link) => link.name === "SyntaxError", code(/^Z_/))),
    tag: "DecodeFailure",
    sent: "maybe"
  },
  { matches: during("request", code(invalidCode)), tag: "InvalidRequest", sent: "no" },
  {
    matches: message(/^(unknown scheme|bad port|not implemented|URL scheme must be)/),
    tag: "InvalidRequest",
    sent: "no"
  },
  { matches: code(/^UND_ERR_HEADERS_TIMEOUT$/), tag: "AttemptTimeout", sent: "maybe" },
  {
    matches: code(/^UND_ERR_BODY_TIMEOUT$/),
    tag: (phase) => phase === "body" ? "BodyFailure" : "AttemptTimeout",
    sent: "maybe"
  },
  { matches: lost, tag: (phase) => phase === "body" ? "BodyFailure" : "ConnectionLost", sent: "maybe" }
]

/** What browsers, Deno and Bun say of any network error; Node's fetch when its cause says no more. */
const opaque =
  /^(fetch failed|Failed to fetch|network error|Load failed.*|NetworkError when attempting to fetch resource\.?|The (Internet|network) connection .*|error sending request.*|Unable to connect\..*|ConnectionRefused|Connection closed.*)$/i

/** @internal */
export interface TransportVerdict {
  readonly tag: TransportTag
  readonly sent: Sent
  readonly code: string | undefined
}

/** @internal */
export const judge = (links: ReadonlyArray<Link>, phase: Phase, streamsBody: boolean): TransportVerdict => {
  for (const rule of rules) {
    const link = links.find((link) => rule.matches(link, phase))
    if (link === undefined) continue
    const tag = typeof rule.tag === "function" ? rule.tag(phase) : rule.tag
    return { tag, sent: rule.sent, code: link.code }
  }
  return { ...withoutCode(links, phase, streamsBody), code: links.find((link) => link.code !== undefined)?.code }
}

const withoutCode = (links: ReadonlyArray<Link>, phase: Phase, streamsBody: boolean) => {
  const said = links.filter((link) => !opaque.test(link.message))
  if (phase === "body") return { tag: said.length === 0 ? "BodyFailure" : "DecodeFailure", sent: "maybe" } as const
  // Nothing but the program's own stream fails a request with an error that has no code.
  if (said.length > 0 && streamsBody) return { tag: "InvalidRequest", sent: "maybe" } as const
  // A TypeError that is not about the network is about the arguments.
  if (links[0]?.name === "TypeError" && said.includes(links[0])) return { tag: "InvalidRequest", sent: "no" } as const
  return { tag: "UnknownNetwork", sent: "maybe" } as const
}

/**
 * A defect with which a transport answers arguments it cannot send, or `followRedirects` a `Location` it cannot parse.
 *
 * @internal
 */
export const judgeDefect = (links: ReadonlyArray<Link>): TransportVerdict | undefined => {
  const link = links.find(either(code(invalidCode), message(/^action is not a function$/)) as (link: Link) => boolean)
  if (link === undefined) return undefined
  const tag = link.code === "ERR_INVALID_URL" ? "ProtocolFailure" : "InvalidRequest"
  return { tag, sent: tag === "ProtocolFailure" ? "maybe" : "no", code: link.code }
}
