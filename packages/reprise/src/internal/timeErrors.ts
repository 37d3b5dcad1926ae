import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * There was no time left: the deadline passed, or the next wait would have ended after it.
 *
 * @since 3.1.0
 * @category errors
 */
export class DeadlineExceeded<E = unknown> extends Data.TaggedError("DeadlineExceeded")<{
  /** The last failure before the time was over, if there was one. */
  readonly last: Option.Option<unknown>
}> {
  declare readonly last: Option.Option<E>

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const last = Option.match(this.last, {
      onNone: () => "",
      onSome: (error) => `; the last failure: ${error instanceof Error ? error.message : String(error)}`
    })
    return `The deadline leaves no time for another attempt${last}`
  }
}

/**
 * One attempt exceeded its time limit. It is a `Retry.Hint`: another attempt may be faster.
 *
 * @since 3.1.0
 * @category errors
 */
export class AttemptTimeout extends Data.TaggedError("AttemptTimeout")<{
  readonly duration: Duration.Duration
}> {
  /**
   * @since 3.1.0
   */
  readonly retryable: boolean = true
  /**
   * @since 3.1.0
   */
  readonly retryAfter: Option.Option<Duration.Duration> = Option.none()

  /**
   * @since 3.1.0
   */
  override get message(): string {
    return `The attempt took longer than ${Duration.format(this.duration)}`
  }
}
