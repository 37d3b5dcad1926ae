import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { AnyFiber } from "../effect/fiber.js"
import type { Told } from "./event.js"
import type { Observer } from "./observers.js"
import type { Base, CallScope, Scope } from "./scope.js"

const current: FiberRef.FiberRef<Scope | undefined> = globalValue(
  Symbol.for("reprise/Telemetry/current"),
  () =>
    FiberRef.unsafeMake<Scope | undefined>(undefined, {
      join: (own, other) => other === undefined || other === own ? own : other.joinInto(own)
    })
)

/**
 * The observed calls, by their fibers. The end of a call removes it. A `FiberRef` would copy all references of the
 * fiber for each call and each attempt.
 */
const calls: Map<AnyFiber, CallScope> = globalValue(
  Symbol.for("reprise/Telemetry/calls"),
  () => new Map<AnyFiber, CallScope>()
)

/** @internal */
export const baseOf = (fiber: AnyFiber): Base | undefined => fiber.getFiberRef(current)

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

/**
 * Makes it the call of the fiber. Returns the one around it.
 *
 * @internal
 */
export const enter = (fiber: AnyFiber, own: CallScope): CallScope | undefined => {
  const outer = calls.get(fiber)
  calls.set(fiber, own)
  return outer
}

/** @internal */
export const leave = (fiber: AnyFiber, own: CallScope, outer: CallScope | undefined): void => {
  if (calls.get(fiber) !== own) return
  if (outer === undefined) calls.delete(fiber)
  else calls.set(fiber, outer)
}

/**
 * Runs the effect of the call.
 *
 * @internal
 */
export const within = <A, E, R>(_call: CallScope, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => self

/**
 * Adds an observer to a scope. A parameter, so that a program without layers does not include the code of observers.
 *
 * @internal
 */
export type AddTo = (own: Scope | undefined, observer: Observer) => Scope

/**
 * Adds an observer to the fiber, as a logger is added. A layer cannot remove its observer from the fiber around it, so
 * it marks the observer as released.
 *
 * @internal
 */
export const layer = (observer: Observer, addTo: AddTo): Layer.Layer<never> =>
  Layer.scopedDiscard(Effect.flatMap(
    Effect.acquireRelease(Effect.sync((): Observer => ({ ...observer })), (own) =>
      Effect.sync(() => {
        own.isOver = true
      })),
    (own) => Effect.locallyScopedWith(current, (scope) => addTo(scope, own))
  ))

/** @internal */
export const locally = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  observer: Observer,
  addTo: AddTo
): Effect.Effect<A, E, R> => Effect.locallyWith(self, current, (own) => addTo(own, observer))

/**
 * Runs the effect without observers.
 *
 * @internal
 */
export const silent = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.locally(self, current, undefined)
