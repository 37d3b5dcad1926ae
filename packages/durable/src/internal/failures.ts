import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as HttpFailure from "@reprise/http/HttpFailure"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * A failed attempt, or the rejection of a policy (then without a failure).
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

const tags = [
  "RateLimited",
  "ServerError",
  "ClientError",
  "UnexpectedResponse",
  "ConnectFailure",
  "HostNotFound",
  "TlsFailure",
  "ConnectionLost",
  "AttemptTimeout",
  "BodyFailure",
  "DecodeFailure",
  "ProtocolFailure",
  "InvalidRequest",
  "UnknownNetwork"
] as const satisfies ReadonlyArray<HttpFailure.HttpFailure["_tag"]>

/**
 * The facts of a failure that its record holds: no header values, no query, no error of the transport.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Failure = Schema.Struct({
  /** The `_tag` of the `HttpFailure`. */
  tag: Schema.Literal(...tags),
  message: Schema.String,
  method: Schema.String,
  /** Without query, fragment and credentials. */
  url: Schema.String,
  retryable: Schema.Boolean,
  sent: Schema.Literal("no", "maybe", "refused"),
  retryAfterMillis: Schema.optional(Schema.Number),
  status: Schema.optional(Schema.Number),
  /** The code of the transport's error, such as `ECONNREFUSED`. */
  code: Schema.optional(Schema.String)
}).annotations({ identifier: "Failure" })

/**
 * @since 0.1.0
 * @category models
 */
export type Failure = typeof Failure.Type

/** @internal */
export const facts = (failure: HttpFailure.HttpFailure): Failure => ({
  tag: failure._tag,
  message: failure.message,
  method: failure.request.method,
  url: failure.request.url,
  retryable: failure.retryable,
  sent: failure.sent,
  ...(Option.isSome(failure.retryAfter) && { retryAfterMillis: Duration.toMillis(failure.retryAfter.value) }),
  ...("status" in failure && failure.status !== undefined && { status: failure.status }),
  ...("code" in failure && failure.code !== undefined && { code: failure.code })
})

/** A filter of the schedule sees a recorded failure with its status, but without its headers and body. */
const responseOf = ({ method, status, url }: Failure): HttpClientResponse.HttpClientResponse | undefined => {
  if (status === undefined || status < 200 || status > 599) return undefined
  const request = HttpClientRequest.make(method as HttpMethod)(url)
  return HttpClientResponse.fromWeb(request, new Response(null, { status }))
}

/** @internal */
export const fromFacts = (facts: Failure): HttpFailure.HttpFailure => {
  const { code, method, retryable, retryAfterMillis, sent, status, tag, url } = facts
  // The class of the tag takes these facts. Those of other classes are undefined, as in the original.
  const Class = HttpFailure[tag] as new(facts: object) => HttpFailure.HttpFailure
  const response = responseOf(facts)
  return new Class({
    request: { method, url, headers: {} },
    retryable,
    sent,
    retryAfter: retryAfterMillis === undefined ? Option.none() : Option.some(Duration.millis(retryAfterMillis)),
    attempts: [],
    ...(status === undefined ? { code } : { status }),
    ...(response !== undefined && { response })
  })
}

/** @internal */
export const Recorded: Schema.Schema<Failed, typeof Facts.Encoded> = Schema.suspend(() =>
  Schema.transform(
    Facts,
    Schema.declare((u): u is Failed => Predicate.hasProperty(u, "failure")),
    {
      decode: ({ body, failure }) => ({ failure: fromFacts(failure), ...(body !== undefined && { body }) }),
      encode: ({ body, failure }) => ({ failure: facts(failure), ...(body !== undefined && { body }) })
    }
  )
)

const Facts = Schema.Struct({ failure: Failure, body: Schema.optional(Schema.String) })
