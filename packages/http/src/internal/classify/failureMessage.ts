import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { safely } from "./safely.js"

const isPath = (url: string): boolean => /^[/](?![/\\])/.test(url)

/**
 * The parsed URL, if it is a web URL or a path.
 *
 * @internal
 */
export const webUrl = (url: string): URL | undefined => {
  const parsed = safely(() => new URL(url, isPath(url) ? "http://path" : undefined), undefined)
  return parsed && /^(https?|wss?|ftp):$/.test(parsed.protocol) ? parsed : undefined
}

/** Query, fragment and credentials may be secrets, and so may any part of an invalid URL. They stay in the request. */
const publicUrl = (url: string): string => {
  const parsed = webUrl(url)
  if (parsed === undefined) return "(not a web URL)"
  return isPath(url) ? parsed.pathname : parsed.origin + parsed.pathname
}

/**
 * Scheme, host and port. All URLs without them have the same origin.
 *
 * @internal
 */
export const origin = ({ url }: HttpClientRequest.HttpClientRequest): string => {
  const parsed = webUrl(url)
  return parsed === undefined || isPath(url) ? "" : parsed.origin
}

/** @internal */
export const requestFacts = (
  request: HttpClientRequest.HttpClientRequest
): { readonly method: string; readonly url: string; readonly headers: Readonly<Record<string, string>> } => ({
  method: request.method,
  url: publicUrl(request.url),
  headers: Object.fromEntries(Object.keys(request.headers).map((name) => [name, "<redacted>"]))
})

const words: Readonly<Record<string, string>> = {
  RateLimited: "The server asks for fewer requests",
  ServerError: "The server failed",
  ClientError: "The server does not accept the request",
  UnexpectedResponse: "The response is not the expected answer",
  ConnectFailure: "Could not connect",
  HostNotFound: "There is no such host",
  TlsFailure: "No secure connection: check the certificate, the host name and the clock",
  ConnectionLost: "The connection was lost before a response came",
  AttemptTimeout: "No response in time",
  BodyFailure: "The body of the response did not arrive whole",
  DecodeFailure: "The body of the response could not be decoded",
  ProtocolFailure: "The answer is not a valid HTTP response",
  InvalidRequest: "The request cannot be sent as it is",
  UnknownNetwork: "The network failed without details"
}

/** Names a response that is valid HTTP, and not the expected answer. */
const redirected = (status: number): string =>
  status === 304
    ? "The resource has not changed, so there is no body"
    : "The answer is a redirect; apply HttpClient.followRedirects"

/** The facts that a message may show. */
interface Told {
  readonly request: { readonly method: string; readonly url: string }
  readonly attempts: Lines
  readonly retryAfter: Option.Option<Duration.Duration>
  readonly status?: number | undefined
  readonly code?: string | undefined
  readonly duration?: Duration.Duration | undefined
}

type Lines = ReadonlyArray<{ readonly number: number }>

/**
 * The number of attempts of the call: a ledger may leave out attempts, but its last line has the number of the last.
 *
 * @internal
 */
export const total = (ledger: Lines): number => Math.max(ledger.at(-1)?.number ?? 0, ledger.length)

/** @internal */
export const of = (
  tag: string,
  failure: Told
): string => {
  const { attempts, code, duration, request, retryAfter, status } = failure
  const details = [
    status ?? code,
    duration && `after ${Duration.format(duration)}`,
    Option.isSome(retryAfter) && `retry after ${Duration.format(retryAfter.value)}`
  ].filter(Boolean)
  const count = total(attempts)
  const tried = count > 1 ? `, after ${count} attempts` : ""
  const what = tag === "ProtocolFailure" && status !== undefined ? redirected(status) : words[tag]
  return `${what}${details.length > 0 ? ` (${details.join(", ")})` : ""}: ${request.method} ${request.url}${tried}`
}
