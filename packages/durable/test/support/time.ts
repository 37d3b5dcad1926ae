/** Virtual time that passes as soon as nothing else is going on. */
import { it } from "@effect/vitest"
import { Clock, type Duration, Effect, Fiber, Option, TestClock } from "effect"
import * as Virtual from "../../../reprise/test/virtual.js"

type VirtualClock = ReturnType<typeof Virtual.clock>

/** A test on a clock of its own, which begins at the epoch. */
export const itIsVirtual = <A, E>(name: string, self: () => Effect.Effect<A, E>) =>
  it.live(name, () => Effect.suspend(() => virtually(self())))

export const virtually = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.withClock(self, Virtual.clock()))

const virtualClock = Effect.map(Effect.clock, (clock) => clock as VirtualClock)

/** Sets the clock, also back. Nobody may sleep. */
export const setTime = (millis: number) =>
  Effect.map(virtualClock, (clock) => {
    clock.millis = millis
  })

/** Lets the event loop run: bodies and hashes are made outside of Effect. */
export const settle = Effect.promise(async () => {
  await crypto.subtle.digest("SHA-256", new Uint8Array(1))
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
})

/** Moves the `TestClock`, and lets what is due come to its end. */
export const pass = (duration: Duration.DurationInput) =>
  settle.pipe(Effect.zipRight(TestClock.adjust(duration)), Effect.zipRight(settle))

/** Goes to the next wake-up, at most to `untilMillis`, and says whether the rest is later. Without any, work is going on. */
const next = (untilMillis: number) =>
  Effect.zipWith(settle, virtualClock, (_, clock) => {
    if (
      Math.min(...[...clock.sleeps.values()].map(({ atMillis }) => atMillis)) > untilMillis
    ) return clock.sleeps.size > 0
    clock.advance()
    return false
  })

/** Runs the effect while time passes, up to a moment in epoch milliseconds. Then it dies: none, unless it is done. */
export const runUntil = <A, E, R>(self: Effect.Effect<A, E, R>, untilMillis: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(self)
    while (Option.isNone(yield* Fiber.poll(fiber))) {
      if (!(yield* next(untilMillis)) || Option.isSome(yield* Fiber.poll(fiber))) continue
      if (untilMillis > (yield* Clock.currentTimeMillis)) yield* setTime(untilMillis)
      yield* Effect.forkDaemon(Fiber.interrupt(fiber))
      yield* settle
      return Option.none<A>()
    }
    return Option.some(yield* Fiber.join(fiber))
  })

/** Runs the effect to its end while time passes. */
export const runAll = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.map(runUntil(self, Infinity), Option.getOrThrow)
