import * as Effect from "effect/Effect"
import type { Restore } from "./fiber.js"

/**
 * Waits for an event in an uninterruptible region. An interruption of the caller ends the wait even if the caller is
 * uninterruptible, because its children may be interruptible. But if the interruption came first, the caller is a
 * finalizer, which runs to its end.
 *
 * @internal
 */
export const listen = <A>(event: Effect.Effect<A>, restore: Restore): Effect.Effect<A> => {
  let isListening = false
  const listening = Effect.suspend(() => {
    isListening = true
    return event
  })
  return Effect.catchAllCause(
    Effect.interruptible(listening),
    (cause) => isListening ? Effect.failCause(cause) : restore(event)
  )
}
