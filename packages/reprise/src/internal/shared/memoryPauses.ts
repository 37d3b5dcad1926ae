import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { RetryAfterStore } from "../../RetryAfterStore.js"
import { nowMillis } from "../clock.js"
import * as Pause from "./pause.js"

type Change = RetryAfterStore.Change

/** How much is kept for one who does not listen. */
const capacity = 256

/** How many of the pauses that were told of longest ago are looked at for one new one: what keeps the cost of each bounded. */
const looks = 8

const missed: Change = { _tag: "Missed" }

/**
 * The store within one process. Without the tag of what is internal, so that its tests see its type (`stripInternal`).
 */
export class MemoryPauses implements RetryAfterStore.Service {
  readonly byKey = new Map<string, Pause.Pause>()
  readonly queues = new Set<Queue.Queue<Change>>()

  constructor(readonly timeout: Duration.Duration) {}

  readonly pause = (pause: RetryAfterStore.Announcement): Effect.Effect<void> =>
    Effect.withFiberRuntime((fiber) => {
      const now = nowMillis(fiber)
      this.letGo(now)
      const before = this.byKey.get(pause.key)
      if (before === undefined || Pause.leftMillis(before, now) < pause.millis) {
        this.byKey.delete(pause.key)
        this.byKey.set(pause.key, Pause.from(now, pause.millis))
        this.tell({ _tag: "Paused", ...pause })
      }
      return Effect.void
    })

  readonly pauses = (limit: number): Effect.Effect<ReadonlyArray<RetryAfterStore.Pause>> =>
    Effect.withFiberRuntime((fiber) => {
      const now = nowMillis(fiber)
      const all = Array.from(this.byKey, ([key, pause]) => ({ key, millis: Pause.leftMillis(pause, now) }))
      const left = all.filter(({ millis }) => millis > 0).sort((a, b) => b.millis - a.millis)
      return Effect.succeed(left.slice(0, limit))
    })

  readonly changes: Stream.Stream<Change> = Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.unbounded<Change>(), (queue) =>
          Effect.sync(() => {
            queue.unsafeOffer(missed)
            this.queues.add(queue)
          })),
        (queue) => Effect.zipRight(Effect.sync(() => this.queues.delete(queue)), Queue.shutdown(queue))
      ),
      (queue) => Stream.fromQueue(queue)
    )
  )

  /** One who is slow is told that it has missed some, and delays nobody. */
  private tell(change: Change): void {
    for (const queue of this.queues) {
      const size = Option.getOrElse(queue.unsafeSize(), () => Infinity)
      // Behind that one nothing is lost: whoever reads it asks for everything.
      if (size <= capacity) queue.unsafeOffer(size < capacity ? change : missed)
    }
  }

  private letGo(now: number): void {
    let left = looks
    for (const [key, pause] of this.byKey) {
      if (left-- === 0) return
      this.byKey.delete(key)
      if (Pause.leftMillis(pause, now) > 0) this.byKey.set(key, pause)
    }
  }
}
