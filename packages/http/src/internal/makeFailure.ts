import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as HttpFailure from "../HttpFailure.js"
import * as failureMessage from "./failureMessage.js"
import * as secrets from "./secrets.js"
import type { StatusVerdict } from "./statusRules.js"
import type { TransportTag, TransportVerdict } from "./transportRules.js"

const final: ReadonlySet<TransportTag> = new Set<TransportTag>([
  "HostNotFound",
  "TlsFailure",
  "DecodeFailure",
  "ProtocolFailure",
  "InvalidRequest"
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

/** @internal */
export const fromTransport = (
  { code, sent, tag }: TransportVerdict,
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown
): HttpFailure.HttpFailure =>
  new HttpFailure[tag]({
    request: failureMessage.requestFacts(request),
    retryable: !final.has(tag),
    sent,
    code,
    retryAfter: Option.none(),
    attempts: [],
    ...(cause === undefined ? undefined : { cause: secrets.withhold(request, cause) }),
    // Each class takes what it has of these.
    ...own[tag] as Own
  })

/** @internal */
export const fromStatus = (
  response: HttpClientResponse.HttpClientResponse,
  { tag, ...verdict }: StatusVerdict
): HttpFailure.HttpFailure => {
  const request = failureMessage.requestFacts(response.request)
  return new HttpFailure[tag]({ ...verdict, request, attempts: [], status: response.status, response, code: undefined })
}

/** @internal */
export const attemptTimeout = (
  request: HttpClientRequest.HttpClientRequest,
  duration: Duration.Duration
): HttpFailure.AttemptTimeout =>
  new HttpFailure.AttemptTimeout({
    request: failureMessage.requestFacts(request),
    retryable: true,
    sent: "maybe",
    code: undefined,
    retryAfter: Option.none(),
    attempts: [],
    duration
  })
