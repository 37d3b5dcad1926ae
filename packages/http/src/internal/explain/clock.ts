import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleep {
  readonly atMillis: number
  readonly wake: () => void
}

/**
 * A clock that stands still unless it is moved.
 *
 * @internal
 */
export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  millis = 0
  /** In the order in which they began. */
  private readonly sleeps = new Set<Sleep>()

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  /** Whole milliseconds: what sleeps for less is not seen. */
  get nowMillis(): number {
    return Math.round(this.millis)
  }
  unsafeCurrentTimeMillis(): number {
    return this.nowMillis
  }
  unsafeCurrentTimeNanos(): bigint {
    return BigInt(Math.round(this.millis * 1e6))
  }

  // Not the canceller of `Effect.async`: an interruption that comes right after the registration loses it (effect 3.22).
  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const sleep = { atMillis: this.millis + Duration.toMillis(duration), wake: () => {} }
      const slept = Effect.async<void>((resume) => {
        sleep.wake = () => resume(Effect.void)
        this.sleeps.add(sleep)
      })
      return Effect.onExit(slept, () => Effect.sync(() => this.sleeps.delete(sleep)))
    })
  }

  at(atMillis: number, wake: () => void): void {
    this.sleeps.add({ atMillis, wake })
  }

  /** Goes on to the earliest sleep and ends it, unless that is later than `untilMillis` or never. */
  advance(untilMillis: number): boolean {
    let next: Sleep | undefined
    for (const sleep of this.sleeps) if (next === undefined || sleep.atMillis < next.atMillis) next = sleep
    if (next === undefined || next.atMillis === Infinity || next.atMillis > untilMillis) return false
    this.sleeps.delete(next)
    this.millis = Math.max(this.millis, next.atMillis)
    next.wake()
    return true
  }
}
