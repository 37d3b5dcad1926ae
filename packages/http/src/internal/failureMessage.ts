import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { ProtocolFailure, RequestFacts, StatusFacts, TransportFacts } from "../HttpFailure.js"

const shown: ReadonlySet<string> = new Set(["http:", "https:", "ftp:", "ws:", "wss:"])

/** Query, fragment and credentials may be secrets, and so may anything in a URL that is none: they stay in the request. */
const publicUrl = (url: string): string => {
  if (url.startsWith("/")) return url.replace(/[?#].*$/s, "")
  try {
    const { host, pathname, protocol } = new URL(url)
    return shown.has(protocol) ? `${protocol}//${host}${pathname}` : `${protocol}...`
  } catch {
    return "(not a URL)"
  }
}

/** @internal */
export const requestFacts = (request: HttpClientRequest.HttpClientRequest): RequestFacts => ({
  method: request.method,
  url: publicUrl(request.url),
  headers: Object.fromEntries(Object.keys(request.headers).map((name) => [name, "<redacted>"]))
})

const to = (facts: TransportFacts | StatusFacts) => `${facts.request.method} ${facts.request.url}`

const tried = (facts: TransportFacts | StatusFacts) =>
  facts.attempts.length > 1 ? `, after ${facts.attempts.length} attempts` : ""

/** @internal */
export const ofTransport = (facts: TransportFacts, what: string): string =>
  `${what}${facts.code === undefined ? "" : ` (${facts.code})`}: ${to(facts)}${tried(facts)}`

/** @internal */
export const ofStatus = (facts: StatusFacts, what: string): string => {
  const retryAfter = Option.match(facts.retryAfter, {
    onNone: () => "",
    onSome: (duration) => `, retry after ${Duration.format(duration)}`
  })
  return `The server ${what} (${facts.status}${retryAfter}): ${to(facts)}${tried(facts)}`
}

/** @internal */
export const ofProtocol = (failure: ProtocolFailure): string =>
  failure.status === undefined
    ? ofTransport(failure, "The answer cannot be understood as HTTP")
    : ofTransport(
      failure,
      `The response is not final (${failure.status}); apply HttpClient.followRedirects for redirects`
    )

/** @internal */
export const timedOut = (duration: Duration.Duration | undefined): string =>
  duration === undefined ? "No response in time" : `No response within ${Duration.format(duration)}`
