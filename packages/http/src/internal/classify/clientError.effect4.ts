import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"

// The only place that makes the errors of a client, or reads what kind of error one is.
// Internal all the same; without the tag, so that tests see its types (`stripInternal`).

type ClientError = HttpClientError.HttpClientError

type Request = HttpClientRequest.HttpClientRequest

type Response = HttpClientResponse.HttpClientResponse

export type Kind = "Transport" | "Encode" | "InvalidUrl" | "StatusCode" | "Decode" | "EmptyBody"

/**
 * The type of an error that comes with a response.
 */
export type BodyError = ClientError

const kinds: { readonly [T in HttpClientError.HttpClientErrorReason["_tag"]]: Kind } = {
  TransportError: "Transport",
  EncodeError: "Encode",
  InvalidUrlError: "InvalidUrl",
  StatusCodeError: "StatusCode",
  DecodeError: "Decode",
  EmptyBodyError: "EmptyBody"
}

export const kindOf = ({ reason }: ClientError): Kind => kinds[reason._tag]

export const responseOf = (error: ClientError): Response | undefined => error.response

export const requestError = (
  kind: "Transport" | "Encode",
  facts: { readonly request: Request; readonly cause: unknown; readonly description?: string }
): ClientError => {
  const Reason = kind === "Encode" ? HttpClientError.EncodeError : HttpClientError.TransportError
  return new HttpClientError.HttpClientError({ reason: new Reason(facts) })
}

export const decodeError = (response: Response) => (cause: unknown): BodyError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.DecodeError({ request: response.request, response, cause })
  })

/**
 * The same error with another cause, and with the words of that cause if it has none.
 */
export const withCause = ({ reason }: ClientError, cause: Error): ClientError => {
  // Every reason is made of its facts.
  const Reason = reason.constructor as new(facts: object) => HttpClientError.HttpClientErrorReason
  const description = reason.description ?? cause.message
  return new HttpClientError.HttpClientError({ reason: new Reason({ ...reason, cause, description }) })
}
