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
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: TypeId = base.TypeId

/**
 * @since 3.1.0
 * @category type ids
 */
export type TypeId = typeof base.TypeId

/**
 * How far the request came.
 *
 * - `"no"`: it provably never reached the server.
 * - `"refused"`: the server says that it did not process it.
 * - `"maybe"`: anything else. Only an idempotent request may be sent again.
 *
 * @since 3.1.0
 * @category models
 */
export type Sent = "no" | "maybe" | "refused"

/**
 * The request of a failure without secrets: no query, fragment or credentials in the URL, no header values.
 *
 * @since 3.1.0
 * @category models
 */
export interface RequestFacts {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/**
 * The facts of every failure. It is a `Retry.Hint`.
 *
 * @since 3.1.0
 * @category models
 */
export interface Facts {
  readonly request: RequestFacts
  /** Whether the same request can succeed when it is sent again. It does not say whether that is safe. */
  readonly retryable: boolean
  readonly sent: Sent
  /** The wait that the server asks for. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /**
   * The ledger of the call, from the retry loop; empty without a retry loop. It has at most 32 lines: see
   * `Retry.Ledger`.
   */
  readonly attempts: Retry.Ledger<HttpFailure>
  /**
   * The chain of errors beneath the client's own, as new plain errors with the name, message, stack, `code` and
   * `syscall` of each.
   *
   * The errors of an `AggregateError` are in a row. Reprise copies no other property, and no text that holds a header
   * value, a credential or a part of the query.
   */
  readonly cause?: unknown
}

/**
 * @since 3.1.0
 * @category models
 */
export interface StatusFacts extends Facts {
  readonly status: number
  /** The response, its body not read. */
  readonly response: HttpClientResponse.HttpClientResponse
}

/**
 * @since 3.1.0
 * @category models
 */
export interface TransportFacts extends Facts {
  /** The code of the transport's error, such as `ECONNREFUSED`, if it has one. */
  readonly code: string | undefined
}

/**
 * 429: too many requests (RFC 6585 section 4). The server did not process it.
 *
 * @since 3.1.0
 * @category errors
 */
export class RateLimited extends base.FailureBase("RateLimited")<StatusFacts> {}

/**
 * 500 to 599. 500, 502, 503 and 504 are retryable. A server that answers 503 with `Retry-After` did not process the
 * request.
 *
 * @since 3.1.0
 * @category errors
 */
export class ServerError extends base.FailureBase("ServerError")<StatusFacts> {}

/**
 * 400 to 499, without 429: the request is wrong, and fails every time.
 *
 * @since 3.1.0
 * @category errors
 */
export class ClientError extends base.FailureBase("ClientError")<StatusFacts> {}

/**
 * A response below 400 that `classify` does not accept, such as a 202 whose work is not done. `make` makes it.
 *
 * @since 3.1.0
 * @category errors
 */
export class UnexpectedResponse extends base.FailureBase("UnexpectedResponse")<StatusFacts> {}

/**
 * No connection: refused, unreachable, timed out, the name service is busy, or the proxy opens no tunnel.
 *
 * Not retryable if the system forbids it (`EACCES`, `EPERM`), or if the proxy refuses (401, 403, 407).
 *
 * @since 3.1.0
 * @category errors
 */
export class ConnectFailure extends base.FailureBase("ConnectFailure")<TransportFacts> {}

/**
 * The host has no address. Not retryable.
 *
 * @since 3.1.0
 * @category errors
 */
export class HostNotFound extends base.FailureBase("HostNotFound")<TransportFacts> {}

/**
 * The certificate or the TLS protocol is wrong. Not retryable.
 *
 * @since 3.1.0
 * @category errors
 */
export class TlsFailure extends base.FailureBase("TlsFailure")<TransportFacts> {}

/**
 * The connection broke before a response came. The server may have processed the request.
 *
 * @since 3.1.0
 * @category errors
 */
export class ConnectionLost extends base.FailureBase("ConnectionLost")<TransportFacts> {}

/**
 * No response within the time of the attempt. `duration` is that time, if the limit was one of Reprise's.
 *
 * @since 3.1.0
 * @category errors
 */
export class AttemptTimeout
  extends base.FailureBase("AttemptTimeout")<TransportFacts & { readonly duration: Duration.Duration | undefined }>
{}

/**
 * The response began, but its body was cut short or stalled, or another error came while it was read.
 *
 * If the error is known to come from decoding, it is a `DecodeFailure`.
 *
 * @since 3.1.0
 * @category errors
 */
export class BodyFailure extends base.FailureBase("BodyFailure")<TransportFacts> {}

/**
 * The body arrived, but is not valid: not JSON, or not compressed as it says. It is also the failure of a 2xx that the
 * program rejects with `HttpClient.filterStatus`.
 *
 * @since 3.1.0
 * @category errors
 */
export class DecodeFailure extends base.FailureBase("DecodeFailure")<TransportFacts> {}

/**
 * The response is not valid HTTP, or it is a 3xx: a 304, or a redirect that no stage followed (with `status` and
 * `response`).
 *
 * @since 3.1.0
 * @category errors
 */
export class ProtocolFailure extends base.FailureBase("ProtocolFailure")<
  TransportFacts & {
    readonly status: number | undefined
    readonly response: HttpClientResponse.HttpClientResponse | undefined
  }
> {}

/**
 * The request cannot be sent: its URL, scheme, header or body is wrong, the client was closed, or the program aborted
 * it.
 *
 * @since 3.1.0
 * @category errors
 */
export class InvalidRequest extends base.FailureBase("InvalidRequest")<TransportFacts> {}

/**
 * A network error without details, as in browsers: no connection, no DNS, no CORS headers, a reset, or any other cause.
 *
 * @since 3.1.0
 * @category errors
 */
export class UnknownNetwork extends base.FailureBase("UnknownNetwork")<TransportFacts> {}

/**
 * Every failure of a request.
 *
 * @since 3.1.0
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
 * The decision of a program about a failure.
 *
 * @since 3.1.0
 * @category models
 */
export interface Verdict {
  readonly retryable?: boolean | undefined
  readonly sent?: Sent | undefined
  /** The least wait. Defaults to the wait that the headers of the response ask for. */
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
 * @since 3.1.0
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
    /** Replaces the `retryable` of the failure. */
    readonly retryable?: boolean | undefined
  }
): Disposition => {
  if (!(facts.retryable ?? failure.retryable)) return { _tag: "Refuse", reason: "NotRetryable" }
  const unprocessed = facts.retryUnsent === true && failure.sent !== "maybe"
  if (!facts.idempotent && !unprocessed) return { _tag: "Refuse", reason: "NotIdempotent" }
  return facts.replayable ? { _tag: "Resend" } : { _tag: "Refuse", reason: "BodyNotReplayable" }
}
