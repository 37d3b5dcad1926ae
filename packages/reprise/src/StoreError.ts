/**
 * Defines the error of a store of shared state.
 *
 * @since 3.1.0
 */
import * as Data from "effect/Data"

/**
 * A store operation failed. Calls never fail with this error: the policy continues with its local state.
 *
 * @since 3.1.0
 * @category errors
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  /**
   * - `unavailable`: the store did not answer, or not in time. It may have done the operation.
   * - `unreadable`: the key holds another kind of value, or a value of another version.
   * - `refused`: the store works, but refused the operation for this key. It may still serve other keys.
   */
  readonly reason: "unavailable" | "unreadable" | "refused"
  /** The problem in words. */
  readonly description: string
}> {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    return `The store of shared state: ${this.description}`
  }
}
