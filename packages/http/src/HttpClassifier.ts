/**
 * Finds out which `HttpFailure` an error, a response or a whole `Cause` is.
 *
 * What a transport surfaces says little by itself: an expired certificate, a reset and a bug of the caller are all
 * `RequestError` with reason `Transport`. The chain of causes tells them apart.
 *
 * @since 0.1.0
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as HttpFailure from "./HttpFailure.js"
import * as causeChain from "./internal/causeChain.js"
import * as makeFailure from "./internal/makeFailure.js"
import * as statusRules from "./internal/statusRules.js"
import * as transportRules from "./internal/transportRules.js"

/**
 * What is known around an error when it is classified.
 *
 * @since 0.1.0
 * @category options
 */
export interface ClassifyOptions {
  /** The request that was sent. */
  readonly request: HttpClientRequest.HttpClientRequest
  /** The time, in epoch milliseconds, against which dates in headers are measured. */
  readonly nowMillis: number
  /** `"manual"` where fetch follows no redirects, so that it can prove that a request was not sent. Defaults to `"follow"`. */
  readonly redirect?: "manual" | "follow" | undefined
  /** Statuses from 400 to 499 that are retryable besides 429. Defaults to none. */
  readonly retryStatuses?: ReadonlyArray<number> | undefined
}

/**
 * The failure that a response other than 2xx is; none for 2xx.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromResponse = (
  response: HttpClientResponse.HttpClientResponse,
  options: Omit<ClassifyOptions, "request">
): Option.Option<HttpFailure.HttpFailure> => {
  const { headers, status } = response
  if (status >= 200 && status < 300) return Option.none()
  const verdict = statusRules.judge(status, headers, options.nowMillis, options.retryStatuses)
  return Option.some(makeFailure.fromStatus(response, verdict))
}

/**
 * The failure that an error of an `HttpClient` is, found from the codes and classes in its chain of causes, from message text
 * only where there is nothing else; none for an error that has nothing to do with HTTP.
 *
 * @since 0.1.0
 * @category constructors
 */
export const classify = (error: unknown, options: ClassifyOptions): Option.Option<HttpFailure.HttpFailure> => {
  const known = HttpFailure.fromError(error)
  if (Option.isSome(known)) return known
  const failed = (verdict: transportRules.TransportVerdict, cause: unknown) =>
    Option.some(makeFailure.fromTransport(verdict, options.request, cause))
  if (Cause.isTimeoutException(error)) return failed(timedOut, error)
  if (Predicate.hasProperty(error, HttpBody.ErrorTypeId)) return failed(unencodable, error)
  if (!HttpClientError.isHttpClientError(error)) return Option.none()
  if (error._tag === "RequestError") return failed(judgeRequestError(error, options), error.cause)
  return error.reason === "StatusCode"
    ? fromResponse(error.response, options)
    : failed(judgeBodyError(error), error.cause)
}

const timedOut: transportRules.TransportVerdict = { tag: "AttemptTimeout", sent: "maybe", code: undefined }

const unencodable: transportRules.TransportVerdict = { tag: "InvalidRequest", sent: "no", code: undefined }

const judgeBodyError = (error: HttpClientError.ResponseError): transportRules.TransportVerdict =>
  error.reason === "EmptyBody"
    ? { tag: "DecodeFailure", sent: "maybe", code: undefined }
    : transportRules.judge(causeChain.links(error.cause), "body", false)

const judgeRequestError = (
  error: HttpClientError.RequestError,
  options: ClassifyOptions
): transportRules.TransportVerdict => {
  if (error.reason === "InvalidUrl") return unencodable
  const links = causeChain.links(error.cause)
  // The program's own stream failed, maybe after a part of it was sent.
  if (error.reason === "Encode") return { ...unencodable, sent: "maybe" }
  const verdict = transportRules.judge(links, "request", options.request.body._tag === "Stream")
  return verdict.sent === "no" && !isFirstHop(error, links, options) ? { ...verdict, sent: "maybe" } : verdict
}

/**
 * Whether the error is about the request that was given, and not about one to which a redirect led: then an earlier hop may
 * have processed it. fetch follows redirects inside, without a trace; `HttpClient.followRedirects` changes the request.
 */
const isFirstHop = (
  error: HttpClientError.RequestError,
  links: ReadonlyArray<causeChain.Link>,
  { redirect, request }: ClassifyOptions
): boolean => {
  const isFetch = links[0]?.name === "TypeError" && links[0].message === "fetch failed"
  const isSame = error.request.url === request.url && error.request.method === request.method
  return isSame && (!isFetch || redirect === "manual")
}

/**
 * Like `classify`, for a whole `Cause`: also sees the defects with which a transport answers bad arguments. None for
 * interruptions and all other defects.
 *
 * @since 0.1.0
 * @category constructors
 */
export const classifyCause = (
  cause: Cause.Cause<unknown>,
  options: ClassifyOptions
): Option.Option<HttpFailure.HttpFailure> => {
  const error = Cause.failureOption(cause)
  if (Option.isSome(error)) return classify(error.value, options)
  for (const defect of Cause.defects(cause)) {
    const verdict = transportRules.judgeDefect(causeChain.links(defect))
    if (verdict !== undefined) return Option.some(makeFailure.fromTransport(verdict, options.request, defect))
  }
  return Option.none()
}
