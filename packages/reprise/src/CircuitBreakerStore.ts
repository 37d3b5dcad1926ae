/**
 * Stores the state that circuit breakers share with those of other processes.
 *
 * Each operation is a whole transition, in one step of the store. All times are durations, so the clocks of the
 * processes need not agree.
 *
 * @since 3.1.0
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
 * Shares state within one process: between several instances of a service, and in tests.
 *
 * It holds no fiber and no timer. It drops a key that was unused for an hour when another key comes. Throws
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
 * @since 3.1.0
 * @category layers
 */
export const layerMemory = (options: {
  /** The time between two exchanges with the store. Defaults to `100 millis`. */
  readonly syncInterval?: Duration.DurationInput | undefined
  /** The longest wait for an answer. Defaults to `250 millis`. */
  readonly timeout?: Duration.DurationInput | undefined
} = {}): Layer.Layer<CircuitBreakerStore> => {
  const syncMillis = InvalidOption.millis("syncInterval", options.syncInterval ?? "100 millis", { moreThan: 0 })
  const timeoutMillis = InvalidOption.millis("timeout", options.timeout ?? "250 millis", { moreThan: 0 })
  return Layer.sync(
    CircuitBreakerStore,
    () => new MemoryStore(Duration.millis(syncMillis), Duration.millis(timeoutMillis))
  )
}
