import { describe, it } from "@effect/vitest"
import type { Config, ConfigError, Duration, Exit, Schedule, Stream } from "effect"
import { Context, Effect, type Layer, type Option } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"
import { expectTypeOf } from "vitest"

class Payments extends Context.Tag("Payments")<Payments, CircuitBreaker.CircuitBreaker>() {}
class Other extends Context.Tag("Other")<Other, number>() {}

interface A {
  readonly a: unique symbol
}
interface B {
  readonly b: unique symbol
}

type Breaker = CircuitBreaker.CircuitBreaker

declare const breaker: Breaker
declare const effect: Effect.Effect<number, "broken", A>
declare const needsA: Schedule.Schedule<unknown, unknown, A>
declare const needsB: Schedule.Schedule<number, unknown, B>
declare const options: Config.Config<CircuitBreaker.Options>

const trip = Tripping.consecutive(1)

// Type-checked, never called: the effects are only declared.
const types = (checks: () => void) => void checks

describe("the types of CircuitBreaker", () => {
  it("add CircuitOpen to the errors of a call, and keep its value and what it requires", () => {
    type Protected = Effect.Effect<number, "broken" | CircuitBreaker.CircuitOpen, A>
    types(() => {
      expectTypeOf(CircuitBreaker.protect(effect, breaker)).toEqualTypeOf<Protected>()
      expectTypeOf(CircuitBreaker.protect(breaker)(effect)).toEqualTypeOf<Protected>()
      expectTypeOf(effect.pipe(CircuitBreaker.protect(breaker))).toEqualTypeOf<Protected>()
      expectTypeOf(CircuitBreaker.protect(Effect.never, breaker)).toEqualTypeOf<
        Effect.Effect<never, CircuitBreaker.CircuitOpen>
      >()
    })
  })

  it("leave the other errors where CircuitOpen is caught", () => {
    types(() => {
      expectTypeOf(
        effect.pipe(
          CircuitBreaker.protect(breaker),
          Effect.catchTag("CircuitOpen", (error) => {
            expectTypeOf(error.retryAfter).toEqualTypeOf<Option.Option<Duration.Duration>>()
            expectTypeOf(error.state).toEqualTypeOf<CircuitBreaker.State>()
            return Effect.succeed("later")
          })
        )
      ).toEqualTypeOf<Effect.Effect<number | string, "broken", A>>()
    })
  })

  it("require of make and reconfigure what schedules, ramp, probe and shadow require", () => {
    types(() => {
      expectTypeOf(CircuitBreaker.make({ trip })).toEqualTypeOf<Effect.Effect<Breaker>>()
      expectTypeOf(CircuitBreaker.make({ trip, openFor: needsA })).toEqualTypeOf<Effect.Effect<Breaker, never, A>>()
      expectTypeOf(CircuitBreaker.make<A | B>({ trip, openFor: needsA, ramp: needsB })).toEqualTypeOf<
        Effect.Effect<Breaker, never, A | B>
      >()
      expectTypeOf(CircuitBreaker.make({ trip, probe: effect })).toEqualTypeOf<Effect.Effect<Breaker, never, A>>()
      expectTypeOf(CircuitBreaker.make({ trip, shadow: { trip, openFor: needsA } })).toEqualTypeOf<
        Effect.Effect<Breaker, never, A>
      >()
      expectTypeOf(CircuitBreaker.reconfigure(breaker, { trip, openFor: needsA })).toEqualTypeOf<
        Effect.Effect<void, never, A>
      >()
    })
  })

  it("let a schedule look at why the breaker opens, and at nothing else", () => {
    types(() => {
      const seesOpening = {} as Schedule.Schedule<unknown, CircuitBreaker.Opening>
      expectTypeOf(CircuitBreaker.make({ trip, openFor: seesOpening })).toEqualTypeOf<Effect.Effect<Breaker>>()
      const seesError = {} as Schedule.Schedule<unknown, Error>
      // @ts-expect-error an opening is no Error
      CircuitBreaker.make({ trip, openFor: seesError })
      // @ts-expect-error the output of a ramp is a share
      CircuitBreaker.make({ trip, ramp: {} as Schedule.Schedule<string> })
    })
  })

  it("refuse a breaker without a rule, and a shadow of a shadow", () => {
    types(() => {
      // @ts-expect-error nothing says when it opens
      CircuitBreaker.make({ probes: 1 })
      // @ts-expect-error a candidate has no candidate
      CircuitBreaker.make({ trip, shadow: { trip, shadow: { trip } } })
    })
  })

  it("give a layer the tag it is for, and what its options require", () => {
    types(() => {
      expectTypeOf(CircuitBreaker.layer(Payments, { trip })).toEqualTypeOf<Layer.Layer<Payments>>()
      expectTypeOf(CircuitBreaker.layer(Payments, { trip, openFor: needsA })).toEqualTypeOf<
        Layer.Layer<Payments, never, A>
      >()
      // @ts-expect-error the service of this tag is no breaker
      CircuitBreaker.layer(Other, { trip })
    })
  })

  it("let a layer from Config fail with ConfigError alone", () => {
    types(() => {
      type Configured = Layer.Layer<Payments, ConfigError.ConfigError>
      expectTypeOf(CircuitBreaker.layerConfig(Payments)).toEqualTypeOf<Configured>()
      expectTypeOf(CircuitBreaker.layerConfig(Payments, CircuitBreaker.config("PAYMENTS"))).toEqualTypeOf<Configured>()
      expectTypeOf(CircuitBreaker.layerConfig(Payments, options)).toEqualTypeOf<Configured>()
      // @ts-expect-error the service of this tag is no breaker
      CircuitBreaker.layerConfig(Other, options)
    })
  })

  it("give a permit only to those who handle CircuitOpen, and take it back with any exit", () => {
    types(() => {
      const exit = {} as Exit.Exit<number, "broken">
      const permit = {} as CircuitBreaker.Permit
      expectTypeOf(CircuitBreaker.admit(breaker)).toEqualTypeOf<
        Effect.Effect<CircuitBreaker.Permit, CircuitBreaker.CircuitOpen>
      >()
      expectTypeOf(CircuitBreaker.settle(breaker, permit, exit)).toEqualTypeOf<Effect.Effect<void>>()
      expectTypeOf(breaker.pipe(CircuitBreaker.settle(permit, exit))).toEqualTypeOf<Effect.Effect<void>>()
    })
  })

  it("let nothing fail that looks at a breaker or controls it", () => {
    types(() => {
      expectTypeOf(CircuitBreaker.state(breaker)).toEqualTypeOf<Effect.Effect<CircuitBreaker.State>>()
      expectTypeOf(CircuitBreaker.snapshot(breaker)).toEqualTypeOf<
        Effect.Effect<CircuitBreaker.Snapshot>
      >()
      expectTypeOf(CircuitBreaker.changes(breaker)).toEqualTypeOf<
        Stream.Stream<CircuitBreaker.Transition>
      >()
      expectTypeOf(CircuitBreaker.shadow(breaker)).toEqualTypeOf<Option.Option<Breaker>>()
      expectTypeOf(CircuitBreaker.isolate(breaker)).toEqualTypeOf<
        Effect.Effect<CircuitBreaker.Isolation>
      >()
      expectTypeOf(CircuitBreaker.trip(breaker, { openFor: "1 hour" })).toEqualTypeOf<Effect.Effect<void>>()
    })
  })
})
