import * as Effect from "effect/Effect"
import { currentMonotonicMillis } from "../effect/clock.js"

/** How many lines there may be in a minute. */
const maxLines = 10
const minuteMillis = 60_000

/**
 * Lines in the log, and no more than ten in a minute: neither a store that fails in turns nor one that refuses many keys fills it.
 *
 * @internal
 */
export class Lines {
  private lines = 0
  private sinceMillis = -Infinity

  write(line: (message: string) => Effect.Effect<void>, message: string): Effect.Effect<void> {
    return Effect.flatMap(currentMonotonicMillis, (now) => {
      if (Math.abs(now - this.sinceMillis) >= minuteMillis) {
        this.sinceMillis = now
        this.lines = 0
      }
      if (++this.lines > maxLines) return Effect.void
      return line(this.lines < maxLines ? message : `${message} (Further lines are left out for up to a minute.)`)
    })
  }
}
