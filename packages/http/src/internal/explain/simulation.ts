import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as FiberRef from "effect/FiberRef"
import type * as Random from "effect/Random"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import { VirtualClock } from "./clock.js"

const liveClock = Context.get(DefaultServices.liveServices, Clock.Clock)

/** How many tasks run before the event loop has its turn. */
const batch = 1_000

/** What goes on for so long without anything to show for it has no end: it spins, or sleeps again and again. */
const maxSteps = 20_000

/**
 * Fibers on a clock, a scheduler and a `Random` of their own, moved on by whoever runs `drive`.
 *
 * @internal
 */
export class Simulation implements Scheduler.Scheduler {
  readonly clock = new VirtualClock()
  private readonly fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  private readonly tasks: Array<() => void> = []
  private steps = 0

  constructor(readonly random: Random.Random) {}

  /** Whether all that was begun has ended, what it left to others included. */
  get isIdle(): boolean {
    return this.fibers.size === 0 && this.tasks.length === 0
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return fiber.currentOpCount > fiber.getFiberRef(FiberRef.currentMaxOpsBeforeYield) ? 0 : false
  }

  scheduleTask(task: () => void): void {
    this.tasks.push(task)
  }

  /** Of the context and the references of the program around it the effect sees nothing. */
  fork<A, E>(effect: Effect.Effect<A, E>, onEnd: (exit: Exit.Exit<A, E>) => void): void {
    const fiber = Runtime.runFork(Runtime.defaultRuntime)(
      effect.pipe(Effect.withRandom(this.random), Effect.withClock(this.clock), Effect.withTracerEnabled(false)),
      { scheduler: this, immediate: false }
    )
    this.fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      onEnd(exit)
    })
  }

  interruptAll(): void {
    for (const fiber of this.fibers) fiber.unsafeInterruptAsFork(FiberId.none)
  }

  flush(): void {
    const tasks = this.tasks.splice(0, batch)
    for (const task of tasks) task()
    this.steps += tasks.length
  }

  /** Something came of what ran so far. */
  progress(): void {
    this.steps = 0
  }

  /** Whether anything comes of the next moment at which something happens. */
  move(untilMillis: number): boolean {
    this.steps++
    return this.steps < maxSteps && (this.tasks.length > 0 || this.clock.advance(untilMillis))
  }
}

/**
 * Runs what there is to run, then moves the clock, until `isOver`, or until nothing more happens: `false`.
 *
 * What does not wait on the clock, a promise say, goes on while the event loop has its turn, which takes none of the virtual
 * time. Only where nothing else is left, it is given `patience` of real time.
 *
 * @internal
 */
export const drive = (
  simulation: Simulation,
  options: {
    readonly isOver: () => boolean
    readonly untilMillis?: number | undefined
    /** Whether it may be that something happens of which the simulation knows nothing. */
    readonly mayHope: () => boolean
  }
): Effect.Effect<boolean> => {
  const { isOver, mayHope, untilMillis = Infinity } = options
  const go = (turn: Effect.Effect<void>): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      simulation.flush()
      if (isOver()) return Effect.succeed(true)
      return Effect.flatMap(turn, () => {
        if (simulation.move(untilMillis)) return go(turn)
        return mayHope()
          ? Effect.flatMap(patience, () => simulation.move(untilMillis) ? go(turn) : Effect.succeed(false))
          : Effect.succeed(false)
      })
    })
  return Effect.acquireUseRelease(
    Effect.sync(() => new MessageChannel()),
    ({ port1, port2 }) =>
      go(Effect.async<void>((resume) => {
        port1.onmessage = () => resume(Effect.void)
        port2.postMessage(null)
      })),
    ({ port1 }) => Effect.sync(() => port1.close())
  )
}

const patience = Effect.withClock(Effect.sleep("20 millis"), liveClock)
