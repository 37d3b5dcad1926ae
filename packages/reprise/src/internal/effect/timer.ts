import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as DefaultServices from "effect/DefaultServices"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import { maxDelayMillis } from "../../InvalidOption.js"
import { monotonicOf } from "./clock.js"
import { sleepLast } from "./fiber.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

const liveClock = Context.get(DefaultServices.liveServices, Clock.Clock)

/**
 * Calls `task` after any number of milliseconds on the clock of the fiber. The returned function stops it.
 *
 * A fiber that sleeps costs more than all else in a timeout. On the live clock it would only set this timer. Every
 * other clock, such as `TestClock`, sleeps itself. With `isLast`, all other timers that are due at the same moment come
 * first. The live clock rounds, so otherwise the order is not defined.
 */
export const start = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  millis: number,
  task: () => void,
  isLast = false
): () => void => {
  if (millis <= maxDelayMillis) return startOne(fiber, millis, task, isLast)
  // A timer with a longer delay fires at once, and a sleep never ends.
  let stop = startOne(fiber, maxDelayMillis, () => {
    stop = start(fiber, millis - maxDelayMillis, task, isLast)
  })
  return () => stop()
}

const startOne = (
  fiber: Fiber.RuntimeFiber<unknown, unknown>,
  millis: number,
  task: () => void,
  isLast = false
): () => void => {
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  if (clock === liveClock) {
    return isLast ? startLast(clock, millis, task) : startLive(millis, task)
  }
  const sleep = isLast ? sleepLast(clock, millis) : clock.sleep(Duration.millis(millis))
  const runtime = Runtime.make({
    context: Context.empty(),
    runtimeFlags: Runtime.defaultRuntimeFlags,
    fiberRefs: fiber.getFiberRefs()
  })
  const sleeper = Runtime.runFork(runtime, Effect.interruptible(Effect.map(sleep, task)))
  return () => sleeper.unsafeInterruptAsFork(fiber.id())
}

/** On the live clock, which uses this timer to sleep. */
const startLive = (millis: number, task: () => void): () => void => {
  // eslint-disable-next-line no-restricted-globals -- see above
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

/**
 * Sleeps for any time. `Effect.sleep` never wakes after more than the limit of a timer, so this function divides a
 * longer wait.
 */
export const sleep = (delayMillis: number): Effect.Effect<void> => {
  if (delayMillis <= 0) return Effect.void
  if (delayMillis <= maxDelayMillis) return Effect.sleep(Duration.millis(delayMillis))
  return Effect.flatMap(Effect.sleep(Duration.millis(maxDelayMillis)), () => sleep(delayMillis - maxDelayMillis))
}
