import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { monotonicMillis } from "../effect/clock.js"
import { Listeners } from "./memoryListeners.js"
import { leftMillis, type Pause, pauseFrom } from "./outbox.js"
import type * as RetryAfterStore from "./pauseStore.js"

/** The number of oldest pauses to check for each new one, which bounds its cost. */
const looks = 8

/** The store within one process. It has no tag for internals, so that its tests see its type (`stripInternal`). */
export class MemoryPauses implements RetryAfterStore.Service {
  readonly byKey = new Map<string, Pause>()
  readonly listeners = new Listeners<RetryAfterStore.Change>({ _tag: "Missed" }, true)
  readonly changes = this.listeners.changes

  constructor(readonly timeout: Duration.Duration) {}

  readonly pause = (pause: RetryAfterStore.Announcement): Effect.Effect<void> =>
    Effect.withFiberRuntime((fiber) => {
      const now = monotonicMillis(fiber)
      this.letGo(now)
      const before = this.byKey.get(pause.key)
      if (before === undefined || leftMillis(before, now) < pause.millis) {
        this.byKey.delete(pause.key)
        this.byKey.set(pause.key, pauseFrom(now, pause.millis))
        this.listeners.tell({ _tag: "Paused", ...pause })
      }
      return Effect.void
    })

  readonly pauses = (limit: number): Effect.Effect<ReadonlyArray<RetryAfterStore.Pause>> =>
    Effect.withFiberRuntime((fiber) => {
      const now = monotonicMillis(fiber)
      const all = Array.from(this.byKey, ([key, pause]) => ({ key, millis: leftMillis(pause, now) }))
      const left = all.filter(({ millis }) => millis > 0).sort((a, b) => b.millis - a.millis)
      return Effect.succeed(left.slice(0, limit))
    })

  private letGo(now: number): void {
    let left = looks
    for (const [key, pause] of this.byKey) {
      if (left-- === 0) return
      this.byKey.delete(key)
      if (leftMillis(pause, now) > 0) this.byKey.set(key, pause)
    }
  }
}
