import { Duration, Effect } from "effect"
import * as Services from "../../../reprise/test/services.js"

interface Sleep {
  readonly atMillis: number
  readonly wake: () => void
}

/** A clock that jumps from one sleep to the next, and lets promises settle in between, which `TestClock` does not wait for. */
export class VirtualClock extends Services.OwnClock {
  millis = 0
  private readonly sleeps = new Set<Sleep>()

  unsafeCurrentTimeMillis() {
    return this.millis
  }
  unsafeCurrentTimeNanos() {
    return BigInt(Math.round(this.millis * 1e6))
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const sleep = { atMillis: this.millis + Duration.toMillis(duration), wake: () => {} }
      return Effect.async<void>((resume) => {
        sleep.wake = () => resume(Effect.void)
        this.sleeps.add(sleep)
      }).pipe(Effect.ensuring(Effect.sync(() => this.sleeps.delete(sleep))))
    })
  }

  /** Lets so much time pass. */
  pass(millis: number): Effect.Effect<void> {
    return Effect.promise(async () => {
      const end = this.millis + millis
      await settled()
      for (let next = this.next(end); next !== undefined; next = this.next(end)) {
        this.sleeps.delete(next)
        this.millis = Math.max(this.millis, next.atMillis)
        next.wake()
        await settled()
      }
      this.millis = end
    })
  }

  private next(end: number): Sleep | undefined {
    const due = [...this.sleeps].filter(({ atMillis }) => atMillis <= end)
    return due.sort((left, right) => left.atMillis - right.atMillis)[0]
  }
}

const settled = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}
