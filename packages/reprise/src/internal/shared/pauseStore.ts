import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../StoreError.js"

/**
 * Stores pauses for `SharedPauses`. `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 3.1.0
 * @category tags
 */
export class RetryAfterStore extends Context.Tag("reprise/RetryAfterStore")<
  RetryAfterStore,
  Service
>() {}

/**
 * @since 3.1.0
 * @category models
 */
export interface Service {
  /** The longest wait for an answer. */
  readonly timeout: Duration.Duration
  /**
   * Pauses the key and publishes the pause to all members, in one step. A current pause that lasts as long or longer
   * stays, and is not published again.
   */
  readonly pause: (pause: Announcement) => Effect.Effect<void, StoreError>
  /** The current pauses. If there are more than `limit`, the longest ones. */
  readonly pauses: (limit: number) => Effect.Effect<ReadonlyArray<Pause>, StoreError>
  /**
   * Every pause as it is published, including those of this member. The stream begins with `Missed`, and does not fail.
   */
  readonly changes: Stream.Stream<Change>
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Pause {
  readonly key: string
  /** The rest of the pause: more than 0, and at most `InvalidOption.maxDelayMillis`. */
  readonly millis: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Announcement extends Pause {
  /** The unique name of the publishing member, which ignores its own pauses. */
  readonly member: string
}

/**
 * `Missed`: pauses may have been lost.
 *
 * @since 3.1.0
 * @category models
 */
export type Change =
  | { readonly _tag: "Paused" } & Announcement
  | { readonly _tag: "Missed" }
