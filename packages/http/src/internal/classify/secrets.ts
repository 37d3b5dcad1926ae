import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as causeChain from "./causeChain.js"
import * as failureMessage from "./failureMessage.js"
import { safely } from "./safely.js"
import * as secretSearch from "./secretSearch.js"

/** A shorter text would match in any text. */
const minLength = 4

/**
 * The limit of all texts of a chain together, in UTF-16 units, so that the cost of a failure is bounded. A longer text
 * is withheld.
 */
const maxTexts = 16_384

const withheld = "(withheld: quotes the request, or is too long)"

/** Separates secrets that are treated as one text. No step below changes or produces it. */
const separator = "\x7f"

const decodedRuns = (text: string): string =>
  text.replace(/(%[\da-f]{2})+/gi, (run) => safely(() => decodeURIComponent(run), ""))

/** Decodes all escapes, or only the valid ones if some are invalid. */
const decoded = (text: string): string =>
  text.includes("%") ? safely(() => decodeURIComponent(text), undefined) ?? decodedRuns(text) : text

/** The letters and digits of a text, because quotes, escapes and encodings differ from place to place. */
const strip = (text: string): string =>
  /^[\x00-\x7f]*$/.test(text) ? text.replace(/[^\dA-Za-z\x7f]+/g, "") : text.replace(/[^\p{L}\p{N}\x7f]+/gu, "")

const bare = (text: string): string => strip(decoded(text.replaceAll(separator, "")))

const joined = (texts: ReadonlyArray<string>): string =>
  texts.map((text) => text.includes(separator) ? text.replaceAll(separator, "") : text).join(separator)

/** Secrets as they are, decoded once and twice, and escaped: each as its letters and digits. */
const forms = (secrets: string): ReadonlyArray<string> => {
  const once = decoded(secrets)
  const escaped = decoded(JSON.stringify(secrets).slice(1, -1))
  return Array.from(new Set([secrets, once, decoded(once), escaped]), (form) => strip(form).split(separator)).flat()
    .filter((secret) => secret.length >= minLength)
}

/** The credentials, and the values of the query and the fragment. If the URL cannot be parsed, all of it. */
const ofUrl = (url: string): ReadonlyArray<string> =>
  (failureMessage.webUrl(url) ? url.replace(/^([a-z]+:)?[/\\]*(.*@)?[^?#]*/is, "$2") : url)
    .split(/[?#&@:/\\]/)
    .map((part) => part.slice(part.indexOf("=") + 1))

const textOf = (value: string | Redacted.Redacted): string => typeof value === "string" ? value : Redacted.value(value)

/** A header value is a secret as a whole, and so is each of its words. */
const ofRequest = (request: HttpClientRequest.HttpClientRequest): string => {
  const values = joined(Object.values(request.headers))
  return [
    joined(ofUrl(request.url)),
    joined(Array.from(request.urlParams, ([, value]) => textOf(value))),
    joined([Option.getOrElse(request.hash, () => "")]),
    values,
    values.replace(/[\s;,=]+/g, separator)
  ].join(separator)
}

/** The texts within the limit. */
const bounded = (texts: ReadonlyArray<string>): ReadonlySet<string> => {
  const found = new Set<string>()
  let left = maxTexts
  for (const text of texts) {
    if (text.length > left) continue
    left -= text.length
    found.add(text)
  }
  return found
}

/**
 * Finds out for each text whether it holds a secret, or is too long to search.
 *
 * The cost grows with the size of the requests and of the texts, not with their product.
 */
const finder = (
  requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>,
  texts: ReadonlyArray<string>
): (text: string) => boolean => {
  const readable = bounded(texts)
  const bareTexts = Array.from(readable, bare)
  const secrets = forms(Array.from(new Set(requests), ofRequest).join(separator))
  const likely = secretSearch.likely(secrets, bareTexts, minLength)
  const safe = new Set(
    Array.from(readable).filter((_, index) => !likely.some((secret) => bareTexts[index]!.includes(secret)))
  )
  return (text) => !safe.has(text)
}

/**
 * Copies the chain of causes as plain errors with names, codes and texts, and no other property.
 *
 * It leaves out texts that hold a header value, a credential or a part of the query of a request. For example, fetch
 * quotes a header value that it refuses, and a URL error quotes its URL.
 *
 * @internal
 */
export const withhold = (
  requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>,
  cause: unknown
): Error | undefined => {
  const links = causeChain.links(cause)
  if (links.length === 0) return undefined
  const isSecret = finder(requests, links.flatMap(({ message, stack = "" }) => [message, stack]))
  return links.reduceRight<Error | undefined>((inner, { code, message, name, stack, syscall }) => {
    const shown = isSecret(message) ? withheld : message
    const error = new Error(shown, inner && { cause: inner })
    error.stack = stack !== undefined && !isSecret(stack) ? stack : `${name || "Error"}: ${shown}`
    return Object.assign(error, name && { name }, code && { code }, syscall && { syscall })
  }, undefined)
}
