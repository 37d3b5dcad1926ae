import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as causeChain from "./causeChain.js"

/** Credentials, query and fragment of the URL, and every header value. */
const ofRequest = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> => [
  ...request.url.match(/^[^/]*\/\/([^/@]+)@/)?.slice(1) ?? [],
  ...request.url.match(/[?#](.+)$/s)?.slice(1) ?? [],
  ...request.urlParams.map(([, value]) => value),
  ...Object.values(request.headers)
]

/**
 * Whether a message in the chain of causes holds a secret of the request: fetch quotes a header value that it refuses, and
 * a URL with credentials.
 *
 * @internal
 */
export const holds = (request: HttpClientRequest.HttpClientRequest, cause: unknown): boolean => {
  const secrets = ofRequest(request).map((secret) => secret.trim()).filter((secret) => secret !== "")
  return secrets.length > 0 &&
    causeChain.links(cause).some(({ message }) => secrets.some((secret) => message.includes(secret)))
}

/**
 * What stands in the place of such a cause.
 *
 * @internal
 */
export const withheld = (code: string | undefined): Error =>
  Object.assign(new Error("The text of this error is withheld: it holds a header value or a part of the URL"), { code })
