import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import * as causeChain from "./causeChain.js"
import * as failureMessage from "./failureMessage.js"
import { safely } from "./safely.js"

/** What is shorter is found in any text. */
const minLength = 4

const decoded = (text: string): string =>
  text.replace(/(%[\da-f]{2})+/gi, (run) => safely(() => decodeURIComponent(run), ""))

/** The letters and digits of a text: how it is quoted, escaped and encoded differs from place to place. */
const bare = (text: string): string => decoded(text).replace(/[^\p{L}\p{N}]/gu, "")

const forms = (secret: string): ReadonlyArray<string> =>
  [secret, decoded(secret), secret.replaceAll("%", "%25"), JSON.stringify(secret)].map(bare)

/** Credentials, and the values of the query and the fragment; all of a URL in which they cannot be told from the rest. */
const ofUrl = (url: string): ReadonlyArray<string> =>
  (failureMessage.webUrl(url) ? url.replace(/^([a-z]+:)?[/\\]*(.*@)?[^?#]*/is, "$2") : url)
    .split(/[?#&@:/\\]/)
    .map((part) => part.replace(/^[^=]*=/, ""))

const ofRequest = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> => [
  ...ofUrl(request.url),
  ...request.urlParams.map(([, value]) => value),
  Option.getOrElse(request.hash, () => ""),
  ...Object.values(request.headers).flatMap((value) => [value, ...value.split(/[\s;,=]/)])
]

/**
 * The chain of causes as plain errors of names, codes and texts, without any other property of theirs, and without the texts
 * that hold a header value, a credential or a part of the query of a request: fetch quotes a header value that it refuses,
 * and a URL error its URL.
 *
 * @internal
 */
export const withhold = (
  requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>,
  cause: unknown
): Error | undefined => {
  const secrets = requests.flatMap(ofRequest)
    .flatMap(forms)
    .filter((secret) => secret.length >= minLength)
  const isSecret = (text: string) => secrets.some((secret) => bare(text).includes(secret))
  return causeChain.links(cause).reduceRight<Error | undefined>((inner, { code, message, name, stack, syscall }) => {
    const shown = isSecret(message) ? "(withheld: quotes the request)" : message
    const error = new Error(shown, inner && { cause: inner })
    error.stack = stack !== undefined && !isSecret(stack) ? stack : `${name || "Error"}: ${shown}`
    return Object.assign(error, name && { name }, code && { code }, syscall && { syscall })
  }, undefined)
}
