/**
 * Why a store of shared state did not do what it was asked.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Whoever shares state goes on with what it knows itself: a call never fails with this.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  /**
   * - `unavailable`: the store did not answer, or not in time. What was asked may have been done.
   * - `unreadable`: something else is kept under the key, or something that another version has written.
   * - `refused`: the store is there, and did not do this for this key. Other keys may be served.
   */
  readonly reason: "unavailable" | "unreadable" | "refused"
  /** What happened, for a person. */
  readonly description: string
}> {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `The store of shared state: ${this.description}`
  }
}
