import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { maxDelayMillis } from "../../InvalidOption.js"
import { monotonicOf } from "./clock.js"
import type { AnyFiber } from "./fiber.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

const liveClock = Context.get(Context.empty(), Clock.Clock)

/**
 * Calls `task` after any number of milliseconds on the clock of the fiber. The returned function stops it.
 *
 * A fiber that sleeps costs more than all else in a timeout. On the live clock it would only set this timer. Every
 * other clock, such as `TestClock`, sleeps itself. With `isLast`, all other timers that are due at the same moment come
 * first. The live clock rounds, so otherwise the order is not defined.
 */
export const start = (fiber: AnyFiber, millis: number, task: () => void, isLast = false): () => void => {
  if (millis <= maxDelayMillis) return startOne(fiber, millis, task, isLast)
  // A timer with a longer delay fires at once.
  let stop = startOne(fiber, maxDelayMillis, () => {
    stop = start(fiber, millis - maxDelayMillis, task, isLast)
  })
  return () => stop()
}

const startOne = (fiber: AnyFiber, millis: number, task: () => void, isLast = false): () => void => {
  const clock = fiber.getRef(Clock.Clock)
  if (clock === liveClock) {
    return isLast ? startLast(clock, millis, task) : startLive(millis, task)
  }
  const sleep = isLast ? sleepLast(clock, millis) : clock.sleep(Duration.millis(millis))
  const sleeper = Effect.runForkWith(fiber.context)(Effect.map(sleep, task))
  return () => sleeper.interruptUnsafe(fiber.id)
}

/** `TestClock` wakes those of one moment in the order in which they began to sleep, so this one begins again late. */
const sleepLast = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock.sleep(Duration.millis(Math.max(millis - 1, 0))).pipe(
    Effect.andThen(clock.sleep(Duration.millis(Math.min(millis, 1)))),
    Effect.andThen(clock.sleep(Duration.zero))
  )

/** On the live clock, which uses this timer to sleep. */
const startLive = (millis: number, task: () => void): () => void => {
  const timer = setTimeout(task, millis)
  return () => clearTimeout(timer)
}

/** A timer counts from the start of its turn of the event loop, so one that is set late in a turn fires early. */
const startLast = (clock: Clock.Clock, millis: number, task: () => void): () => void => {
  const dueMillis = monotonicOf(clock) + millis
  const wake = () => {
    const leftMillis = dueMillis - monotonicOf(clock)
    // Timers fire in the order of their due times, even if the event loop is late. The clock rounds: another timer of the same
    // moment may be due half a millisecond later, and this one may wake half a millisecond early. So a wait of 1 ms could end
    // before it, and this one waits 2 ms.
    stop = leftMillis > 0 ? startLive(leftMillis, wake) : startLive(2, task)
  }
  let stop = startLive(millis, wake)
  return () => stop()
}

/** Sleeps for any time. */
export const sleep = (delayMillis: number): Effect.Effect<void> =>
  delayMillis <= 0 ? Effect.void : Effect.sleep(Duration.millis(delayMillis))
