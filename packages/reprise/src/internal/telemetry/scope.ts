import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { AnyFiber } from "../effect/fiber.js"
import type { Reason } from "../retry/model.js"
import type { About } from "../shell/pipelineModel.js"
import type { Listener, Source, Told, Waited } from "./event.js"

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
  watchCall(fiber: AnyFiber, about: About, base: Base | undefined): CallScope
  /** Adds the observers of a layer that was built in another fiber than the one with `own`. */
  joinInto(own: Scope | undefined): Scope | undefined
}

/**
 * Tells the observers of a part of a program from those of another part.
 *
 * @internal
 */
export type Base = object

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
  /** That of its fiber when the call began. */
  readonly base: Base | undefined
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
