import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { StoreError } from "reprise/StoreError"
import type { Tools } from "../../StoreContract.js"

/**
 * A law before its failures have its name.
 *
 * @internal
 */
export interface Check<R> {
  readonly name: string
  readonly check: (tools: Tools) => Effect.Effect<void, Breach | StoreError, R>
}

/** @internal */
export class Breach extends Data.TaggedError("Breach")<{
  readonly what: string
  readonly expected: string
  readonly actual: string
}> {}

/** @internal */
export const same = (what: string, actual: unknown, expected: unknown): Effect.Effect<void, Breach> =>
  holds(what, show(actual) === show(expected), show(expected), actual)

/**
 * Whether a number is more than `from`, and at most `to`.
 *
 * @internal
 */
export const between = (what: string, actual: number, from: number, to: number): Effect.Effect<void, Breach> =>
  holds(what, actual > from && actual <= to, `more than ${from}, at most ${to}`, actual)

/** @internal */
export const holds = (what: string, isKept: boolean, expected: string, actual: unknown): Effect.Effect<void, Breach> =>
  isKept ? Effect.void : new Breach({ what, expected: shorter(expected), actual: shorter(show(actual)) })

/** Data as text, with sorted fields. */
const show = (value: unknown): string => JSON.stringify(value, (_, part: unknown) => sorted(part)) ?? "nothing"

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
    : value

const shorter = (text: string): string => text.length > 1_000 ? `${text.slice(0, 1_000)} …` : text
