import * as Effect from "effect/Effect"
import { currentMonotonicMillis } from "../effect/clock.js"

/** The most lines per minute. */
const maxLines = 10
const minuteMillis = 60_000

/**
 * Logs at most ten lines per minute, so that a failing store or many refused keys cannot fill the log.
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
