import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as Stream from "effect/Stream"
import * as InvalidOption from "reprise/InvalidOption"
import type { Failure, Outcome } from "../../Explain.js"
import { presets } from "../transportErrors.js"

/**
 * An outcome with its defaults. Without a `status` and a `cause`, no answer ever comes.
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

const step = (outcome: Outcome, name: string): Step => {
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
    // Bodies are empty, so a length would mean that the body was cut short.
    headers.delete("content-length")
    return headers
  } catch {
    throw new InvalidOption.InvalidOption({ option, value: given, expected: "headers of HTTP" })
  }
}

/**
 * Checks the outcomes. The result makes one source of steps per run. Each request of any call takes the next step.
 *
 * @internal
 */
export const script = (
  outcomes: ReadonlyArray<Outcome>,
  rest: Outcome = outcomes.at(-1) ?? 200
): LazyArg<LazyArg<Step>> => {
  const steps = outcomes.map((outcome, index) => step(outcome, `script[${index}]`))
  const last = step(rest, "rest")
  return () => {
    let taken = 0
    return () => steps[taken++] ?? last
  }
}

type Request = HttpClientRequest.HttpClientRequest

/** @internal */
export type Answered = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.RequestError>

const failWith = (request: Request, cause: unknown): Effect.Effect<never, HttpClientError.RequestError> =>
  Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause }))

/**
 * An aborted request is not a failure of the server: no policy counts it, and the retry loop ends with its ledger.
 *
 * @internal
 */
export const aborted = (request: Request): Effect.Effect<never, HttpClientError.RequestError> =>
  failWith(request, new DOMException("The explanation ends here", "AbortError"))

/**
 * The answer of the server. A request that hangs is aborted when `closed` ends.
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
  // A null body ends at once. An empty stream ends in a later turn of the event loop.
  const body = cause === undefined ? null : new ReadableStream({ pull: (body) => body.error(cause()) })
  return Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { status, headers })))
}

/**
 * Reads a stream as a transport does, before it has a connection. Only a body that can be made again can then be sent again.
 *
 * @internal
 */
export const readBody = (request: Request): Effect.Effect<void, HttpClientError.RequestError> =>
  request.body._tag === "Stream"
    ? Effect.catchAll(Stream.runDrain(request.body.stream), (cause) => failWith(request, cause))
    : Effect.void
