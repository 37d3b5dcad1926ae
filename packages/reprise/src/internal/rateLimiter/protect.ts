import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { maxDelayMillis } from "../../InvalidOption.js"
import type { RateLimitExceeded } from "../../RateLimiter.js"
import { nowMillis } from "../clock.js"
import * as deadline from "../deadline.js"
import type { Limiter, Waiter } from "./limiter.js"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** @internal */
export const protect = <A, E, R>(
  self: Limiter,
  effect: Effect.Effect<A, E, R>,
  tokens: number
): Effect.Effect<A, E | RateLimitExceeded, R> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | RateLimitExceeded, R> => {
    const now = nowMillis(fiber)
    const missing = self.take(self.ticks(now), tokens)
    if (missing === 0) return effect
    return refusal(self, fiber, now, missing, tokens) ??
      Effect.uninterruptibleMask((restore) => inQueue(self, effect, tokens, restore))
  })

/** Why the call may not even wait. */
const refusal = (
  self: Limiter,
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  now: number,
  missing: number,
  tokens: number
): Effect.Effect<never, RateLimitExceeded> | undefined => {
  const { key, limit, maxQueued, rate, reject } = self.settings
  const waitMillis = tokens > rate.burst ? Infinity : Math.ceil(missing / rate.ticksPerMilli)
  const mayWait = self.waiting < maxQueued && now + waitMillis < fiber.getFiberRef(deadline.current)
  if (mayWait) return undefined
  self.rejected++
  return Effect.fail(reject(key, limit, Duration.millis(waitMillis), self.remaining(now)))
}

/** Asks anew, and takes its place in the step that decides: it is given back whatever happens. */
const inQueue = <A, E, R>(
  self: Limiter,
  effect: Effect.Effect<A, E, R>,
  tokens: number,
  restore: Restore
): Effect.Effect<A, E | RateLimitExceeded, R> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<A, E | RateLimitExceeded, R> => {
    const now = nowMillis(fiber)
    const missing = self.take(self.ticks(now), tokens)
    if (missing === 0) return restore(effect)
    return refusal(self, fiber, now, missing, tokens) ??
      Effect.zipRight(turn(self, self.enter(tokens), restore), restore(effect))
  })

/** The first one of the queue sleeps until its time has come, all others until they are the first one or admitted by it. */
const turn = (self: Limiter, waiter: Waiter, restore: Restore): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    if (waiter.isAdmitted) return Effect.void
    let wait = others(self, waiter)
    if (self.isFirst(waiter)) {
      const missing = self.advance(self.ticks(nowMillis(fiber)))
      if (waiter.isAdmitted) return Effect.void
      const millis = Math.ceil(missing / self.settings.rate.ticksPerMilli)
      wait = Effect.sleep(Duration.millis(Math.min(millis, maxDelayMillis)))
    }
    return Effect.matchCauseEffect(restore(wait), {
      onSuccess: () => turn(self, waiter, restore),
      onFailure: (cause) => {
        self.leave(waiter)
        return Effect.failCause(cause)
      }
    })
  })

const others = (self: Limiter, waiter: Waiter): Effect.Effect<void> =>
  Effect.async((resume) => {
    // What has happened since it was decided to wait woke nobody.
    if (waiter.isAdmitted || self.isFirst(waiter)) resume(Effect.void)
    else waiter.wake = () => resume(Effect.void)
  })
