import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type { Pipeable } from "effect/Pipeable"
import type { Policy } from "../shell/model.js"

/**
 * @since 3.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("reprise/RateLimiter")

/**
 * The rate of one dependency, shared by all calls to it.
 *
 * @since 3.1.0
 * @category models
 */
export interface RateLimiter extends Policy<RateLimitExceeded>, Pipeable {
  readonly [TypeId]: typeof TypeId
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /** The tokens of a window: a whole number of at least 1. They return one after another, evenly. */
  readonly limit: number
  /** Longer than zero, at most 2^31-1 ms. */
  readonly window: Duration.DurationInput
  /** The most tokens to take at once after a pause. Defaults to `limit`; 1 spaces calls evenly. */
  readonly burst?: number | undefined
  /** Whether a call without enough tokens fails or waits. Defaults to `"fail"`. */
  readonly onExceeded?: "delay" | "fail" | undefined
  /** The most waiting calls with `"delay"`. Calls beyond fail. Defaults to 1,000. */
  readonly maxQueued?: number | undefined
  /** Names it in errors. Defaults to `""`. */
  readonly key?: string | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Consume {
  /** The cost of the call: a whole number of at least 1. Defaults to 1. */
  readonly tokens?: number | undefined
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  readonly limit: number
  /** The tokens that are available now: none while calls wait. */
  readonly remaining: number
  readonly waiting: number
  /** Calls rejected since it was made. */
  readonly rejected: number
}

/**
 * The call was not made, because there are not enough tokens and it could not wait for them. It is a `Retry.Hint`, and
 * captures no stack.
 *
 * @since 3.1.0
 * @category errors
 */
export class RateLimitExceeded extends Data.TaggedError("RateLimitExceeded")<{
  readonly key: string
  readonly limit: number
  /** The time until there are enough tokens, without other calls. None if the call costs more than the burst. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** The number of tokens: too few for this call. */
  readonly remaining: number
}> {
  /**
   * `false`, as in every rejection: it ends a retry loop.
   *
   * @since 3.1.0
   */
  get retryable(): boolean {
    return false
  }

  /**
   * @since 3.1.0
   */
  override get message(): string {
    const { key, limit, retryAfter } = this
    const name = key === "" ? "The rate limit" : `The rate limit "${key}"`
    return Option.isSome(retryAfter)
      ? `${name} of ${limit} is exceeded, retry after ${Duration.format(retryAfter.value)}`
      : `${name} of ${limit} never has as many tokens at once as the call costs`
  }
}
