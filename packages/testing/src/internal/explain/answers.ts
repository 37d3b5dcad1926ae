import { RequestError } from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Stream from "effect/Stream"
import * as InvalidOption from "reprise/InvalidOption"
import type { Failure, Outcome } from "../../Explain.js"
import { presets } from "../transportErrors.js"

/**
 * An outcome with its defaults. Without a `status` and a `cause`, nothing ever comes.
 *
 * @internal
 */
export interface Step {
  readonly label: string
  readonly afterMillis: number
  readonly status?: number
  readonly headers?: Headers
  /** The error in place of the response, or in place of the body if there is a `status`. */
  readonly cause?: LazyArg<Error>
}

/** @internal */
export type Take = LazyArg<Step>

/** @internal */
export const noAnswer = "no answer"

const failures: Readonly<Record<Failure, Omit<Step, "label" | "afterMillis">>> = {
  reset: { cause: presets.connectionReset },
  refused: { cause: presets.connectionRefused },
  connectTimeout: { cause: presets.connectTimeout },
  timeout: { cause: presets.timeout },
  hang: {},
  unknownHost: { cause: presets.dnsNotFound },
  badCertificate: { cause: presets.certificateExpired },
  cutBody: { status: 200, cause: presets.connectionClosed }
}

/** @internal */
export const isHang = ({ cause, status }: Step): boolean => cause === undefined && status === undefined

/** @internal */
export const step = (outcome: Outcome, name: string): Step => {
  if (typeof outcome === "number") return step({ status: outcome }, name)
  if (typeof outcome === "string") return step({ failure: outcome }, name)
  const { after = 0 } = outcome
  const afterMillis = InvalidOption.millis(`${name}.after`, after, { min: 0 })
  if ("status" in outcome) {
    const status = InvalidOption.integer(`${name}.status`, outcome.status, { min: 200, max: 599 })
    return { label: String(status), afterMillis, status, headers: headersOf(outcome.headers, `${name}.headers`) }
  }
  const { failure } = outcome
  if (!Object.hasOwn(failures, failure)) {
    const expected = `a status or one of ${Object.keys(failures).join(", ")}`
    throw new InvalidOption.InvalidOption({ option: name, value: failure, expected })
  }
  return { label: failure === "hang" ? noAnswer : failure, afterMillis, ...failures[failure] }
}

const headersOf = (given: Readonly<Record<string, string>> | undefined, option: string): Headers => {
  try {
    const headers = new Headers(given)
    // There is no body, and a length would make it one that is cut short.
    headers.delete("content-length")
    return headers
  } catch {
    throw new InvalidOption.InvalidOption({ option, value: given, expected: "headers of HTTP" })
  }
}

/**
 * Each request takes the next step, whichever call it is of.
 *
 * @internal
 */
export const taking = (steps: ReadonlyArray<Step>, rest: Step): Take => {
  let taken = 0
  return () => steps[taken++] ?? rest
}

type Request = HttpClientRequest.HttpClientRequest

/** @internal */
export type Answered = Effect.Effect<HttpClientResponse.HttpClientResponse, RequestError>

const failWith = (request: Request, cause: unknown): Effect.Effect<never, RequestError> =>
  Effect.fail(new RequestError({ request, reason: "Transport", cause }))

/**
 * What ends a call from the outside is nobody's failure: no policy counts it, and the retry loop ends with its ledger.
 *
 * @internal
 */
export const aborted = (request: Request): Effect.Effect<never, RequestError> =>
  failWith(request, new DOMException("The explanation ends here", "AbortError"))

/**
 * What the server answers. A request that hangs is aborted once `closed` ends.
 *
 * @internal
 */
export const answer = (
  request: Request,
  { cause, headers = new Headers(), status }: Step,
  closed: Effect.Effect<void>
): Answered => {
  if (status === undefined) {
    return cause === undefined
      ? Effect.zipRight(closed, aborted(request))
      : failWith(request, cause())
  }
  // Null and not empty: such a body ends at once, and not in a later turn of the event loop.
  const body = cause === undefined ? null : new ReadableStream({ pull: (body) => body.error(cause()) })
  return Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
}

/**
 * A transport reads a stream before it has a connection; then it can be sent again only where it can be made again.
 *
 * @internal
 */
export const readBody = (request: Request): Effect.Effect<void, RequestError> =>
  request.body._tag === "Stream"
    ? Effect.catchAll(Stream.runDrain(request.body.stream), (cause) => failWith(request, cause))
    : Effect.void
