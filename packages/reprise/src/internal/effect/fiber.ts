import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import * as FiberRefs from "effect/FiberRefs"
import { identity } from "effect/Function"
import * as RuntimeFlags from "effect/RuntimeFlags"

// The only place that reads private fields of Effect. Each of them may be missing one day, and each has a fallback.
// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** Makes an effect interruptible in an uninterruptible region, if it was interruptible outside of it. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface FiberFields {
  readonly _fiberRefs?: FiberRefs.FiberRefs
  readonly _children?: ReadonlySet<unknown> | null
  readonly currentRuntimeFlags?: RuntimeFlags.RuntimeFlags
}

interface RefFields {
  readonly join?: (parentValue: unknown, childValue: unknown) => unknown
}

/**
 * The values of all references. `getFiberRefs` copies them to add the runtime flags, which is a fifth of a hedged call.
 */
export const fiberRefs = (fiber: AnyFiber): FiberRefs.FiberRefs =>
  (fiber as FiberFields)._fiberRefs ?? fiber.getFiberRefs()

export const runtimeFlags = (fiber: AnyFiber): RuntimeFlags.RuntimeFlags =>
  (fiber as FiberFields).currentRuntimeFlags ??
    FiberRefs.getOrDefault(fiber.getFiberRefs(), FiberRef.currentRuntimeFlags)

/** The number of running children of the fiber; `undefined` if it is unknown within a step. */
export const childCount = (fiber: AnyFiber): number | undefined => {
  const { _children: children } = fiber as FiberFields
  return children === null ? 0 : children?.size
}

/**
 * Whether a parent surely keeps its own value when it inherits from a child that has changed the reference.
 */
export const isKept = (ref: object, parentValue: unknown, childValue: unknown): boolean => {
  const fields = ref as RefFields
  return fields.join !== undefined && fields.join(parentValue, childValue) === parentValue
}

/** `Effect.uninterruptibleMask` in fewer operations, for a fiber with these flags. `run` must not do anything yet. */
export const maskIn = <A, E, R>(
  runtimeFlags: RuntimeFlags.RuntimeFlags,
  run: (restore: Restore) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  RuntimeFlags.interruption(runtimeFlags) ? Effect.uninterruptible(run(Effect.interruptible)) : run(identity)

/** The same within an effect. */
export const mask = <A, E, R>(run: (restore: Restore) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((_, { runtimeFlags }) => maskIn(runtimeFlags, run))

/**
 * The same, for an effect that is run many times. In an interruptible region, `unmasked` may return an effect that
 * needs no mask.
 */
export const maskUnless = <A, E, R>(
  run: (restore: Restore) => Effect.Effect<A, E, R>,
  unmasked: ((fiber: AnyFiber) => Effect.Effect<A, E, R> | undefined) | undefined
): Effect.Effect<A, E, R> => {
  const masked = Effect.uninterruptible(run(Effect.interruptible))
  return Effect.withFiberRuntime((fiber, { runtimeFlags }) =>
    RuntimeFlags.interruption(runtimeFlags) ? unmasked?.(fiber) ?? masked : run(identity)
  )
}

/**
 * Waits for an event. The fiber continues in a task of its own, so that the step of the event can complete its changes
 * of state first.
 */
export const event: <A>(register: (resume: (effect: Effect.Effect<A>) => void) => void) => Effect.Effect<A> =
  Effect.async

/** Sleeps on a clock that is not the live one. All other sleepers of that moment wake before. */
export const sleepLast = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  Effect.flatMap(clock.sleep(Duration.millis(millis)), () => clock.sleep(Duration.zero))
