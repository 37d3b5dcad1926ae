import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Outcome } from "./event.js"

/**
 * The tag or the name of an error: a message may hold secrets.
 *
 * @internal
 */
export const errorTypeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "_tag") && typeof error._tag === "string") return error._tag
  return error instanceof Error ? error.name : "Error"
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
