import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RetryAfterStore } from "reprise/RetryAfterStore"
import * as SharedPauses from "reprise/SharedPauses"
import type { HttpGuard } from "../HttpGuard.js"
import * as gates_ from "./gates.js"

/** @internal */
export const make = (
  options: HttpGuard.RetryAfterGatesOptions
): Effect.Effect<gates_.Gates, never, RetryAfterStore | Scope.Scope> => {
  const { capacity, max } = options
  return Effect.tap(gates_.make(options), (gates) => {
    const onPause = (key: string, duration: Duration.Duration) => gates.hear(key, Duration.toMillis(duration))
    return Effect.map(SharedPauses.make({ onPause, max, capacity, name: "The Retry-After gates" }), (pauses) => {
      gates.tell = (key, millis) => SharedPauses.pause(pauses, key, millis)
    })
  })
}
