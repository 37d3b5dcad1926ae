import * as Layer from "effect/Layer"
import type { Redis } from "../Redis.js"
import type { RedisStore } from "../RedisStore.js"
import * as breakerStore from "./breakerStore.js"
import * as budgetStore from "./budgetStore.js"
import * as gateStore from "./gateStore.js"
import type { StoreSettings } from "./storeSettings.js"

/**
 * All stores, over one connection.
 *
 * @internal
 */
export const layer = (settings: StoreSettings): Layer.Layer<RedisStore, never, Redis> =>
  Layer.mergeAll(breakerStore.layer(settings), budgetStore.layer(settings), gateStore.layer(settings))
