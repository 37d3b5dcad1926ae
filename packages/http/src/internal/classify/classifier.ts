import type * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as causeChain from "./causeChain.js"
import * as clientError from "./clientError.js"
import * as HttpFailure from "./failure.js"
import * as makeFailure from "./makeFailure.js"
import { safely } from "./safely.js"
import * as statusRules from "./statusRules.js"
import * as transportRules from "./transportRules.js"

/**
 * The context of an error.
 *
 * @since 3.1.0
 * @category options
 */
export interface ClassifyOptions {
  /** The request that was sent. */
  readonly request: HttpClientRequest.HttpClientRequest
  /** The time, in epoch milliseconds, against which dates in headers are measured. */
  readonly nowMillis: number
  /**
   * `"manual"` if fetch follows no redirects, so that it can prove that a request was not sent. Defaults to `"follow"`.
   */
  readonly redirect?: "manual" | "follow" | undefined
}

/** @internal */
export const fromResponse = (
  response: HttpClientResponse.HttpClientResponse,
  options: Omit<ClassifyOptions, "request">
): Option.Option<HttpFailure.HttpFailure> => {
  const { headers, status } = response
  if (status >= 200 && status < 300) return Option.none()
  const verdict = statusRules.judge(status, headers, options.nowMillis)
  return Option.some(makeFailure.fromStatus(response, verdict))
}

/** @internal */
export const classify = (error: unknown, options: ClassifyOptions): Option.Option<HttpFailure.HttpFailure> =>
  // A value that throws on access is not an error of a transport.
  safely(() => classifyKnown(error, options), Option.none())

const classifyKnown = (error: unknown, options: ClassifyOptions): Option.Option<HttpFailure.HttpFailure> => {
  const known = HttpFailure.fromError(error)
  if (Option.isSome(known)) return known
  const failed = (
    verdict: transportRules.TransportVerdict,
    cause: unknown,
    hop?: HttpClientRequest.HttpClientRequest
  ) => Option.some(makeFailure.fromTransport(verdict, options.request, cause, hop))
  if (Cause.isTimeoutException(error)) return failed(transportRules.verdict("AttemptTimeout"), error)
  if (Predicate.isTagged(error, "HttpBodyError")) return failed(unencodable, error)
  if (!HttpClientError.isHttpClientError(error)) return Option.none()
  const { cause, request } = error
  const kind = clientError.kindOf(error)
  const response = clientError.responseOf(error)
  if (response === undefined) {
    return isForeign(kind, cause) ? Option.none() : failed(judgeRequestError(kind, error, options), cause, request)
  }
  return kind === "StatusCode"
    // A 2xx that the program's own `filterStatus` refuses is not a valid answer.
    ? Option.orElse(
      fromResponse(response, options),
      () => failed(transportRules.verdict("DecodeFailure"), cause, request)
    )
    : failed(judgeBodyError(kind, cause), cause, request)
}

const unencodable: transportRules.TransportVerdict = { ...transportRules.verdict("InvalidRequest"), sent: "no" }

const judgeBodyError = (kind: clientError.Kind, cause: unknown): transportRules.TransportVerdict =>
  kind === "EmptyBody"
    ? transportRules.verdict("DecodeFailure")
    : transportRules.judge(causeChain.links(cause), "body", false)

const judgeRequestError = (
  kind: clientError.Kind,
  { cause, request: failed }: HttpClientError.HttpClientError,
  { redirect, request }: ClassifyOptions
): transportRules.TransportVerdict => {
  const verdict = kind === "InvalidUrl"
    ? unencodable
    // The program's own stream failed, maybe after a part of it was sent.
    : kind === "Encode"
    ? transportRules.verdict("InvalidRequest")
    : transportRules.judge(causeChain.links(cause), "request", mayFail(request.body), redirect === "manual")
  return verdict.sent === "no" && !isFirstHop(failed, request) ? { ...verdict, sent: "maybe" } : verdict
}

/** Whether the body is more than bytes. Then an error may come from the body, and says nothing about the connection. */
const mayFail = (body: HttpBody.HttpBody): boolean =>
  body._tag === "Stream" || (body._tag === "Raw" && typeof body.body !== "string" && !ArrayBuffer.isView(body.body))

/** An error of a stage below (out of time, a circuit that is open) needs no classification. */
const isForeign = (kind: clientError.Kind, cause: unknown): boolean =>
  kind !== "InvalidUrl" &&
  safely(
    () => Predicate.hasProperty(cause, "_tag") && !Cause.isTimeoutException(cause) && !Cause.isUnknownException(cause),
    false
  )

/**
 * Whether the error is about the original request, and not about a redirect, after which an earlier hop may have
 * processed it.
 *
 * `HttpClient.followRedirects` sets another URL, and so makes new parameters, even if they are the same.
 */
const isFirstHop = (
  failed: HttpClientRequest.HttpClientRequest,
  given: HttpClientRequest.HttpClientRequest
): boolean => failed.url === given.url && failed.method === given.method && failed.urlParams === given.urlParams

/** @internal */
export const classifyCause = (
  cause: Cause.Cause<unknown>,
  options: ClassifyOptions
): Option.Option<HttpFailure.HttpFailure> => {
  const failures = Chunk.toReadonlyArray(Cause.failures(cause)).map((error) => classify(error, options))
  // node reports a failure twice, in parallel: the one that claims least is right.
  if (failures.length > 0) return failures.find(claimsNothing) ?? failures[0]!
  for (const defect of Cause.defects(cause)) {
    const verdict = transportRules.judgeDefect(causeChain.links(defect))
    if (verdict !== undefined) return Option.some(makeFailure.fromTransport(verdict, options.request, defect))
  }
  return Option.none()
}

const claimsNothing = (failure: Option.Option<HttpFailure.HttpFailure>): boolean =>
  !Option.exists(failure, ({ sent }) => sent !== "maybe")
