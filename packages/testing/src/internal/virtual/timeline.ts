import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import { Agenda, type Timer } from "./agenda.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

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

/** Keeps the tasks of fibers, first in first out. A task runs only in `runNext`. */
class Tasks implements Scheduler.Scheduler {
  private tasks: Array<() => void> = []
  private done = 0

  shouldYield(fiber: AnyFiber): number | false {
    return fiber.currentOpCount > 2048 ? 0 : false
  }

  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }

  /** Returns `false` if there is none. */
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
 * Fibers in virtual time, each for one call. They run only in `runNext` and `agenda.advance`.
 *
 * The fibers are isolated from the program: from its services, its deadline and its retry loop.
 */
export class Timeline<Call> {
  readonly agenda = new Agenda()
  /** Fibers of `fork` that have not ended. */
  readonly fibers = new Set<AnyFiber>()
  private readonly tasks = new Tasks()
  private readonly currentCall = FiberRef.unsafeMake<Call | undefined>(undefined)
  private readonly runtime: Runtime.Runtime<never>

  constructor(random: Random.Random, base: Runtime.Runtime<never> = Runtime.defaultRuntime) {
    const services = DefaultServices.liveServices.pipe(
      Context.add(Clock.Clock, new VirtualClock(this.agenda)),
      Context.add(Random.Random, random)
    )
    this.runtime = base.pipe(
      Runtime.setFiberRef(DefaultServices.currentServices, services),
      Runtime.setFiberRef(FiberRef.currentScheduler, this.tasks),
      Runtime.setFiberRef(FiberRef.currentTracerEnabled, false)
    )
  }

  /** The effect begins with one of the next tasks. */
  fork<A, E>(effect: Effect.Effect<A, E>, call: Call | undefined, onEnd: (exit: Exit.Exit<A, E>) => void): void {
    const fiber = Runtime.runFork(this.runtime, Effect.locally(effect, this.currentCall, call), { immediate: false })
    this.fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      onEnd(exit)
    })
  }

  /** The call that a fiber, or the fiber that forked it, belongs to. */
  callOf(fiber: AnyFiber): Call | undefined {
    return fiber.getFiberRef(this.currentCall)
  }

  /** Runs the next task. Returns `false` if there is none. */
  runNext(): boolean {
    return this.tasks.runNext()
  }

  interruptAll(): void {
    for (const fiber of this.fibers) fiber.unsafeInterruptAsFork(FiberId.none)
  }
}
