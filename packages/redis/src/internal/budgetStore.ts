import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as RetryBudgetStore from "reprise/RetryBudgetStore"
import { StoreError } from "reprise/StoreError"
import * as Redis from "../Redis.js"
import * as script from "./budgetScript.js"
import { failed, keyOf, type StoreSettings } from "./store.js"

const kind = "budget"

/** Redis counts whole milliseconds. Rounding up keeps a value at least until its end. */
const whole = (millis: number): number => Math.ceil(millis)

const unreadable = new StoreError({
  reason: "unreadable",
  description: "the value of the budget's key comes from another version or another program"
})

/** The store over a connection. It has no tag, so that the tests see its type (`stripInternal`). */
export const make = (redis: Redis.Service, settings: StoreSettings): RetryBudgetStore.Service => ({
  syncInterval: Duration.millis(settings.syncMillis),
  timeout: Duration.millis(settings.timeoutMillis),
  sync: (key, { calls, member, presentMillis, rememberMillis, reserved, spent, wanted }) => {
    const args = [member, whole(presentMillis), whole(rememberMillis), calls, wanted, reserved, spent]
    return Effect.matchEffect(
      redis.run(script.sync, [keyOf(settings, kind, key)], [...args, whole(settings.keepMillis)]),
      {
        onSuccess: Option.match({ onNone: () => unreadable, onSome: Effect.succeed }),
        onFailure: failed
      }
    )
  }
})

/** @internal */
export const layer = (settings: StoreSettings): Layer.Layer<RetryBudgetStore.RetryBudgetStore, never, Redis.Redis> =>
  Layer.effect(RetryBudgetStore.RetryBudgetStore, Effect.map(Redis.Redis, (redis) => make(redis, settings)))
