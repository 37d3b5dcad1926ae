import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { StoreError } from "../../StoreError.js"

/**
 * `SharedPauses` asks for it; `layerMemory` shares within a process, `@reprise/redis` between processes.
 *
 * @since 0.1.0
 * @category tags
 */
export class RetryAfterStore extends Context.Tag("reprise/RetryAfterStore")<
  RetryAfterStore,
  Service
>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /** The longest that anybody waits for an answer. */
  readonly timeout: Duration.Duration
  /**
   * Everybody keeps away from the key for so long, and all who listen are told: in one step. A pause that is under way and
   * lasts as long or longer stays as it is, and nobody is told.
   */
  readonly pause: (pause: Announcement) => Effect.Effect<void, StoreError>
  /** The pauses that are under way; where they are more than `limit`, those that last longest. */
  readonly pauses: (limit: number) => Effect.Effect<ReadonlyArray<Pause>, StoreError>
  /** Every pause as it is told, those of this member too. It begins with `Missed`, and does not fail. */
  readonly changes: Stream.Stream<Change>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Pause {
  readonly key: string
  /** How long it lasts yet: more than 0, and at most `InvalidOption.maxDelayMillis`. */
  readonly millis: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Announcement extends Pause {
  /** Who tells it, and need not heed it: no other process has this name. */
  readonly member: string
}

/**
 * `Missed`: there may be pauses that nobody told of.
 *
 * @since 0.1.0
 * @category models
 */
export type Change =
  | { readonly _tag: "Paused" } & Announcement
  | { readonly _tag: "Missed" }
