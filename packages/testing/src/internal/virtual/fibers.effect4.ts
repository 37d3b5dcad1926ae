import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import type { Agenda } from "./agenda.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A clock that reads whole milliseconds, as a real one does. */
const clockOf = (agenda: Agenda): Clock.Clock => {
  const millis = () => Math.floor(agenda.nowMillis)
  const nanos = () => BigInt(Math.floor(agenda.nowMillis * 1e6))
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeNanosUnsafe: nanos,
    monotonicTimeNanosUnsafe: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const delay = Duration.toMillis(duration)
      if (delay === Infinity) return Effect.never
      return Effect.callback((resume) => {
        const timer = agenda.after(delay, () => resume(Effect.void))
        return Effect.sync(() => agenda.cancel(timer))
      })
    }
  }
}

/**
 * Starts fibers on virtual time, each for one call. They are isolated from the program: from its services, its deadline and
 * its retry loop.
 */
export class Fibers<Call> {
  private readonly currentCall = Context.Reference<Call | undefined>("@reprise/testing/call", {
    defaultValue: () => undefined
  })
  private readonly context: Context.Context<never>

  constructor(agenda: Agenda, random: Random.Random, schedule: (task: () => void) => void) {
    const scheduler: Scheduler.Scheduler = {
      executionMode: "async",
      shouldYield: ({ currentOpCount }) => currentOpCount > 2048,
      makeDispatcher: () => ({ scheduleTask: schedule, flush: () => {} })
    }
    this.context = Context.empty().pipe(
      Context.add(Clock.Clock, clockOf(agenda)),
      Context.add(Random.Random, random),
      Context.add(Scheduler.Scheduler, scheduler),
      Context.add(References.TracerEnabled, false)
    )
  }

  /** The effect begins with one of the next tasks. */
  fork<A, E>(effect: Effect.Effect<A, E>, call: Call | undefined): Fiber.Fiber<A, E> {
    const context = Context.add(this.context, this.currentCall, call)
    return Effect.runForkWith(context)(Effect.andThen(Effect.yieldNow, effect))
  }

  callOf(fiber: AnyFiber): Call | undefined {
    return fiber.getRef(this.currentCall)
  }
}

/** Draws numbers without a fiber. */
export class Draws {
  private readonly random: Random.Random

  constructor(seed: number) {
    this.random = Effect.runSync(Random.withSeed(Effect.service(Random.Random), `draws ${seed}`))
  }

  number(): number {
    return this.random.nextDoubleUnsafe()
  }
  integer(below: number): number {
    return Math.floor(this.number() * below)
  }
}

/** Every draw is at its maximum. */
export const maximum: Random.Random = {
  nextDoubleUnsafe: () => 1 - Number.EPSILON / 2,
  nextIntUnsafe: () => Number.MAX_SAFE_INTEGER
}
