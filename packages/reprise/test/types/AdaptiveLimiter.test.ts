import { describe, it } from "@effect/vitest"
import type { Layer } from "effect"
import { Context, Effect } from "effect"
import * as AdaptiveLimiter from "reprise/AdaptiveLimiter"
import { expectTypeOf } from "vitest"

class Orders extends Context.Tag("Orders")<Orders, AdaptiveLimiter.AdaptiveLimiter>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

declare const limiter: AdaptiveLimiter.AdaptiveLimiter
declare const effect: Effect.Effect<number, "broken", "service">

const algorithm = AdaptiveLimiter.aimd()

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of AdaptiveLimiter", () => {
  it("add LimitExceeded to the errors of a call, and keep its value and what it requires", () => {
    type Protected = Effect.Effect<number, "broken" | AdaptiveLimiter.LimitExceeded, "service">
    types(() => {
      expectTypeOf(AdaptiveLimiter.protect(effect, limiter)).toEqualTypeOf<Protected>()
      expectTypeOf(AdaptiveLimiter.protect(effect, limiter, { partition: "a" })).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(AdaptiveLimiter.protect(limiter))).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(AdaptiveLimiter.protect(limiter, { partition: "a" }))).toEqualTypeOf<Protected>()
      const caught = effect.pipe(
        AdaptiveLimiter.protect(limiter),
        Effect.catchTag("LimitExceeded", ({ partition }) => Effect.succeed(partition))
      )
      expectTypeOf(caught).toEqualTypeOf<Effect.Effect<number | string | undefined, "broken", "service">>()
    })
  })

  it("hide the state of the algorithm, whichever it is", () => {
    types(() => {
      type Made = Effect.Effect<AdaptiveLimiter.AdaptiveLimiter>
      expectTypeOf(AdaptiveLimiter.make({ algorithm })).toEqualTypeOf<Made>()
      expectTypeOf(AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.gradient2() })).toEqualTypeOf<Made>()
      expectTypeOf(AdaptiveLimiter.make({ algorithm: AdaptiveLimiter.vegas() })).toEqualTypeOf<Made>()
      const own = {
        initial: [1, 2],
        next: (limits: Array<number>) => limits,
        limit: (limits: Array<number>) => limits.length
      }
      expectTypeOf(AdaptiveLimiter.make({ algorithm: own })).toEqualTypeOf<Made>()
      const next = (state: number) => state
      // @ts-expect-error the state is a string in one place and a number in the others
      AdaptiveLimiter.make({ algorithm: { initial: "", next, limit: next } })
    })
  })

  it("make and look at one without a way to fail, and give a layer the tag it is for", () => {
    types(() => {
      expectTypeOf(AdaptiveLimiter.snapshot(limiter)).toEqualTypeOf<
        Effect.Effect<AdaptiveLimiter.Snapshot>
      >()
      expectTypeOf(AdaptiveLimiter.layer(Orders, { algorithm })).toEqualTypeOf<Layer.Layer<Orders>>()
      // @ts-expect-error the service of this tag is no limiter
      AdaptiveLimiter.layer(Other, { algorithm })
      // @ts-expect-error nothing says how the limit is learnt
      AdaptiveLimiter.make({ maxQueued: 1 })
    })
  })
})
