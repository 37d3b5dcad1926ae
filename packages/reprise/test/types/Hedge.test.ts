import { describe, it } from "@effect/vitest"
import type { Layer } from "effect"
import { Context, Effect } from "effect"
import * as Hedge from "reprise/Hedge"
import { expectTypeOf } from "vitest"

class Search extends Context.Tag("Search")<Search, Hedge.Hedge>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

declare const hedge: Hedge.Hedge
declare const effect: Effect.Effect<number, "broken", "service">

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of Hedge", () => {
  it("leave those of the effect as they are", () => {
    types(() => {
      expectTypeOf(Hedge.protect(effect, hedge)).toEqualTypeOf<typeof effect>()
      expectTypeOf(effect.pipe(Hedge.protect(hedge))).toEqualTypeOf<typeof effect>()
    })
  })

  it("give the number of the attempt to the function that makes it", () => {
    types(() => {
      const call = Hedge.hedge(hedge)((number) => {
        expectTypeOf(number).toEqualTypeOf<number>()
        return effect
      })
      expectTypeOf(call).toEqualTypeOf<typeof effect>()
      expectTypeOf(Hedge.hedge((number) => Effect.succeed(number), hedge)).toEqualTypeOf<Effect.Effect<number>>()
    })
  })

  it("take a duration or a quantile to hedge after, and a budget that cannot fail", () => {
    types(() => {
      expectTypeOf(Hedge.make({ after: "1 second" })).toEqualTypeOf<Effect.Effect<Hedge.Hedge>>()
      expectTypeOf(Hedge.make({ after: Hedge.quantile({ quantile: 0.95 }) })).toEqualTypeOf<
        Effect.Effect<Hedge.Hedge>
      >()
      // @ts-expect-error a quantile is made by `quantile`
      Hedge.make({ after: { quantile: 0.95 } })
      // @ts-expect-error nothing says when it hedges
      Hedge.make({})
      // @ts-expect-error a budget says yes or no
      Hedge.make({ after: 1, withdraw: Effect.fail("empty") })
    })
  })

  it("give a layer the tag it is for, and let nothing fail that looks at a hedge", () => {
    types(() => {
      expectTypeOf(Hedge.layer(Search, { after: 1 })).toEqualTypeOf<Layer.Layer<Search>>()
      expectTypeOf(Hedge.snapshot(hedge)).toEqualTypeOf<Effect.Effect<Hedge.Snapshot>>()
      // @ts-expect-error the service of this tag is no hedge
      Hedge.layer(Other, { after: 1 })
    })
  })
})
