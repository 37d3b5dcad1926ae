import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreError } from "../../StoreError.js"

/** How many lines there may be in a minute. */
const most = 10

const minuteNanos = 60_000_000_000n

/**
 * The lines about single keys that are not shared: one for each, and few for many.
 *
 * @internal
 */
export class Refusals {
  private lines = 0
  private sinceNanos = -minuteNanos

  tell(line: string, error: StoreError): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      if (now - this.sinceNanos >= minuteNanos) {
        this.sinceNanos = now
        this.lines = 0
      }
      if (++this.lines > most) return Effect.void
      const rest = this.lines === most ? " Nothing is said of other keys for a minute." : ""
      return Effect.logWarning(`${line} ${error.message}${rest}`)
    })
  }
}
