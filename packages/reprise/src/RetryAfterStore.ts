/**
 * Stores the pauses that servers asked for, by key, so that every process respects the pause that one of them received.
 *
 * All times are durations, so the clocks of the processes need not agree.
 *
 * @since 3.1.0
 */
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { MemoryPauses } from "./internal/shared/memoryPauses.js"
import { RetryAfterStore } from "./internal/shared/pauseStore.js"
import * as InvalidOption from "./InvalidOption.js"

export {
  type Announcement,
  type Change,
  type Pause,
  RetryAfterStore,
  type Service
} from "./internal/shared/pauseStore.js"

/**
 * Shares pauses within one process: between several instances of a service, and in tests.
 *
 * It holds no fiber and no timer. It drops a pause that is over when another one comes. Throws `InvalidOption` for an
 * option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as RetryAfterStore from "reprise/RetryAfterStore"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* RetryAfterStore.RetryAfterStore
 *   yield* store.pause({ key: "payments", millis: 60_000, member: "a" })
 *   yield* store.pause({ key: "payments", millis: 1_000, member: "b" })
 *   return (yield* store.pauses(10)).map(({ key, millis }) => `${key}: ${Math.ceil(millis / 1000)} s`)
 * })
 *
 * Effect.runPromise(Effect.provide(program, RetryAfterStore.layerMemory())).then((all) => console.log(all.join()))
 * // => payments: 60 s
 * ```
 *
 * @since 3.1.0
 * @category layers
 */
export const layerMemory = (options: {
  /** The longest wait for an answer. Defaults to `250 millis`. */
  readonly timeout?: Duration.DurationInput | undefined
} = {}): Layer.Layer<RetryAfterStore> => {
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(RetryAfterStore, () => new MemoryPauses(Duration.millis(timeoutMillis)))
}
