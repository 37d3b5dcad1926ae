import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as causeChain from "./causeChain.js"

/** What is shorter is found in any text. */
const minLength = 4

const parts = (url: string): ReadonlyArray<string> => [
  // All of a URL that is none of HTTP's: `data:` holds what it is about.
  ...(/^(https?|ftp|wss?):[/]{2}|^[/]/.test(url) ? [] : [url]),
  ...url.match(/^(?:[a-z][a-z\d+.-]*:)?[/\\]*(.+)@/is)?.slice(1) ?? [],
  ...url.match(/[?#](.+)$/s)?.slice(1) ?? [],
  ...url.match(/[?#](.+)$/s)?.[1]?.split(/[&#=]/) ?? []
]

/** Credentials and query of the URL, whole and in parts, and every header value; as they are and as they are written. */
const ofRequest = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> =>
  [...parts(request.url), ...request.urlParams.map(([, value]) => value), ...Object.values(request.headers)]
    .flatMap((secret) => [secret.trim(), encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= minLength)

/**
 * Every text in the error and in what it holds, as far as anyone would print it.
 */
const texts = (error: unknown): ReadonlyArray<string> => {
  const found: Array<string> = []
  const seen = new Set<unknown>()
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === "string") found.push(value)
    if (typeof value !== "object" || value === null || seen.has(value) || depth > 5 || seen.size > 200) return
    seen.add(value)
    try {
      for (const key of Object.getOwnPropertyNames(value).slice(0, 100)) {
        visit(key, depth)
        visit((value as Readonly<Record<string, unknown>>)[key], depth + 1)
      }
    } catch {
      // What cannot be looked at cannot be printed either.
    }
  }
  visit(error, 0)
  return found
}

/**
 * The cause of a failure, as it is, or rebuilt from names and codes where a text in it holds a secret of the request: fetch
 * quotes a header value that it refuses, and a URL error the URL.
 *
 * @internal
 */
export const withhold = (request: HttpClientRequest.HttpClientRequest, cause: unknown): unknown => {
  const secrets = ofRequest(request)
  if (secrets.length === 0 || !texts(cause).some((text) => secrets.some((secret) => text.includes(secret)))) {
    return cause
  }
  return causeChain.links(cause).reduceRight<Error | undefined>((inner, { code, name, syscall }) =>
    Object.assign(
      new Error(
        `${name || "Error"}, its text withheld: it holds a header value or a part of the URL`,
        inner && { cause: inner }
      ),
      { code, syscall }
    ), undefined)
}
