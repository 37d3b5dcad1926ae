/**
 * Where circuit breakers keep what they share with those of other processes.
 *
 * Its operations are whole transitions, each of them one step of the store, and all times in them are durations: the clocks of
 * two processes need not agree.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Layer from "effect/Layer"
import { CircuitBreakerStore } from "./internal/shared/circuitStore.js"
import { MemoryStore } from "./internal/shared/memoryStore.js"
import * as InvalidOption from "./InvalidOption.js"

export {
  type Admission,
  type Change,
  CircuitBreakerStore,
  type Counts,
  noVersion,
  type Open,
  type ProbeRequest,
  type Probing,
  type Report,
  type Service,
  type Settlement,
  type Standing,
  type State,
  type Trip,
  type Version
} from "./internal/shared/circuitStore.js"

/**
 * Shares within one process: between the instances of a service that runs several times in it, and in tests.
 *
 * It holds no fiber and no timer. What nobody has asked for in an hour is let go of when another key comes. Throws
 * `InvalidOption` for an option out of range.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
 *
 * const trip = { rule: "consecutive", calls: 5, failures: 5, slow: 0 }
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* CircuitBreakerStore.CircuitBreakerStore
 *   yield* store.trip("payments", { version: CircuitBreakerStore.noVersion, trip, openMillis: 1_000 })
 *   const { state, version } = yield* store.sync("payments", { version: CircuitBreakerStore.noVersion, counts: {} })
 *   return [state._tag, version.generation]
 * })
 *
 * Effect.runPromise(Effect.provide(program, CircuitBreakerStore.layerMemory())).then(console.log) // => [ 'Open', 2 ]
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layerMemory = (options: {
  /** How often members tell what they have seen. Defaults to `100 millis`. */
  readonly syncInterval?: Duration.DurationInput | undefined
  /** The longest that anybody waits for an answer. Defaults to `250 millis`. */
  readonly timeout?: Duration.DurationInput | undefined
} = {}): Layer.Layer<CircuitBreakerStore> => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { moreThan: 0 })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(
    CircuitBreakerStore,
    () => new MemoryStore(Duration.millis(syncMillis), Duration.millis(timeoutMillis))
  )
}
