import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

// Private fields of Effect are read here alone. Each of them may be missing one day, and each has a fallback.
// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Makes an effect interruptible in an uninterruptible region, if it was interruptible outside of it. */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The private fields of a fiber. Without one of them, a timeout has a fiber of its own. */
interface FiberFields {
  _interruptedCause?: Cause.Cause<never> | undefined
  readonly _children?: ReadonlySet<Fiber.Fiber<unknown, unknown>> | undefined
}

/** The number of running children of the fiber; `undefined` if it is unknown within a step. */
export const childCount = (fiber: AnyFiber & FiberFields): number | undefined =>
  "_children" in fiber ? fiber._children?.size ?? 0 : undefined

/** Ends the children of the fiber. */
export const endChildren = (fiber: AnyFiber & FiberFields): Effect.Effect<void> =>
  Effect.suspend(() => Fiber.interruptAll([...fiber._children ?? []]))

/**
 * Whether a fiber may be interrupted for one effect and then continue. In an interrupted fiber nothing is interruptible
 * any more.
 */
export const canBeCut = (fiber: AnyFiber & FiberFields): boolean =>
  "_interruptedCause" in fiber && fiber._interruptedCause === undefined && childCount(fiber) === 0

/** The mark of one interruption that is taken back. */
export type Cut = Context.Context<never>

class Mark extends Context.Service<Mark, object>()("reprise/Cut") {}

export const makeCut = (): Cut => Context.make(Mark, {}) as Context.Context<never>

export const interrupt = (fiber: AnyFiber, cut: Cut): void => fiber.interruptUnsafe(fiber.id, cut)

/** Lets an interrupted fiber continue. Another interruption that came meanwhile stays. */
export const takeBack = (fiber: AnyFiber & FiberFields, cut: Cut): Effect.Effect<void> =>
  Effect.sync(() => {
    const mark = Context.getOrUndefined(cut, Mark)
    const rest = fiber._interruptedCause?.reasons.filter((reason) => reason.annotations.get(Mark.key) !== mark) ?? []
    fiber._interruptedCause = rest.length === 0 ? undefined : Cause.fromReasons(rest)
  })

/** A step of a fiber in an uninterruptible region. */
export type Step<A, E, R> = (restore: Restore, fiber: AnyFiber) => Effect.Effect<A, E, R>

/** `Effect.uninterruptibleMask` with the fiber. */
export const mask = <A, E, R>(run: Step<A, E, R>): Effect.Effect<A, E, R> =>
  // It calls the function within a step.
  Effect.uninterruptibleMask((restore) => run(restore, Fiber.getCurrent()!))

/** The same: a mask costs less than to find out whether it is needed. */
export const maskUnless: <A, E, R>(run: Step<A, E, R>, unmasked: unknown) => Effect.Effect<A, E, R> = mask

/** Continues with the exit of an effect. */
export interface Settles<A, E, A2, E2, R2> {
  readonly settle: (exit: Exit.Exit<A, E>) => Effect.Effect<A2, E2, R2>
}

/** Continues with the exit of the effect. `Effect.exit` passes an exit on, and handlers would make a new one. */
export const withExit = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  end: (exit: Exit.Exit<A, E>) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> => Effect.flatMap(Effect.exit(self), end)

/** The same with an object. */
export const settledBy = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  owner: Settles<A, E, A2, E2, R2>
): Effect.Effect<A2, E2, R | R2> => withExit(self, (exit) => owner.settle(exit))

/**
 * Waits for an event. `Effect.callback` alone would continue the fiber within the step of the event, which may not have
 * completed its changes of state yet.
 */
export const event = <A>(register: (resume: (effect: Effect.Effect<A>) => void) => void): Effect.Effect<A> =>
  Effect.withFiber((fiber) =>
    Effect.callback((resume) => {
      let isRegistered = false
      register((effect) =>
        isRegistered ? fiber.currentDispatcher.scheduleTask(() => resume(effect), 0) : resume(effect)
      )
      isRegistered = true
    })
  )

/**
 * Sleeps on a clock that is not the live one. All other sleepers of that moment wake before: `TestClock` wakes them in
 * the order in which they began, so this one begins again late.
 */
export const sleepLast = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock.sleep(Duration.millis(Math.max(millis - 1, 0))).pipe(
    Effect.andThen(clock.sleep(Duration.millis(Math.min(millis, 1)))),
    Effect.andThen(clock.sleep(Duration.zero))
  )
