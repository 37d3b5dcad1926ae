import * as Effect from "effect/Effect"
import * as timer from "../effect/timer.js"

/**
 * Wakes one fiber before its time. A ring that nobody waits for is heard by the next who does.
 *
 * @internal
 */
export class Bell {
  private isRung = false
  private wake: (() => void) | undefined

  ring(): void {
    this.isRung = true
    this.wake?.()
  }

  /** Until it rings, or so many milliseconds have passed. */
  wait(millis: number): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) => {
      let stop = () => {}
      const heard = Effect.async<void>((resume) => {
        this.wake = () => resume(Effect.void)
        if (this.isRung) return this.wake()
        stop = timer.start(fiber, millis, this.wake)
      })
      // Not the canceller of `Effect.async`: an interruption that comes right after the registration loses it (effect 3.22).
      return Effect.onExit(heard, () =>
        Effect.sync(() => {
          this.isRung = false
          this.wake = undefined
          stop()
        }))
    })
  }
}
