import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"

// The only place that makes the errors of a client, or reads what kind of error one is.
// Internal all the same; without the tag, so that tests see its types (`stripInternal`).

type ClientError = HttpClientError.HttpClientError

type Request = HttpClientRequest.HttpClientRequest

type Response = HttpClientResponse.HttpClientResponse

export type Kind = "Transport" | "Encode" | "InvalidUrl" | "StatusCode" | "Decode" | "EmptyBody"

/**
 * The type of an error that comes with a response.
 */
export type BodyError = HttpClientError.ResponseError

export const kindOf = (error: ClientError): Kind => error.reason

export const responseOf = (error: ClientError): Response | undefined =>
  error._tag === "ResponseError" ? error.response : undefined

export const requestError = (
  kind: "Transport" | "Encode",
  facts: { readonly request: Request; readonly cause: unknown; readonly description?: string }
): ClientError => new HttpClientError.RequestError({ ...facts, reason: kind })

export const decodeError = (response: Response) => (cause: unknown): BodyError =>
  new HttpClientError.ResponseError({ request: response.request, response, reason: "Decode", cause })

/**
 * The same error with another cause, and with the words of that cause if it has none.
 */
export const withCause = (error: ClientError, cause: Error): ClientError => {
  const facts = { ...error, cause, description: error.description ?? cause.message }
  return error._tag === "RequestError"
    ? new HttpClientError.RequestError(facts as typeof facts & HttpClientError.RequestError)
    : new HttpClientError.ResponseError(facts as typeof facts & HttpClientError.ResponseError)
}
