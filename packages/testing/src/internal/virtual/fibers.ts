import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import * as RuntimeFlags from "effect/RuntimeFlags"
import type * as Scheduler from "effect/Scheduler"
import { PCGRandom } from "effect/Utils"
import type { Agenda, Timer } from "./agenda.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** A clock that reads whole milliseconds, as a real one does. */
class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId

  constructor(readonly agenda: Agenda) {}

  unsafeCurrentTimeMillis(): number {
    return Math.floor(this.agenda.nowMillis)
  }
  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.floor(this.agenda.nowMillis * 1e6))
  }
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  // Not the canceller of `Effect.async`: an interruption that comes right after the registration loses it (effect 3.22).
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const millis = Duration.toMillis(duration)
    if (millis === Infinity) return Effect.never
    return Effect.suspend(() => {
      let timer: Timer | undefined
      const sleep = Effect.async<void>((resume) => {
        timer = this.agenda.after(millis, () => resume(Effect.void))
      })
      return Effect.onExit(sleep, () =>
        Effect.sync(() => {
          if (timer !== undefined) this.agenda.cancel(timer)
        }))
    })
  }
}

/** No fiber of a test counts in the metrics of the program. */
const base = Runtime.disableRuntimeFlag(Runtime.defaultRuntime, RuntimeFlags.RuntimeMetrics)

/**
 * Starts fibers on virtual time, each for one call. They are isolated from the program: from its services, its deadline and
 * its retry loop.
 */
export class Fibers<Call> {
  private readonly currentCall = FiberRef.unsafeMake<Call | undefined>(undefined)
  private readonly runtime: Runtime.Runtime<never>

  constructor(agenda: Agenda, random: Random.Random, schedule: (task: () => void) => void) {
    const services = DefaultServices.liveServices.pipe(
      Context.add(Clock.Clock, new VirtualClock(agenda)),
      Context.add(Random.Random, random)
    )
    const scheduler: Scheduler.Scheduler = {
      shouldYield: ({ currentOpCount }) => currentOpCount > 2048 ? 0 : false,
      scheduleTask: schedule
    }
    this.runtime = base.pipe(
      Runtime.setFiberRef(DefaultServices.currentServices, services),
      Runtime.setFiberRef(FiberRef.currentScheduler, scheduler),
      Runtime.setFiberRef(FiberRef.currentTracerEnabled, false)
    )
  }

  /** The effect begins with one of the next tasks. */
  fork<A, E>(effect: Effect.Effect<A, E>, call: Call | undefined): Fiber.RuntimeFiber<A, E> {
    return Runtime.runFork(this.runtime, Effect.locally(effect, this.currentCall, call), { immediate: false })
  }

  callOf(fiber: AnyFiber): Call | undefined {
    return fiber.getFiberRef(this.currentCall)
  }
}

/** Draws numbers without a fiber. */
export class Draws extends PCGRandom {
  constructor(seed: number) {
    super(1, seed)
  }
}

/** Every draw is at its maximum. */
export const maximum: Random.Random = {
  ...Random.make(0),
  [Random.RandomTypeId]: Random.RandomTypeId,
  next: Effect.succeed(1),
  nextBoolean: Effect.succeed(true),
  nextInt: Effect.succeed(Number.MAX_SAFE_INTEGER),
  nextRange: (_min, max) => Effect.succeed(max),
  nextIntBetween: (_min, max) => Effect.succeed(max - 1)
}
