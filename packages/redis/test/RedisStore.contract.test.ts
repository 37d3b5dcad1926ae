import { layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as StoreContract from "../../testing/src/StoreContract.js"
import * as RedisStore from "../src/RedisStore.js"
import { onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"

/** The adapters share a server, and no key. */
let prefixes = 0

layer(RedisServer.Shared.layer, { excludeTestServices: true })(
  "RedisStore",
  (it) =>
    onEachAdapter("The contract of circuit breakers", (adapter) => {
      const Store = Layer.unwrapEffect(
        Effect.map(
          RedisServer.Shared,
          ({ url }) => Layer.provide(RedisStore.layer({ prefix: `test ${prefixes++}` }), adapter({ url }))
        )
      )
      it.layer(Store)((it) => {
        for (const [index, { name, run }] of StoreContract.circuitBreakerStore.entries()) {
          it.effect(name, () => run({ key: `law ${index} `, pass: Effect.sleep }))
        }
      })
    })
)
