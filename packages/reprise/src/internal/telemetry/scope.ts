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
 * Who watches a fiber. The code behind it comes with the layers of `Telemetry`: a program without them does not hold it.
 *
 * @internal
 */
export interface Scope {
  emit(told: Told, fiber: AnyFiber): void
  see(source: Source | undefined, fiber: AnyFiber): void
  retry(fiber: AnyFiber, number: number, reason: Reason, error: unknown, delayMillis?: number): void
  rejected(fiber: AnyFiber, source: Source | undefined, error: unknown): void
  waited(fiber: AnyFiber, source: Source | undefined, millis: number, outcome: Waited["outcome"]): void
  watchCall(fiber: AnyFiber, about: About, base: Scope | undefined): CallScope
  /** A layer that was built in a fiber beside the one with `own` has added observers. */
  joinInto(own: Scope | undefined): Scope | undefined
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

/**
 * A call that somebody watches.
 *
 * @internal
 */
export interface CallScope extends Scope, Watched {
  /** What its fiber had when the call began. */
  readonly base: Scope | undefined
  /** The number of the attempt that runs. */
  number: number
  watchAttempt(fiber: AnyFiber): Watched
}

/**
 * What `Telemetry.listener` makes.
 *
 * @internal
 */
export interface ScopedListener extends Listener {
  readonly within: (outer: Scope | undefined) => Scope
}

/** @internal */
export const current: FiberRef.FiberRef<Scope | undefined> = globalValue(
  Symbol.for("reprise/Telemetry/current"),
  () =>
    FiberRef.unsafeMake<Scope | undefined>(undefined, {
      join: (own, other) => other === undefined || other === own ? own : other.joinInto(own)
    })
)

/**
 * The calls that are watched, by the fibers that make them. To set a reference would copy all references of the fiber for each call
 * and each attempt. The end of a call removes it.
 *
 * @internal
 */
export const calls: Map<AnyFiber, CallScope> = globalValue(
  Symbol.for("reprise/Telemetry/calls"),
  () => new Map<AnyFiber, CallScope>()
)

/**
 * `undefined` if nobody watches, which costs one look.
 *
 * @internal
 */
export const of = (fiber: AnyFiber): Scope | undefined => {
  const base = fiber.getFiberRef(current)
  if (calls.size === 0) return base
  const call = calls.get(fiber)
  // Within the call, a part of the program may have other observers.
  return call !== undefined && call.base === base ? call : base
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
