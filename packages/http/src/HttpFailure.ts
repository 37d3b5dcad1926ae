/**
 * Defines the failures of HTTP requests as one union of typed errors, with the facts that decide about a retry.
 *
 * @since 3.1.0
 */
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Option from "effect/Option"
import type * as Retry from "reprise/Retry"
import * as internal from "./internal/classify/failure.js"
import type {
  ClientError,
  Disposition,
  HttpFailure,
  RateLimited,
  ServerError,
  UnexpectedResponse,
  Verdict
} from "./internal/classify/failure.js"

export type {
  Disposition,
  Facts,
  HttpFailure,
  RequestFacts,
  Sent,
  StatusFacts,
  TransportFacts,
  Verdict
} from "./internal/classify/failure.js"

export {
  AttemptTimeout,
  BodyFailure,
  ClientError,
  ConnectFailure,
  ConnectionLost,
  DecodeFailure,
  HostNotFound,
  InvalidRequest,
  ProtocolFailure,
  RateLimited,
  ServerError,
  TlsFailure,
  TypeId,
  UnexpectedResponse,
  UnknownNetwork
} from "./internal/classify/failure.js"

/**
 * @since 3.1.0
 * @category guards
 */
export const isHttpFailure: (u: unknown) => u is HttpFailure = internal.isHttpFailure

/**
 * The failure that an error is, or has as its `cause`.
 *
 * @since 3.1.0
 * @category getters
 */
export const fromError: (error: unknown) => Option.Option<HttpFailure> = internal.fromError

/**
 * Makes the failure for a response, for `classify`. The tag defaults to that of the status, and to `UnexpectedResponse`
 * below 400.
 *
 * `RateLimited`, `ServerError` and `UnexpectedResponse` are retryable unless the verdict says otherwise. A circuit
 * breaker counts a retryable `ServerError` as a failure of the server, and ignores the other two.
 *
 * @example
 * ```ts
 * import { HttpClient, HttpClientResponse } from "@effect/platform"
 * import * as HttpFailure from "@reprise/http/HttpFailure"
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import { Effect } from "effect"
 *
 * let calls = 0
 * const report = HttpClient.make((request) =>
 *   Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, { status: ++calls < 3 ? 202 : 200 }))))
 *
 * const client = ResilientHttpClient.make({
 *   classify: ({ response }) =>
 *     response?.status === 202 ? HttpFailure.make(response, { retryAfter: "1 millis" }) : undefined
 * })(report)
 *
 * Effect.runPromise(client.get("http://localhost")).then(({ status }) => console.log(status, calls)) // => 200 3
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make: (
  response: HttpClientResponse.HttpClientResponse,
  verdict?: Verdict & { readonly tag?: "RateLimited" | "ServerError" | "ClientError" | "UnexpectedResponse" }
) => RateLimited | ServerError | ClientError | UnexpectedResponse = internal.make

/**
 * A copy with the verdict of the program in place of Reprise's own.
 *
 * @since 3.1.0
 * @category combinators
 */
export const withVerdict: <F extends HttpFailure>(failure: F, verdict: Verdict) => F = internal.withVerdict

/**
 * A copy with the ledger of its call. Its `sent` is then about the whole call: `"maybe"` if any attempt may have been
 * processed, or if the ledger leaves out attempts.
 *
 * @since 3.1.0
 * @category combinators
 */
export const withAttempts: <F extends HttpFailure>(failure: F, attempts: Retry.Ledger<HttpFailure>) => F =
  internal.withAttempts

/**
 * Decides whether a request may be sent again after a failure.
 *
 * It may if all of these are true:
 *
 * - The failure is retryable.
 * - The request is idempotent, or was not processed and `retryUnsent` is on.
 * - The body can be sent again.
 *
 * @since 3.1.0
 * @category predicates
 */
export const disposition: (
  failure: HttpFailure,
  facts: {
    readonly idempotent: boolean
    readonly replayable: boolean
    readonly retryUnsent?: boolean | undefined
    /** Replaces the `retryable` of the failure. */
    readonly retryable?: boolean | undefined
  }
) => Disposition = internal.disposition
