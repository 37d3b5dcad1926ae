import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Random from "effect/Random"
import { Agenda } from "./agenda.js"
import { type AnyFiber, Fibers } from "./fibers.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** Keeps the tasks of fibers, first in first out. A task runs only in `runNext`. */
class Tasks {
  private tasks: Array<() => void> = []
  private done = 0

  readonly add = (task: () => void): void => {
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

/** Fibers in virtual time, each for one call. They run only in `runNext` and `agenda.advance`. */
export class Timeline<Call> {
  readonly agenda = new Agenda()
  /** Fibers of `fork` that have not ended. */
  readonly fibers = new Set<AnyFiber>()
  private readonly tasks = new Tasks()
  private readonly isolated: Fibers<Call>

  constructor(random: Random.Random) {
    this.isolated = new Fibers(this.agenda, random, this.tasks.add)
  }

  /** The effect begins with one of the next tasks. */
  fork<A, E>(effect: Effect.Effect<A, E>, call: Call | undefined, onEnd: (exit: Exit.Exit<A, E>) => void): void {
    const fiber = this.isolated.fork(effect, call)
    this.fibers.add(fiber)
    fiber.addObserver((exit) => {
      this.fibers.delete(fiber)
      onEnd(exit)
    })
  }

  /** The call that a fiber, or the fiber that forked it, belongs to. */
  callOf(fiber: AnyFiber): Call | undefined {
    return this.isolated.callOf(fiber)
  }

  /** Runs the next task. Returns `false` if there is none. */
  runNext(): boolean {
    return this.tasks.runNext()
  }

  interruptAll(): void {
    for (const fiber of this.fibers) fiber.unsafeInterruptAsFork(FiberId.none)
  }
}
