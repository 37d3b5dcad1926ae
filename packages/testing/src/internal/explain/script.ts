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
  readonly cause?: () => Error
}

/** @internal */
export type Take = () => Step

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
