import type { DurationInput } from "effect/Duration"
import * as InvalidOption from "reprise/InvalidOption"
import type { Failure, Outcome } from "../../HttpExplain.js"
import { safely } from "../safely.js"

/**
 * An outcome with all that can be left out of it.
 *
 * @internal
 */
export type Step =
  & { readonly afterMillis: number }
  & (
    | {
      readonly _tag: "Respond"
      readonly status: number
      readonly headers: Headers
      /** Whether the body breaks off. */
      readonly isCut: boolean
    }
    | { readonly _tag: "Fail"; readonly failure: Exclude<Failure, "cutBody"> }
  )

/**
 * What answers the next request.
 *
 * @internal
 */
export interface Take {
  (): Step
}

const failures: ReadonlySet<unknown> = new Set<Failure>([
  "reset",
  "refused",
  "connectTimeout",
  "timeout",
  "hang",
  "unknownHost",
  "badCertificate",
  "cutBody"
])

/** @internal */
export const step = (outcome: Outcome, name: string): Step => {
  if (typeof outcome === "number") return respond(outcome, {}, 0, name)
  if (typeof outcome === "string") return fail(outcome, 0, name)
  const afterMillis = after(outcome.after, name)
  return "status" in outcome
    ? respond(outcome.status, outcome.headers ?? {}, afterMillis, name)
    : fail(outcome.failure, afterMillis, name)
}

const after = (duration: DurationInput | undefined, name: string): number =>
  duration === undefined ? 0 : InvalidOption.millis(`${name}.after`, duration, { min: 0 })

const respond = (
  status: number,
  headers: Readonly<Record<string, string>>,
  afterMillis: number,
  name: string
): Step => {
  InvalidOption.integer(`${name}.status`, status, { min: 200, max: 599 })
  const valid = safely(() => new Headers(headers), undefined)
  if (valid === undefined) {
    throw new InvalidOption.InvalidOption({ option: `${name}.headers`, value: headers, expected: "headers of HTTP" })
  }
  // There is no body, and a length would make it one that is cut short.
  valid.delete("content-length")
  return { _tag: "Respond", status, headers: valid, isCut: false, afterMillis }
}

const fail = (failure: Failure, afterMillis: number, name: string): Step => {
  if (!failures.has(failure)) {
    throw new InvalidOption.InvalidOption({
      option: name,
      value: failure,
      expected: `a status or one of ${[...failures].join(", ")}`
    })
  }
  return failure === "cutBody"
    ? { _tag: "Respond", status: 200, headers: new Headers(), isCut: true, afterMillis }
    : { _tag: "Fail", failure, afterMillis }
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
