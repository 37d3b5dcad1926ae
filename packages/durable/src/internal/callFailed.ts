import * as Schema from "effect/Schema"
import { Failure } from "./failures.js"
import { Ledger } from "./model.js"

/**
 * The end of a durable call without a response of status 2xx. It can be persisted, so it is an `error` of workflows.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallFailed extends Schema.TaggedError<CallFailed>("@reprise/durable/CallFailed")("CallFailed", {
  /** The name of the call. */
  name: Schema.String,
  /** The reason for no further attempt: a `Retry.Reason` such as `"attempts"`, `"notRetryable"` or `"deadline"`. */
  reason: Schema.String,
  /** Whether the server may have done the work: `"maybe"` if any attempt may have been processed. */
  sent: Schema.Literal("no", "maybe"),
  /** The last failure. Missing if no attempt failed before the deadline. */
  failure: Schema.optional(Failure),
  /** The first 4096 characters of the body of the last failed response, without values of the request's headers. */
  body: Schema.optional(Schema.String),
  /** The idempotency key of all attempts. */
  key: Schema.optional(Schema.String),
  attempts: Ledger
}) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    const count = this.attempts.at(-1)?.number ?? 0
    const tried = `${count} attempt${count === 1 ? "" : "s"}`
    const why = this.failure === undefined ? "" : `. ${this.failure.message}`
    return `The call "${this.name}" failed after ${tried} (${this.reason})${why}`
  }
}
