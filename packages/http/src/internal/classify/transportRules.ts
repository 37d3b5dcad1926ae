import { type Link, maxLinks } from "./causeChain.js"
import * as connectRules from "./connectRules.js"
import type { Sent } from "./failure.js"
import type { Phase, Rule, TransportTag } from "./transportRule.js"

/**
 * The outermost link that matches a rule decides, by the first rule that matches it.
 *
 * Codes, system calls and classes come before texts. Failures before the request was sent come before those after it.
 */
const rules: ReadonlyArray<Rule> = [
  { code: /^REPRISE_BODY_TRUNCATED$/, tag: "BodyFailure" },
  // undici 8 says so of a body over HTTP/2 that was cut short.
  { code: /^UND_ERR_RES_CONTENT_LENGTH_MISMATCH$/, only: "body", tag: "BodyFailure" },
  // These come first: undici reports a proxy that refuses as an abort.
  ...connectRules.rules,
  // Aborted by its own program, or given to a client that was closed.
  { name: /^AbortError$/, code: /^(ABORT_ERR|UND_ERR_(CLOSED|DESTROYED))$/, tag: "InvalidRequest" },
  {
    code: /^(UND_ERR_(HEADERS_OVERFLOW$|RES_)|HPE_|ERR_ASSERTION$|(TooMany|Unexpected)Redirects?$)/,
    name: /^HTTPParserError$/,
    message:
      /^(bad response|bad upgrade|redirect count exceeded|unexpected redirect)$|^Fetch failed: (Maximum number of|Encountered) redirect|client error \(SendRequest\): (invalid HTTP|message head is too large)/,
    tag: "ProtocolFailure"
  },
  {
    // The body cannot be decoded, or was read before. The texts are those of fetch, undici and platform.
    name: /^(SyntaxError|RangeError|ParseError|SchemaError)$/,
    // Bun's decoders only say ZlibError, and Deno's only that the end was unexpected.
    code: /^(Z_|ZSTD_|ERR__ERROR_|ERR_BROTLI|ERR_ENCODING_|UND_ERR_NOT_SUPPORTED$|(Zlib|Brotli|Zstd)\w*Error$)/,
    message: /\b(unusable|already been read|locked|form-?data|maxBytes)\b|^unexpected end of file$/i,
    only: "body",
    tag: "DecodeFailure"
  },
  {
    // Arguments that a transport cannot send: `ERR_INVALID_STATE` is a body that was read before.
    code: /^(ERR_(INVALID_|HTTP_INVALID|UNESCAPED)|UND_ERR_(INVALID_ARG|NOT_SUPPORTED|REQ_CONTENT_LENGTH_MISMATCH)$)/,
    only: "request",
    tag: "InvalidRequest"
  },
  {
    message: /^(unknown scheme|bad port|not implemented|URL scheme must be|Fetch failed: Requests to port)/,
    tag: "InvalidRequest"
  },
  {
    code: /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/,
    name: /^Timeout(Error|Exception)$/,
    tag: "AttemptTimeout"
  },
  {
    code:
      /^(E(CONN(RESET|ABORTED|REFUSED)|PIPE|TIMEDOUT|NOTCONN|NET(UNREACH|DOWN|RESET)|HOST(UNREACH|DOWN))|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE)$/,
    message:
      /^(socket hang up|other side closed|aborted)$|connection closed before message completed|(reset by peer|Broken pipe) \(os error/,
    tag: "ConnectionLost"
  }
]

/** While a body is read, every other error is one of the transport: a complete list of those is impossible. */
const finalInBody: ReadonlySet<TransportTag> = new Set(["DecodeFailure", "ProtocolFailure", "InvalidRequest"])

const patterns = ["code", "name", "syscall", "message"] as const

const ruleOf = (link: Link, phase: Phase): Rule | undefined =>
  rules.find((rule) => (rule.only ?? phase) === phase && patterns.some((of) => rule[of]?.test(link[of] ?? "")))

/** The message of any network error in browsers, Deno and Bun, and the wrappers of Node's fetch that say no more. */
const opaque =
  /^\s*(fetch failed|terminated|Failed to fetch|Load failed|NetworkError|(A |The )?network (error|request|connection)|The (Internet connection|request timed)|A server with|error (sending request|reading a body)|Unable to connect|Could not connect|ConnectionRefused|Connection closed|cancelled)/i

/** @internal */
export interface TransportVerdict {
  readonly tag: TransportTag
  readonly sent: Sent
  readonly code: string | undefined
  /** Whether another attempt fails like this one, although the tag would allow one. */
  readonly isPermanent?: boolean
}

/** @internal */
export const verdict = (tag: TransportTag, code?: string): TransportVerdict => ({ tag, sent: "maybe", code })

/**
 * Whether nothing was sent. Every link must say so, in an error of Node's core or undici: one alone, or an
 * `AggregateError` of them.
 *
 * An error that wraps such an error (fetch, and libraries that copy its code) may come after a redirect. It proves
 * nothing unless `redirectRuledOut`.
 */
const isProof = (links: ReadonlyArray<Link>, told: ReadonlyArray<Link>, phase: Phase, redirectRuledOut: boolean) =>
  links.length < maxLinks &&
  (redirectRuledOut ||
    ((links.length === 1 || links[0]?.name === "AggregateError") && links.every(({ isCore }) => isCore))) &&
  told.every((link) => ruleOf(link, phase)?.sent === "no" || (redirectRuledOut && link === links[0]))

/**
 * The code of an AggregateError is that of its first error. Node's fetch wraps an abort of its dispatcher in the text.
 */
const isWrapper = ({ message, name }: Link): boolean =>
  name === "AggregateError" || message === "Request was cancelled."

/** @internal */
export const judge = (
  links: ReadonlyArray<Link>,
  phase: Phase,
  streamsBody: boolean,
  redirectRuledOut = false
): TransportVerdict => {
  const told = links.filter((link) => !isWrapper(link))
  for (const link of told) {
    const rule = ruleOf(link, phase)
    if (rule === undefined) continue
    const isProven = rule.sent === "no" && !streamsBody && isProof(links, told, phase, redirectRuledOut)
    // fetch refuses the caller's own bad URL at once, so a later one was in a redirect.
    const ofRedirect = link.code === "ERR_INVALID_URL" && link !== links[0]
    return {
      tag: ofRedirect ? "ProtocolFailure" : phase === "body" && !finalInBody.has(rule.tag) ? "BodyFailure" : rule.tag,
      sent: isProven ? "no" : "maybe",
      code: link.code,
      isPermanent: rule.tag === "ConnectFailure" && connectRules.isPermanent(link)
    }
  }
  return verdict(withoutRule(links, phase, streamsBody), links.find(({ code }) => code)?.code)
}

const withoutRule = (links: ReadonlyArray<Link>, phase: Phase, streamsBody: boolean): TransportTag => {
  if (phase === "body") return "BodyFailure"
  const said = links.filter((link) => !opaque.test(link.message))
  const [first, second] = links
  // Nothing but the program's own stream fails a request with an error that has no code, and a TypeError that is not about
  // the network is about the arguments.
  if (streamsBody ? said.length > 0 : first?.name === "TypeError" && first === said[0]) return "InvalidRequest"
  // With an empty error, Node's fetch says that a proxy wants a password (407).
  return first?.message === "fetch failed" && second?.message === "" && second.code === undefined
    ? "ProtocolFailure"
    : "UnknownNetwork"
}

/**
 * The errors with which node:http dies: protocol, method, header name and value, path, and a raw body that it cannot
 * write.
 */
const deadly = /^ERR_(INVALID_(PROTOCOL|HTTP_TOKEN|CHAR|STATE|URL)|HTTP_INVALID_HEADER_VALUE|UNESCAPED_CHARACTERS)$/

/**
 * Classifies a defect of a transport for arguments it cannot send, or of `followRedirects` for a `Location` it cannot
 * parse.
 *
 * @internal
 */
export const judgeDefect = ([link]: ReadonlyArray<Link>): TransportVerdict | undefined => {
  if (link?.code === undefined) return undefined
  const { code, message } = link
  return deadly.test(code) || (code === "ERR_INVALID_ARG_TYPE" && message.includes("\"chunk\""))
    ? verdict(code === "ERR_INVALID_URL" ? "ProtocolFailure" : "InvalidRequest", code)
    : undefined
}
