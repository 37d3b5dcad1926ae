import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
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

/** Ends the children of the fiber. */
export const endChildren = (fiber: AnyFiber): Effect.Effect<void> =>
  Effect.flatMap(fiber.children, (children) => Fiber.interruptAll(children))

/**
 * Whether a fiber may be interrupted for one effect and then continue. An interruption also goes to all forked fibers,
 * and in an interrupted fiber nothing is interruptible any more.
 */
export const canBeCut = (fiber: AnyFiber): boolean =>
  childCount(fiber) === 0 && Cause.isEmpty(fiber.getFiberRef(FiberRef.interruptedCause))

/** The mark of one interruption that is taken back. */
export type Cut = FiberId.FiberId

export const makeCut = (): Cut => FiberId.unsafeMake()

export const interrupt = (fiber: AnyFiber, cut: Cut): void => fiber.unsafeInterruptAsFork(cut)

/** Lets an interrupted fiber continue. Another interruption that came meanwhile stays. */
export const takeBack = (_fiber: AnyFiber, cut: Cut): Effect.Effect<void> =>
  FiberRef.update(FiberRef.interruptedCause, (cause) => without(cause, cut))

/** The interruptions of a fiber are one after the other. */
const without = (cause: Cause.Cause<never>, cut: Cut): Cause.Cause<never> => {
  if (cause._tag === "Interrupt") return cause.fiberId === cut ? Cause.empty : cause
  if (cause._tag !== "Sequential") return cause
  const left = without(cause.left, cut)
  const right = without(cause.right, cut)
  return Cause.isEmpty(left) ? right : Cause.isEmpty(right) ? left : Cause.sequential(left, right)
}

/**
 * Whether a parent surely keeps its own value when it inherits from a child that has changed the reference.
 */
export const isKept = (ref: object, parentValue: unknown, childValue: unknown): boolean => {
  const fields = ref as RefFields
  return fields.join !== undefined && fields.join(parentValue, childValue) === parentValue
}

/** A step of a fiber in an uninterruptible region. */
export type Step<A, E, R> = (restore: Restore, fiber: AnyFiber) => Effect.Effect<A, E, R>

/** `Effect.uninterruptibleMask` in fewer operations, with the fiber. */
export const mask = <A, E, R>(run: Step<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiberRuntime((fiber, { runtimeFlags }) =>
    RuntimeFlags.interruption(runtimeFlags) ? uninterruptible(run) : run(identity, fiber)
  )

const uninterruptible = <A, E, R>(run: Step<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptible(Effect.withFiberRuntime<A, E, R>((fiber) => run(Effect.interruptible, fiber)))

/**
 * The same, for an effect that is run many times. In an interruptible region, `unmasked` may return an effect that
 * needs no mask.
 */
export const maskUnless = <A, E, R>(
  run: Step<A, E, R>,
  unmasked: ((fiber: AnyFiber) => Effect.Effect<A, E, R> | undefined) | undefined
): Effect.Effect<A, E, R> => {
  const masked = uninterruptible(run)
  return Effect.withFiberRuntime((fiber, { runtimeFlags }) =>
    RuntimeFlags.interruption(runtimeFlags) ? unmasked?.(fiber) ?? masked : run(identity, fiber)
  )
}

/** Continues with the exit of an effect. It is an object, because each effect would need one more function. */
export interface Settles<A, E, A2, E2, R2> {
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<A2, E2, R2>
}

/** Continues with the exit of the effect. */
export const settledBy = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  owner: Settles<A, E, A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> =>
  Effect.matchCauseEffect(self, {
    onSuccess: (value) => owner.settle(Exit.succeed(value)),
    onFailure: (cause) => owner.settle(Exit.failCause(cause))
  })

/** The same with a function. */
export const withExit = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  end: (exit: Exit.Exit<A, E>) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> =>
  Effect.matchCauseEffect(self, {
    onSuccess: (value) => end(Exit.succeed(value)),
    onFailure: (cause) => end(Exit.failCause(cause))
  })

/**
 * Waits for an event. The fiber continues in a task of its own, so that the step of the event can complete its changes
 * of state first.
 */
export const event: <A>(register: (resume: (effect: Effect.Effect<A>) => void) => void) => Effect.Effect<A> =
  Effect.async

/** Sleeps on a clock that is not the live one. All other sleepers of that moment wake before. */
export const sleepLast = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  Effect.flatMap(clock.sleep(Duration.millis(millis)), () => clock.sleep(Duration.zero))
