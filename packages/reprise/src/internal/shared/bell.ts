import * as Effect from "effect/Effect"
import { event } from "../effect/fiber.js"
import * as timer from "../effect/timer.js"

/**
 * Wakes one fiber early. A ring without a waiting fiber wakes the next one that waits.
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

  /** Waits until it rings, or until this time has passed. */
  wait(millis: number): Effect.Effect<void> {
    return Effect.withFiberRuntime((fiber) => {
      let stop = () => {}
      const heard = event<void>((resume) => {
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
