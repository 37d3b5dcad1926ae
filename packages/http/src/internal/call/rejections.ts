import type { Rejection } from "../model.js"

const known = new WeakSet<object>()

/**
 * Records the error of a guard, which may have any type. The error is about the call and not about the request.
 *
 * @internal
 */
export const add = (error: unknown): void => {
  if (typeof error === "object" && error !== null) known.add(error)
}

/** @internal */
export const has = (error: unknown): error is Rejection =>
  typeof error === "object" && error !== null && known.has(error)
