import { describe, it } from "@effect/vitest"
import type { Config, ConfigError, Layer } from "effect"
import { Context, Effect } from "effect"
import * as Bulkhead from "reprise/Bulkhead"
import { expectTypeOf } from "vitest"

class Reports extends Context.Tag("Reports")<Reports, Bulkhead.Bulkhead>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

declare const bulkhead: Bulkhead.Bulkhead
declare const effect: Effect.Effect<number, "broken", "service">
declare const options: Config.Config<Bulkhead.Options>

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of Bulkhead", () => {
  it("add BulkheadFull to the errors of a call, and keep its value and what it requires", () => {
    type Protected = Effect.Effect<number, "broken" | Bulkhead.BulkheadFull, "service">
    types(() => {
      expectTypeOf(Bulkhead.protect(effect, bulkhead)).toEqualTypeOf<Protected>()
      expectTypeOf(Bulkhead.protect(effect, bulkhead, { priority: 1 })).toEqualTypeOf<Protected>()
      expectTypeOf(Bulkhead.protect(bulkhead)(effect)).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(Bulkhead.protect(bulkhead, { priority: 1 }))).toEqualTypeOf<Protected>()
      expectTypeOf(Bulkhead.protect(Effect.never, bulkhead)).toEqualTypeOf<
        Effect.Effect<never, Bulkhead.BulkheadFull>
      >()
      // @ts-expect-error a priority is a number
      Bulkhead.protect(effect, bulkhead, { priority: "high" })
    })
  })

  it("leave the other errors where BulkheadFull is caught", () => {
    types(() => {
      const caught = effect.pipe(
        Bulkhead.protect(bulkhead),
        Effect.catchTag("BulkheadFull", ({ reason, running }) => {
          expectTypeOf(reason).toEqualTypeOf<"full" | "timeout" | "deadline">()
          expectTypeOf(running).toEqualTypeOf<number>()
          return Effect.succeed("later")
        })
      )
      expectTypeOf(caught).toEqualTypeOf<Effect.Effect<number | string, "broken", "service">>()
    })
  })

  it("make, resize and look at one without a way to fail", () => {
    types(() => {
      expectTypeOf(Bulkhead.make({ maxConcurrent: 1 })).toEqualTypeOf<Effect.Effect<Bulkhead.Bulkhead>>()
      expectTypeOf(Bulkhead.resize(bulkhead, { maxQueued: 1 })).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(bulkhead.pipe(Bulkhead.resize({ maxConcurrent: 1 }))).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(Bulkhead.snapshot(bulkhead)).toEqualTypeOf<Effect.Effect<Bulkhead.Snapshot>>()
      // @ts-expect-error how many may run has no default
      Bulkhead.make({ maxQueued: 1 })
      // @ts-expect-error there are two orders
      Bulkhead.make({ maxConcurrent: 1, order: "random" })
    })
  })

  it("give a layer the tag it is for; one from Config fails with ConfigError alone", () => {
    types(() => {
      expectTypeOf(Bulkhead.layer(Reports, { maxConcurrent: 1 })).toEqualTypeOf<Layer.Layer<Reports>>()
      type Configured = Layer.Layer<Reports, ConfigError.ConfigError>
      expectTypeOf(Bulkhead.layerConfig(Reports)).toEqualTypeOf<Configured>()
      expectTypeOf(Bulkhead.layerConfig(Reports, options)).toEqualTypeOf<Configured>()
      expectTypeOf(Bulkhead.config("REPORTS")).toEqualTypeOf<typeof options>()
      // @ts-expect-error the service of this tag is no bulkhead
      Bulkhead.layer(Other, { maxConcurrent: 1 })
    })
  })
})
