import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { InvalidOption } from "reprise/InvalidOption"
import * as headerName from "./headerName.js"
import { defaultHeader, has, markIdempotent } from "./idempotency.js"

const liveRandom = Context.get(DefaultServices.liveServices, Random.Random)

/** UUID version 4 (RFC 9562 section 5.4) from 128 random bits. */
const uuid = (words: Iterable<number>): string => {
  const hex = Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("")
  const variant = "89ab".charAt(parseInt(hex.charAt(16), 16) % 4)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}

/**
 * A new key. If the program provides the `Random` service, the key comes from it, so that a test can repeat it.
 *
 * Effect's live `Random` is seeded with 31 bits (effect 3.22, `Hash.number`). Among 60,000 processes it is more likely
 * than not that two make the same keys in the same order. A server would then answer one payment with the result of
 * another. So by default the key comes from the platform's cryptographic source.
 *
 * @internal
 */
export const make: Effect.Effect<string> = Effect.flatMap(Effect.random, (random) =>
  random === liveRandom
    ? Effect.sync(() => uuid(crypto.getRandomValues(new Uint32Array(4))))
    : Effect.map(Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 2 ** 32))), uuid))

/** @internal */
export const checkedHeader = (header: string = defaultHeader): string => headerName.checked(header, "header")

/** @internal */
export const checkedKey = (key: string): string => {
  // Checked even so: an untyped caller's `undefined` would be the key "undefined" of all its requests.
  if (typeof key === "string" && /^[!-~](?:[ -~]*[!-~])?$/.test(key)) return key
  throw new InvalidOption({ option: "key", value: "<redacted>", expected: "one or more printable ASCII characters" })
}

/**
 * The request with a key: its own, if it has one. A client looks for keys under the default name only, so a key under
 * another name is a mark too.
 *
 * @internal
 */
export const set = (
  request: HttpClientRequest.HttpClientRequest,
  header: string,
  key: string
): HttpClientRequest.HttpClientRequest => {
  const keyed = has(request, header) ? request : HttpClientRequest.setHeader(request, header, key)
  return header.toLowerCase() === defaultHeader.toLowerCase() ? keyed : markIdempotent(keyed)
}

/**
 * The request with a new key, unless it has one.
 *
 * @internal
 */
export const generated = (
  request: HttpClientRequest.HttpClientRequest,
  header: string
): Effect.Effect<HttpClientRequest.HttpClientRequest> =>
  has(request, header) ? Effect.succeed(set(request, header, "")) : Effect.map(make, (key) => set(request, header, key))

/**
 * The same for the methods that have one automatically. Throws `InvalidOption` at once.
 *
 * @internal
 */
export const automatic = (
  options: { readonly header?: string | undefined; readonly methods?: ReadonlyArray<HttpMethod> | undefined } = {}
) => {
  const header = checkedHeader(options.header)
  const methods = new Set<string>(options.methods ?? ["POST", "PATCH"])
  if (methods.size === 0) {
    throw new InvalidOption({ option: "methods", value: [], expected: "at least one HTTP method" })
  }
  return (request: HttpClientRequest.HttpClientRequest) =>
    methods.has(request.method) ? generated(request, header) : Effect.succeed(request)
}
