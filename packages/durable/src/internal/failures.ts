import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as HttpFailure from "@reprise/http/HttpFailure"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { Failure } from "./model.js"

/**
 * A failed attempt, or the rejection of a policy.
 *
 * @internal
 */
export interface Failed {
  readonly failure: HttpFailure.HttpFailure
  /** The start of the body of a failed response. */
  readonly body?: string | undefined
  /** The error of a policy, which sent nothing. Then `failure` says so too. */
  readonly rejection?: unknown
}

/** @internal */
export const statusOf = (failure: HttpFailure.HttpFailure) => "status" in failure ? failure.status : undefined

/** @internal */
export const facts = (failure: HttpFailure.HttpFailure): Failure => ({
  tag: failure._tag,
  message: failure.message,
  method: failure.request.method,
  url: failure.request.url,
  retryable: failure.retryable,
  sent: failure.sent,
  retryAfterMillis: Option.getOrUndefined(Option.map(failure.retryAfter, Duration.toMillis)),
  status: statusOf(failure),
  code: "code" in failure ? failure.code : undefined
})

/** A filter of the schedule sees a recorded failure with its status, but without its headers and body. */
const responseOf = ({ method, status, url }: Failure) =>
  status === undefined || status < 200 || status > 599
    ? undefined
    : HttpClientResponse.fromWeb(HttpClientRequest.make(method as HttpMethod)(url), new Response(null, { status }))

const fromFacts = (failure: Failure): HttpFailure.HttpFailure => {
  const { method, retryAfterMillis, tag, url, ...facts } = failure
  // The class of the tag takes these facts.
  return new (HttpFailure[tag] as new(facts: object) => HttpFailure.HttpFailure)({
    ...facts,
    request: { method, url, headers: {} },
    retryAfter: Option.map(Option.fromNullable(retryAfterMillis), Duration.millis),
    attempts: [],
    response: responseOf(failure)
  })
}

const body = Schema.optional(Schema.String)

/** @internal */
export const Recorded = Schema.transform(
  Schema.Struct({ failure: Failure, body }),
  Schema.declare((u): u is Failed => Predicate.hasProperty(u, "failure")),
  {
    decode: ({ body, failure }) => ({ failure: fromFacts(failure), body }),
    encode: ({ body, failure }) => ({ failure: facts(failure), body })
  }
)
