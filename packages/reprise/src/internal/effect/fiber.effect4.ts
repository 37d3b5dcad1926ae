import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** @internal */
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/**
 * Makes an effect interruptible in an uninterruptible region, if it was interruptible outside of it.
 *
 * @internal
 */
export type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const mask: <A, E, R>(run: (restore: Restore) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> =
  Effect.uninterruptibleMask

/**
 * The same: a mask costs less than to find out whether it is needed.
 *
 * @internal
 */
export const maskUnless = <A, E, R>(
  run: (restore: Restore) => Effect.Effect<A, E, R>,
  _unmasked: ((fiber: AnyFiber) => Effect.Effect<A, E, R> | undefined) | undefined
): Effect.Effect<A, E, R> => Effect.uninterruptibleMask(run)

/**
 * Waits for an event. `Effect.callback` alone would continue the fiber within the step of the event, which may not have
 * completed its changes of state yet.
 *
 * @internal
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
 *
 * @internal
 */
export const sleepLast = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock.sleep(Duration.millis(Math.max(millis - 1, 0))).pipe(
    Effect.andThen(clock.sleep(Duration.millis(Math.min(millis, 1)))),
    Effect.andThen(clock.sleep(Duration.zero))
  )
