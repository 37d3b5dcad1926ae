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
  /^(ERR_INVALID_|ERR_HTTP_INVALID|ERR_UNESCAPED|UND_ERR_(INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH|CLOSED|DESTROYED)$)/

const lost: Rule["matches"] = either(
  code(
    /^(E(CONN(RESET|ABORTED|REFUSED)|PIPE|TIMEDOUT|NOTCONN|NET(UNREACH|DOWN|RESET)|HOST(UNREACH|DOWN))|UND_ERR_SOCKET)$/
  ),
  code(/^ERR_STREAM_PREMATURE_CLOSE$/),
  message(/^(socket hang up|other side closed|aborted)$/)
)

const parser: Rule["matches"] = (link) => link.name === "HTTPParserError"

/**
 * The outermost link that a rule matches decides, by the first of the rules that do. Codes, system calls and classes come
 * before texts, and what never reached the server before what may have.
 */
const rules: ReadonlyArray<Rule> = [
  { matches: code(/^REPRISE_BODY_TRUNCATED$/), tag: "BodyFailure", sent: "maybe" },
  {
    matches: (link) => link.name === "AbortError" || link.code === "ABORT_ERR",
    tag: "InvalidRequest",
    sent: "maybe"
  },
  { matches: (link) => link.syscall === "getaddrinfo" && link.code === "EAI_AGAIN", tag: "ConnectFailure", sent: "no" },
  {
    matches: either((link) => link.syscall === "getaddrinfo", code(/^ENOTFOUND$/)),
    tag: "HostNotFound",
    sent: "no"
  },
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
    matches: during(
      "body",
      either((link) => link.name === "SyntaxError", code(/^(Z_|ZSTD_|ERR__ERROR_FORMAT|ERR_BROTLI)/))
    ),
    tag: "DecodeFailure",
    sent: "maybe"
  },
  { matches: during("request", code(invalidCode)), tag: "InvalidRequest", sent: "no" },
  {
    matches: message(/^(unknown scheme|bad port|not implemented|URL scheme must be)/),
    tag: "InvalidRequest",
    sent: "no"
  },
  {
    matches: either(
      code(/^UND_ERR_(HEADERS|BODY)_TIMEOUT$/),
      (link) => link.name === "TimeoutError" || link.name === "TimeoutException"
    ),
    tag: (phase) => phase === "body" ? "BodyFailure" : "AttemptTimeout",
    sent: "maybe"
  },
  { matches: lost, tag: (phase) => phase === "body" ? "BodyFailure" : "ConnectionLost", sent: "maybe" }
]

/** What browsers, Deno and Bun say of any network error, and the wrappers with which Node's fetch says no more. */
const opaque =
  /^\s*(fetch failed|terminated|Failed to fetch|Load failed|NetworkError|(A |The )?network (error|request|connection)|The Internet connection|error sending request|Unable to connect|Could not connect|ConnectionRefused|Connection closed)/i

/** @internal */
export interface TransportVerdict {
  readonly tag: TransportTag
  readonly sent: Sent
  readonly code: string | undefined
}

/**
 * `wrapped` errors (those of fetch) may be about any hop of a redirect; they prove nothing unless that is `ruledOut`.
 *
 * @internal
 */
export const judge = (
  links: ReadonlyArray<Link>,
  phase: Phase,
  streamsBody: boolean,
  redirectRuledOut = false
): TransportVerdict => {
  const found = links.flatMap((link) => {
    // Its code is that of its first error, which is a link of its own.
    const rule = link.name === "AggregateError" ? undefined : rules.find(({ matches }) => matches(link, phase))
    return rule === undefined ? [] : [{ link, rule }]
  })
  const [first] = found
  if (first === undefined) {
    return { ...withoutCode(links, phase, streamsBody), code: links.find((link) => link.code !== undefined)?.code }
  }
  const { link, rule } = first
  const isWrapped = links[0] !== link && links[0]?.name !== "AggregateError"
  const isProof = found.every(({ rule }) => rule.sent === "no") && (!isWrapped || redirectRuledOut) && !streamsBody
  const sent = rule.sent === "no" && !isProof ? "maybe" : rule.sent
  // fetch refuses the caller's own bad URL at once: one that it found on the way was in a redirect.
  if (isWrapped && link.code === "ERR_INVALID_URL") return { tag: "ProtocolFailure", sent, code: link.code }
  return { tag: typeof rule.tag === "function" ? rule.tag(phase) : rule.tag, sent, code: link.code }
}

const withoutCode = (links: ReadonlyArray<Link>, phase: Phase, streamsBody: boolean) => {
  const said = links.filter((link) => !opaque.test(link.message))
  if (phase === "body") return { tag: said.length === 0 ? "BodyFailure" : "DecodeFailure", sent: "maybe" } as const
  // Nothing but the program's own stream fails a request with an error that has no code.
  if (said.length > 0 && streamsBody) return { tag: "InvalidRequest", sent: "maybe" } as const
  // A TypeError that is not about the network is about the arguments.
  if (links[0]?.name === "TypeError" && said.includes(links[0])) return { tag: "InvalidRequest", sent: "no" } as const
  // An error without a word is how Node's fetch says that a proxy wants a password (407).
  if (links.length > 1 && links.at(-1)?.message === "") return { tag: "ProtocolFailure", sent: "maybe" } as const
  return { tag: "UnknownNetwork", sent: "maybe" } as const
}

/** What node:http dies of: protocol, method, header name and value, path, and a raw body that it cannot write. */
const deadly = either(
  code(/^(ERR_INVALID_(PROTOCOL|HTTP_TOKEN|CHAR|STATE|URL)|ERR_HTTP_INVALID_HEADER_VALUE|ERR_UNESCAPED_CHARACTERS)$/),
  (link) => link.code === "ERR_INVALID_ARG_TYPE" && link.message.includes("\"chunk\""),
  message(/^action is not a function$/)
)

/**
 * A defect with which a transport answers arguments it cannot send, or `followRedirects` a `Location` it cannot parse.
 *
 * @internal
 */
export const judgeDefect = ([link]: ReadonlyArray<Link>): TransportVerdict | undefined => {
  if (link === undefined || !deadly(link, "request")) return undefined
  const ofRedirect = link.code === "ERR_INVALID_URL"
  return { tag: ofRedirect ? "ProtocolFailure" : "InvalidRequest", sent: "maybe", code: link.code }
}
