/** Services that tests run on: clocks, random numbers, configuration, loggers, schedulers, and a count of fibers. */
import { type Cause, Clock, type Duration, type Effect, type Fiber, type Layer, Option, type Scheduler } from "effect"
import * as Parts from "./parts.js"

export * from "./parts.js"

export const liveClock: Clock.Clock = Clock.make()

interface Changes {
  readonly unsafeCurrentTimeMillis?: () => number
  readonly unsafeCurrentTimeNanos?: () => bigint
  readonly sleep?: Clock.Clock["sleep"]
}

/** A clock that differs in some operations from another one. */
export const changedClock = (changes: Changes, clock: Clock.Clock = liveClock): Clock.Clock =>
  new class extends Parts.OwnClock {
    unsafeCurrentTimeMillis() {
      return (changes.unsafeCurrentTimeMillis ?? clock.unsafeCurrentTimeMillis).call(clock)
    }
    unsafeCurrentTimeNanos() {
      return (changes.unsafeCurrentTimeNanos ?? clock.unsafeCurrentTimeNanos).call(clock)
    }
    sleep(duration: Duration.Duration) {
      return (changes.sleep ?? clock.sleep).call(clock, duration)
    }
  }()

/** What a logger is given. */
export interface Line {
  /** Such as `WARN`. */
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly cause: Option.Option<Cause.Cause<unknown>>
  readonly annotations: Readonly<Record<string, unknown>>
  readonly spans: ReadonlyArray<string>
}

/** Writes each line of the log as text. */
export const logTo = (lines: Array<string>): Layer.Layer<never> =>
  Parts.logging(({ cause, level, message }) => lines.push([level, message, ...Option.toArray(cause)].join(" ")))

/** Holds the tasks of fibers until a test runs them. */
export class TaskQueue {
  readonly tasks: Array<() => void> = []
  readonly scheduler: Scheduler.Scheduler

  constructor(yields: (operations: number) => boolean = (operations) => operations > 2048) {
    this.scheduler = Parts.scheduling((task) => this.tasks.push(task), yields)
  }

  /** Starts a program with the first task. */
  fork<A, E>(program: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> {
    return Parts.forkLater(program, this.scheduler)
  }

  /** Runs all tasks, and those that they add. */
  flush(): void {
    for (let task = this.tasks.shift(); task !== undefined; task = this.tasks.shift()) task()
  }
}
