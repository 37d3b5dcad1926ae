import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { RateLimitExceeded } from "../../RateLimiter.js"
import * as deadline from "../deadline.js"
import { monotonicMillis } from "../effect/clock.js"
import * as timer from "../timer.js"
import { type Limiter, Waiter } from "./limiter.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const protect = <A, E, R>(
  self: Limiter,
  effect: Effect.Effect<A, E, R>,
  tokens: number
): Effect.Effect<A, E | RateLimitExceeded, R> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | RateLimitExceeded, R> => {
    const now = monotonicMillis(fiber)
    const missing = self.take(self.ticks(now), tokens)
    if (missing === 0) return effect
    const rejection = self.refuse(now, missing, tokens, deadline.of(fiber))
    return rejection === undefined
      ? Effect.uninterruptibleMask((restore) => inQueue(self, effect, tokens, restore))
      : Effect.fail(rejection)
  })

/** Asks anew, and takes its place in the step that decides: it is given back whatever happens. */
const inQueue = <A, E, R>(
  self: Limiter,
  effect: Effect.Effect<A, E, R>,
  tokens: number,
  restore: Restore
): Effect.Effect<A, E | RateLimitExceeded, R> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | RateLimitExceeded, R> => {
    const now = monotonicMillis(fiber)
    const missing = self.take(self.ticks(now), tokens)
    if (missing === 0) return restore(effect)
    const deadlineMillis = deadline.of(fiber)
    const rejection = self.refuse(now, missing, tokens, deadlineMillis)
    if (rejection !== undefined) return Effect.fail(rejection)
    const waiter = new Waiter(tokens, deadlineMillis)
    self.enter(waiter)
    return Effect.zipRight(turn(self, waiter, restore), restore(effect))
  })

/** The first one of the queue waits until its time has come, all others until they are the first one or settled by it. */
const turn = (self: Limiter, waiter: Waiter, restore: Restore): Effect.Effect<void, RateLimitExceeded> =>
  Effect.withFiberRuntime<void, RateLimitExceeded>((fiber) => {
    const stopTimer = self.isFirst(waiter) ? ownTime(self, waiter, fiber) : undefined
    if (waiter.outcome !== undefined) return waiter.outcome
    return Effect.matchCauseEffect(restore(waiter.woken), {
      onSuccess: () => {
        stopTimer?.()
        return turn(self, waiter, restore)
      },
      onFailure: (cause) => {
        stopTimer?.()
        self.leave(waiter)
        return Effect.failCause(cause)
      }
    })
  })

const ownTime = (
  self: Limiter,
  waiter: Waiter,
  fiber: Fiber.RuntimeFiber<unknown, unknown>
): (() => void) | undefined => {
  const missing = self.advance(self.ticks(monotonicMillis(fiber)))
  if (waiter.outcome !== undefined) return undefined
  waiter.isWoken = false
  const millis = Math.ceil(missing / self.settings.rate.ticksPerMilli)
  return timer.start(fiber, millis, () => waiter.wake())
}
