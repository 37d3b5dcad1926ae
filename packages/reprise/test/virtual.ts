/**
 * Runs a program on a clock and a scheduler of its own, synchronously: time jumps from one sleep to the next as soon as
 * nothing else can run. Thousands of runs take a second, and a run can be cut at each of its operations.
 */
import type { Exit } from "effect"
import { Duration, Effect, FiberId, Option, Random } from "effect"
import * as Services from "./services.js"

class VirtualClock extends Services.OwnClock {
  millis = 0
  readonly sleeps = new Map<number, { readonly atMillis: number; readonly wake: () => void }>()
  private ids = 0

  unsafeCurrentTimeMillis() {
    return this.millis
  }
  unsafeCurrentTimeNanos() {
    return BigInt(Math.round(this.millis * 1e6))
  }

  // Not the canceller of `Effect.async`: an interruption that comes right after the registration loses it (effect 3.22).
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const id = this.ids++
      // As timers do, it counts whole milliseconds.
      const atMillis = this.millis + Math.ceil(Duration.toMillis(duration))
      const sleep = Effect.async<void>((resume) => {
        this.sleeps.set(id, { atMillis, wake: () => resume(Effect.void) })
      })
      return Effect.onExit(sleep, () => Effect.sync(() => this.sleeps.delete(id)))
    })
  }

  /** Moves time to the earliest sleep and ends it; `false` where there is none that ends. */
  advance(): boolean {
    const [next] = [...this.sleeps].sort(([a, left], [b, right]) => left.atMillis - right.atMillis || a - b)
    if (next === undefined || next[1].atMillis === Infinity) return false
    this.sleeps.delete(next[0])
    this.millis = Math.max(this.millis, next[1].atMillis)
    next[1].wake()
    return true
  }
}

/** A clock that stands still unless it is moved. */
export const clock = () => new VirtualClock()

export interface Options {
  /** Seeds `Random`. */
  readonly seed?: number
  /** Lets the scheduler run after every single operation of every fiber. */
  readonly yieldAlways?: boolean
  /** Interrupts the program once the scheduler has run so many tasks. */
  readonly interruptAfter?: number
  /** Interrupts the program at this time. */
  readonly interruptAtMillis?: number
  /** Called as the program is interrupted. */
  readonly onInterrupt?: () => void
}

export interface Result<A, E> {
  /** None where the program waits for ever. */
  readonly exit: Option.Option<Exit.Exit<A, E>>
  readonly endMillis: number
  /** How often the scheduler ran a task until the program ended. */
  readonly steps: number
  readonly interrupted: boolean
  readonly interruptedMillis: number | undefined
  /** Fibers that run and sleeps that are pending after the program ended and all that was scheduled was run. */
  readonly fibersLeft: number
  readonly sleepsLeft: number
}

const maxSteps = 10_000

export const run = <A, E>(program: Effect.Effect<A, E>, options: Options = {}): Result<A, E> => {
  const clock = new VirtualClock()
  const queue = new Services.TaskQueue(options.yieldAlways === true ? Services.yieldAlways : undefined)
  const fibers = new Services.FiberCount()
  const fiber = queue.fork(
    program.pipe(fibers.of, Effect.withRandom(Random.make(options.seed ?? 0)), Effect.withClock(clock))
  )
  let steps = 0
  let interruptedMillis: number | undefined
  const interrupt = () => {
    interruptedMillis = clock.millis
    options.onInterrupt?.()
    fiber.unsafeInterruptAsFork(FiberId.none)
  }
  if (options.interruptAtMillis !== undefined) {
    clock.sleeps.set(-1, { atMillis: options.interruptAtMillis, wake: interrupt })
  }
  const step = () => {
    if (steps === options.interruptAfter && interruptedMillis === undefined) interrupt()
    const task = queue.tasks.shift()
    steps++
    if (task === undefined) return clock.advance()
    task()
    return true
  }
  while (fiber.unsafePoll() === null && step()) if (steps > maxSteps) throw new Error("The program does not end")
  clock.sleeps.delete(-1)
  const end = {
    exit: Option.fromNullable(fiber.unsafePoll()),
    endMillis: clock.millis,
    steps,
    interrupted: interruptedMillis !== undefined,
    interruptedMillis
  }
  for (let tasks = 0; queue.tasks.length > 0; tasks++) {
    if (tasks > maxSteps) throw new Error("Something goes on after the program ended")
    queue.tasks.shift()!()
  }
  return { ...end, fibersLeft: fibers.running, sleepsLeft: clock.sleeps.size }
}

/**
 * Runs a program again and again, interrupted at each of its operations in turn (or at each so many), up to the one where it
 * ends before.
 */
export const interruptEverywhere = <A, E, Run extends { readonly program: Effect.Effect<A, E> }>(
  make: () => Run,
  check: (result: Result<A, E>, at: number, run: Run) => void,
  onInterrupt: (run: Run) => void = () => {},
  every = 1
): number => {
  for (let at = 0;; at += every) {
    const made = make()
    const result = run(made.program, { yieldAlways: true, interruptAfter: at, onInterrupt: () => onInterrupt(made) })
    check(result, at, made)
    if (!result.interrupted) return at
  }
}

/** The exit as plain data that can be compared: who interrupted is left out, for ids of fibers differ from run to run. */
export const plain = <A, E>(exit: Option.Option<Exit.Exit<A, E>>): unknown =>
  Option.match(exit, {
    onNone: () => "never ends",
    onSome: (exit) => exit._tag === "Success" ? { success: exit.value } : { failure: Services.plainCause(exit.cause) }
  })
