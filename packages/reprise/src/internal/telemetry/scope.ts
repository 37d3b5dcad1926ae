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
 * The observers of a fiber. Their code comes with the layers of `Telemetry`: a program without them does not include
 * it.
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
  /** Adds the observers of a layer that was built in another fiber than the one with `own`. */
  joinInto(own: Scope | undefined): Scope | undefined
}

/**
 * A call or an attempt with observers.
 *
 * @internal
 */
export interface Watched {
  readonly within: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly end: (exit: Exit.Exit<unknown, unknown>) => void
}

/**
 * A call with observers.
 *
 * @internal
 */
export interface CallScope extends Scope, Watched {
  /** The scope of its fiber when the call began. */
  readonly base: Scope | undefined
  /** The number of the running attempt. */
  number: number
  watchAttempt(fiber: AnyFiber): Watched
}

/**
 * The result of `Telemetry.listener`.
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
 * The observed calls, by their fibers. The end of a call removes it. A `FiberRef` would copy all references of the
 * fiber for each call and each attempt.
 *
 * @internal
 */
export const calls: Map<AnyFiber, CallScope> = globalValue(
  Symbol.for("reprise/Telemetry/calls"),
  () => new Map<AnyFiber, CallScope>()
)

/**
 * `undefined` without observers, at the cost of one lookup.
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
 * Emits an event in the step of the running fiber.
 *
 * @internal
 */
export const emit = (told: Told): void => {
  const fiber = Option.getOrUndefined(Fiber.getCurrentFiber())
  if (fiber !== undefined) of(fiber)?.emit(told, fiber)
}
