import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Runtime from "effect/Runtime"
import * as Child from "../effect/child.js"
import { monotonicMillis } from "../effect/clock.js"
import type { AnyFiber, Restore } from "../effect/fiber.js"
import { listen } from "../effect/listen.js"
import * as timer from "../effect/timer.js"
import * as nested from "../retry/nested.js"
import * as telemetry from "../telemetry/current.js"
import type { Delay } from "./delay.js"
import { type Hedger, judge, type Settings } from "./hedge.js"
import type * as Hedge from "./model.js"

/** @internal */
export const run = <A, E, R>(
  self: Hedger,
  attempt: (number: number) => Effect.Effect<A, E, R>,
  options: Hedge.CallOptions = {}
): Effect.Effect<A, E, R> =>
  Child.masked<A, E, R>((restore, parent, runtime) => {
    self.calls++
    return new Race(self, attempt, options, restore, parent, runtime).begin()
  })

interface Ended<A, E> {
  readonly fiber: Fiber.RuntimeFiber<A, E>
  readonly exit: Exit.Exit<A, E>
}

/** The attempts of one call. Each event changes the state at once, and wakes the caller to act on it. */
class Race<A, E, R> {
  private readonly fibers: Array<Fiber.RuntimeFiber<A, E>> = []
  private running = 0
  /** Zero after the first failure: only time starts a hedge, and the caller decides about a retry. */
  private hedgesLeft: number
  /** Whether the delay since the start of the last attempt is over. */
  private isDelayOver: boolean
  /** The result that ended the race, or the last failure; a rejection only if there is no other failure. */
  private winner: Ended<A, E> | undefined
  private loser: Ended<A, E> | undefined
  private wake: (() => void) | undefined
  private stopTimer: (() => void) | undefined
  /** The settings at the start of the race: they may change meanwhile. */
  private readonly settings: Settings
  private readonly delay: Delay
  private readonly withdraw: Effect.Effect<boolean> | undefined
  private readonly startMillis: number
  private readonly delayMillis: number

  constructor(
    readonly self: Hedger,
    readonly attempt: (number: number) => Effect.Effect<A, E, R>,
    options: Hedge.CallOptions,
    readonly restore: Restore,
    readonly parent: AnyFiber,
    readonly runtime: Runtime.Runtime<R>
  ) {
    const { delay, settings } = self
    this.settings = settings
    this.delay = delay
    this.withdraw = options.withdraw ?? settings.withdraw
    const isSuppressed = options.nested !== "allow" && nested.isSuppressed(parent.getFiberRef(nested.current))
    this.hedgesLeft = isSuppressed ? 0 : settings.maxHedges
    this.delayMillis = delay.millis()
    this.isDelayOver = this.delayMillis <= 0
    this.startMillis = delay.sketch === undefined ? 0 : monotonicMillis(parent)
  }

  begin(): Effect.Effect<A, E> {
    this.start()
    if (this.winner !== undefined) return this.settle(this.winner)
    return this.go()
  }

  private start(): void {
    const { attempt, fibers, restore, runtime } = this
    const fiber = Child.fork(runtime, restore(attempt(fibers.length + 1)))
    fibers.push(fiber)
    this.running++
    const exit = fiber.unsafePoll() ?? undefined
    if (exit !== undefined) return this.end(fiber, exit)
    fiber.addObserver((exit) => {
      this.end(fiber, exit)
      this.wake?.()
    })
  }

  private end(fiber: Fiber.RuntimeFiber<A, E>, exit: Exit.Exit<A, E>): void {
    this.running--
    const judged = this.winner === undefined ? judge(this.settings, exit) : "late"
    switch (judged) {
      case "late":
        break
      case "failed":
        this.loser = { fiber, exit }
        this.hedgesLeft = 0
        break
      case "rejected":
        this.loser ??= { fiber, exit }
        this.hedgesLeft = 0
        // It was not made, so it says nothing about the duration of an attempt.
        return
      default:
        this.winner = { fiber, exit: judged }
    }
    if (fiber === this.fibers[0]) this.learn(Exit.isSuccess(exit) && typeof judged === "object")
  }

  /** Learns from the time of the first attempt. `isAnswer` is false if it failed, was interrupted or came too late. */
  private learn(isAnswer: boolean): void {
    const { sketch } = this.delay
    if (sketch === undefined) return
    const now = monotonicMillis(this.parent)
    const tookMillis = now - this.startMillis
    // An attempt that lost against its hedge took longer than the quantile, whatever it would have come to. Without it only
    // the fast ones would be heard, and the delay would fall and fall.
    if (isAnswer || tookMillis >= this.delayMillis) sketch.record(Math.max(tookMillis, 0), now)
  }

  private go(): Effect.Effect<A, E> {
    if (this.winner !== undefined) return this.settle(this.winner)
    if (this.mayHedge()) return this.hedge()
    return this.running > 0 ? this.wait() : this.settle(this.loser!)
  }

  private mayHedge(): boolean {
    return this.hedgesLeft > 0 && this.isDelayOver
  }

  private hedge(): Effect.Effect<A, E> {
    const { withdraw } = this
    this.isDelayOver = this.delayMillis <= 0
    this.clearTimer()
    if (withdraw === undefined) return this.answer(true)
    return Effect.matchCauseEffect(this.restore(withdraw), {
      onSuccess: (granted) => this.answer(granted),
      onFailure: (cause) => this.stop(cause)
    })
  }

  private answer(granted: boolean): Effect.Effect<A, E> {
    if (this.winner !== undefined) return this.settle(this.winner)
    // Another attempt failed or was rejected meanwhile.
    if (granted && this.hedgesLeft === 0) return this.go()
    if (!granted) {
      this.self.refused++
      this.hedgesLeft = 0
      return this.go()
    }
    this.hedgesLeft--
    this.self.hedges++
    telemetry.of(this.parent)?.emit({ _tag: "HedgeStarted", key: this.self.key }, this.parent)
    this.start()
    return Effect.suspend(() => this.go())
  }

  private wait(): Effect.Effect<A, E> {
    if (this.hedgesLeft > 0 && this.delayMillis < Infinity) {
      this.stopTimer ??= timer.start(this.parent, this.delayMillis, () => {
        this.isDelayOver = true
        this.wake?.()
      })
    }
    const event = Effect.async<void>((resume) => {
      const isOver = this.winner !== undefined || this.running === 0
      if (isOver || this.mayHedge()) resume(Effect.void)
      else this.wake = () => resume(Effect.void)
    })
    return Effect.matchCauseEffect(listen(event, this.restore), {
      onSuccess: () => this.go(),
      onFailure: (cause) => this.stop(cause)
    })
  }

  private clearTimer(): void {
    this.stopTimer?.()
    this.stopTimer = undefined
  }

  private settle({ exit, fiber }: Ended<A, E>): Effect.Effect<A, E> {
    this.clearTimer()
    const isSuccess = Exit.isSuccess(exit)
    if (this.fibers.length === 1 && isSuccess) return Child.join(this.runtime, fiber, exit)
    if (isSuccess && fiber !== this.fibers[0]) {
      this.self.won++
      telemetry.of(this.parent)?.emit({ _tag: "HedgeWon", key: this.self.key }, this.parent)
    }
    // The defect of a judge replaces the result of the attempt.
    const result = fiber.unsafePoll() === exit ? fiber : undefined
    const join = () => Effect.flatMap(this.discard(result), () => Child.join(this.runtime, fiber, exit))
    return this.running === 0 ? Effect.suspend(join) : Effect.flatMap(Fiber.interruptAll(this.fibers), join)
  }

  /** Stops the race after an interruption of the caller, or a defect of the budget. */
  private stop(cause: Cause.Cause<never>): Effect.Effect<A, E> {
    this.clearTimer()
    return Effect.flatMap(Fiber.interruptAll(this.fibers), () => {
      const fiber = Cause.isInterruptedOnly(cause) ? this.succeeded() : undefined
      const exit = fiber?.unsafePoll() ?? Exit.failCause(this.fibers.reduce(withDefects, cause))
      const result = fiber === undefined ? exit : Child.join(this.runtime, fiber, exit)
      return Effect.flatMap(this.discard(fiber), () => result)
    })
  }

  private succeeded(): Fiber.RuntimeFiber<A, E> | undefined {
    const { fibers, winner } = this
    if (winner !== undefined && Exit.isSuccess(winner.exit)) return winner.fiber
    return fibers.find((fiber) => Option.exists(Option.fromNullable(fiber.unsafePoll()), Exit.isSuccess))
  }

  /** Releases the results of the other attempts. It releases all of them, even if one release dies. */
  private discard(result: Fiber.RuntimeFiber<A, E> | undefined): Effect.Effect<void> {
    const { discard } = this.settings
    if (discard === undefined) return Effect.void
    const released = Effect.forEach(this.fibers, (fiber) => {
      const exit = fiber.unsafePoll() ?? undefined
      return fiber === result || exit === undefined || (Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause))
        ? Effect.succeed(Exit.void)
        : Effect.exit(Effect.suspend(() => discard(exit)))
    })
    return Effect.flatMap(released, (exits) => Option.getOrElse(Exit.all(exits), () => Exit.void))
  }
}

/** Keeps the defect of a finalizer that died during the interruption of the attempt. */
const withDefects = (
  cause: Cause.Cause<never>,
  fiber: AnyFiber
): Cause.Cause<never> => {
  const exit = fiber.unsafePoll() ?? undefined
  const defects = exit === undefined || Exit.isSuccess(exit) ? Option.none() : Cause.keepDefects(exit.cause)
  return Option.isNone(defects) ? cause : Cause.sequential(cause, defects.value)
}
