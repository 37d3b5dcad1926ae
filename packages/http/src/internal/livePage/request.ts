import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

type Request = HttpServerRequest.HttpServerRequest

/** A key of 500 characters fits in any encoding. */
const maxBodyBytes = 16_384

/**
 * The path below the mount point of the page, without slashes around it.
 *
 * @internal
 */
export const pathOf = ({ url }: Request): string => url.replace(/[?#].*$/s, "").replace(/^\/+|\/+$/g, "")

/**
 * Whether a page of another site may have sent the request.
 *
 * A browser sends `Sec-Fetch-Site` over TLS and on the local host, and `Origin` always. A request without both does not
 * come from a browser.
 *
 * @internal
 */
export const isCrossSite = ({ headers }: Request): boolean => {
  const site = headers["sec-fetch-site"]
  if (site !== undefined) return site !== "same-origin"
  const origin = headers["origin"]
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== headers["host"]
}

/**
 * A form cannot send this type, and a page of another origin must get the server's permission first.
 *
 * @internal
 */
export const isJson = ({ headers }: Request): boolean =>
  /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "")

/**
 * The key in the body. `undefined` for any other body.
 *
 * @internal
 */
export const keyIn = (request: Request): Effect.Effect<string | undefined> =>
  request.json.pipe(
    HttpServerRequest.withMaxBodySize(Option.some(maxBodyBytes)),
    Effect.map((body) => {
      const key: unknown = Predicate.hasProperty(body, "key") ? body.key : undefined
      return typeof key === "string" && key !== "" ? key : undefined
    }),
    Effect.orElseSucceed(() => undefined)
  )
