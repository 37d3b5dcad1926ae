import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as deadline from "../deadline.js"
import { exactMillis } from "../effect/clock.js"
import { type AnyFiber, mask, type Restore, withExit } from "../effect/fiber.js"
import * as timeout from "../effect/timeout.js"
import * as retry from "../retry/loop.js"
import type * as Retry from "../retry/model.js"
import * as telemetry from "../telemetry/current.js"
import type { CallScope, ScopedListener } from "../telemetry/scope.js"
import * as attempt from "./attempt.js"
import type { CallOptions, Policy } from "./model.js"
import type * as Pipeline from "./pipelineModel.js"
import { callOptions } from "./protect.js"

/** @internal */
export const call = <A, E, R, E1, B, E2>(options: Pipeline.Call<A, E, R, E1, B, E2>): Effect.Effect<B, E2, R> =>
  mask((restore, fiber) => begin(options, restore, fiber))

const begin = <A, E, R, E1, B, E2>(
  call: Pipeline.Call<A, E, R, E1, B, E2>,
  restore: Restore,
  fiber: AnyFiber
): Effect.Effect<B, E2, R> => {
  const scope = watched(call, fiber)
  const { millis } = call
  const outerMillis = deadline.of(fiber)
  if (millis === Infinity) {
    const self = run(call, new Running(outerMillis, restore, scope))
    return call.end === undefined && scope === undefined
      // Without `end`, the result of the call is that of `run`.
      ? self as unknown as Effect.Effect<B, E2, R>
      : withExit(self, (exit) => end(call, scope, exit))
  }
  const nowMillis = exactMillis(Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock))
  const deadlineMillis = Math.min(outerMillis, Math.round(nowMillis) + millis)
  const limit = {
    millis: leftMillis(deadlineMillis, nowMillis),
    onTimeout: () => call.onDeadline(),
    deadlineMillis
  }
  const self = run(call, new Running(deadlineMillis, restore, scope))
  return timeout.limited(self, fiber, identity, limit, (exit) => end(call, scope, exit), restore)
}

const run = <A, E, R, E1, B, E2>(
  call: Pipeline.Call<A, E, R, E1, B, E2>,
  running: Running
): Effect.Effect<A, E, R> => running.scope === undefined ? call.run(running) : running.scope.within(call.run(running))

const end = <A, E, R, E1, B, E2>(
  call: Pipeline.Call<A, E, R, E1, B, E2>,
  scope: CallScope | undefined,
  exit: Exit.Exit<A, E | E1>
): Effect.Effect<B, E2> => {
  scope?.end(exit)
  return call.end === undefined ? exit as unknown as Effect.Effect<B, E2> : call.end(exit)
}

/** Begins to observe the call, if there are observers. */
const watched = <A, E, R, E1, B, E2>(
  call: Pipeline.Call<A, E, R, E1, B, E2>,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): CallScope | undefined => {
  const outer = telemetry.of(fiber)
  const { listener } = call
  // Every listener is made by `Telemetry.listener`.
  const scope = listener === undefined ? outer : (listener as ScopedListener).within(outer)
  return scope?.watchCall(fiber, call.about?.(fiber) ?? { key: "" }, telemetry.baseOf(fiber))
}

/**
 * Never too much: the clock counts whole milliseconds, and with a rounded time an attempt would end after the deadline
 * of its call.
 */
const leftMillis = (deadlineMillis: number, nowMillis: number): number =>
  Math.max(Math.floor((deadlineMillis - nowMillis) * 1_000) / 1_000, 1)

/** @internal */
export class Running implements Pipeline.Running {
  constructor(
    readonly deadlineMillis: number,
    readonly restore: Restore,
    readonly scope: CallScope | undefined
  ) {}

  protect<A, E, R, E2>(
    self: Effect.Effect<A, E, R>,
    policies: ReadonlyArray<Policy<E2, A, E>>,
    call?: CallOptions
  ): Effect.Effect<A, E | E2, R> {
    const { deadlineMillis, scope } = this
    const terms = { ...callOptions(call), policies, deadlineMillis, scope, mayWait: true, limit: undefined }
    return attempt.attempt<A, E, R, E2>(self, terms)
  }

  loop<A, E, R, R1, R2, L, A0, E0>(
    options: Pipeline.RunningLoop<A, E, R, R1, R2, L, A0, E0>
  ): Effect.Effect<readonly [exit: Exit.Exit<A, E>, ledger: Retry.Ledger<L>], never, R | R1 | R2> {
    const region = new Attempts(this, options)
    // The loop sees an attempt only with its `outcome`.
    const all = retry.loop(options as unknown as Retry.Loop<A, E, R, R1, R2, L>, region)
    return Effect.flatMap(all, (ended) => isInterruption(ended[0]) ? ended[0] : Exit.succeed(ended))
  }
}

type Limits<A, E, A0, E0> = Pick<
  Pipeline.RunningLoop<A, E, never, never, never, never, A0, E0>,
  "isRace" | "limit" | "outcome" | "partition" | "policies" | "priority"
>

/** Runs the attempts of one loop. It is one object for all its users, because every call makes one. */
class Attempts<A, E, A0, E0> implements retry.Region<A, E>, attempt.Terms {
  readonly mayWait = true

  constructor(private readonly running: Running, private readonly options: Limits<A, E, A0, E0>) {}

  get restore(): Restore {
    return this.running.restore
  }

  get deadlineMillis(): number {
    return this.running.deadlineMillis
  }

  get scope(): CallScope | undefined {
    return this.running.scope
  }

  get isRace(): boolean {
    return this.options.isRace === true
  }

  get policies(): attempt.Terms["policies"] {
    return this.options.policies
  }

  get priority(): number {
    return this.options.priority ?? 0
  }

  get partition(): string | undefined {
    return this.options.partition
  }

  attempt<R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return attempt.masked(self, this, this.running.restore)
  }

  limit<A1, R>(
    self: Effect.Effect<A1, unknown, R>,
    fiber: Fiber.RuntimeFiber<unknown, unknown>,
    restore: Restore,
    end: (exit: Exit.Exit<A1, unknown>) => Effect.Effect<A1, unknown>
  ): Effect.Effect<A1, unknown, R> {
    const { options } = this
    // The effect is an attempt of this loop.
    const judged = (exit: Exit.Exit<unknown, unknown>) =>
      end(options.outcome(exit as Exit.Exit<A0, E0>, fiber) as Exit.Exit<never, unknown>)
    const limited = options.limit?.(fiber)
    if (limited === undefined) {
      return withExit(restore(self), judged)
    }
    const { millis, onTimeout } = limited
    return millis > 0
      ? timeout.limited(self, fiber, restore, { millis, onTimeout, deadlineMillis: Infinity }, judged)
      : judged(Exit.fail(onTimeout()))
  }
}

/** In the region of a call an interruption is not a result, because the end of the call's time is one too. */
const isInterruption = (exit: Exit.Exit<unknown, unknown>): exit is Exit.Exit<never> =>
  Exit.isFailure(exit) && Cause.isInterrupted(exit.cause) && !Cause.isFailure(exit.cause)
