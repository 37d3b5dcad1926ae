/** Virtual time that passes as soon as nothing else is going on. */
import { Chunk, Effect, Fiber, Option, TestClock } from "effect"

/** Lets the event loop run: a response's body is read outside of Effect. */
const settle = Effect.repeatN(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), 10)

/** Goes to the next wake-up, at most to `untilMillis`, and says whether there was one. */
const next = (untilMillis: number) =>
  Effect.gen(function*() {
    yield* settle
    const sleeps = Chunk.toReadonlyArray(yield* TestClock.sleeps()).filter((at) => at <= untilMillis)
    if (sleeps.length === 0) return false
    yield* TestClock.setTime(Math.max(Math.min(...sleeps), yield* TestClock.currentTimeMillis))
    return true
  })

/** Runs the effect while time passes, up to a moment in epoch milliseconds. None if it is not done by then. */
export const runUntil = <A, E, R>(self: Effect.Effect<A, E, R>, untilMillis: number) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.fork(Effect.exit(self))
    while (true) {
      const exit = yield* Fiber.poll(fiber)
      if (Option.isSome(exit)) return Option.some(yield* yield* exit.value)
      if (yield* next(untilMillis)) continue
      yield* settle
      if (untilMillis === Infinity || Option.isSome(yield* Fiber.poll(fiber))) continue
      // Nothing is due by then: the process dies.
      const nowMillis = yield* TestClock.currentTimeMillis
      if (untilMillis > nowMillis) yield* TestClock.setTime(untilMillis)
      yield* Fiber.interruptFork(fiber)
      yield* settle
      return Option.none<A>()
    }
  })

/** Runs the effect to its end while time passes. */
export const runAll = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.map(runUntil(self, Infinity), Option.getOrThrow)
