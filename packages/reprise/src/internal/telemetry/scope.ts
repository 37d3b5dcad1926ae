import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Option from "effect/Option"
import type { Reason } from "../retry/model.js"
import type { About } from "../shell/pipelineModel.js"
import type { Listener, Source, Told, Waited } from "./event.js"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/**
 * Who watches a fiber, and which call it makes. The code behind it comes with the layers of `Telemetry`: a program without them does
 * not hold it.
 *
 * @internal
 */
export interface Scope {
  /** The number of the attempt that runs; `undefined` outside of calls. */
  readonly call: { number: number } | undefined
  readonly outer: Scope | undefined
  isOver: boolean
  /** Whether an attempt that asks policies is an attempt of the call: within an attempt, it is not. */
  readonly countsAttempts: boolean
  emit(told: Told, fiber: AnyFiber): void
  see(source: Source | undefined, fiber: AnyFiber): void
  retry(fiber: AnyFiber, number: number, reason: Reason, error: unknown, delayMillis?: number): void
  rejected(fiber: AnyFiber, source: Source | undefined, error: unknown): void
  waited(fiber: AnyFiber, source: Source | undefined, millis: number, outcome: Waited["outcome"]): void
  watchCall(fiber: AnyFiber, about: About, outer: Scope | undefined): Watched
  watchAttempt(fiber: AnyFiber): Watched
  /** A layer that was built in a fiber beside the one with `own` has added observers. */
  joinInto(own: Scope | undefined): Scope | undefined
}

/**
 * What `Telemetry.listener` makes.
 *
 * @internal
 */
export interface ScopedListener extends Listener {
  readonly within: (outer: Scope | undefined) => Scope
}

/**
 * A call or an attempt that is watched.
 *
 * @internal
 */
export interface Watched {
  readonly within: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly end: (exit: Exit.Exit<unknown, unknown>) => void
}

/** @internal */
export const current: FiberRef.FiberRef<Scope | undefined> = globalValue(
  Symbol.for("reprise/Telemetry/current"),
  () =>
    FiberRef.unsafeMake<Scope | undefined>(undefined, {
      join: (own, other) => other === undefined || other === own ? own : other.joinInto(own)
    })
)

const open = (scope: Scope | undefined): Scope | undefined => scope?.isOver === true ? open(scope.outer) : scope

/**
 * `undefined` if nobody watches, which costs one look.
 *
 * @internal
 */
export const of = (fiber: AnyFiber): Scope | undefined => {
  const scope = fiber.getFiberRef(current)
  return scope === undefined ? undefined : open(scope)
}

/**
 * Emits an event in the step of the fiber that runs.
 *
 * @internal
 */
export const emit = (told: Told): void => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  if (fiber !== undefined) of(fiber)?.emit(told, fiber)
}
