import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Retry from "reprise/Retry"
import * as base from "./failureBase.js"
import * as failureMessage from "./failureMessage.js"
import { safely } from "./safely.js"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: TypeId = base.TypeId

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof base.TypeId

/**
 * How far the request came. `"no"`: it provably never reached the server. `"refused"`: the server says that it did not
 * process it. `"maybe"`: anything else; only an idempotent request may be sent again.
 *
 * @since 0.1.0
 * @category models
 */
export type Sent = "no" | "maybe" | "refused"

/**
 * The request of a failure as it may be shown: no query, fragment or credentials in the URL, no header values.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestFacts {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * What every failure knows. It is a `Retry.Hint`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Facts {
  readonly request: RequestFacts
  /** Whether the same request can succeed when it is sent again; says nothing about whether that is safe. */
  readonly retryable: boolean
  readonly sent: Sent
  /** How long the server asks to wait. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** The ledger of the call, filled in by the retry loop; empty where none ran. It has at most 32 lines: see `Retry.Ledger`. */
  readonly attempts: Retry.Ledger<HttpFailure>
  /**
   * The chain of errors beneath the client's own, made anew: plain errors with the name, message, stack, `code` and
   * `syscall` of each (those of an `AggregateError` in a row). Nothing else of them is kept, and no text that holds a header
   * value, a credential or a part of the query.
   */
  readonly cause?: unknown
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StatusFacts extends Facts {
  readonly status: number
  /** The response, its body not read. */
  readonly response: HttpClientResponse.HttpClientResponse
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TransportFacts extends Facts {
  /** The code of the transport's error, such as `ECONNREFUSED`, where it has one. */
  readonly code: string | undefined
}

/**
 * 429: too many requests (RFC 6585 section 4). The server did not process it.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimited extends base.FailureBase("RateLimited")<StatusFacts> {}

/**
 * 500 to 599. Retryable are 500, 502, 503 and 504; a 503 with `Retry-After` was not processed.
 *
 * @since 0.1.0
 * @category errors
 */
export class ServerError extends base.FailureBase("ServerError")<StatusFacts> {}

/**
 * 400 to 499, without 429: the request will not do, however often it is sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientError extends base.FailureBase("ClientError")<StatusFacts> {}

/**
 * A response below 400 that `classify` does not take as an answer: a 202 whose work is not done, say. Made by `make`.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnexpectedResponse extends base.FailureBase("UnexpectedResponse")<StatusFacts> {}

/**
 * No connection: refused, unreachable, timed out, the name service is busy, or the proxy opens no tunnel. Not retryable if the
 * system forbids it (`EACCES`, `EPERM`), or if the proxy refuses (401, 403, 407).
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectFailure extends base.FailureBase("ConnectFailure")<TransportFacts> {}

/**
 * The host has no address. Trying again does not help.
 *
 * @since 0.1.0
 * @category errors
 */
export class HostNotFound extends base.FailureBase("HostNotFound")<TransportFacts> {}

/**
 * The certificate or the TLS protocol is wrong. Trying again does not help.
 *
 * @since 0.1.0
 * @category errors
 */
export class TlsFailure extends base.FailureBase("TlsFailure")<TransportFacts> {}

/**
 * The connection broke before a response came: the server may have processed the request.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionLost extends base.FailureBase("ConnectionLost")<TransportFacts> {}

/**
 * No response within the time of the attempt. `duration` is that time, where the limit was one of Reprise's.
 *
 * @since 0.1.0
 * @category errors
 */
export class AttemptTimeout
  extends base.FailureBase("AttemptTimeout")<TransportFacts & { readonly duration: Duration.Duration | undefined }>
{}

/**
 * The response began, but its body was cut short or stalled, or any other error came while it was read. An error that is
 * known to come from decoding is a `DecodeFailure`.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyFailure extends base.FailureBase("BodyFailure")<TransportFacts> {}

/**
 * The body arrived and is not what was asked for: no JSON, not compressed as it says, or a 2xx that the program itself
 * refuses with `HttpClient.filterStatus`.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecodeFailure extends base.FailureBase("DecodeFailure")<TransportFacts> {}

/**
 * The answer is no HTTP, or it is a 3xx: a 304, or a redirect that no stage followed (`status` and `response` are there).
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolFailure extends base.FailureBase("ProtocolFailure")<
  TransportFacts & {
    readonly status: number | undefined
    readonly response: HttpClientResponse.HttpClientResponse | undefined
  }
> {}

/**
 * The request cannot be sent as it is: URL, scheme, header, body, a client that was closed, or it was given up by its own
 * program.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends base.FailureBase("InvalidRequest")<TransportFacts> {}

/**
 * A network error that says nothing, as browsers give: no connection, no DNS, no CORS headers, a reset, anything.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownNetwork extends base.FailureBase("UnknownNetwork")<TransportFacts> {}

/**
 * Every way in which a request fails.
 *
 * @since 0.1.0
 * @category models
 */
export type HttpFailure =
  | RateLimited
  | ServerError
  | ClientError
  | UnexpectedResponse
  | ConnectFailure
  | HostNotFound
  | TlsFailure
  | ConnectionLost
  | AttemptTimeout
  | BodyFailure
  | DecodeFailure
  | ProtocolFailure
  | InvalidRequest
  | UnknownNetwork

/** @internal */
export const isHttpFailure = (u: unknown): u is HttpFailure => safely(() => Predicate.hasProperty(u, TypeId), false)

/** @internal */
export const fromError = (error: unknown): Option.Option<HttpFailure> => {
  if (isHttpFailure(error)) return Option.some(error)
  const cause = safely<unknown>(() => HttpClientError.isHttpClientError(error) && error.cause, undefined)
  return isHttpFailure(cause) ? Option.some(cause) : Option.none()
}

/**
 * What a program decides about a failure.
 *
 * @since 0.1.0
 * @category models
 */
export interface Verdict {
  readonly retryable?: boolean | undefined
  readonly sent?: Sent | undefined
  /** How long to wait at least. Defaults to what the headers of the response ask for. */
  readonly retryAfter?: Duration.DurationInput | undefined
}

const decided = ({ retryable, retryAfter, sent }: Verdict) => ({
  ...(retryable !== undefined && { retryable }),
  ...(sent !== undefined && { sent }),
  ...(retryAfter !== undefined && { retryAfter: Option.some(Duration.decode(retryAfter)) })
})

/** @internal */
export const make = (
  response: HttpClientResponse.HttpClientResponse,
  verdict: Verdict & { readonly tag?: "RateLimited" | "ServerError" | "ClientError" | "UnexpectedResponse" } = {}
): RateLimited | ServerError | ClientError | UnexpectedResponse => {
  const { tag = tagOf(response.status), ...own } = verdict
  const Failure = { RateLimited, ServerError, ClientError, UnexpectedResponse }[tag]
  return new Failure({
    request: failureMessage.requestFacts(response.request),
    retryable: tag !== "ClientError",
    sent: tag === "RateLimited" ? "refused" : "maybe",
    retryAfter: Option.none(),
    attempts: [],
    status: response.status,
    response,
    ...decided(own)
  })
}

const tagOf = (status: number) =>
  status < 400 ? "UnexpectedResponse" : status === 429 ? "RateLimited" : status < 500 ? "ClientError" : "ServerError"

/** @internal */
export const withVerdict = <F extends HttpFailure>(failure: F, verdict: Verdict): F =>
  base.copy(failure, decided(verdict))

/** @internal */
export const withAttempts = <F extends HttpFailure>(failure: F, attempts: Retry.Ledger<HttpFailure>): F =>
  base.copy(failure, {
    sent: failureMessage.total(attempts) > attempts.length ||
        attempts.some((attempt) => Option.exists(attempt.failure, ({ sent }) => sent === "maybe"))
      ? "maybe"
      : failure.sent,
    attempts
  })

/**
 * Whether a request may be sent again after a failure, and if not, why.
 *
 * @since 0.1.0
 * @category models
 */
export type Disposition =
  | { readonly _tag: "Resend" }
  | { readonly _tag: "Refuse"; readonly reason: "NotRetryable" | "NotIdempotent" | "BodyNotReplayable" }

/** @internal */
export const disposition = (
  failure: HttpFailure,
  facts: {
    readonly idempotent: boolean
    readonly replayable: boolean
    readonly retryUnsent?: boolean | undefined
    /** In place of the `retryable` of the failure. */
    readonly retryable?: boolean | undefined
  }
): Disposition => {
  if (!(facts.retryable ?? failure.retryable)) return { _tag: "Refuse", reason: "NotRetryable" }
  const unprocessed = facts.retryUnsent === true && failure.sent !== "maybe"
  if (!facts.idempotent && !unprocessed) return { _tag: "Refuse", reason: "NotIdempotent" }
  return facts.replayable ? { _tag: "Resend" } : { _tag: "Refuse", reason: "BodyNotReplayable" }
}
