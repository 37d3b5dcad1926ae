import type { Scope } from "effect"
import { Context, Effect, Layer } from "effect"
import * as CircuitBreakerStore from "reprise/CircuitBreakerStore"
import type { StoreError } from "reprise/StoreError"
import type * as Redis from "../../src/Redis.js"
import * as RedisStore from "../../src/RedisStore.js"
import { type Adapter, logTo } from "./adapters.js"

type Service = CircuitBreakerStore.Service

/** The store over a connection of its own, for as long as the scope of the test is open. */
export const open = (
  adapter: Adapter,
  options: Redis.Options,
  { lines = [], ...store }: RedisStore.Options & { readonly lines?: Array<string> } = {}
): Effect.Effect<Service, Redis.RedisError, Scope.Scope> =>
  Effect.map(
    Layer.build(RedisStore.layer(store).pipe(Layer.provide(adapter(options)), Layer.provide(logTo(lines)))),
    Context.get(CircuitBreakerStore.CircuitBreakerStore)
  )

/** The name of a key in Redis, where nothing else is said. */
export const nameOf = (key: string): string => `reprise:breaker:1:{${key}}`

export const aTrip = { rule: "rate", calls: 10, failures: 6, slow: 1 }

const careful = { probes: 1, successes: 1, tolerated: 0, leaseMillis: 60_000 }

/** The operations, with what does not matter filled in. */
export const about = (store: Service, key: string) => ({
  look: store.sync(key, { version: CircuitBreakerStore.noVersion, counts: {} }),
  sync: (counts: CircuitBreakerStore.Counts, version = CircuitBreakerStore.noVersion) =>
    store.sync(key, { version, counts }),
  trip: (options: Partial<CircuitBreakerStore.Trip> = {}) =>
    store.trip(key, { version: CircuitBreakerStore.noVersion, trip: aTrip, openMillis: 60_000, ...options }),
  admit: (token: string, options: Partial<CircuitBreakerStore.Probing> = {}) =>
    store.admit(key, { token, ...careful, ...options }),
  settle: (
    token: string,
    version: CircuitBreakerStore.Version,
    outcome: CircuitBreakerStore.Settlement["outcome"],
    options: Partial<CircuitBreakerStore.Settlement> = {}
  ) => store.settle(key, { token, version, outcome, openMillis: 60_000, ...careful, ...options }),
  close: (version: CircuitBreakerStore.Version) => store.close(key, version)
})

/** One of each operation, as one would find them in an ordinary day. */
export const each = (store: Service, key: string): ReadonlyArray<Effect.Effect<unknown, StoreError>> => {
  const { admit, close, look, settle, sync, trip } = about(store, key)
  return [
    look,
    sync({ failure: 1 }),
    trip(),
    admit("a"),
    settle("a", CircuitBreakerStore.noVersion, "failure"),
    close(CircuitBreakerStore.noVersion)
  ]
}
