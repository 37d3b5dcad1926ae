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
import type { Agenda, Timer } from "./agenda.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

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

/** Runs what fibers leave for later in the order in which they leave it, one at a time and only when it is told to. */
export class Tasks implements Scheduler.Scheduler {
  private tasks: Array<() => void> = []
  private done = 0

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > 2048 ? 0 : false
  }

  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }

  /** `false` where there is none. */
  runNext(): boolean {
    const task = this.tasks[this.done]
    if (task === undefined) {
      if (this.done > 0) this.tasks = []
      this.done = 0
      return false
    }
    this.done++
    task()
    return true
  }
}

/**
 * Runs effects in virtual time, and with nothing of the fiber around it: neither its services nor its deadline or its retry
 * loop, so that a seed says all.
 */
export const runtime = (agenda: Agenda, tasks: Tasks, seed: number): Runtime.Runtime<never> => {
  const services = DefaultServices.liveServices.pipe(
    Context.add(Clock.Clock, new VirtualClock(agenda)),
    Context.add(Random.Random, Random.make(seed))
  )
  return Runtime.defaultRuntime.pipe(
    // No fiber of it counts in the metrics of the program.
    Runtime.disableRuntimeFlag(RuntimeFlags.RuntimeMetrics),
    Runtime.setFiberRef(DefaultServices.currentServices, services),
    Runtime.setFiberRef(FiberRef.currentScheduler, tasks)
  )
}
