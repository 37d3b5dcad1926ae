/**
 * Runs a program on a clock and a scheduler of its own, synchronously: time jumps from one sleep to the next as soon as
 * nothing else can run. Thousands of runs take a second, and a run can be cut at each of its operations.
 */
import type { Scheduler } from "effect"
import { Cause, Clock, Duration, Effect, FiberId, Option, Random, Runtime, Supervisor } from "effect"
import type { Exit, Fiber } from "effect"

class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  millis = 0
  readonly sleeps = new Map<number, { readonly atMillis: number; readonly wake: () => void }>()
  private ids = 0

  unsafeCurrentTimeMillis() {
    return this.millis
  }
  unsafeCurrentTimeNanos() {
    return BigInt(this.millis) * 1_000_000n
  }
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

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

class TaskQueue implements Scheduler.Scheduler {
  readonly tasks: Array<() => void> = []

  constructor(readonly yieldAlways: boolean) {}

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    // The yield itself takes nine operations, and one has to be left for the program.
    return fiber.currentOpCount > (this.yieldAlways ? 10 : 2048) ? 0 : false
  }
  scheduleTask(task: () => void) {
    this.tasks.push(task)
  }
}

class LiveFibers extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  readonly fibers = new Set<unknown>()

  override onStart(_context: unknown, _effect: unknown, _parent: unknown, fiber: unknown) {
    this.fibers.add(fiber)
  }
  override onEnd(_exit: unknown, fiber: unknown) {
    this.fibers.delete(fiber)
  }
}

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
  const scheduler = new TaskQueue(options.yieldAlways ?? false)
  const live = new LiveFibers()
  const fiber = Runtime.runFork(Runtime.defaultRuntime)(
    program.pipe(Effect.supervised(live), Effect.withRandom(Random.make(options.seed ?? 0)), Effect.withClock(clock)),
    { scheduler, immediate: false }
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
    const task = scheduler.tasks.shift()
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
  for (let tasks = 0; scheduler.tasks.length > 0; tasks++) {
    if (tasks > maxSteps) throw new Error("Something goes on after the program ended")
    scheduler.tasks.shift()!()
  }
  return { ...end, fibersLeft: live.fibers.size, sleepsLeft: clock.sleeps.size }
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
    onSome: (exit) => exit._tag === "Success" ? { success: exit.value } : { failure: plainCause(exit.cause) }
  })

const plainCause = (cause: Cause.Cause<unknown>): unknown =>
  Cause.match(cause, {
    onEmpty: "empty" as unknown,
    onFail: (fail) => ({ fail }),
    onDie: (die) => ({ die }),
    onInterrupt: () => "interrupt",
    onSequential: (left, right) => ({ sequential: [left, right] }),
    onParallel: (left, right) => ({ parallel: [left, right] })
  })
