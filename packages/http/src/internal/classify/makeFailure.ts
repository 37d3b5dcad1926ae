import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as HttpFailure from "./failure.js"
import * as failureMessage from "./failureMessage.js"
import * as secrets from "./secrets.js"
import type { StatusVerdict } from "./statusRules.js"
import type { TransportTag } from "./transportRule.js"
import * as transportRules from "./transportRules.js"
import type { TransportVerdict } from "./transportRules.js"

/** The tags and codes of permanent failures. EACCES is a prohibited route, or a firewall's answer. */
const final: ReadonlySet<string | undefined> = new Set<TransportTag | "EACCES" | "EPERM">([
  "HostNotFound",
  "TlsFailure",
  "DecodeFailure",
  "ProtocolFailure",
  "InvalidRequest",
  "EACCES",
  "EPERM"
])

interface Own {
  readonly duration: undefined
  readonly status: undefined
  readonly response: undefined
}

/** The facts that only some of the classes have. */
const own: { readonly [T in TransportTag]?: Partial<Own> } = {
  AttemptTimeout: { duration: undefined },
  ProtocolFailure: { status: undefined, response: undefined }
}

const facts = ({ code, isPermanent, sent, tag }: TransportVerdict, request: HttpClientRequest.HttpClientRequest) => ({
  request: failureMessage.requestFacts(request),
  retryable: !final.has(tag) && !final.has(code) && isPermanent !== true,
  sent,
  code,
  retryAfter: Option.none(),
  attempts: []
})

/** @internal */
export const fromTransport = (
  verdict: TransportVerdict,
  request: HttpClientRequest.HttpClientRequest,
  error: unknown,
  /** The request of a redirect, if the error is about that. */
  hop = request
): HttpFailure.HttpFailure => {
  const cause = secrets.withhold([request, hop], error)
  return new HttpFailure[verdict.tag]({
    ...facts(verdict, request),
    ...(cause && { cause }),
    // Each class takes its own fields of these.
    ...own[verdict.tag] as Own
  })
}

/**
 * The typed failure for an error with which a stage below ended the call.
 *
 * @internal
 */
export const gaveUp = (request: HttpClientRequest.HttpClientRequest, cause: unknown): HttpFailure.HttpFailure =>
  fromTransport(transportRules.verdict("InvalidRequest"), request, cause)

/** @internal */
export const fromStatus = (
  response: HttpClientResponse.HttpClientResponse,
  { tag, ...verdict }: StatusVerdict
): HttpFailure.HttpFailure => {
  const request = failureMessage.requestFacts(response.request)
  const told = { ...verdict, request, attempts: [], status: response.status, response }
  return tag === "ProtocolFailure"
    ? new HttpFailure[tag]({ ...told, code: undefined })
    : new HttpFailure[tag](told)
}

/** @internal */
export const attemptTimeout = (
  request: HttpClientRequest.HttpClientRequest,
  duration: Duration.Duration
): HttpFailure.AttemptTimeout =>
  new HttpFailure.AttemptTimeout({ ...facts(transportRules.verdict("AttemptTimeout"), request), duration })
