import type { CircuitBreakerStore } from "../../CircuitBreakerStore.js"

type Version = CircuitBreakerStore.Version

/** @internal */
export const none: Version = { epoch: 0, generation: 0 }

/** @internal */
export const isSame = (a: Version, b: Version): boolean => a.epoch === b.epoch && a.generation === b.generation
