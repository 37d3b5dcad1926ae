import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "./event.js"

/** A longer text, or one with other characters, is not the name of an error, and may hold a secret. */
const isName = (text: unknown): text is string => typeof text === "string" && /^[@\w./-]{1,100}$/.test(text)

/**
 * The tag or the name of an error, because a message may hold secrets. `known` comes first, if it is a name.
 *
 * @internal
 */
export const errorTypeOf = (error: unknown, known?: unknown): string => {
  const tag = Predicate.hasProperty(error, "_tag") ? error._tag : undefined
  const name = error instanceof Error ? error.name : undefined
  return [known, tag, name].find(isName) ?? "Error"
}

/**
 * The result of a call or an attempt, and the type of its error.
 *
 * @internal
 */
export const ended = (
  exit: Exit.Exit<unknown, unknown>,
  scope: { readonly errorTypeOf: (error: unknown) => string }
): readonly [Outcome, string | undefined] => {
  if (Exit.isSuccess(exit)) return ["success", undefined]
  const failed = Cause.failureOption(exit.cause)
  if (Option.isSome(failed)) return ["failure", scope.errorTypeOf(failed.value)]
  return Cause.isInterruptedOnly(exit.cause) ? ["interrupted", undefined] : ["failure", "Defect"]
}
