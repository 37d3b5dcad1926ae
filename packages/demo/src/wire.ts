/** What really goes over the wire: a connection pool that writes down every request, the same for all contenders. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Agent, type Dispatcher } from "undici"
import { now } from "./now.js"

export type Outcome =
  /** A whole answer, 2xx. */
  | "answered"
  /** 429, or 503 with `Retry-After`: refused, come back later. */
  | "refused"
  /** Any other status. */
  | "failed"
  /** The connection broke before the answer was whole. */
  | "lost"
  /** Given up by the client: it had waited long enough. */
  | "abandoned"
  /** No connection: refused, or its certificate was. */
  | "unreachable"

export interface Attempt {
  readonly order: string
  readonly startMillis: number
  readonly endMillis: number
  readonly outcome: Outcome
  /** The status or the code of the error. */
  readonly detail: string
}

export interface Wire {
  readonly dispatcher: Dispatcher
  readonly attempts: ReadonlyArray<Attempt>
}

/** How long the pool keeps an idle connection. What is open later than that is held by an answer nobody has read. */
export const keepAliveMillis = 200

export const make = (ca: string): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.gen(function*() {
    const attempts: Array<Attempt> = []
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent({ keepAliveTimeout: keepAliveMillis, connect: { ca } })),
      (agent) => Effect.promise(() => agent.destroy())
    )
    return { dispatcher: agent.compose(record((attempt) => attempts.push(attempt))), attempts }
  })

const record =
  (write: (attempt: Attempt) => void) =>
  (dispatch: Dispatcher["dispatch"]): Dispatcher["dispatch"] =>
  (options, handler) => {
    const order = options.path.split("/")[2] ?? ""
    const startMillis = now()
    let outcome: Outcome | undefined
    let detail = ""
    let written = false
    const settle = (as: Outcome, why: string) => {
      if (written) return
      written = true
      write({ order, startMillis, endMillis: now(), outcome: as, detail: why })
    }
    return dispatch(options, {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (controller, status, headers, text) => {
        outcome = status < 300 ? "answered" : headers["retry-after"] === undefined ? "failed" : "refused"
        detail = String(status)
        // What a client does with the rest of a failure is its own affair.
        if (outcome !== "answered") settle(outcome, detail)
        return handler.onResponseStart?.(controller, status, headers, text)
      },
      onResponseData: (controller, chunk) => handler.onResponseData?.(controller, chunk),
      onResponseEnd: (controller, trailers) => {
        settle(outcome ?? "answered", detail)
        return handler.onResponseEnd?.(controller, trailers)
      },
      onResponseError: (controller, error) => {
        settle(...ofError(error, outcome !== undefined))
        return handler.onResponseError?.(controller, error)
      }
    })
  }

const ofError = (error: Error & { readonly code?: string }, begun: boolean): [Outcome, string] => {
  const code = error.code ?? error.name
  if (error.name === "AbortError" || code === "UND_ERR_ABORTED") return ["abandoned", "no answer"]
  if (begun) return ["lost", "answer cut short"]
  return code === "ECONNREFUSED" || code.startsWith("CERT_") ? ["unreachable", code] : ["lost", code]
}
