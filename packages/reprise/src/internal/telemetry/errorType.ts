import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "./event.js"

/** Anything longer, or with other characters, is no name that a program has for its errors: it may hold a secret. */
const isName = (text: unknown): text is string => typeof text === "string" && /^[@\w./-]{1,100}$/.test(text)

/**
 * The tag or the name of an error: a message may hold secrets. `known` comes first, if it is a name.
 *
 * @internal
 */
export const errorTypeOf = (error: unknown, known?: unknown): string => {
  const tag = Predicate.hasProperty(error, "_tag") ? error._tag : undefined
  const name = error instanceof Error ? error.name : undefined
  return [known, tag, name].find(isName) ?? "Error"
}

/**
 * How a call or an attempt ended, and the type of its error.
 *
 * @internal
 */
export const ended = (
  exit: Exit.Exit<unknown, unknown>,
  of: (error: unknown) => string
): readonly [Outcome, string | undefined] => {
  if (Exit.isSuccess(exit)) return ["success", undefined]
  const failed = Cause.failureOption(exit.cause)
  if (Option.isSome(failed)) return ["failure", of(failed.value)]
  return Cause.isInterruptedOnly(exit.cause) ? ["interrupted", undefined] : ["failure", "Defect"]
}
