import { describe, it } from "@effect/vitest"
import type { Duration, Layer, Option } from "effect"
import { Context, Effect } from "effect"
import * as RateLimiter from "reprise/RateLimiter"
import { expectTypeOf } from "vitest"

class Api extends Context.Tag("Api")<Api, RateLimiter.RateLimiter>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

declare const limiter: RateLimiter.RateLimiter
declare const effect: Effect.Effect<number, "broken", "service">

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of RateLimiter", () => {
  it("add RateLimitExceeded to the errors of a call, and keep its value and what it requires", () => {
    type Protected = Effect.Effect<number, "broken" | RateLimiter.RateLimitExceeded, "service">
    types(() => {
      expectTypeOf(RateLimiter.protect(effect, limiter)).toEqualTypeOf<Protected>()
      expectTypeOf(RateLimiter.protect(effect, limiter, { tokens: 2 })).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(RateLimiter.protect(limiter))).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(RateLimiter.protect(limiter, { tokens: 2 }))).toEqualTypeOf<Protected>()
      expectTypeOf(RateLimiter.consume(limiter)).toEqualTypeOf<Effect.Effect<void, RateLimiter.RateLimitExceeded>>()
    })
  })

  it("leave the other errors where RateLimitExceeded is caught", () => {
    types(() => {
      expectTypeOf(
        effect.pipe(
          RateLimiter.protect(limiter),
          Effect.catchTag("RateLimitExceeded", (error) => {
            expectTypeOf(error.retryAfter).toEqualTypeOf<Option.Option<Duration.Duration>>()
            return Effect.succeed("later")
          })
        )
      ).toEqualTypeOf<Effect.Effect<number | string, "broken", "service">>()
    })
  })

  it("fit where any limiter does that is a function from effects to effects", () => {
    interface Limit<X> {
      <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | X, R>
    }
    types(() => {
      expectTypeOf(RateLimiter.protect(limiter)).toExtend<Limit<RateLimiter.RateLimitExceeded>>()
    })
  })

  it("give a layer the tag it is for, and let nothing fail that makes a limiter or looks at it", () => {
    const options = { limit: 1, window: "1 second" } as const
    types(() => {
      expectTypeOf(RateLimiter.make(options)).toEqualTypeOf<Effect.Effect<RateLimiter.RateLimiter>>()
      expectTypeOf(RateLimiter.snapshot(limiter)).toEqualTypeOf<
        Effect.Effect<RateLimiter.Snapshot>
      >()
      expectTypeOf(RateLimiter.layer(Api, options)).toEqualTypeOf<Layer.Layer<Api>>()
      // @ts-expect-error the service of this tag is no limiter
      RateLimiter.layer(Other, options)
      // @ts-expect-error nothing says how much time there is
      RateLimiter.make({ limit: 1 })
      // @ts-expect-error there is no such way
      RateLimiter.make({ ...options, onExceeded: "wait" })
    })
  })
})
